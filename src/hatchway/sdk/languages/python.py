"""Tools in Python: one file of typed functions, compiled together with CPython."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import harmless
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.sdk import componentizing
from hatchway.sdk.building import run_compiler, source_files
from hatchway.sdk.language import Built
from hatchway.sdk.languages.python_template import files_of
from hatchway.sdk.languages.unasked import SOCKETS, without_unasked
from hatchway.sdk.wheels import packages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hatchway.sdk.language import Language

MODULE = "app"
SOURCE = f"{MODULE}.py"
LOCK = "requirements.lock"
_ENTRY = "hatchway_entry"
_DESCRIBER = Path(__file__).parent.parent / "describing_child.py"
_STUBBED = (
    "stripped: everything of WASI (files, environment, clocks, randomness, sockets, streams); "
    "the tool asks for none of it, and what it prints is lost"
)
_KEPT = (
    "kept: clocks, randomness, streams and exit, which CPython is linked with; without a grant, "
    "time stands still and random bytes are constant"
)
_ANSWER_BYTES = 4 << 20
_WORLD = re.compile(r"^\s*world\s+%?([a-z][a-z0-9-]*)", re.MULTILINE)


class Python:
    """Python, by componentize-py."""

    name = "python"
    summary = "typed functions become a component; needs no compiler but a Python package"

    def template(self, name: str) -> Mapping[str, str]:
        """A function that counts words, its tests, and how to go on."""
        return files_of(name)

    def recognises(self, project: Path) -> bool:
        """Whether there is an `app.py`."""
        return (project / SOURCE).is_file()

    def missing(self) -> str | None:
        """What to install, if componentize-py is not there."""
        return componentizing.missing()

    def build(self, project: Path, tell: Callable[[str], None]) -> Built:
        """Compile the functions of `app.py`, or the world below `wit` that it implements."""
        own = {
            path: data for path, data in source_files(project, ".py").items() if not _is_test(path)
        }
        packages = packages_of(project / LOCK, tell) if (project / LOCK).is_file() else {}
        if (project / "wit").is_dir():
            return _of_world(project, {**packages, **own}, tell)
        described = description_of({**packages, **own, **guest_files()})
        is_stubbed = all(each.startswith(("net.http=", "tool=")) for each in described["asks"])
        tell("compiling Python (some ten seconds)")
        artifact = componentizing.componentize_python(
            wit=_wit(described),
            world="tool",
            app=_ENTRY,
            source={
                **packages,
                **own,
                **guest_files(asks_web=_asks_web(described)),
                f"{_ENTRY}.py": _entry(described, own, is_stubbed=is_stubbed),
            },
            stub_wasi=is_stubbed,
        )
        notes: tuple[str, ...] = (_STUBBED,)
        if not is_stubbed:
            artifact, gone = without_unasked(artifact, _names(described["asks"]))
            notes = (*gone, _KEPT)
        return Built(
            artifact=artifact,
            notes=notes,
            manifest={**_head(project), "tools": described["tools"]},
        )


LANGUAGE: Language = Python()


def description_of(source: Mapping[str, bytes]) -> dict[str, Any]:
    """What the functions of `app.py` are, found by a child that imports it.

    Raises:
        ConfigError: It cannot be imported, or one of them cannot be a tool.
    """
    with tempfile.TemporaryDirectory(prefix="hatchway-describe-") as name:
        work = Path(name).resolve()
        for path, data in source.items():
            place = work / "source" / path
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.write_bytes(data)
        answer = work / "answer.json"
        words = [sys.executable, "-I", "-S", "-B", str(_DESCRIBER)]
        run_compiler([*words, str(work / "source"), MODULE, str(answer)], project=work)
        found = _answer_in(answer)
    if "refused" in found:
        message = harmless(str(found["refused"]), limit=2000)
        raise ConfigError(message, code="config.build_failed", hint="docs/sdk.md lists the types")
    return dict(found)


def _answer_in(file: Path) -> dict[str, Any]:
    """What the child wrote. An author's module may have written something else."""
    try:
        with file.open("rb") as opened:
            found = json.loads(opened.read(_ANSWER_BYTES))
    except (OSError, ValueError) as error:
        message = f"{SOURCE} cannot be described: {error}"
        raise ConfigError(message, code="config.build_failed") from error
    if not isinstance(found, dict) or not found.keys() & {"refused", "wit"}:
        message = f"{SOURCE} cannot be described"
        raise ConfigError(message, code="config.build_failed")
    return found


def guest_files(*, asks_web: bool = False) -> dict[str, bytes]:
    """The part of our package that travels inside the component."""
    sdk = resources.files("hatchway.sdk")
    found = {
        "hatchway/__init__.py": b"",
        "hatchway/sdk/__init__.py": sdk.joinpath("__init__.py").read_bytes(),
    }
    for file in sdk.joinpath("authoring").iterdir():
        if file.name.endswith(".py"):
            found[f"hatchway/sdk/authoring/{file.name}"] = file.read_bytes()
    if asks_web:
        found["hatchway_fetch.py"] = sdk.joinpath("guest/hatchway_fetch.py").read_bytes()
    return found


def _names(asks: Iterable[str]) -> frozenset[str]:
    """Capabilities without what they are asked for."""
    return frozenset(each.partition("=")[0] for each in asks)


def _asks_web(described: Mapping[str, Any]) -> bool:
    return any(each.startswith("net.http=") for each in described["asks"])


def _wit(described: Mapping[str, Any]) -> dict[str, str]:
    found = {"tool.wit": described["wit"]}
    if _asks_web(described):
        fetch = resources.files("hatchway.sdk").joinpath("guest/fetch.wit")
        found["deps/fetch/fetch.wit"] = fetch.read_text("utf-8")
    return found


def _entry(described: Mapping[str, Any], own: Mapping[str, bytes], *, is_stubbed: bool) -> str:
    fetch = "import hatchway_fetch\n" if _asks_web(described) else ""
    return (
        f"import {MODULE}\n{fetch}import wit_world\n"
        "from componentize_py_types import Err\n"
        "from hatchway.sdk.authoring.answering import world_class\n\n"
        f"WitWorld = world_class({MODULE}, wit_world, Err, own={tuple(own)!r}, "
        f"has_output={not is_stubbed})\n"
    )


def _head(project: Path) -> dict[str, Any]:
    """What the author says about the whole: name, version, licence."""
    file = project / "tool.toml"
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = f"cannot read {str(file)!r}: {error}"
        hint = 'name = "…", version = "0.1.0" and licence = "Apache-2.0" will do'
        raise ConfigError(message, code="config.unreadable", hint=hint) from error
    if unknown := values.keys() - {"name", "version", "licence"}:
        message = f"{str(file)!r}: {min(unknown)!r} stands in {SOURCE}, with the function"
        raise ConfigError(message, code="config.unknown_key")
    return values


def _is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith("test_") or path.startswith("tests/")


def _of_world(project: Path, source: Mapping[str, bytes], tell: Callable[[str], None]) -> Built:
    """A program that implements a world of its author's own."""
    wit = {
        path.removeprefix("wit/"): data.decode()
        for path, data in source_files(project, ".wit").items()
        if path.startswith("wit/")
    }
    worlds = [
        found for path, text in wit.items() if "/" not in path for found in _WORLD.findall(text)
    ]
    if len(worlds) != 1:
        message = f"{str(project / 'wit')!r} must hold one world, and has {len(worlds)}"
        raise ConfigError(message, code="config.build_failed")
    tell("compiling Python (some ten seconds)")
    artifact = componentizing.componentize_python(
        wit=wit, world=worlds[0], app=MODULE, source=source, stub_wasi=False
    )
    asks = _asked_of_world(project)
    try:
        artifact, gone = without_unasked(artifact, asks, groups=(SOCKETS,))
    except ConfigError as error:
        # An author's world may hold what cannot be stripped, and is a tool nevertheless.
        return Built(artifact=artifact, notes=(f"kept: all of WASI; {error.message}",))
    return Built(artifact=artifact, notes=(*gone, "kept: everything else of WASI"))


def _asked_of_world(project: Path) -> frozenset[str]:
    """Names of the capabilities in `tool.toml`, if that is there."""
    file = project / "tool.toml"
    if not file.is_file():
        return frozenset()
    try:
        tools = parse_manifest_toml(file.read_text("utf-8"), file=str(file)).tools
    except (OSError, ValueError) as error:
        message = f"cannot read {str(file)!r}"
        raise ConfigError(message, code="config.unreadable") from error
    wants = [want for tool in tools for want in (*tool.requires, *tool.optional)]
    return frozenset(want.capability.name for want in wants)
