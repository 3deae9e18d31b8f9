"""What the handles of a run stand for: files, streams, what is said over HTTP, and waiting.

A handle that a guest gives back frees what is behind it. What cannot be refused with an error
because its function knows none, a guest too greedy is ended for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from hatchway.core.errors import GuestTrappedError
from hatchway.engine.files.nodes import Errno, FileFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.files.nodes import Directory, Entry, File
    from hatchway.engine.guest import Guest

T = TypeVar("T")

MAX_HANDLES = 256
"""Handles with which a guest may still open a file or a directory."""
MAX_LIGHT_HANDLES = 1024
"""Handles with which it may still get another that holds nothing of the system's."""
MAX_HELD_BYTES = 4 << 20
"""Of header fields and the like that all handles together stand for."""
MAX_READ = 1 << 16
"""Bytes of one read. Each takes up to 96 bytes of the host's memory on its way to the guest."""
MAX_LISTED = 1 << 17
"""Names that all the directories being listed hold for a guest."""

_PERMIT = 1 << 16
"""Bytes that a write to a file is told to have; more at once is slower, as for reading."""
MAX_PERMIT = 2 << 20
"""Bytes of one write. Each takes 32 bytes of the host's memory on its way in, and wasmtime
lets 128 MiB through at once."""


class Held:
    """Something behind a handle.

    Attributes:
        children: How many others depend on it; it cannot be given back before them.
    """

    children = 0

    def close(self) -> None:
        """Give back what it holds."""


class StreamFault(Exception):  # noqa: N818 - becomes an error of the stream
    """A stream cannot go on; `failure` says why, None that it is closed."""

    def __init__(self, failure: Failure | None) -> None:
        super().__init__(failure)
        self.failure = failure


class InputSource(Held, ABC):
    """What an input stream reads from."""

    @abstractmethod
    def read(self, count: int) -> bytes | None:
        """Up to `count` bytes, none if there are none yet; None at the end.

        Raises:
            FileFault: The file cannot be read.
            StreamFault: There will be no more, though this is not the end.
        """

    def readiness(self) -> Callable[[], bool] | None:
        """What tells whether `read` has something to say; None where it always has."""
        return None

    def wait(self, guest: Guest) -> None:
        """Until `read` has something to say."""


class OutputSink(Held, ABC):
    """What an output stream writes to."""

    def permit(self) -> int:
        """How many bytes may be written now.

        Raises:
            StreamFault: No more will ever be taken.
        """
        return _PERMIT

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Put `data` behind what was written before.

        Raises:
            FileFault: There is no room; part of it may have been written.
            StreamFault: It is not taken.
        """

    def readiness(self) -> Callable[[], bool] | None:
        """What tells whether something may be written, or never will again; None for always."""
        return None

    def write_all(self, guest: Guest, data: bytes) -> None:  # noqa: ARG002 - others wait
        """Put all of `data`, waiting where that is needed, and wait until it is gone.

        Raises:
            FileFault: There is no room; part of it may have been written.
            StreamFault: Part of it was not taken, and never will be.
        """
        self.write(data)

    def flush(self, guest: Guest) -> None:
        """Wait until what was written is gone.

        Raises:
            StreamFault: It will never be.
        """


class OpenFile(Held):
    """A file, and the name that it was opened by."""

    def __init__(self, file: File, guest_path: bytes) -> None:
        self.file = file
        self.guest_path = guest_path

    def close(self) -> None:
        """Give the file back."""
        self.file.close()


class FileStream(InputSource, OutputSink):
    """A place in a file from which a stream reads, or to which it writes.

    It holds the file by a handle of its own, so that it outlives the descriptor.
    """

    def __init__(self, file: File, offset: int, *, appends: bool = False) -> None:
        self.file = file
        self.offset = offset
        self.appends = appends

    def read(self, count: int) -> bytes | None:
        """The next bytes."""
        data = self.file.read(self.offset, count)
        self.offset += len(data)
        return data if data or not count else None

    def write(self, data: bytes) -> None:
        """Put all of `data` behind what was written before."""
        while data:
            place = self.file.size() if self.appends else self.offset
            taken = self.file.write(place, data)
            self.offset = place + taken
            data = data[taken:]

    def close(self) -> None:
        """Give the file back."""
        self.file.close()


class Failure(Held):
    """Why an operation of a stream failed.

    Attributes:
        name: What a guest is told when it asks for a text.
        errno: Where it was an operation on a file.
    """

    def __init__(self, name: str, errno: Errno | None = None) -> None:
        self.name = name
        self.errno = errno


class Listing(Held):
    """What is left to tell of a directory."""

    def __init__(self, entries: list[Entry]) -> None:
        self.count = len(entries)
        self.entries = iter(entries)


class Readiness(Held):
    """A pollable of something that becomes ready; it stays ready once that is gone."""

    def __init__(self, is_ready: Callable[[], bool]) -> None:
        self.is_ready = is_ready


class Allowance:
    """How many bytes of the host's memory the handles of a guest may still stand for."""

    __slots__ = ("left",)

    def __init__(self, count: int) -> None:
        self.left = count


def allowance(guest: Guest) -> Allowance:
    """The one of `guest`."""
    if guest.allowance is None:
        guest.allowance = Allowance(MAX_HELD_BYTES)
    return guest.allowance


def take_bytes(guest: Guest, count: int) -> None:
    """Count `count` more bytes that are held for `guest`; they are given back where they are freed.

    Raises:
        Stopped: They are too many.
    """
    found = allowance(guest)
    found.left -= count
    if found.left < 0:
        trap(guest, f"its handles stand for more than {MAX_HELD_BYTES} bytes")


def trap(guest: Guest, message: str) -> None:
    """End a guest that does what WASI lets trap.

    Raises:
        Stopped: Always.
    """
    guest.end(GuestTrappedError(message, details={"trap": "invalid_host_call"}))


def tops(guest: Guest) -> range:
    """The numbers of the directories at the top, which are held until the end of the run.

    A guest may ask for them again and again, and give one of their handles back while it
    uses another.
    """
    if not guest.tops:
        directories = guest.roots().directories
        first = guest.last_handle + 1
        guest.tops = range(first, first + len(directories))
        guest.handles.update(zip(guest.tops, directories, strict=True))
        guest.last_handle = guest.tops[-1]
    return guest.tops


def keep(guest: Guest, item: Held | Directory) -> int:
    """A number for something of the system's that a handle will stand for.

    Raises:
        FileFault: The guest holds too much already.
    """
    if len(guest.handles) >= MAX_HANDLES or _listed(guest, item) > MAX_LISTED:
        item.close()
        raise FileFault(Errno.MFILE)
    return _numbered(guest, item)


def hold(guest: Guest, item: Held) -> int:
    """A number for something that a handle will stand for, where there is no error for too many.

    Raises:
        Stopped: The guest holds too much already.
    """
    if len(guest.handles) >= MAX_LIGHT_HANDLES:
        item.close()
        trap(guest, f"it holds more than {MAX_LIGHT_HANDLES} handles")
    return _numbered(guest, item)


def _numbered(guest: Guest, item: Held | Directory) -> int:
    guest.last_handle += 1
    guest.handles[guest.last_handle] = item
    return guest.last_handle


def _listed(guest: Guest, item: Held | Directory) -> int:
    if not isinstance(item, Listing):
        return 0
    others = (other.count for other in guest.handles.values() if isinstance(other, Listing))
    return item.count + sum(others)


def held(guest: Guest, number: int, kind: type[T]) -> T:
    """What a number stands for."""
    item = guest.handles[number]
    assert isinstance(item, kind)  # wasmtime gives us no handle of another type
    return item


def take(guest: Guest, number: int, kind: type[T]) -> T:
    """What a number stands for that the guest has given away; it stands for nothing any more.

    Raises:
        Stopped: Others depend on it.
    """
    item = held(guest, number, kind)
    _require_childless(guest, item)
    del guest.handles[number]
    return item


def drop(guest: Guest, number: int) -> None:
    """The guest gives a handle back.

    Raises:
        Stopped: Others depend on it.
    """
    if number in guest.handles and number not in guest.tops:
        _require_childless(guest, guest.handles[number])
        guest.handles.pop(number).close()


def _require_childless(guest: Guest, item: object) -> None:
    if isinstance(item, Held) and item.children:
        trap(guest, "a body was given back while a stream of it is held")
