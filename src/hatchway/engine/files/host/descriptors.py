"""The descriptors of the process that guests hold, and what one refers to, opened once more."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from hatchway.engine.files.host.answers import attempt
from hatchway.engine.files.nodes import Errno, FileFault

if TYPE_CHECKING:
    from hatchway.engine.files.nodes import Wish

COMMON = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
"""How everything that a guest holds is opened."""
_RESERVED = 256
"""Descriptors of the process that no guest gets, so that the server can always go on."""


def is_reserved(descriptor: int) -> bool:
    """Whether a descriptor is one of the last of the process, which are the server's own.

    The kernel gives out the lowest free number, so a high one tells that few are left.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit != resource.RLIM_INFINITY and descriptor >= max(limit // 2, limit - _RESERVED)


def spare(descriptor: int) -> int:
    """A descriptor that a guest may hold.

    Raises:
        FileFault: `NFILE`; it is closed.
    """
    if is_reserved(descriptor):
        os.close(descriptor)
        raise FileFault(Errno.NFILE)
    return descriptor


def again(descriptor: int) -> str:
    """A name for exactly what `descriptor` refers to."""
    return f"/proc/self/fd/{descriptor}"


def reopened(pinned: int, wish: Wish) -> int:
    """What is pinned, opened for what is wished, exactly it whatever its name stands for now."""
    access = os.O_RDONLY
    if wish.writes or wish.truncate:
        access = os.O_RDWR if wish.reads else os.O_WRONLY
    return attempt(lambda: os.open(again(pinned), access | COMMON))
