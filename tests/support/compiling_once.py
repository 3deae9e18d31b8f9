"""Compiling every guest once per test run, whichever of its processes asks first."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from typing import TYPE_CHECKING, get_args

from hatchway.core.surface import Compilation, Compiler, Surface
from hatchway.engine.compiling import Compiled, compile_artifact
from hatchway.engine.sealing import memory_file, seal

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.engine.compiling import CompileBudgets


class CompilingOnce:
    """What `compile_artifact` gives, which is asked once for the same question.

    What is refused is not kept, so that every test of a refusal asks for itself.

    Args:
        directory: Of this test run alone.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory

    def __call__(
        self,
        artifact: bytes,
        budgets: CompileBudgets,
        pinned: Compiler | None = None,
        confinement: str | None = None,
    ) -> Compiled:
        """Stand in for `compile_artifact`."""
        question = hashlib.sha256(repr((budgets, pinned, confinement)).encode())
        question.update(artifact)
        place = self._directory / question.hexdigest()
        with place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if place.exists():
                return _kept(place)
            compiled = compile_artifact(artifact, budgets, pinned, confinement)
            _keep(compiled, place)
        return compiled


def _keep(compiled: Compiled, place: Path) -> None:
    said = {
        "surface": compiled.surface.to_json(),
        "compiler": compiled.compilation.compiler,
        "given_up": compiled.compilation.given_up,
    }
    half = place.with_suffix(".half")
    half.write_bytes(json.dumps(said).encode() + b"\n" + compiled.code.read())
    half.rename(place)
    compiled.code.seek(0)


def _kept(place: Path) -> Compiled:
    words, _, code = place.read_bytes().partition(b"\n")
    said = json.loads(words)
    assert said["compiler"] in get_args(Compiler)
    copy = memory_file()
    copy.write(code)
    copy.flush()
    seal(copy)
    copy.seek(0)
    compilation = Compilation(compiler=said["compiler"], given_up=said["given_up"])
    surface = Surface.from_json(said["surface"])
    return Compiled(surface=surface, compilation=compilation, code=copy)


def shared_directory(own: Path) -> Path:
    """The directory that all processes of this run have, given the one that this process has."""
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "compiled"
