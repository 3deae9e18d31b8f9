"""What the kernel answers, in the words of a guest: its errors, kinds and status."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING, TypeVar

from hatchway.engine.files.nodes import Errno, FileFault, Kind, Status

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

T = TypeVar("T")

FAULTS = {
    getattr(errno, f"E{item.name}"): item for item in Errno if hasattr(errno, f"E{item.name}")
}
"""Which number of a guest an error of the host is."""

KINDS = {
    stat.S_IFREG: Kind.REGULAR_FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMBOLIC_LINK,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFSOCK: Kind.SOCKET,
}
"""Which kind of a guest a type in `st_mode` is."""


def fault_of(error: OSError) -> FileFault:
    """What a guest is told of an error of the host."""
    return FileFault(FAULTS.get(error.errno, Errno.IO))


def status_of(found: os.stat_result) -> Status:
    """What a guest is told of a status of the host."""
    return Status(
        found.st_ino,
        KINDS.get(stat.S_IFMT(found.st_mode), Kind.UNKNOWN),
        found.st_nlink,
        found.st_size,
        found.st_atime_ns,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def attempt(operation: Callable[[], T]) -> T:
    """The result of `operation`, whose errors a guest is told."""
    try:
        return operation()
    except OSError as error:
        raise fault_of(error) from None
