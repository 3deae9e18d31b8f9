"""The first half: what a process gives up when it starts, before it knows what it is for."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hatchway.workers.confinement import capabilities, launching, limits, namespaces
from hatchway.workers.confinement.calling import PR_SET_DUMPABLE, control
from hatchway.workers.confinement.refusing import ConfinementError

if TYPE_CHECKING:
    from hatchway.core.isolation import Layer

_QUEUE: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What a process has given up so far.

    Attributes:
        layers: Those that were asked for, without `namespaces` where those cannot be had.
        listener: Waits for connections in the process's own network; None where it has none, or
            where nobody asked for it. Whoever holds it outside answers the process.
    """

    layers: frozenset[Layer]
    listener: socket.socket | None


def enter(layers: frozenset[Layer], *, wants_network: bool = True) -> Entered:
    """Give up what no worker needs, whatever it will run. Call it with one thread, once.

    With `namespaces`, what returns is a child of the process that called: the first process of
    its own namespace. The one that called waits for its end, and ends with the same status or
    signal. Neither outlives the other. The child sees an empty file system, in which only its
    own descriptors have paths, as `/proc/self/fd/N` and `/dev/fd/N`.

    Raises:
        ConfinementError: There is more than one thread, or the kernel fails half-way.
    """
    if not namespaces.is_single_threaded():
        message = "a process enters its walls with one thread; this one has more"
        raise ConfinementError(message)
    limits.no_core()
    has_own = "namespaces" in layers and namespaces.leave_users_and_processes()
    if has_own:
        launching.fork_inside()
        has_own = namespaces.leave_the_rest()
    try:
        capabilities.forbid_gaining()
        control(PR_SET_DUMPABLE, 0)
    except OSError as error:
        message = f"the process cannot give up its privileges: {error.strerror}"
        raise ConfinementError(message) from error
    listener = _listener() if has_own and wants_network else None
    return Entered(layers=layers if has_own else layers - {"namespaces"}, listener=listener)


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=_QUEUE)
