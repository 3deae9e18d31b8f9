"""What functions on descriptors do: flags, rights, status and times, closing and moving."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import NOW, Errno, FileFault, Kind, Status
from hatchway.engine.preview1 import table
from hatchway.engine.preview1.errno import EBADF, EINVAL, ENOTSUP, SUCCESS
from hatchway.engine.preview1.table import OpenDirectory, OpenFile, Stream

if TYPE_CHECKING:
    from hatchway.engine.guest import Guest
    from hatchway.engine.preview1.memory import Memory

MAX_OFFSET = (1 << 63) - 1
"""The largest place, size or time."""

APPEND, DSYNC, NONBLOCK, RSYNC, SYNC = 1, 2, 4, 8, 16
SYNCING = DSYNC | RSYNC | SYNC
"""Any of them: what is written is on the disk before the guest goes on."""

RIGHT_READ, RIGHT_WRITE = 1 << 1, 1 << 6
_RIGHT_SEEK, _RIGHT_TELL, _RIGHT_POLL = 1 << 2, 1 << 5, 1 << 27
_RIGHTS_ALL = (1 << 29) - 1
_RIGHTS_FILE = 0x1FF | 0b111 << 21 | _RIGHT_POLL
"""Everything on descriptors of files: reading, writing, moving, size and times."""
_RIGHTS_SIZE = 1 << 19 | 1 << 22
_RIGHTS_DIRECTORY = _RIGHTS_ALL & ~(
    RIGHT_READ | RIGHT_WRITE | _RIGHT_SEEK | _RIGHT_TELL | _RIGHTS_SIZE
)

_FDSTAT = struct.Struct("<B x H 4x Q Q")
_FILESTAT = struct.Struct("<Q Q B 7x Q Q Q Q Q")


# What a descriptor is


def fd_fdstat_get(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    found = table.descriptor(guest, fd)
    if isinstance(found, OpenDirectory):
        memory.write(at, _FDSTAT.pack(Kind.DIRECTORY, 0, _RIGHTS_DIRECTORY, _RIGHTS_ALL))
    elif isinstance(found, OpenFile):
        rights = _RIGHTS_FILE
        rights &= ~0 if found.file.reads else ~RIGHT_READ
        rights &= ~0 if found.file.writes else ~RIGHT_WRITE
        memory.write(at, _FDSTAT.pack(Kind.REGULAR_FILE, found.flags, rights, 0))
    else:
        # Not a terminal: libc then buffers whole blocks instead of lines.
        rights = _RIGHT_POLL | (RIGHT_READ if found.number == 0 else RIGHT_WRITE)
        memory.write(at, _FDSTAT.pack(Kind.UNKNOWN, 0, rights, rights))
    return SUCCESS


def fd_fdstat_set_flags(guest: Guest, _memory: Memory, fd: int, flags: int) -> int:
    found = table.descriptor(guest, fd)
    if isinstance(found, OpenDirectory):
        return EBADF
    if flags & ~(APPEND | NONBLOCK | SYNCING):
        return EINVAL
    if isinstance(found, OpenFile):
        if (flags ^ found.flags) & SYNCING:
            return ENOTSUP
        found.flags = flags
    return SUCCESS


def fd_fdstat_set_rights(
    guest: Guest, _memory: Memory, fd: int, _base: int, _inheriting: int
) -> int:
    table.descriptor(guest, fd)
    return ENOTSUP


def put_status(memory: Memory, at: int, status: Status) -> int:
    """Write what is known of a file where the guest wants it."""
    times = (max(0, time) for time in status[4:])
    memory.write(at, _FILESTAT.pack(1, status[0], status[1], status[2], status[3], *times))
    return SUCCESS


def fd_filestat_get(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    found = table.descriptor(guest, fd)
    if isinstance(found, Stream):
        memory.write(at, _FILESTAT.pack(0, 0, Kind.UNKNOWN, 1, 0, 0, 0, 0))
        return SUCCESS
    node = found.file if isinstance(found, OpenFile) else found.directory
    return put_status(memory, at, node.status())


def fd_filestat_set_times(
    guest: Guest, _memory: Memory, fd: int, accessed: int, modified: int, flags: int
) -> int:
    found = table.descriptor(guest, fd)
    times = times_of(accessed, modified, flags)
    if isinstance(found, Stream):
        return EINVAL
    node = found.file if isinstance(found, OpenFile) else found.directory
    node.set_times(*times)
    return SUCCESS


def times_of(accessed: int, modified: int, flags: int) -> tuple[int | None, int | None]:
    """The times to set: a number, `NOW`, or None for leaving it.

    Raises:
        FileFault: `INVAL`, both a time and now.
    """
    if flags > 15 or flags & 3 == 3 or flags & 12 == 12:
        raise FileFault(Errno.INVAL)
    times = (
        NOW if flags & 2 else accessed if flags & 1 else None,
        NOW if flags & 8 else modified if flags & 4 else None,
    )
    if any(time is not None and time > MAX_OFFSET for time in times):
        raise FileFault(Errno.INVAL)
    return times


# Closing and moving


def fd_close(guest: Guest, _memory: Memory, fd: int) -> int:
    found = table.descriptor(guest, fd)
    del table.table_of(guest)[fd]
    found.close()
    return SUCCESS


def fd_renumber(guest: Guest, _memory: Memory, fd: int, to: int) -> int:
    found, replaced = table.descriptor(guest, fd), table.descriptor(guest, to)
    if fd != to:
        descriptors = table.table_of(guest)
        descriptors[to] = found
        del descriptors[fd]
        replaced.close()
    return SUCCESS
