"""The names of a workspace, what they stand for, and what they cost."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import Errno, FileFault
from hatchway.engine.files.quota import BYTES_PER_NAME, Quota
from hatchway.engine.files.workspace.inodes import AnyInode, Content, Folder, Link

if TYPE_CHECKING:
    from collections.abc import Callable


class Tree:
    """The inodes of one call, each under its names, and the budget that they share.

    Args:
        limit_bytes: What all of it may hold.
        now_ns: The time that files get; the guest's own, which may be virtual.
    """

    def __init__(self, limit_bytes: int, now_ns: Callable[[], int]) -> None:
        self.quota = Quota(limit_bytes)
        self.now_ns = now_ns
        self._numbers = itertools.count(1)
        self._root = Folder(next(self._numbers), now_ns(), None)

    def new_content(self) -> Content:
        """A file without a name yet."""
        return Content(next(self._numbers), self.now_ns())

    def new_folder(self, parent: Folder) -> Folder:
        """A directory without a name yet."""
        return Folder(next(self._numbers), self.now_ns(), parent)

    def new_link(self, target: bytes) -> Link:
        """A link without a name yet."""
        return Link(next(self._numbers), self.now_ns(), target)

    def add_name(self, folder: Folder, name: bytes, inode: AnyInode) -> None:
        """Give `inode` a name.

        Raises:
            FileFault: `DQUOT`, or `NOENT` in a directory that was removed.
        """
        if folder.is_removed:
            raise FileFault(Errno.NOENT)
        self.quota.take(BYTES_PER_NAME + len(name))
        folder.names[name] = inode
        folder.modified_ns = folder.changed_ns = self.now_ns()

    def move_name(self, folder: Folder, name: bytes, to: Folder, new_name: bytes) -> None:
        """Take a name elsewhere, where there is none like it; only a longer one costs more.

        Raises:
            FileFault: `DQUOT`, or `NOENT` in a directory that was removed.
        """
        if to.is_removed:
            raise FileFault(Errno.NOENT)
        self.quota.take(len(new_name) - len(name))
        to.names[new_name] = folder.names.pop(name)
        for changed in (folder, to):
            changed.modified_ns = changed.changed_ns = self.now_ns()

    def drop_name(self, folder: Folder, name: bytes) -> None:
        """Take a name away, and with the last one what it stood for."""
        inode = folder.names.pop(name)
        self.quota.take(-BYTES_PER_NAME - len(name))
        folder.modified_ns = folder.changed_ns = self.now_ns()
        inode.links -= 1
        if inode.links:
            return
        if isinstance(inode, Folder):
            inode.is_removed = True
        elif isinstance(inode, Content):
            self.forget(inode)
        else:
            self.quota.take(-len(inode.target))

    def forget(self, content: Content) -> None:
        """Give its bytes back once neither a name nor a handle is left."""
        if content.links == 0 and content.handles == 0:
            self.quota.take(-len(content.data))
            content.data = bytearray()
