"""Running an author's tests: every one in the sandbox, none in this process."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit

from hatchway.core.call import Principal, TextContent, ToolCall
from hatchway.core.capability import FileAccess, encode_path
from hatchway.core.json_text import encoder
from hatchway.core.untrusted import printable
from hatchway.policy.document import LOCAL_TENANT, VERSION, parse_policy
from hatchway.sdk.languages.python_tests import RUNNER, test_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatchway.core.call import Outcome
    from hatchway.core.errors import CallError
    from hatchway.policy.document import Policy
    from hatchway.runtime.building import BuiltTool
    from hatchway.runtime.one_off import OneOff
    from hatchway.sdk.calls import Calls, ExpectedCall

_SHOWN = 300
_PYTHON_LIMITS: Mapping[str, str | int] = {
    "fuel": 1_000_000_000_000,
    "deadline": "60s",
    "memory": "512MiB",
    "output": "4MiB",
    "scratch": "64MiB",
}
_shown_json = encoder(compact=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one test.

    Attributes:
        kind: A call of the finished tool, or a function of the author's.
        complaints: What was otherwise than expected; empty when nothing was.
        output: What it printed, for finding out why.
    """

    name: str
    kind: str
    complaints: tuple[str, ...] = ()
    output: str = ""

    @property
    def is_good(self) -> bool:
        """Whether everything was as expected."""
        return not self.complaints


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Makes the calls of a project and runs its functions that are tests.

    Attributes:
        one_off: Makes runtimes for what was just built.
        project: The directory.
    """

    one_off: OneOff
    project: Path

    def calls(self, tool: BuiltTool, calls: Calls) -> Iterator[Tried]:
        """What comes of every call, each in a sandbox of its own.

        Raises:
            ConfigError: What they are granted cannot be granted.
        """
        for call in calls.calls:
            with ExitStack() as stack:
                place = Path(stack.enter_context(tempfile.TemporaryDirectory("-hatchway-test")))
                rooms = _rooms(tool, place.resolve())
                complaints = _furnished(rooms, call.files)
                if not complaints:
                    outcome = self._outcome(tool, calls, call, rooms)
                    complaints = [*_complaints(call, outcome), *_left(rooms, call.leaves)]
                yield Tried(name=call.name, kind="call", complaints=tuple(complaints))

    def _outcome(
        self, tool: BuiltTool, calls: Calls, call: ExpectedCall, rooms: Mapping[FileAccess, Path]
    ) -> Outcome:
        given = [*calls.allow, *call.allow]
        allow = [
            f"fs.{room.access}={encode_path(str(at))}:{encode_path(room.guest_path)}"
            for room, at in rooms.items()
        ]
        policy = self._policy(tool.name, [*allow, *given], calls.limits)
        runtime = self.one_off.built(tool.name, tool.artifact, tool.manifest, policy)
        name = tool.name if call.function is None else f"{tool.name}.{call.function}"
        if call.function is None and len(runtime.catalog.entries) == 1:
            name = next(iter(runtime.catalog.entries))
        return runtime.call(
            ToolCall(
                call_id=runtime.new_call_id(),
                principal=Principal(tenant=LOCAL_TENANT, subject="author", door="cli"),
                tool=name,
                arguments=dict(call.arguments),
            )
        )

    def functions(self, interpreter: bytes, packages: Mapping[str, bytes]) -> Iterator[Tried]:
        """What comes of every function of a Python project that is a test.

        Args:
            interpreter: What runs them.
            packages: What the project may import besides its own files.
        """
        modules, files = test_files(self.project)
        policy = self._policy("python", [], _PYTHON_LIMITS)
        runtime = self.one_off.built("python", interpreter, None, policy)
        for module in modules:
            outcome = runtime.call(
                ToolCall(
                    call_id=runtime.new_call_id(),
                    principal=Principal(tenant=LOCAL_TENANT, subject="author", door="cli"),
                    tool="python",
                    arguments={
                        "code": RUNNER,
                        "inputs": {"module": module},
                        "files": {
                            path: data.decode("utf-8", "replace")
                            for path, data in {**packages, **files}.items()
                        },
                    },
                )
            )
            yield from _of_module(module, outcome)

    def _policy(self, name: str, allow: list[str], limits: Mapping[str, str | int]) -> Policy:
        entry: dict[str, Any] = {"source": "built", "allow": allow, "limits": dict(limits)}
        text = tomlkit.dumps({"version": VERSION, "tools": {name: entry}})
        return parse_policy(text, file="calls.toml", base=str(self.project), commands="refuse")


def _rooms(tool: BuiltTool, place: Path) -> dict[FileAccess, Path]:
    """An empty directory for every one that the tool asks for."""
    rooms: dict[FileAccess, Path] = {}
    for want, _ in tool.wants:
        if isinstance(want.capability, FileAccess):
            rooms[want.capability] = place / str(len(rooms))
            rooms[want.capability].mkdir(mode=0o700)
    return rooms


def _room_of(rooms: Mapping[FileAccess, Path], path: str) -> Path | None:
    """Where a path inside is outside; None when no directory holds it."""
    for room, at in rooms.items():
        inside = room.guest_path.rstrip("/") + "/"
        if path.startswith(inside):
            return at / path.removeprefix(inside)
    return None


def _furnished(rooms: Mapping[FileAccess, Path], files: Mapping[str, str]) -> list[str]:
    for path, text in files.items():
        place = _room_of(rooms, path)
        if place is None:
            return [f"the tool asks for no directory that holds {printable(path)}"]
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return []


def _left(rooms: Mapping[FileAccess, Path], leaves: Mapping[str, str]) -> Iterator[str]:
    for path, text in leaves.items():
        place = _room_of(rooms, path)
        found: str | None = None
        if place is not None and place.is_file() and not place.is_symlink():
            found = place.read_text("utf-8", errors="replace")
        if found is None:
            yield f"there is no file {printable(path)} afterwards"
        elif found != text:
            yield f"{printable(path)} holds {_short(found)}, expected {_short(text)}"


def _complaints(call: ExpectedCall, outcome: Outcome) -> Iterator[str]:
    said = "\n".join(block.text for block in outcome.content if isinstance(block, TextContent))
    is_failure = call.error is not None or call.code is not None
    if outcome.is_error and not is_failure and (call.has_result or call.text is not None):
        yield f"it failed: {_short(said)}"
    elif is_failure and not outcome.is_error:
        yield f"it did not fail; it said {_short(said)}"
    elif call.error is not None and call.error not in said:
        yield f"it failed with {_short(said)}, expected {_short(call.error)} in it"
    elif call.code is not None and (found := _code(outcome.error)) != call.code:
        yield f"it ended with {found}, expected {call.code}"
    elif call.has_result and not _is_result(outcome.structured, call.result):
        given = "nothing" if outcome.structured is None else _shown_json(outcome.structured)
        yield f"the result is {_short(given)}, expected {_short(_shown_json(call.result))}"
    elif call.text is not None and said != call.text:
        yield f"the text is {_short(said)}, expected {_short(call.text)}"
    denied = tuple(sorted({denial.capability for denial in outcome.denials}))
    if call.denied is not None and denied != call.denied:
        expected = ", ".join(call.denied) or "nothing"
        yield f"denied was {', '.join(denied) or 'nothing'}, expected {expected}"


def _code(error: CallError | None) -> str:
    return "the tool's own words" if error is None else error.code


def _is_result(structured: Mapping[str, Any] | None, expected: Any) -> bool:
    """Whether it is what is expected; what has no name of its own is meant by its value."""
    if structured is None:
        return False
    wrapped = set(structured) == {"result"}
    return _is_same(structured, expected) or (wrapped and _is_same(structured["result"], expected))


def _is_same(found: Any, expected: Any) -> bool:
    """Whether two JSON values are the same one. `true` is not 1, and 1.0 is."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            _is_same(found[key], expected[key]) for key in found
        )
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_is_same, found, expected))
    return bool(found == expected)


def _of_module(module: str, outcome: Outcome) -> Iterator[Tried]:
    code = outcome.code
    if outcome.error is not None or code is None or code.exception is not None:
        why = outcome.error.message if outcome.error is not None else ""
        if code is not None and code.exception is not None:
            raised = code.exception
            # Its last line says what was raised.
            why = raised.traceback.strip() or f"{raised.kind}: {raised.message}"
        output = outcome.stdout.decode("utf-8", "replace")
        yield Tried(name=module, kind="function", complaints=(why or "it failed",), output=output)
        return
    for found in code.value if isinstance(code.value, list) else ():
        yield Tried(
            name=f"{module}.{found.get('name')}",
            kind="function",
            complaints=(str(found["why"]),) if found.get("why") else (),
            output=str(found.get("output") or ""),
        )


def _short(text: str) -> str:
    return printable(repr(text), limit=_SHOWN)
