"""What functions on the contents of files and streams do: reading, writing, seeking, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import Errno, File, FileFault
from hatchway.engine.preview1 import table
from hatchway.engine.preview1.descriptors import APPEND, MAX_OFFSET, SYNCING
from hatchway.engine.preview1.errno import EBADF, EINVAL, SUCCESS
from hatchway.engine.preview1.table import OpenDirectory, OpenFile, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest
    from hatchway.engine.preview1.memory import Memory

_MAX_VECTORS = 1024


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
    if place > MAX_OFFSET:
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
    if opened.flags & SYNCING:
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
    if place > MAX_OFFSET:
        raise FileFault(Errno.INVAL)
    return place


def fd_seek(guest: Guest, memory: Memory, fd: int, delta: int, whence: int, at: int) -> int:
    opened = _open_file(guest, fd)
    signed = delta - (1 << 64) if delta >> 63 else delta
    starts = (0, opened.offset, opened.file.size())
    if whence >= len(starts):
        return EINVAL
    place = starts[whence] + signed
    if not 0 <= place <= MAX_OFFSET:
        return EINVAL
    memory.write(at, place.to_bytes(8, "little"))
    opened.offset = place
    return SUCCESS


def fd_tell(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    memory.write(at, _open_file(guest, fd).offset.to_bytes(8, "little"))
    return SUCCESS


def fd_advise(guest: Guest, _memory: Memory, fd: int, offset: int, length: int, advice: int) -> int:
    _open_file(guest, fd)
    return EINVAL if advice > 5 or max(offset, length, offset + length) > MAX_OFFSET else SUCCESS


def fd_allocate(guest: Guest, _memory: Memory, fd: int, offset: int, length: int) -> int:
    file = _writable(guest, fd)
    if length == 0 or offset + length > MAX_OFFSET:
        return EINVAL
    if offset + length > file.size():
        file.set_size(offset + length)
    return SUCCESS


def fd_filestat_set_size(guest: Guest, _memory: Memory, fd: int, size: int) -> int:
    file = _writable(guest, fd)
    if size > MAX_OFFSET:
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
