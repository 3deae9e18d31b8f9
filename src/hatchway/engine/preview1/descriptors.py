"""What functions on descriptors do."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import NOW, Entry, Errno, File, FileFault, Kind, Status
from hatchway.engine.preview1 import MODULE, table
from hatchway.engine.preview1.errno import (
    EBADF,
    EINVAL,
    ENOTCAPABLE,
    ENOTDIR,
    ENOTSUP,
    SUCCESS,
)
from hatchway.engine.preview1.table import OpenDirectory, OpenFile, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest
    from hatchway.engine.preview1.memory import Memory

_MAX_VECTORS = 1024
_MAX_OFFSET = (1 << 63) - 1

APPEND, DSYNC, NONBLOCK, RSYNC, SYNC = 1, 2, 4, 8, 16
_SYNCING = DSYNC | RSYNC | SYNC

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
_DIRENT = struct.Struct("<Q Q I B 3x")


# Reading and writing


def fd_write(guest: Guest, memory: Memory, fd: int, at: int, count: int, written_at: int) -> int:
    number = table.stream(guest, fd)
    if number < 0:
        return _write_file(guest, memory, fd, at, count, None, written_at)
    if number == 0:
        return EBADF
    if count > _MAX_VECTORS:
        return EINVAL
    vectors, total = memory.vectors(at, count)
    # The result's place is written first: after it nothing can fail half-way.
    memory.put_u32(written_at, total & 0xFFFFFFFF)
    guest.spend_output(total)
    chunks = guest.stdout if number == 1 else guest.stderr
    for start, length in vectors:
        if length:
            chunks.append(memory.read(start, length))
    return SUCCESS


def fd_read(guest: Guest, memory: Memory, fd: int, at: int, count: int, read_at: int) -> int:
    number = table.stream(guest, fd)
    if number < 0:
        return _read_file(guest, memory, fd, at, count, None, read_at)
    if number != 0:
        return EBADF
    if count > _MAX_VECTORS:
        return EINVAL
    vectors, _ = memory.vectors(at, count)
    total = 0
    memory.require(read_at, 4)
    for start, length in vectors:
        data = guest.read_stdin(length)
        memory.write(start, data)
        total += len(data)
        if len(data) < length:
            break
    memory.put_u32(read_at, total)
    return SUCCESS


def fd_pread(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, offset: int, read_at: int
) -> int:
    return _read_file(guest, memory, fd, at, count, offset, read_at)


def fd_pwrite(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, offset: int, written_at: int
) -> int:
    return _write_file(guest, memory, fd, at, count, offset, written_at)


def _open_file(guest: Guest, fd: int) -> OpenFile:
    found = table.descriptor(guest, fd)
    if isinstance(found, Stream):
        raise FileFault(Errno.SPIPE)
    if isinstance(found, OpenDirectory):
        raise FileFault(Errno.BADF)
    return found


def _read_file(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, offset: int | None, read_at: int
) -> int:
    opened = _open_file(guest, fd)
    if count > _MAX_VECTORS:
        return EINVAL
    if not opened.file.reads:
        return EBADF
    vectors, _ = memory.vectors(at, count)
    memory.require(read_at, 4)
    place = opened.offset if offset is None else offset
    if place > _MAX_OFFSET:
        return EINVAL

    def fill(start: int, length: int, done: int) -> int:
        data = opened.file.read(place + done, length)
        memory.write(start, data)
        return len(data)

    total = _transfer(guest, vectors, fill)
    if offset is None:
        opened.offset += total
    memory.put_u32(read_at, total)
    return SUCCESS


def _write_file(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, offset: int | None, written_at: int
) -> int:
    opened = _open_file(guest, fd)
    if count > _MAX_VECTORS:
        return EINVAL
    if not opened.file.writes:
        return EBADF
    vectors, _ = memory.vectors(at, count)
    memory.require(written_at, 4)
    place = _place_to_write(opened, offset)

    def drain(start: int, length: int, done: int) -> int:
        return opened.file.write(place + done, memory.read(start, length))

    total = _transfer(guest, vectors, drain)
    if opened.flags & _SYNCING:
        opened.file.sync()
    if offset is None:
        opened.offset = place + total
    memory.put_u32(written_at, total)
    return SUCCESS


def _transfer(
    guest: Guest, vectors: list[tuple[int, int]], step: Callable[[int, int, int], int]
) -> int:
    """Bytes moved by steps of (address, length, bytes moved before), up to the first short one.

    Raises:
        FileFault: Nothing was moved. What was moved is told first; the next attempt fails.
    """
    total = 0
    for start, length in vectors:
        guest.check_time()
        try:
            moved = step(start, length, total) if length else 0
        except FileFault:
            if not total:
                raise
            break
        total += moved
        if moved < length:
            break
    return total


def _place_to_write(opened: OpenFile, offset: int | None) -> int:
    if opened.flags & APPEND:
        return opened.file.size()
    place = opened.offset if offset is None else offset
    if place > _MAX_OFFSET:
        raise FileFault(Errno.INVAL)
    return place


def fd_seek(guest: Guest, memory: Memory, fd: int, delta: int, whence: int, at: int) -> int:
    opened = _open_file(guest, fd)
    signed = delta - (1 << 64) if delta >> 63 else delta
    starts = (0, opened.offset, opened.file.size())
    if whence >= len(starts):
        return EINVAL
    place = starts[whence] + signed
    if not 0 <= place <= _MAX_OFFSET:
        return EINVAL
    memory.write(at, place.to_bytes(8, "little"))
    opened.offset = place
    return SUCCESS


def fd_tell(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    memory.write(at, _open_file(guest, fd).offset.to_bytes(8, "little"))
    return SUCCESS


def fd_advise(guest: Guest, _memory: Memory, fd: int, offset: int, length: int, advice: int) -> int:
    _open_file(guest, fd)
    return EINVAL if advice > 5 or max(offset, length, offset + length) > _MAX_OFFSET else SUCCESS


def fd_allocate(guest: Guest, _memory: Memory, fd: int, offset: int, length: int) -> int:
    file = _writable(guest, fd)
    if length == 0 or offset + length > _MAX_OFFSET:
        return EINVAL
    if offset + length > file.size():
        file.set_size(offset + length)
    return SUCCESS


def fd_filestat_set_size(guest: Guest, _memory: Memory, fd: int, size: int) -> int:
    file = _writable(guest, fd)
    if size > _MAX_OFFSET:
        return EINVAL
    file.set_size(size)
    return SUCCESS


def _writable(guest: Guest, fd: int) -> File:
    file = _open_file(guest, fd).file
    if not file.writes:
        raise FileFault(Errno.BADF)
    return file


def fd_sync(guest: Guest, _memory: Memory, fd: int) -> int:
    found = table.descriptor(guest, fd)
    if isinstance(found, Stream):
        return EINVAL
    if isinstance(found, OpenFile):
        found.file.sync()
    return SUCCESS


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
    if flags & ~(APPEND | NONBLOCK | _SYNCING):
        return EINVAL
    if isinstance(found, OpenFile):
        if (flags ^ found.flags) & _SYNCING:
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
    if any(time is not None and time > _MAX_OFFSET for time in times):
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


# Directories


def fd_prestat_get(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    memory.write(at, struct.pack("<B3xI", 0, len(_root_name(guest, fd))))
    return SUCCESS


def fd_prestat_dir_name(guest: Guest, memory: Memory, fd: int, at: int, count: int) -> int:
    name = _root_name(guest, fd)
    if count < len(name):
        return Errno.NAMETOOLONG
    memory.write(at, name)
    return SUCCESS


def _root_name(guest: Guest, fd: int) -> bytes:
    found = table.descriptor(guest, fd)
    if not isinstance(found, OpenDirectory) or not found.is_root:
        raise FileFault(Errno.BADF)
    return found.directory.guest_path


def fd_readdir(
    guest: Guest, memory: Memory, fd: int, at: int, count: int, cookie: int, used_at: int
) -> int:
    found = table.descriptor(guest, fd)
    if not isinstance(found, OpenDirectory):
        return ENOTDIR
    memory.require(at, count)
    memory.require(used_at, 4)
    if cookie == 0 or found.entries is None:
        listing = _entries(guest, found)
        table.make_room_for(guest, len(listing))
        found.entries = listing
    listed, place = bytearray(), cookie
    for entry in found.entries[cookie:]:
        if len(listed) >= count:
            break
        place += 1
        listed += _DIRENT.pack(place, entry.inode, len(entry.name), entry.kind) + entry.name
    memory.write(at, bytes(listed[:count]))
    memory.put_u32(used_at, min(len(listed), count))
    return SUCCESS


def _entries(guest: Guest, found: OpenDirectory) -> list[Entry]:
    directory = found.directory
    try:
        listed = directory.entries()
        own = directory.status().inode
    except FileFault as fault:
        if fault.errno == ENOTCAPABLE:
            guest.deny("fs.read", directory.guest_path, f"{MODULE}.fd_readdir")
        raise
    dots = [Entry(name, own, Kind.DIRECTORY) for name in (b".", b"..")]
    return [*dots, *listed]
