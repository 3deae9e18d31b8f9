"""A call's private files, in memory: born empty with the call, gone with it.

No name on the host leads here, so there is nothing to escape from, nothing that another call
could find, and nothing to clean up after a server that was killed. The quota is exact: sizes
are counted as the guest sees them, so a file with holes costs what it claims to hold.
"""

from __future__ import annotations

import contextlib
import itertools
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

from hatchway.engine.files.nodes import (
    MAX_NAME_BYTES,
    NOW,
    Directory,
    Entry,
    Errno,
    File,
    FileFault,
    Kind,
    Status,
    Wish,
    require_offset,
    require_path,
    split_last,
)
from hatchway.engine.files.quota import BYTES_PER_NAME, Quota

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_LINKS_FOLLOWED = 40
"""As in Linux (MAXSYMLINKS)."""


class _Inode:
    """What names stand for."""

    __slots__ = ("accessed_ns", "changed_ns", "links", "modified_ns", "number")

    kind = Kind.UNKNOWN

    def __init__(self, number: int, now_ns: int) -> None:
        self.number = number
        self.links = 1
        self.accessed_ns = self.modified_ns = self.changed_ns = now_ns

    @property
    def size(self) -> int:
        return 0

    def status(self) -> Status:
        return Status(
            self.number, self.kind, self.links, self.size,
            self.accessed_ns, self.modified_ns, self.changed_ns,
        )  # fmt: skip

    def set_times(self, accessed_ns: int | None, modified_ns: int | None, now_ns: int) -> None:
        if accessed_ns is not None:
            self.accessed_ns = now_ns if accessed_ns == NOW else accessed_ns
        if modified_ns is not None:
            self.modified_ns = now_ns if modified_ns == NOW else modified_ns
        self.changed_ns = now_ns


class _Content(_Inode):
    __slots__ = ("data", "handles")

    kind = Kind.REGULAR_FILE

    def __init__(self, number: int, now_ns: int) -> None:
        super().__init__(number, now_ns)
        self.data = bytearray()
        self.handles = 0

    @property
    def size(self) -> int:
        return len(self.data)


class _Link(_Inode):
    __slots__ = ("target",)

    kind = Kind.SYMBOLIC_LINK

    def __init__(self, number: int, now_ns: int, target: bytes) -> None:
        super().__init__(number, now_ns)
        self.target = target

    @property
    def size(self) -> int:
        return len(self.target)


class _Folder(_Inode):
    __slots__ = ("is_removed", "names", "parent")

    kind = Kind.DIRECTORY

    def __init__(self, number: int, now_ns: int, parent: _Folder | None) -> None:
        super().__init__(number, now_ns)
        self.names: dict[bytes, _AnyInode] = {}
        self.parent = parent
        self.is_removed = False


_AnyInode: TypeAlias = _Content | _Link | _Folder


class Workspace:
    """The whole of one call's files.

    Args:
        limit_bytes: What all of it may hold.
        now_ns: The time that files get; the guest's own, which may be virtual.
    """

    def __init__(self, limit_bytes: int, now_ns: Callable[[], int]) -> None:
        self.quota = Quota(limit_bytes)
        self.now_ns = now_ns
        self._numbers = itertools.count(1)
        self._root = _Folder(next(self._numbers), now_ns(), None)

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
        found: list[tuple[str, _AnyInode]] = [("", self._root)]
        for part in pattern.split("/"):
            found = [
                (f"{path}/{name.decode()}", inode)
                for path, folder in found
                if isinstance(folder, _Folder)
                for name, inode in sorted(folder.names.items())
                if fnmatchcase(name.decode(), part)
            ]
            if len(found) > most:
                raise FileFault(Errno.OVERFLOW)
        for path, inode in found:
            if isinstance(inode, _Content):
                yield path[1:], bytes(inode.data)

    def new_content(self) -> _Content:
        """A file without a name yet."""
        return _Content(next(self._numbers), self.now_ns())

    def new_folder(self, parent: _Folder) -> _Folder:
        """A directory without a name yet."""
        return _Folder(next(self._numbers), self.now_ns(), parent)

    def new_link(self, target: bytes) -> _Link:
        """A link without a name yet."""
        return _Link(next(self._numbers), self.now_ns(), target)

    def add_name(self, folder: _Folder, name: bytes, inode: _AnyInode) -> None:
        """Give `inode` a name.

        Raises:
            FileFault: `DQUOT`, or `NOENT` in a directory that was removed.
        """
        if folder.is_removed:
            raise FileFault(Errno.NOENT)
        self.quota.take(BYTES_PER_NAME + len(name))
        folder.names[name] = inode
        folder.modified_ns = folder.changed_ns = self.now_ns()

    def move_name(self, folder: _Folder, name: bytes, to: _Folder, new_name: bytes) -> None:
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

    def drop_name(self, folder: _Folder, name: bytes) -> None:
        """Take a name away, and with the last one what it stood for."""
        inode = folder.names.pop(name)
        self.quota.take(-BYTES_PER_NAME - len(name))
        folder.modified_ns = folder.changed_ns = self.now_ns()
        inode.links -= 1
        if inode.links:
            return
        if isinstance(inode, _Folder):
            inode.is_removed = True
        elif isinstance(inode, _Content):
            self.forget(inode)
        else:
            self.quota.take(-len(inode.target))

    def forget(self, content: _Content) -> None:
        """Give its bytes back once neither a name nor a handle is left."""
        if content.links == 0 and content.handles == 0:
            self.quota.take(-len(content.data))
            content.data = bytearray()


class WorkspaceFile(File):
    """An open file of a workspace."""

    def __init__(self, space: Workspace, content: _Content, wish: Wish) -> None:
        super().__init__(reads=wish.reads, writes=wish.writes)
        self._space = space
        self._content = content
        self._wish = wish
        self._is_open = True
        content.handles += 1

    def again(self) -> WorkspaceFile:
        """The same open file once more."""
        return WorkspaceFile(self._space, self._content, self._wish)

    def status(self) -> Status:
        """What is known of it."""
        return self._content.status()

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times."""
        self._content.set_times(accessed_ns, modified_ns, self._space.now_ns())

    def close(self) -> None:
        """Give it back."""
        if self._is_open:
            self._is_open = False
            self._content.handles -= 1
            self._space.forget(self._content)

    def size(self) -> int:
        """Its size in bytes."""
        return len(self._content.data)

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`."""
        require_offset(at + count)
        return bytes(self._content.data[at : at + count])

    def write(self, at: int, data: bytes) -> int:
        """Put `data` at offset `at`, as much of it as the quota leaves room for."""
        require_offset(at + len(data))
        if not data:
            return 0
        present = self._content.data
        gap = max(0, at - len(present))
        fresh = max(0, at + len(data) - len(present)) - gap
        # At least one byte must fit behind a gap, or the gap is not made either.
        taken = self._space.quota.take_up_to(gap + fresh, at_least=gap + 1) if fresh else 0
        fits = len(data) - gap - fresh + taken
        present.extend(bytes(gap))
        present[at : at + fits] = data[:fits]
        self._content.modified_ns = self._content.changed_ns = self._space.now_ns()
        return fits

    def set_size(self, size: int) -> None:
        """Cut it off, or fill it with zeroes."""
        require_offset(size)
        present = self._content.data
        self._space.quota.take(size - len(present))
        if size < len(present):
            del present[size:]
        else:
            present.extend(bytes(size - len(present)))
        self._content.modified_ns = self._content.changed_ns = self._space.now_ns()


class WorkspaceDirectory(Directory):
    """An open directory of a workspace."""

    def __init__(self, space: Workspace, folder: _Folder, guest_path: bytes) -> None:
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

    def _opened(self, inode: _AnyInode, path: bytes, wish: Wish) -> File | Directory:
        if isinstance(inode, _Link):
            raise FileFault(Errno.LOOP)
        if isinstance(inode, _Folder):
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

    def _created(self, folder: _Folder, name: bytes, wish: Wish) -> File:
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
        if not isinstance(inode, _Link):
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
        if isinstance(inode, _Folder):
            raise FileFault(Errno.ISDIR)
        if path.endswith(b"/"):
            raise FileFault(Errno.NOTDIR)
        self._space.drop_name(folder, name)

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""
        folder, name, inode = self._named(path)
        if inode is None:
            raise FileFault(Errno.NOENT)
        if not isinstance(inode, _Folder):
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
        if says_directory and not isinstance(inode, _Folder):
            raise FileFault(Errno.NOTDIR)
        _require_apart(folder, inode, new_folder, present)
        if present is inode:
            return
        _require_replaceable(inode, present)
        if present is not None:
            self._space.drop_name(new_folder, new_name)
        self._space.move_name(folder, name, new_folder, new_name)
        if isinstance(inode, _Folder):
            inode.parent = new_folder

    def link(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Give a file a second name."""
        _, _, inode = self._named(path)
        new_folder, new_name, present = self._own(target)._named(new_path)  # noqa: SLF001
        if inode is None:
            raise FileFault(Errno.NOENT)
        if path.endswith(b"/") and not isinstance(inode, _Folder):
            raise FileFault(Errno.NOTDIR)
        if present is not None:
            raise FileFault(Errno.EXIST)
        if new_path.endswith(b"/") or new_folder.is_removed:
            raise FileFault(Errno.NOENT)
        if isinstance(inode, _Folder):
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

    def _found(self, path: bytes, *, follow: bool) -> _AnyInode:
        require_path(path)
        _, _, inode = self._walk(path, follow=follow)
        if inode is None:
            raise FileFault(Errno.NOENT)
        if path.endswith(b"/") and not isinstance(inode, _Folder):
            raise FileFault(Errno.NOTDIR)
        return inode

    def _named(self, path: bytes) -> tuple[_Folder, bytes, _AnyInode | None]:
        """The directory that the last name of `path` is in, the name, and what it stands for."""
        require_path(path)
        parent, name, _ = split_last(path)
        folder = self._folder_at(parent)
        return folder, name, folder.names.get(name)

    def _folder_at(self, path: bytes) -> _Folder:
        _, _, folder = self._walk(path, follow=True)
        if folder is None:
            raise FileFault(Errno.NOENT)
        if not isinstance(folder, _Folder):
            raise FileFault(Errno.NOTDIR)
        return folder

    def _walk(self, path: bytes, *, follow: bool) -> tuple[_Folder, bytes, _AnyInode | None]:
        """Follow `path` from here, never further up: (directory, last name, what it is)."""
        waiting = _parts(path)
        folder, name = self._folder, b"."
        found: _AnyInode | None = folder
        followed = 0
        while waiting:
            if not isinstance(found, _Folder):
                raise FileFault(Errno.NOENT if found is None else Errno.NOTDIR)
            folder, name = found, waiting.pop()
            found = self._step(folder, name)
            if isinstance(found, _Link) and (waiting or follow or path.endswith(b"/")):
                followed += 1
                if followed > _MAX_LINKS_FOLLOWED:
                    raise FileFault(Errno.LOOP)
                # A slash at the end says that it is a directory, as a dot does.
                waiting += _parts(found.target + b"." * found.target.endswith(b"/"))
                found = folder
        return folder, name, found

    def _step(self, folder: _Folder, name: bytes) -> _AnyInode | None:
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


def _is_inside(folder: _Folder | None, other: _AnyInode | None) -> bool:
    while folder is not None and isinstance(other, _Folder):
        if folder is other:
            return True
        folder = folder.parent
    return False


def _require_apart(
    folder: _Folder, inode: _AnyInode, new_folder: _Folder, present: _AnyInode | None
) -> None:
    """Nothing is moved into itself, nor put in the place of what it is in."""
    if _is_inside(new_folder, inode):
        raise FileFault(Errno.INVAL)
    if _is_inside(folder, present):
        raise FileFault(Errno.NOTEMPTY)


def _require_replaceable(inode: _AnyInode, present: _AnyInode | None) -> None:
    if not isinstance(inode, _Folder):
        if isinstance(present, _Folder):
            raise FileFault(Errno.ISDIR)
        return
    if present is None:
        return
    if not isinstance(present, _Folder):
        raise FileFault(Errno.NOTDIR)
    if present.names:
        raise FileFault(Errno.NOTEMPTY)
