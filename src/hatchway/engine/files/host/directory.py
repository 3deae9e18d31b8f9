"""An open directory of the host, and everything a guest can do below it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hatchway.core.traces import Traces
from hatchway.engine.files.host.answers import attempt, status_of
from hatchway.engine.files.host.beneath import PATH_ONLY, beneath
from hatchway.engine.files.host.descriptors import COMMON, again, reopened, spare
from hatchway.engine.files.host.file import HostFile
from hatchway.engine.files.host.listing import listed
from hatchway.engine.files.host.place import Place
from hatchway.engine.files.host.times import set_descriptor_times, set_link_times
from hatchway.engine.files.nodes import (
    Directory,
    Entry,
    Errno,
    File,
    FileFault,
    Status,
    Wish,
    require_path,
    require_target,
    split_last,
)
from hatchway.engine.files.quota import BYTES_PER_NAME, Quota

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_MAX_LINKS_FOLLOWED = 40
"""As in Linux (MAXSYMLINKS)."""


class HostDirectory(Directory):
    """An open directory of the host, or one below it.

    Args:
        descriptor: It, opened and checked by whoever grants it.
        guest_path: Its name inside.
        is_writable: Whether anything below may be changed.
        quota: How much may be added.
        traces: Where it is noted that the guest has seen something of it.
        top: The descriptor of the directory that was granted; its own by default.
    """

    def __init__(
        self,
        descriptor: int,
        guest_path: bytes,
        *,
        is_writable: bool,
        quota: Quota | None = None,
        traces: Traces | None = None,
        top: int | None = None,
    ) -> None:
        super().__init__(guest_path)
        self._descriptor = descriptor
        self._is_writable = is_writable
        self._quota = quota or Quota(None)
        self._traces = traces or Traces()
        self._top = descriptor if top is None else top

    @property
    def is_writable(self) -> bool:
        """Whether anything below it may be changed."""
        return self._is_writable

    def close(self) -> None:
        """Give it back, unless it was given by whoever grants it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor not in (-1, self._top):
            os.close(descriptor)

    def status(self) -> Status:
        """What is known of it."""
        self._traces.has_read = True
        return status_of(attempt(lambda: os.fstat(self._descriptor)))

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times."""
        self._require_writable()
        set_descriptor_times(self._descriptor, accessed_ns, modified_ns)

    def open(self, path: bytes, wish: Wish) -> File | Directory:
        """Open what is at `path`."""
        require_path(path)
        # Whatever the answer is, it says something about what is there.
        self._traces.has_read = True
        if wish.changes:
            self._require_writable()
        if wish.create and wish.directory:
            raise FileFault(Errno.INVAL)
        pinned, is_new = self._pinned(path, wish)
        try:
            return self._opened(pinned, path, wish, is_new=is_new)
        finally:
            os.close(pinned)

    def _pinned(self, path: bytes, wish: Wish) -> tuple[int, bool]:
        """What is at `path`, held without being opened, and whether it was made just now."""
        nofollow = 0 if wish.follow and not wish.exclusive else os.O_NOFOLLOW
        for _ in range(_MAX_LINKS_FOLLOWED):
            if not (wish.create and (wish.exclusive or path.endswith(b"/"))):
                try:
                    return beneath(self._descriptor, path, PATH_ONLY | nofollow), False
                except FileFault as fault:
                    if fault.errno != Errno.NOENT or not wish.create:
                        raise
            try:
                return self._made(path), True
            except FileFault as fault:
                if fault.errno != Errno.EXIST or wish.exclusive:
                    raise
            if path.endswith(b"/"):
                raise FileFault(Errno.ISDIR)
            path = self._behind(path)
        raise FileFault(Errno.LOOP)

    def _behind(self, path: bytes) -> bytes:
        """What a link that leads to nothing yet stands for; `path` if it is none any more."""
        try:
            target = self.read_link(path)
        except FileFault:
            return path
        parent, slash, _ = path.rpartition(b"/")
        return target if target.startswith(b"/") else parent + slash + target

    def _made(self, path: bytes) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | COMMON
        with self._paid(BYTES_PER_NAME + len(path.rpartition(b"/")[2])):
            return beneath(self._descriptor, path, flags, 0o666)

    def _opened(self, pinned: int, path: bytes, wish: Wish, *, is_new: bool) -> File | Directory:
        mode = attempt(lambda: os.fstat(pinned)).st_mode
        if stat.S_ISDIR(mode):
            return self._opened_directory(pinned, path, wish)
        if stat.S_ISLNK(mode):
            raise FileFault(Errno.LOOP)
        if wish.directory or path.endswith(b"/"):
            raise FileFault(Errno.NOTDIR)
        if not stat.S_ISREG(mode):
            # A pipe would block, a device or a socket is a way out.
            raise FileFault(Errno.NOTCAPABLE)
        opened = spare(attempt(lambda: os.dup(pinned)) if is_new else reopened(pinned, wish))
        try:
            file = HostFile(opened, self._quota, wish, may_change=self._is_writable)
        except FileFault:
            os.close(opened)
            raise
        if wish.truncate and not is_new:
            try:
                file.set_size(0)
            except FileFault:
                file.close()
                raise
        return file

    def _opened_directory(self, pinned: int, path: bytes, wish: Wish) -> HostDirectory:
        if wish.changes:
            raise FileFault(Errno.ISDIR)
        opened = attempt(lambda: os.open(again(pinned), os.O_RDONLY | os.O_DIRECTORY | COMMON))
        return HostDirectory(
            spare(opened),
            self.guest_path + b"/" + path,
            is_writable=self._is_writable,
            quota=self._quota,
            traces=self._traces,
            top=self._top,
        )

    def entries(self) -> list[Entry]:
        """The names in it that a guest can spell, in order."""
        self._traces.has_read = True
        # A descriptor of its own: calls that share one would share its position too.
        descriptor = beneath(self._descriptor, b".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return sorted(attempt(lambda: listed(descriptor)))
        finally:
            os.close(descriptor)

    def status_at(self, path: bytes, *, follow: bool) -> Status:
        """What is known of what is at `path`."""
        require_path(path)
        self._traces.has_read = True
        pinned = beneath(self._descriptor, path, PATH_ONLY | (0 if follow else os.O_NOFOLLOW))
        try:
            return status_of(os.fstat(pinned))
        finally:
            os.close(pinned)

    def set_times_at(
        self, path: bytes, accessed_ns: int | None, modified_ns: int | None, *, follow: bool
    ) -> None:
        """Set the times of what is at `path`."""
        require_path(path)
        self._require_writable()
        self._traces.has_read = True
        pinned = beneath(self._descriptor, path, PATH_ONLY | (0 if follow else os.O_NOFOLLOW))
        try:
            if not stat.S_ISLNK(os.fstat(pinned).st_mode):
                set_descriptor_times(pinned, accessed_ns, modified_ns)
                return
        finally:
            os.close(pinned)
        self._in_parent(path, lambda place: set_link_times(place, accessed_ns, modified_ns))

    def read_link(self, path: bytes) -> bytes:
        """Where the link at `path` leads."""
        require_path(path)
        self._traces.has_read = True
        pinned = beneath(self._descriptor, path, PATH_ONLY | os.O_NOFOLLOW)
        try:
            if not stat.S_ISLNK(os.fstat(pinned).st_mode):
                raise FileFault(Errno.INVAL)
            return attempt(lambda: os.readlink(b"", dir_fd=pinned))
        finally:
            os.close(pinned)

    def make_directory(self, path: bytes) -> None:
        """Make a directory."""
        self._adding(path, lambda place: os.mkdir(place.name, mode=0o777, dir_fd=place.parent))

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link that does not lead out."""
        self._require_writable()
        require_path(target)

        def make(place: Place) -> None:
            require_target(target, self._depth(place.parent))
            os.symlink(target, place.spelled, dir_fd=place.parent)

        self._adding(path, make, content_bytes=len(target))

    def unlink(self, path: bytes) -> None:
        """Remove a name that is not a directory."""
        self._require_writable()
        self._in_parent(path, self._unlinked)

    def _unlinked(self, place: Place) -> None:
        with self._quota.lock:
            found = place.status()
            os.unlink(place.spelled, dir_fd=place.parent)
            self._forget(place.name, found)

    def _forget(self, name: bytes, found: os.stat_result) -> None:
        """A name is gone that stood for what was `found`; with the last one its bytes go."""
        self._quota.take(-BYTES_PER_NAME - len(name))
        if found.st_nlink == 1 and not stat.S_ISDIR(found.st_mode):
            self._quota.unlinked((found.st_dev, found.st_ino), found.st_size)

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""
        self._require_writable()

        def remove(place: Place) -> None:
            with self._quota.lock:
                os.rmdir(place.name, dir_fd=place.parent)
                self._quota.take(-BYTES_PER_NAME - len(place.name))

        self._in_parent(path, remove)

    def rename(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Move a name, replacing what is there."""
        self._both(path, target, new_path, self._renamed)

    def _renamed(self, old: Place, new: Place) -> None:
        longer = len(new.name) - len(old.name)
        with self._paid(longer):
            moved = old.status()
            self._require_fitting(old, moved, new)
            replaced = new.status() if new.is_taken() else None
            os.rename(old.spelled, new.spelled, src_dir_fd=old.parent, dst_dir_fd=new.parent)
            if replaced is not None and os.path.samestat(moved, replaced):
                self._quota.take(-longer)  # nothing happens to two names of one file
            elif replaced is not None:
                self._forget(new.name, replaced)

    def link(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Give a file a second name."""
        self._both(path, target, new_path, self._linked)

    def _linked(self, old: Place, new: Place) -> None:
        with self._paid(BYTES_PER_NAME + len(new.name)):
            found = old.status()
            if old.slash and not stat.S_ISDIR(found.st_mode):
                raise FileFault(Errno.NOTDIR)
            self._require_fitting(old, found, new)
            # Without the slash, through which the kernel would follow a link to anywhere.
            os.link(
                old.name,
                new.spelled,
                src_dir_fd=old.parent,
                dst_dir_fd=new.parent,
                follow_symlinks=False,
            )

    # Names in a parent

    def _require_writable(self) -> None:
        if not self._is_writable:
            raise FileFault(Errno.NOTCAPABLE)

    def _require_fitting(self, old: Place, found: os.stat_result, new: Place) -> None:
        """Refuse to bring a link to where it leads out."""
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(old.name, dir_fd=old.parent)
            require_target(target, self._depth(new.parent))

    def _depth(self, directory: int) -> int:
        """How far below what was granted a directory is, whatever links led there."""
        top, found = (f"{Path(again(item)).readlink()}/" for item in (self._top, directory))
        return found.count("/") - top.count("/") if found.startswith(top) else -1

    @contextlib.contextmanager
    def _paid(self, count: int) -> Iterator[None]:
        """Take `count` bytes, and give them back if it fails what they are for.

        Nobody else makes, moves or removes a name meanwhile: what is counted is what happens.
        """
        with self._quota.lock:
            self._quota.take(count)
            try:
                yield
            except (OSError, FileFault):
                self._quota.take(-count)
                raise

    def _in_parent(self, path: bytes, operation: Callable[[Place], T]) -> T:
        """`operation` on the last name of `path`, in the directory that it is in."""
        require_path(path)
        self._traces.has_read = True
        parent_path, name, is_directory = split_last(path)
        parent = beneath(self._descriptor, parent_path, PATH_ONLY | os.O_DIRECTORY)
        try:
            place = Place(parent, name, b"/" if is_directory else b"")
            return attempt(lambda: operation(place))
        finally:
            os.close(parent)

    def _adding(
        self, path: bytes, operation: Callable[[Place], None], *, content_bytes: int = 0
    ) -> None:
        """`operation` makes a name, which is paid for first."""
        self._require_writable()

        def add(place: Place) -> None:
            with self._paid(BYTES_PER_NAME + len(place.name) + content_bytes):
                operation(place)

        self._in_parent(path, add)

    def _both(
        self,
        path: bytes,
        target: Directory,
        new_path: bytes,
        operation: Callable[[Place, Place], None],
    ) -> None:
        self._require_writable()
        if not isinstance(target, HostDirectory):
            raise FileFault(Errno.XDEV)
        target._require_writable()  # noqa: SLF001 - our own kind
        if target._quota is not self._quota:  # noqa: SLF001 - our own kind
            raise FileFault(Errno.XDEV)
        other = target._in_parent  # noqa: SLF001 - our own kind
        self._in_parent(path, lambda old: other(new_path, lambda new: operation(old, new)))
