"""What a guest can do with a file and with a directory, whatever is behind it.

Paths are relative to the directory that is asked and can never lead out of it: not by
``..``, not by an absolute name, not through a link. Error numbers, file kinds and their
meanings are those of `wasi_snapshot_preview1`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from itertools import takewhile
from typing import NamedTuple

MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255
MAX_OFFSET = (1 << 63) - 1

NOW = -1
"""Instead of a time: the time it is when the operation happens."""


class Errno(IntEnum):
    """The numbers of preview 1 that can come of an operation on a file."""

    SUCCESS = 0
    ACCES = 2
    AGAIN = 6
    BADF = 8
    BUSY = 10
    DQUOT = 19
    EXIST = 20
    FAULT = 21
    FBIG = 22
    ILSEQ = 25
    INTR = 27
    INVAL = 28
    IO = 29
    ISDIR = 31
    LOOP = 32
    MFILE = 33
    MLINK = 34
    NAMETOOLONG = 37
    NFILE = 41
    NOENT = 44
    NOMEM = 48
    NOSPC = 51
    NOSYS = 52
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSOCK = 57
    NOTSUP = 58
    NXIO = 60
    OVERFLOW = 61
    PERM = 63
    ROFS = 69
    SPIPE = 70
    TXTBSY = 74
    XDEV = 75
    NOTCAPABLE = 76


class FileFault(Exception):  # noqa: N818 - becomes an error number
    """An operation failed; the guest is told why."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno)
        self.errno = errno


class Kind(IntEnum):
    """What a name stands for."""

    UNKNOWN = 0
    BLOCK_DEVICE = 1
    CHARACTER_DEVICE = 2
    DIRECTORY = 3
    REGULAR_FILE = 4
    SOCKET = 6
    SYMBOLIC_LINK = 7


class Status(NamedTuple):
    """What is known of a file without reading it. Times are Unix time in nanoseconds."""

    inode: int
    kind: Kind
    links: int
    size: int
    accessed_ns: int
    modified_ns: int
    changed_ns: int


class Entry(NamedTuple):
    """One name in a directory."""

    name: bytes
    inode: int
    kind: Kind


class Wish(NamedTuple):
    """How a path is to be opened.

    Attributes:
        follow: A link in the last place is followed.
        reads: The file will be read.
        writes: The file will be written.
        create: Make a file of that name if there is none.
        exclusive: With `create`: there must be none.
        truncate: Empty the file.
        directory: It must be a directory.
    """

    follow: bool = True
    reads: bool = True
    writes: bool = False
    create: bool = False
    exclusive: bool = False
    truncate: bool = False
    directory: bool = False

    @property
    def changes(self) -> bool:
        """Whether opening, or what it is opened for, changes anything."""
        return self.writes or self.create or self.truncate


class Node(ABC):
    """Something open."""

    is_directory = False

    @abstractmethod
    def status(self) -> Status:
        """What is known of it.

        Raises:
            FileFault: It cannot be told.
        """

    @abstractmethod
    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times; None leaves one as it is, `NOW` makes it now.

        Raises:
            FileFault: They cannot be set.
        """

    @abstractmethod
    def close(self) -> None:
        """Give it back. Nothing may be done with it afterwards."""


class File(Node):
    """An open regular file."""

    def __init__(self, *, reads: bool, writes: bool) -> None:
        self.reads = reads
        self.writes = writes

    @abstractmethod
    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`; none at or behind the end.

        Raises:
            FileFault: It cannot be read.
        """

    @abstractmethod
    def write(self, at: int, data: bytes) -> int:
        """Put `data` at offset `at`; how many bytes of it were taken.

        Raises:
            FileFault: `DQUOT` beyond a quota, or another reason.
        """

    @abstractmethod
    def set_size(self, size: int) -> None:
        """Cut the file off at `size`, or fill it with zeroes up to it.

        Raises:
            FileFault: `DQUOT` beyond a quota, or another reason.
        """

    @abstractmethod
    def size(self) -> int:
        """Its size in bytes."""

    @abstractmethod
    def again(self) -> File:
        """The same open file once more, to be closed for itself."""

    def sync(self) -> None:
        """Wait until it is on its disk."""
        return


class Directory(Node):
    """An open directory.

    Attributes:
        guest_path: Its name as events tell it, which is cut off where no path is longer:
            a guest may go down from handle to handle for ever.
    """

    is_directory = True

    def __init__(self, guest_path: bytes) -> None:
        self.guest_path = guest_path[:MAX_PATH_BYTES]

    @property
    @abstractmethod
    def is_writable(self) -> bool:
        """Whether anything below it may be changed."""

    @abstractmethod
    def open(self, path: bytes, wish: Wish) -> File | Directory:
        """Open what is at `path`.

        Raises:
            FileFault: `NOTCAPABLE` when the path leads out, or is to be changed in a
                directory that is not writable.
        """

    @abstractmethod
    def entries(self) -> list[Entry]:
        """The names in it, without ``.`` and ``..``, in order."""

    @abstractmethod
    def status_at(self, path: bytes, *, follow: bool) -> Status:
        """What is known of what is at `path`."""

    @abstractmethod
    def set_times_at(
        self, path: bytes, accessed_ns: int | None, modified_ns: int | None, *, follow: bool
    ) -> None:
        """Set the times of what is at `path`."""

    @abstractmethod
    def read_link(self, path: bytes) -> bytes:
        """Where the link at `path` leads."""

    @abstractmethod
    def make_directory(self, path: bytes) -> None:
        """Make a directory."""

    @abstractmethod
    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link at `path` that leads to `target`."""

    @abstractmethod
    def unlink(self, path: bytes) -> None:
        """Remove a name that is not a directory."""

    @abstractmethod
    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""

    @abstractmethod
    def rename(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Give what is at `path` the name `new_path` in `target`, replacing what is there."""

    @abstractmethod
    def link(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Give the file at `path` a second name."""


def require_path(path: bytes) -> None:
    """Refuse what can be no path below a directory, before anything looks it up.

    Raises:
        FileFault: Absolute paths are `NOTCAPABLE`, what is not UTF-8 `ILSEQ`.
    """
    if not path:
        raise FileFault(Errno.NOENT)
    if len(path) > MAX_PATH_BYTES:
        raise FileFault(Errno.NAMETOOLONG)
    if b"\0" in path:
        raise FileFault(Errno.INVAL)
    try:
        path.decode()
    except UnicodeDecodeError:
        raise FileFault(Errno.ILSEQ) from None
    if path.startswith(b"/"):
        raise FileFault(Errno.NOTCAPABLE)


def require_offset(end: int) -> None:
    """Refuse what reaches beyond the last offset a file can have.

    Raises:
        FileFault: `INVAL`.
    """
    if end > MAX_OFFSET:
        raise FileFault(Errno.INVAL)


def require_target(target: bytes, depth: int) -> None:
    """Refuse a link that leads out of what was granted, `depth` directories above it.

    It would be followed by nobody here, but by programs outside that know no sandbox. Dots
    behind a name are refused too: the name may be a link, and they lead up from its end.

    Raises:
        FileFault: `NOTCAPABLE`, or what `require_path` finds.
    """
    require_path(target)
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    climbs = len(list(takewhile(lambda part: part == b"..", parts)))
    if climbs > depth or b".." in parts[climbs:]:
        raise FileFault(Errno.NOTCAPABLE)


def split_last(path: bytes) -> tuple[bytes, bytes, bool]:
    """The parent of `path`, its last name, and whether a slash says it is a directory.

    Raises:
        FileFault: The last name is ``.`` or ``..``, which no operation on names takes.
    """
    stripped = path.rstrip(b"/")
    parent, _, name = stripped.rpartition(b"/")
    if name in (b".", b"..", b""):
        raise FileFault(Errno.INVAL)
    if len(name) > MAX_NAME_BYTES:
        raise FileFault(Errno.NAMETOOLONG)
    return parent or b".", name, stripped != path
