"""Python programs as components: componentize-py, in a child of ours that knows nothing.

componentize-py starts CPython with the program inside a sandbox of its own, lets the program
import what it needs, and takes a picture of the memory; each run of the component begins with
that picture. The child has an empty environment and no input, and sees the files it is given
and nothing else.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

Files: TypeAlias = "Mapping[str, str | bytes]"

_CHILD = Path(__file__).with_name("componentizing_child.py")
_WALL_SECONDS = 300.0
_MOST_WORDS = 4000
_MODULE = "componentize_py"
INSTALL = "pip install 'hatchway[python]'"


def missing() -> str | None:
    """What must be installed before anything can be built, and the command; None if nothing."""
    if importlib.util.find_spec(_MODULE) is None:
        return f"componentize-py is not installed: {INSTALL}"
    return None


def builder_version() -> str:
    """Which componentize-py is installed; empty when none is."""
    try:
        return importlib.metadata.version("componentize-py")
    except importlib.metadata.PackageNotFoundError:
        return ""


def how() -> bytes:
    """What the bytes of a component depend on besides its parts and the builder's version."""
    return _CHILD.read_bytes()


def componentize_python(
    *, wit: Files, world: str, app: str, source: Files, stub_wasi: bool = False
) -> bytes:
    """The component that a Python program is, the same bytes for the same arguments.

    Args:
        wit: WIT files by path: one package at the top, those it uses below `deps/`.
        world: What it imports and exports.
        app: Name of the module that implements the exports.
        source: Everything the program can import besides the standard library, by path.
        stub_wasi: Whether every function of WASI is replaced by a trap. Then the program has no
            time, no random numbers and no output, and asks for nothing.

    Raises:
        ConfigError: componentize-py is missing, or does not take the program.
    """
    problem = missing()
    if problem is not None:
        message = problem.partition(":")[0]
        raise ConfigError(message, code="config.no_builder", hint=INSTALL)
    with tempfile.TemporaryDirectory(prefix="hatchway-build-") as name:
        work = Path(name)
        _fill(work / "wit", wit)
        _fill(work / "source", source)
        (work / "tmp").mkdir(mode=0o700)
        plan = {"work": name, "world": world, "app": app, "stub_wasi": stub_wasi}
        _run(work, plan)
        return (work / "out.wasm").read_bytes()


def _fill(directory: Path, files: Files) -> None:
    directory.mkdir(mode=0o700)
    for path, content in sorted(files.items()):
        place = directory / PurePosixPath(path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


def _run(work: Path, plan: Mapping[str, object]) -> None:
    found = importlib.util.find_spec(_MODULE)
    assert found is not None
    assert found.origin is not None
    packages = str(Path(found.origin).parent.parent)
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
            [sys.executable, "-I", "-S", "-B", str(_CHILD), packages, json.dumps(plan)],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={"TMPDIR": str(work / "tmp")},
            cwd=work,
            start_new_session=True,
        )
        try:
            status = child.wait(_WALL_SECONDS)
        except subprocess.TimeoutExpired as error:
            message = f"componentize-py took longer than {_WALL_SECONDS:g} s"
            raise ConfigError(message, code="config.build_failed") from error
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if status != 0:
            words.seek(max(words.seek(0, os.SEEK_END) - _MOST_WORDS, 0))
            said = printable(words.read().strip(), limit=_MOST_WORDS)
            message = f"componentize-py does not take the program: {said}"
            raise ConfigError(message, code="config.build_failed")
