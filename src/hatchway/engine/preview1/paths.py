"""What functions on paths do, and how an attempt to leave is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import Directory, Errno, File, FileFault, Wish
from hatchway.engine.preview1 import MODULE, table
from hatchway.engine.preview1.descriptors import (
    APPEND,
    DSYNC,
    NONBLOCK,
    RIGHT_READ,
    RIGHT_WRITE,
    RSYNC,
    SYNC,
    put_status,
    times_of,
)
from hatchway.engine.preview1.errno import EINVAL, ENOTCAPABLE, SUCCESS
from hatchway.engine.preview1.table import OpenDirectory, OpenFile

if TYPE_CHECKING:
    from hatchway.engine.guest import Guest
    from hatchway.engine.preview1.memory import Memory

_FOLLOW = 1
_CREATE, _DIRECTORY, _EXCLUSIVE, _TRUNCATE = 1, 2, 4, 8
_LONGEST = 1 << 16


def _path(memory: Memory, at: int, length: int) -> bytes:
    memory.require(at, length)
    if length > _LONGEST:
        raise FileFault(Errno.NAMETOOLONG)
    return memory.read(at, length)


class _Attempt:
    """An operation on a path; what is refused for want of a capability is put on record.

    Args:
        guest: Whose.
        directory: Where the path begins.
        path: It.
        capability: What the operation needs.
        function: Its name.
        to: The second directory and path of an operation that has two.
    """

    def __init__(
        self,
        guest: Guest,
        directory: Directory,
        path: bytes,
        capability: str,
        function: str,
        to: tuple[Directory, bytes] | None = None,
    ) -> None:
        self._guest = guest
        places = [(directory, path)] if to is None else [(directory, path), to]
        # What is refused as a whole is what may not be changed; else either path leads out.
        self._places = [item for item in places if not item[0].is_writable] or places
        self._capability = capability
        self._function = function

    def __enter__(self) -> None:
        self._guest.check_time()

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        if isinstance(fault, FileFault) and fault.errno == ENOTCAPABLE:
            for directory, path in self._places:
                top = b"" if path.startswith(b"/") else directory.guest_path.rstrip(b"/") + b"/"
                self._guest.deny(self._capability, top + path, f"{MODULE}.{self._function}")


def path_open(guest: Guest, memory: Memory, *arguments: int) -> int:
    fd, lookup, at, length, how, rights, _inheriting, flags, opened_at = arguments
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    memory.require(opened_at, 4)
    if how > 15 or flags & ~(APPEND | DSYNC | NONBLOCK | RSYNC | SYNC):
        return EINVAL
    wish = Wish(
        follow=bool(lookup & _FOLLOW),
        reads=bool(rights & RIGHT_READ) or not rights & RIGHT_WRITE,
        writes=bool(rights & RIGHT_WRITE),
        create=bool(how & _CREATE),
        exclusive=bool(how & _EXCLUSIVE),
        truncate=bool(how & _TRUNCATE),
        directory=bool(how & _DIRECTORY),
    )
    table.require_room(guest)
    with _Attempt(guest, directory, path, "fs.write" if wish.changes else "fs.read", "path_open"):
        node = directory.open(path, wish)
    opened = OpenFile(node, flags) if isinstance(node, File) else OpenDirectory(node)
    memory.put_u32(opened_at, table.add(guest, opened))
    return SUCCESS


def path_filestat_get(
    guest: Guest, memory: Memory, fd: int, lookup: int, at: int, length: int, status_at: int
) -> int:
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    with _Attempt(guest, directory, path, "fs.read", "path_filestat_get"):
        status = directory.status_at(path, follow=bool(lookup & _FOLLOW))
    return put_status(memory, status_at, status)


def path_filestat_set_times(guest: Guest, memory: Memory, *arguments: int) -> int:
    fd, lookup, at, length, accessed, modified, flags = arguments
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    times = times_of(accessed, modified, flags)
    with _Attempt(guest, directory, path, "fs.write", "path_filestat_set_times"):
        directory.set_times_at(path, *times, follow=bool(lookup & _FOLLOW))
    return SUCCESS


def path_readlink(
    guest: Guest, memory: Memory, fd: int, at: int, length: int, to: int, room: int, used_at: int
) -> int:
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    memory.require(to, room)
    memory.require(used_at, 4)
    with _Attempt(guest, directory, path, "fs.read", "path_readlink"):
        target = directory.read_link(path)[:room]
    memory.write(to, target)
    memory.put_u32(used_at, len(target))
    return SUCCESS


def path_create_directory(guest: Guest, memory: Memory, fd: int, at: int, length: int) -> int:
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    with _Attempt(guest, directory, path, "fs.write", "path_create_directory"):
        directory.make_directory(path)
    return SUCCESS


def path_remove_directory(guest: Guest, memory: Memory, fd: int, at: int, length: int) -> int:
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    with _Attempt(guest, directory, path, "fs.write", "path_remove_directory"):
        directory.remove_directory(path)
    return SUCCESS


def path_unlink_file(guest: Guest, memory: Memory, fd: int, at: int, length: int) -> int:
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    with _Attempt(guest, directory, path, "fs.write", "path_unlink_file"):
        directory.unlink(path)
    return SUCCESS


def path_symlink(
    guest: Guest, memory: Memory, target_at: int, target_length: int, fd: int, at: int, length: int
) -> int:
    target = _path(memory, target_at, target_length)
    path = _path(memory, at, length)
    directory = table.directory(guest, fd)
    with _Attempt(guest, directory, path, "fs.write", "path_symlink"):
        directory.make_link(path, target)
    return SUCCESS


def path_link(guest: Guest, memory: Memory, *arguments: int) -> int:
    fd, lookup, at, length, new_fd, new_at, new_length = arguments
    path, new_path = _path(memory, at, length), _path(memory, new_at, new_length)
    directory, target = table.directory(guest, fd), table.directory(guest, new_fd)
    if lookup & _FOLLOW:
        return EINVAL
    with _Attempt(guest, directory, path, "fs.write", "path_link", (target, new_path)):
        directory.link(path, target, new_path)
    return SUCCESS


def path_rename(guest: Guest, memory: Memory, *arguments: int) -> int:
    fd, at, length, new_fd, new_at, new_length = arguments
    path, new_path = _path(memory, at, length), _path(memory, new_at, new_length)
    directory, target = table.directory(guest, fd), table.directory(guest, new_fd)
    with _Attempt(guest, directory, path, "fs.write", "path_rename", (target, new_path)):
        directory.rename(path, target, new_path)
    return SUCCESS
