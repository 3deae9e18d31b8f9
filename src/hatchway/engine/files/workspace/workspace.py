"""The whole of one call's files: what is put in it, seen of it and taken out of it."""

from __future__ import annotations

import contextlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import Errno, File, FileFault, Wish
from hatchway.engine.files.workspace.directory import WorkspaceDirectory
from hatchway.engine.files.workspace.inodes import AnyInode, Content, Folder
from hatchway.engine.files.workspace.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator


class Workspace(Tree):
    """The whole of one call's files."""

    def root(self, guest_path: bytes) -> WorkspaceDirectory:
        """Its top directory, under the name the guest knows it by."""
        return WorkspaceDirectory(self, self._root, guest_path)

    def put(self, path: bytes, data: bytes) -> None:
        """Make a file, and the directories it is in.

        Raises:
            FileFault: There is no room.
        """
        top = self.root(b"")
        parts = path.split(b"/")
        for depth in range(1, len(parts)):
            with contextlib.suppress(FileFault):
                top.make_directory(b"/".join(parts[:depth]))
        file = top.open(path, Wish(writes=True, create=True, truncate=True))
        assert isinstance(file, File)
        try:
            if file.write(0, data) < len(data):
                raise FileFault(Errno.DQUOT)
        finally:
            file.close()

    def matching(self, pattern: str, *, most: int) -> Iterator[tuple[str, bytes]]:
        """The files whose path below the workspace matches, in order; links are not followed.

        Each is copied when it is asked for: a file can have many names.

        Raises:
            FileFault: `OVERFLOW`, there are more than `most`.
        """
        found: list[tuple[str, AnyInode]] = [("", self._root)]
        for part in pattern.split("/"):
            found = [
                (f"{path}/{name.decode()}", inode)
                for path, folder in found
                if isinstance(folder, Folder)
                for name, inode in sorted(folder.names.items())
                if fnmatchcase(name.decode(), part)
            ]
            if len(found) > most:
                raise FileFault(Errno.OVERFLOW)
        for path, inode in found:
            if isinstance(inode, Content):
                yield path[1:], bytes(inode.data)
