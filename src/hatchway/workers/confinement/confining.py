"""The second half: what a process gives up once it is known what it will run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.workers.confinement import capabilities, landlock, limits, namespaces, seccomp
from hatchway.workers.confinement.refusing import ConfinementError

if TYPE_CHECKING:
    from hatchway.core.isolation import Layer

__all__ = ["ConfinedDirectory", "Confinement", "ConfinementError", "confine", "tighten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfinedDirectory:
    """A directory that a process keeps.

    Attributes:
        descriptor: Of the directory, which stays open.
        is_writable: Whether what is in it may be changed.
    """

    descriptor: int
    is_writable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What a process keeps; it gives up everything else.

    Attributes:
        layers: Walls to put up. One that cannot be put up is an error.
        directories: Whose files it may open.
        connect_port: The only port it may connect to; None for none, and no sockets.
        memory_bytes: Of memory, on top of what it has already.
        file_bytes: The most that one file it writes may hold.
    """

    layers: frozenset[Layer]
    directories: tuple[ConfinedDirectory, ...]
    connect_port: int | None
    memory_bytes: int
    file_bytes: int


def confine(confinement: Confinement) -> int | None:
    """Give up all that is not in `confinement`, for ever. Call it with one thread, once.

    Returns:
        The descriptor at which the kernel asks about system calls that are not allowed, for
        `watching.Watcher`. Until somebody answers there, such a call waits; if nobody holds the
        descriptor any more, it fails. None without seccomp, or where the kernel cannot ask.

    Raises:
        ConfinementError: There is more than one thread, or a layer cannot be put up.
    """
    if not namespaces.is_single_threaded():
        # Landlock binds one thread, and a thread that exists already would be free for ever.
        message = "a process is confined with one thread; this one has more"
        raise ConfinementError(message)
    layers = confinement.layers
    if "limits" in layers:
        limits.restrict(
            limits.Limits(
                memory_bytes=confinement.memory_bytes,
                file_bytes=confinement.file_bytes,
                is_alone="namespaces" in layers,
            )
        )
    try:
        capabilities.drop()
    except OSError as error:
        message = f"the process cannot give up its capabilities: {error.strerror}"
        raise ConfinementError(message) from error
    if "landlock" in layers:
        directories = tuple((each.descriptor, each.is_writable) for each in confinement.directories)
        landlock.restrict(directories, confinement.connect_port)
    # Last: what comes before it makes calls that are not on the list.
    return seccomp.restrict(_needs(confinement)) if "seccomp" in layers else None


def tighten(confinement: Confinement) -> None:
    """Give up what only loading code needed: once it is loaded, and before any of it runs.

    No memory can be made executable from here on, in any thread, and where no directory was
    granted no path can be opened.

    Raises:
        ConfinementError: The kernel refuses.
    """
    if "seccomp" in confinement.layers:
        seccomp.tighten(_needs(confinement))


def _needs(confinement: Confinement) -> seccomp.Needs:
    return seccomp.Needs(
        process=os.getpid(),
        has_files=bool(confinement.directories),
        has_port=confinement.connect_port is not None,
    )
