"""An open directory of a workspace, and everything a guest can do below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import (
    MAX_NAME_BYTES,
    Directory,
    Entry,
    Errno,
    File,
    FileFault,
    Status,
    Wish,
    require_path,
    split_last,
)
from hatchway.engine.files.workspace.file import WorkspaceFile
from hatchway.engine.files.workspace.inodes import AnyInode, Folder, Link
from hatchway.engine.files.workspace.moves import require_apart, require_replaceable

if TYPE_CHECKING:
    from hatchway.engine.files.workspace.tree import Tree

_MAX_LINKS_FOLLOWED = 40
"""As in Linux (MAXSYMLINKS)."""


class WorkspaceDirectory(Directory):
    """An open directory of a workspace."""

    def __init__(self, space: Tree, folder: Folder, guest_path: bytes) -> None:
        super().__init__(guest_path)
        self._space = space
        self._folder = folder

    @property
    def is_writable(self) -> bool:
        """Always."""
        return True

    def status(self) -> Status:
        """What is known of it."""
        return self._folder.status()

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times."""
        self._folder.set_times(accessed_ns, modified_ns, self._space.now_ns())

    def close(self) -> None:
        """Nothing is held."""

    def entries(self) -> list[Entry]:
        """The names in it, in order."""
        return [
            Entry(name, inode.number, inode.kind)
            for name, inode in sorted(self._folder.names.items())
        ]

    def open(self, path: bytes, wish: Wish) -> File | Directory:
        """Open what is at `path`."""
        require_path(path)
        if wish.create and wish.directory:
            raise FileFault(Errno.INVAL)
        if wish.create:
            self._require_no_slash(path)
        folder, name, inode = self._walk(path, follow=wish.follow and not wish.exclusive)
        if inode is None:
            return self._created(folder, name, wish)
        if wish.create and wish.exclusive:
            raise FileFault(Errno.EXIST)
        return self._opened(inode, path, wish)

    def _opened(self, inode: AnyInode, path: bytes, wish: Wish) -> File | Directory:
        if isinstance(inode, Link):
            raise FileFault(Errno.LOOP)
        if isinstance(inode, Folder):
            if wish.changes:
                raise FileFault(Errno.ISDIR)
            return WorkspaceDirectory(self._space, inode, self.guest_path + b"/" + path)
        if wish.directory or path.endswith(b"/"):
            raise FileFault(Errno.NOTDIR)
        file = WorkspaceFile(self._space, inode, wish)
        if wish.truncate:
            file.set_size(0)
        return file

    def _require_no_slash(self, path: bytes) -> None:
        """Refuse to make a file whose name says that it is a directory."""
        parent, _, name = path.rstrip(b"/").rpartition(b"/")
        if path.endswith(b"/") and name not in (b".", b".."):
            self._folder_at(parent or b".")
            raise FileFault(Errno.ISDIR)

    def _created(self, folder: Folder, name: bytes, wish: Wish) -> File:
        if not wish.create:
            raise FileFault(Errno.NOENT)
        content = self._space.new_content()
        self._space.add_name(folder, name, content)
        return WorkspaceFile(self._space, content, wish)

    def status_at(self, path: bytes, *, follow: bool) -> Status:
        """What is known of what is at `path`."""
        return self._found(path, follow=follow).status()

    def set_times_at(
        self, path: bytes, accessed_ns: int | None, modified_ns: int | None, *, follow: bool
    ) -> None:
        """Set the times of what is at `path`."""
        found = self._found(path, follow=follow)
        found.set_times(accessed_ns, modified_ns, self._space.now_ns())

    def read_link(self, path: bytes) -> bytes:
        """Where the link at `path` leads."""
        inode = self._found(path, follow=False)
        if not isinstance(inode, Link):
            raise FileFault(Errno.INVAL)
        return inode.target

    def make_directory(self, path: bytes) -> None:
        """Make a directory."""
        folder, name, inode = self._named(path)
        if inode is not None:
            raise FileFault(Errno.EXIST)
        self._space.add_name(folder, name, self._space.new_folder(folder))

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link."""
        require_path(target)
        folder, name, inode = self._named(path)
        if inode is not None:
            raise FileFault(Errno.EXIST)
        if path.endswith(b"/"):
            raise FileFault(Errno.NOENT)
        self._space.quota.take(len(target))
        try:
            self._space.add_name(folder, name, self._space.new_link(target))
        except FileFault:
            self._space.quota.take(-len(target))
            raise

    def unlink(self, path: bytes) -> None:
        """Remove a name that is not a directory."""
        folder, name, inode = self._named(path)
        if inode is None:
            raise FileFault(Errno.NOENT)
        if isinstance(inode, Folder):
            raise FileFault(Errno.ISDIR)
        if path.endswith(b"/"):
            raise FileFault(Errno.NOTDIR)
        self._space.drop_name(folder, name)

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""
        folder, name, inode = self._named(path)
        if inode is None:
            raise FileFault(Errno.NOENT)
        if not isinstance(inode, Folder):
            raise FileFault(Errno.NOTDIR)
        if inode.names:
            raise FileFault(Errno.NOTEMPTY)
        self._space.drop_name(folder, name)

    def rename(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Move a name, replacing what is there."""
        folder, name, inode = self._named(path)
        new_folder, new_name, present = self._own(target)._named(new_path)  # noqa: SLF001
        if inode is None:
            raise FileFault(Errno.NOENT)
        says_directory = path.endswith(b"/") or new_path.endswith(b"/")
        if says_directory and not isinstance(inode, Folder):
            raise FileFault(Errno.NOTDIR)
        require_apart(folder, inode, new_folder, present)
        if present is inode:
            return
        require_replaceable(inode, present)
        if present is not None:
            self._space.drop_name(new_folder, new_name)
        self._space.move_name(folder, name, new_folder, new_name)
        if isinstance(inode, Folder):
            inode.parent = new_folder

    def link(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Give a file a second name."""
        _, _, inode = self._named(path)
        new_folder, new_name, present = self._own(target)._named(new_path)  # noqa: SLF001
        if inode is None:
            raise FileFault(Errno.NOENT)
        if path.endswith(b"/") and not isinstance(inode, Folder):
            raise FileFault(Errno.NOTDIR)
        if present is not None:
            raise FileFault(Errno.EXIST)
        if new_path.endswith(b"/") or new_folder.is_removed:
            raise FileFault(Errno.NOENT)
        if isinstance(inode, Folder):
            raise FileFault(Errno.PERM)
        self._space.add_name(new_folder, new_name, inode)
        inode.links += 1

    # Looking up

    def _own(self, target: Directory) -> WorkspaceDirectory:
        if not isinstance(target, WorkspaceDirectory):
            raise FileFault(Errno.XDEV)
        if target._space is not self._space:  # noqa: SLF001 - our own kind
            raise FileFault(Errno.XDEV)
        return target

    def _found(self, path: bytes, *, follow: bool) -> AnyInode:
        require_path(path)
        _, _, inode = self._walk(path, follow=follow)
        if inode is None:
            raise FileFault(Errno.NOENT)
        if path.endswith(b"/") and not isinstance(inode, Folder):
            raise FileFault(Errno.NOTDIR)
        return inode

    def _named(self, path: bytes) -> tuple[Folder, bytes, AnyInode | None]:
        """The directory that the last name of `path` is in, the name, and what it stands for."""
        require_path(path)
        parent, name, _ = split_last(path)
        folder = self._folder_at(parent)
        return folder, name, folder.names.get(name)

    def _folder_at(self, path: bytes) -> Folder:
        _, _, folder = self._walk(path, follow=True)
        if folder is None:
            raise FileFault(Errno.NOENT)
        if not isinstance(folder, Folder):
            raise FileFault(Errno.NOTDIR)
        return folder

    def _walk(self, path: bytes, *, follow: bool) -> tuple[Folder, bytes, AnyInode | None]:
        """Follow `path` from here, never further up: (directory, last name, what it is)."""
        waiting = _parts(path)
        folder, name = self._folder, b"."
        found: AnyInode | None = folder
        followed = 0
        while waiting:
            if not isinstance(found, Folder):
                raise FileFault(Errno.NOENT if found is None else Errno.NOTDIR)
            folder, name = found, waiting.pop()
            found = self._step(folder, name)
            if isinstance(found, Link) and (waiting or follow or path.endswith(b"/")):
                followed += 1
                if followed > _MAX_LINKS_FOLLOWED:
                    raise FileFault(Errno.LOOP)
                # A slash at the end says that it is a directory, as a dot does.
                waiting += _parts(found.target + b"." * found.target.endswith(b"/"))
                found = folder
        return folder, name, found

    def _step(self, folder: Folder, name: bytes) -> AnyInode | None:
        if name == b".":
            return folder
        if name == b"..":
            if folder is self._folder or folder.parent is None:
                raise FileFault(Errno.NOTCAPABLE)
            return folder.parent
        if len(name) > MAX_NAME_BYTES and not folder.is_removed:
            raise FileFault(Errno.NAMETOOLONG)
        return folder.names.get(name)


def _parts(path: bytes) -> list[bytes]:
    """The names of a path, the first one last."""
    return [part for part in reversed(path.split(b"/")) if part]
