"""An open file of the host, whose growth is paid for before it happens."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hatchway.engine.files.host.answers import attempt, status_of
from hatchway.engine.files.host.descriptors import spare
from hatchway.engine.files.host.times import set_descriptor_times
from hatchway.engine.files.nodes import Errno, File, FileFault, Status, Wish, require_offset

if TYPE_CHECKING:
    from hatchway.engine.files.quota import Quota

_CHUNK = 1 << 20


class HostFile(File):
    """An open regular file of the host."""

    def __init__(self, descriptor: int, quota: Quota, wish: Wish, *, may_change: bool) -> None:
        super().__init__(reads=wish.reads, writes=wish.writes)
        self._descriptor = descriptor
        self._quota = quota
        self._may_change = may_change
        self._wish = wish
        with quota.lock:
            found = os.fstat(descriptor)
            self._inode = found.st_dev, found.st_ino
            quota.opened(self._inode, found.st_size, found.st_nlink)

    def again(self) -> HostFile:
        """The same open file once more."""
        copy = spare(attempt(lambda: os.dup(self._descriptor)))
        return HostFile(copy, self._quota, self._wish, may_change=self._may_change)

    def close(self) -> None:
        """Give it back."""
        # Its number belongs to another file afterwards.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with self._quota.lock:
                self._quota.closed(self._inode, os.fstat(descriptor).st_size)
                os.close(descriptor)

    def status(self) -> Status:
        """What is known of it."""
        return status_of(attempt(lambda: os.fstat(self._descriptor)))

    def size(self) -> int:
        """Its size in bytes."""
        return attempt(lambda: os.fstat(self._descriptor)).st_size

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times."""
        if not self._may_change:
            raise FileFault(Errno.NOTCAPABLE)
        set_descriptor_times(self._descriptor, accessed_ns, modified_ns)

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`."""
        require_offset(at + count)
        return attempt(lambda: os.pread(self._descriptor, min(count, _CHUNK), at))

    def write(self, at: int, data: bytes) -> int:
        """Put `data` at offset `at`, as much of it as the quota leaves room for."""
        require_offset(at + len(data))
        if not data:
            return 0
        with self._quota.lock:
            size = self.size()
            gap = max(0, at - size)
            fresh = max(0, at + len(data) - size) - gap
            # At least one byte must fit behind a gap, or the gap is not made either.
            taken = self._quota.take_up_to(gap + fresh, at_least=gap + 1) if fresh else 0
            fits = data[: len(data) - gap - fresh + taken]
            try:
                written = attempt(lambda: os.pwrite(self._descriptor, fits, at))
            except FileFault:
                self._quota.take(-taken)
                raise
            self._quota.take(-min(taken, len(fits) - written))
            return written

    def set_size(self, size: int) -> None:
        """Cut it off, or fill it with zeroes."""
        require_offset(size)
        with self._quota.lock:
            grown = size - self.size()
            self._quota.take(grown)
            try:
                attempt(lambda: os.ftruncate(self._descriptor, size))
            except FileFault:
                self._quota.take(-grown)
                raise

    def sync(self) -> None:
        """Wait until it is on its disk."""
        attempt(lambda: os.fsync(self._descriptor))
