"""A client cannot tell whether a tool runs in the server's process or in a worker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from components import ECHO
from doors import over_stdio
from guests import command, wasi
from workbench import ECHO_JSON, ECHO_MANIFEST, workbench

from hatchway.compose import open_application
from hatchway.telemetry.reading import read_events

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has workers")

SPIN = command("(loop $again (br $again))")
TRAP = command("unreachable")
LEAVES = command(
    """
    (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 0)
      (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 128)))
    (call $proc_exit (i32.const 3))
    """,
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")
    + wasi("proc_exit", "i32", result=False),
    declarations='(data (i32.const 64) "secret")',
)
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("echo", {"text": "hello"}),
    ("echo", {"text": "x" * 60_000}),
    ("echo", {"text": 7}),
    ("text.echo", {"text": "hé"}),
    ("spin", {}),
    ("trap", {}),
    ("leaves", {}),
    ("echo", {"text": "still here"}),
)


def test_answers_and_events_are_the_same_in_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, tuple[list[Any], list[Any]]] = {}
    for isolation in ("thread", "worker"):
        home = tmp_path / isolation
        home.mkdir()
        for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
            monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        bench = workbench(home)
        bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
        bench.add("text", ECHO)
        for name, text in (("spin", SPIN), ("trap", TRAP), ("leaves", LEAVES)):
            bench.add(name, text)
        policy = bench.application.project.policy_file
        stated = policy.read_text().replace(
            "[tools.spin]", '[tools.spin]\nlimits.deadline = "300ms"'
        )
        policy.write_text(
            stated.replace("version = 1", f'version = 1\nisolation = "{isolation}"', 1)
        )
        seen[isolation] = (anyio.run(_answers), _events(home))

    answers, events = seen["worker"]
    for found, expected in zip(answers, seen["thread"][0], strict=True):
        assert found == expected
    assert events == seen["thread"][1]
    assert [is_error for is_error, _, _ in answers] == [
        False,
        False,
        True,
        False,
        *[True] * 3,
        False,
    ]
    assert "capability.denied" in [name for name, *_ in events]


async def _answers() -> list[Any]:
    found: list[Any] = []
    async with over_stdio("serve") as client:
        for name, arguments in CALLS:
            result = await client.call_tool(name, arguments)
            found.append(
                (
                    result.is_error,
                    result.structured_content,
                    [getattr(block, "text", None) for block in result.content],
                )
            )
    return found


def _events(home: Path) -> list[tuple[object, ...]]:
    records = read_events(open_application(start=home).directories.events)
    own = [record["unmapped"]["hatchway"] for record in records]
    return [
        tuple(
            fields.get(key)
            for key in ("event", "tool", "code", "digest", "capability", "attempted")
        )
        for fields in own
        if fields["event"].startswith(("call.", "capability.", "worker."))
    ]
