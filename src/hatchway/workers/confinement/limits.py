"""Hard limits of the kernel on what one process may take. Nobody can raise them again."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hatchway.workers.confinement.refusing import refused

DESCRIPTORS: Final = 1024
THREADS: Final = 128
"""Of one worker. Every tick of the engine's clock is a thread for a moment."""
_SIGNALS: Final = 1024
_STATM: Final = Path("/proc/self/statm")
_DATA: Final = 5
# Where the process cannot ask what it already has.
_OWN_BYTES: Final = 384 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that this process may take from now on.

    Attributes:
        memory_bytes: Of memory that can be written, on top of what it already has. Addresses that
            are only reserved do not count.
        file_bytes: Of one file.
        is_alone: Whether it has a user namespace of its own, so that its threads can be counted.
    """

    memory_bytes: int
    file_bytes: int
    is_alone: bool


def restrict(limits: Limits) -> None:
    """Apply `limits`, and those that are the same for all.

    Raises:
        ConfinementError: The kernel refuses.
    """
    values = {
        "DATA": own_bytes() + limits.memory_bytes,
        "FSIZE": limits.file_bytes,
        "NOFILE": DESCRIPTORS,
        "CORE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
        "RTPRIO": 0,
        "NICE": 0,
    }
    if limits.is_alone:
        # Elsewhere it counts every process of the user's.
        values |= {"NPROC": THREADS, "SIGPENDING": _SIGNALS}
    for name, value in values.items():
        _at_most(name, value)
    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    _at_most("STACK", stack)


def own_bytes() -> int:
    """What this process has of what RLIMIT_DATA counts, or more."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(_STATM.read_text().split()[_DATA])
        return pages * resource.getpagesize()
    return _OWN_BYTES


def no_core() -> None:
    """What is in memory never reaches a disk.

    Raises:
        ConfinementError: The kernel refuses.
    """
    _at_most("CORE", 0)


def _at_most(name: str, value: int) -> None:
    number: int | None = getattr(resource, f"RLIMIT_{name}", None)
    if number is None:  # not on this system
        return
    _, hard = resource.getrlimit(number)
    if hard != resource.RLIM_INFINITY and (value == resource.RLIM_INFINITY or value > hard):
        value = hard
    try:
        resource.setrlimit(number, (value, value))
    except (OSError, ValueError) as error:
        found = error if isinstance(error, OSError) else None
        raise refused("limits", f"RLIMIT_{name} to {value}", found) from error
