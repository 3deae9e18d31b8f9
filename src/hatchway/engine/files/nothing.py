"""The directory of a guest that was granted none: empty, and every attempt is refused."""

from __future__ import annotations

from typing import NoReturn

from hatchway.engine.files.nodes import Directory, Entry, Errno, FileFault, Kind, Status, Wish

_STATUS = Status(
    inode=1, kind=Kind.DIRECTORY, links=1, size=0, accessed_ns=0, modified_ns=0, changed_ns=0
)


class NoFiles(Directory):
    """Stands for ``/`` so that libc starts, and tells us the paths a program reaches for."""

    def __init__(self) -> None:
        super().__init__(b"/")

    @property
    def is_writable(self) -> bool:
        """Never."""
        return False

    def status(self) -> Status:
        """Of an empty directory from the beginning of time."""
        return _STATUS

    def close(self) -> None:
        """Nothing is held."""

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def open(self, path: bytes, wish: Wish) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def entries(self) -> list[Entry]:
        """Refused: it cannot be listed."""
        raise FileFault(Errno.NOTCAPABLE)

    def status_at(self, path: bytes, *, follow: bool) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def set_times_at(
        self, path: bytes, accessed_ns: int | None, modified_ns: int | None, *, follow: bool
    ) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def read_link(self, path: bytes) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def make_directory(self, path: bytes) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def make_link(self, path: bytes, target: bytes) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def unlink(self, path: bytes) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def remove_directory(self, path: bytes) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def rename(self, path: bytes, target: Directory, new_path: bytes) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)

    def link(self, path: bytes, target: Directory, new_path: bytes) -> NoReturn:
        """Refused."""
        raise FileFault(Errno.NOTCAPABLE)
