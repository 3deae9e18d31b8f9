"""Setting the times of what is open, and of a link by its name."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import TYPE_CHECKING

from hatchway.engine.files.host.answers import attempt
from hatchway.engine.files.host.descriptors import again
from hatchway.engine.files.nodes import NOW

if TYPE_CHECKING:
    from hatchway.engine.files.host.place import Place


def set_descriptor_times(descriptor: int, accessed_ns: int | None, modified_ns: int | None) -> None:
    """Set the times of a file or directory that is held."""
    found = attempt(lambda: os.fstat(descriptor))
    times = _chosen(found, accessed_ns, modified_ns)
    is_openable = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    # Where there is a choice, not by a path: a worker may not set the times of one.
    way = _set_times_opened if is_openable else _set_times_by_name
    attempt(lambda: way(descriptor, times))


def _set_times_by_name(descriptor: int, times: tuple[int, int]) -> None:
    os.utime(again(descriptor), ns=times)


def _set_times_opened(descriptor: int, times: tuple[int, int]) -> None:
    with contextlib.suppress(OSError):
        os.utime(descriptor, ns=times)
        return
    # It is held, and not open.
    opened = os.open(again(descriptor), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.utime(opened, ns=times)
    finally:
        os.close(opened)


def set_link_times(place: Place, accessed_ns: int | None, modified_ns: int | None) -> None:
    """Set the times of what a name stands for, never of what is behind a link."""
    times = _chosen(place.status(), accessed_ns, modified_ns)
    os.utime(place.name, ns=times, dir_fd=place.parent, follow_symlinks=False)


def _chosen(
    found: os.stat_result, accessed_ns: int | None, modified_ns: int | None
) -> tuple[int, int]:
    now = time.time_ns()
    return (
        found.st_atime_ns if accessed_ns is None else now if accessed_ns == NOW else accessed_ns,
        found.st_mtime_ns if modified_ns is None else now if modified_ns == NOW else modified_ns,
    )
