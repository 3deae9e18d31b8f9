"""How much may still be written. Counted before anything is written, never measured after."""

from __future__ import annotations

import threading
from typing import TypeAlias

from hatchway.engine.files.nodes import Errno, FileFault

BYTES_PER_NAME = 512
"""What every file, directory, link and name costs besides its content."""

Inode: TypeAlias = tuple[int, int]
"""A file of the host: its device, and its number there."""


class Quota:
    """A budget of bytes. Names cost too, so that many tiny files are no way around it.

    Attributes:
        lock: Held from looking at a size until what follows from it is done.
        was_exceeded: Whether somebody wanted more than there was.
    """

    def __init__(self, limit_bytes: int | None, *, used_bytes: int = 0) -> None:
        self._left = None if limit_bytes is None else limit_bytes - used_bytes
        self.lock = threading.RLock()
        self.was_exceeded = False
        self._open: dict[Inode, int] = {}
        self._orphans: set[Inode] = set()

    def take(self, count: int) -> None:
        """Spend `count` bytes; a negative number gives some back.

        Raises:
            FileFault: `DQUOT`, and nothing is spent.
        """
        if self._left is None:
            return
        with self.lock:
            if 0 < count > self._left:
                self.was_exceeded = True
                raise FileFault(Errno.DQUOT)
            self._left -= count

    def take_up_to(self, count: int, *, at_least: int) -> int:
        """Spend as much of `count` as there is.

        Raises:
            FileFault: `DQUOT` when there is not even that, and nothing is spent.
        """
        if self._left is None:
            return count
        with self.lock:
            if count > self._left:
                self.was_exceeded = True
            if self._left < at_least:
                raise FileFault(Errno.DQUOT)
            taken = min(count, self._left)
            self._left -= taken
            return taken

    # A file without a name still holds its bytes until the last handle is gone.

    def opened(self, inode: Inode, size: int, links: int) -> None:
        """One more handle on a file.

        Raises:
            FileFault: `DQUOT`: its last name went while it was being opened, its bytes were
                given back, and there is no room for them any more.
        """
        if self._left is not None:
            with self.lock:
                if links == 0 and inode not in self._open:
                    self.take(size)
                    self._orphans.add(inode)
                self._open[inode] = self._open.get(inode, 0) + 1

    def closed(self, inode: Inode, size: int) -> None:
        """One handle less on a file of `size` bytes."""
        if self._left is not None:
            with self.lock:
                self._open[inode] -= 1
                if self._open[inode] == 0:
                    del self._open[inode]
                    if inode in self._orphans:
                        self._orphans.remove(inode)
                        self._left += size

    def unlinked(self, inode: Inode, size: int) -> None:
        """The last name of a file of `size` bytes is gone."""
        if self._left is not None:
            with self.lock:
                if inode in self._open:
                    self._orphans.add(inode)
                else:
                    self._left += size
