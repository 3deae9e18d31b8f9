"""What functions on open directories do: the names of those at the top, and listing."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import Entry, Errno, FileFault, Kind
from hatchway.engine.preview1 import MODULE, table
from hatchway.engine.preview1.errno import ENOTCAPABLE, ENOTDIR, SUCCESS
from hatchway.engine.preview1.table import OpenDirectory

if TYPE_CHECKING:
    from hatchway.engine.guest import Guest
    from hatchway.engine.preview1.memory import Memory

_DIRENT = struct.Struct("<Q Q I B 3x")


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
