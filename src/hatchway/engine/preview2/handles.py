"""What the handles of a run stand for: open files and directories, and places in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from hatchway.engine.files.nodes import Errno, FileFault
from hatchway.engine.guest import FIRST_HANDLE

if TYPE_CHECKING:
    from hatchway.engine.files.nodes import Directory, Entry, File
    from hatchway.engine.guest import Guest

T = TypeVar("T")

MAX_HANDLES = 256
MAX_READ = 1 << 16
"""Bytes of one read. Each takes up to 96 bytes of the host's memory on its way to the guest."""
MAX_LISTED = 1 << 17
"""Names that all the directories being listed hold for a guest."""


class OpenFile:
    """A file, and the name that it was opened by."""

    def __init__(self, file: File, guest_path: bytes) -> None:
        self.file = file
        self.guest_path = guest_path

    def close(self) -> None:
        """Give the file back."""
        self.file.close()


class FileStream:
    """A place in a file from which a stream reads, or to which it writes.

    It holds the file by a handle of its own, so that it outlives the descriptor.
    """

    def __init__(self, file: File, offset: int, *, appends: bool = False) -> None:
        self.file = file
        self.offset = offset
        self.appends = appends

    def read(self, count: int) -> bytes:
        """The next bytes; none at the end."""
        data = self.file.read(self.offset, count)
        self.offset += len(data)
        return data

    def write(self, data: bytes) -> None:
        """Put all of `data` behind what was written before.

        Raises:
            FileFault: There is no room; part of it may have been written.
        """
        while data:
            place = self.file.size() if self.appends else self.offset
            taken = self.file.write(place, data)
            self.offset = place + taken
            data = data[taken:]

    def close(self) -> None:
        """Give the file back."""
        self.file.close()


class Failure:
    """Why an operation of a stream failed."""

    def __init__(self, errno: Errno) -> None:
        self.errno = errno

    def close(self) -> None:
        """Nothing is held."""


class Listing:
    """What is left to tell of a directory."""

    def __init__(self, entries: list[Entry]) -> None:
        self.count = len(entries)
        self.entries = iter(entries)

    def close(self) -> None:
        """Nothing is held."""


Held: TypeAlias = "Directory | OpenFile | FileStream | Failure | Listing"


def tops(guest: Guest) -> range:
    """The numbers of the directories at the top, which are held until the end of the run.

    A guest may ask for them again and again, and give one of their handles back while it
    uses another.
    """
    directories = guest.roots().directories
    numbers = range(FIRST_HANDLE + 1, FIRST_HANDLE + 1 + len(directories))
    if not guest.handles:  # nothing else can be held before them
        guest.handles.update(zip(numbers, directories, strict=True))
        guest.last_handle = numbers[-1]
    return numbers


def keep(guest: Guest, item: Held) -> int:
    """A number for something a handle will stand for.

    Raises:
        FileFault: The guest holds too much already.
    """
    if len(guest.handles) >= MAX_HANDLES or _listed(guest, item) > MAX_LISTED:
        item.close()
        raise FileFault(Errno.MFILE)
    guest.last_handle += 1
    guest.handles[guest.last_handle] = item
    return guest.last_handle


def _listed(guest: Guest, item: Held) -> int:
    if not isinstance(item, Listing):
        return 0
    others = (other.count for other in guest.handles.values() if isinstance(other, Listing))
    return item.count + sum(others)


def held(guest: Guest, number: int, kind: type[T]) -> T:
    """What a number stands for."""
    item = guest.handles[number]
    assert isinstance(item, kind)  # wasmtime gives us no handle of another type
    return item


def drop(guest: Guest, number: int) -> None:
    """The guest gives a handle back."""
    if number in guest.handles and number not in tops(guest):
        guest.handles.pop(number).close()
