"""Workers without anything behind them: the other end of the channel is the test's."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hatchway.compose.isolating import roots
from hatchway.core.surface import Compilation, Surface
from hatchway.workers.channel import Arena, Channel
from hatchway.workers.process import Piece, Start, Worker
from hatchway.workers.sandbox import WorkerSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.core.surface import Compiler
    from hatchway.workers.sandbox import Ending, Refused


class Posed(NamedTuple):
    """A worker as the server sees it, and what the worker itself would hold."""

    worker: Worker
    peer: Channel


def posed() -> Posed:
    """A worker that is a process which only waits; what it says, the test says at `peer`."""
    arena = Arena.new()
    ours, theirs = Channel.pair()
    child = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    peer = Channel(theirs, Arena(os.dup(arena.descriptor)))
    peer.settimeout(30)
    return Posed(Worker(child, Channel(ours, arena)), peer)


@contextlib.contextmanager
def posing() -> Iterator[Posed]:
    """One of these, for a while."""
    found = posed()
    try:
        yield found
    finally:
        found.worker.end()
        found.peer.close()


def as_impostor(name: str) -> Start:
    """How a function of `impostors` is started in a worker's place."""
    support = str(Path(__file__).parent)
    return Start(entry=f"impostors:{name}", roots=(support, *roots()))


class NoCode:
    """Code that no impostor looks at."""

    @contextlib.contextmanager
    def sealed(self, code: tuple[str, Compiler | None]) -> Iterator[tuple[Sealed, ...]]:
        """One piece, whose descriptor is that of nothing."""
        descriptor = os.open(os.devnull, os.O_RDONLY)
        try:
            yield (Sealed(code, descriptor),)
        finally:
            os.close(descriptor)


class Sealed(NamedTuple):
    """A piece of it."""

    code: tuple[str, Compiler | None]
    descriptor: int

    @property
    def description(self) -> tuple[Surface, Compilation]:
        """What it would be."""
        surface = Surface(kind="module", imports=(), is_command=True)
        return surface, Compilation(compiler="cranelift")


def piece() -> Piece:
    """Something that may be assigned; it is the standard input's."""
    surface, compilation = Sealed(("sha256:" + "0" * 64, None), 0).description
    return Piece(
        digest="sha256:" + "0" * 64,
        pinned=None,
        surface=surface,
        compilation=compilation,
        descriptor=0,
    )


@contextlib.contextmanager
def impostors(
    name: str, report: Callable[[Ending | Refused], None] = lambda _: None
) -> Iterator[WorkerSandbox]:
    """A sandbox whose workers are all a function of `impostors`."""
    found = WorkerSandbox(codes=NoCode(), start=as_impostor(name), at_most=2, report=report)
    try:
        yield found
    finally:
        found.close()
