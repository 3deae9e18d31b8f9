"""The descriptors of a run: three streams, the directories at the top, and what was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hatchway.engine.files.nodes import Directory, Errno, File, FileFault
from hatchway.engine.preview1.errno import EBADF, EMFILE, ENOTDIR

if TYPE_CHECKING:
    from hatchway.engine.files.nodes import Entry
    from hatchway.engine.guest import Guest

MAX_DESCRIPTORS = 256
MAX_LISTED = 1 << 17
"""Names that all open directories together keep for a guest that reads them."""
FIRST_ROOT = 3


class Stream:
    """Standard input, output or error."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def close(self) -> None:
        """Nothing is held."""


class OpenFile:
    """A file and the guest's place in it."""

    __slots__ = ("file", "flags", "offset")

    def __init__(self, file: File, flags: int) -> None:
        self.file = file
        self.flags = flags
        self.offset = 0

    def close(self) -> None:
        """Give the file back."""
        self.file.close()


class OpenDirectory:
    """A directory; `entries` is what the guest is reading of it."""

    __slots__ = ("directory", "entries", "is_root")

    def __init__(self, directory: Directory, *, is_root: bool = False) -> None:
        self.directory = directory
        self.is_root = is_root
        self.entries: list[Entry] | None = None

    def close(self) -> None:
        """Give the directory back."""
        self.directory.close()


Descriptor: TypeAlias = Stream | OpenFile | OpenDirectory
Table: TypeAlias = dict[int, Descriptor]

_STREAMS = {number: Stream(number) for number in (0, 1, 2)}


def table_of(guest: Guest) -> Table:
    """The descriptors of a guest, made at its first use of one."""
    table = guest.descriptors
    if table is None:
        table = guest.descriptors = dict[int, Descriptor](_STREAMS)
        for number, directory in enumerate(guest.roots().directories, FIRST_ROOT):
            table[number] = OpenDirectory(directory, is_root=True)
    return table


def stream(guest: Guest, fd: int) -> int:
    """The number of the stream that `fd` is, or -1."""
    table = guest.descriptors
    if table is None:
        # Most programs use nothing but their streams, and need no table.
        return fd if fd < FIRST_ROOT else -1
    found = table.get(fd)
    return found.number if type(found) is Stream else -1


def descriptor(guest: Guest, fd: int) -> Descriptor:
    """What `fd` is.

    Raises:
        FileFault: `BADF` when it is nothing.
    """
    found = table_of(guest).get(fd)
    if found is None:
        raise FileFault(Errno(EBADF))
    return found


def directory(guest: Guest, fd: int) -> Directory:
    """The directory that `fd` is.

    Raises:
        FileFault: It is not one.
    """
    found = descriptor(guest, fd)
    if not isinstance(found, OpenDirectory):
        raise FileFault(Errno(ENOTDIR))
    return found.directory


def add(guest: Guest, opened: Descriptor) -> int:
    """Give what was opened the lowest free number."""
    table = table_of(guest)
    number = FIRST_ROOT
    while number in table:
        number += 1
    table[number] = opened
    return number


def make_room_for(guest: Guest, count: int) -> None:
    """Forget what is listed of other directories when `count` more names are too many.

    A guest that goes on reading one of those has it listed again.
    """
    opened = [item for item in table_of(guest).values() if isinstance(item, OpenDirectory)]
    if sum(len(item.entries or ()) for item in opened) + count > MAX_LISTED:
        for item in opened:
            item.entries = None


def require_room(guest: Guest) -> None:
    """Refuse to open more than a guest may hold.

    Raises:
        FileFault: `MFILE`.
    """
    if len(table_of(guest)) >= MAX_DESCRIPTORS:
        raise FileFault(Errno(EMFILE))
