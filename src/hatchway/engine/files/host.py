"""A directory of the host that a tool was granted.

The kernel resolves every path, with `openat2` and `RESOLVE_BENEATH`: a name that leads out of
the directory, by dots, by an absolute name, through a link, or through one that is swapped
while we look, is refused where it happens, and no check of ours can be raced. What is found
is looked at before it is opened, and only regular files and directories are, so that nothing
blocks and no device is touched.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from hatchway.core.traces import Traces
from hatchway.engine.files.nodes import (
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
    require_target,
    split_last,
)
from hatchway.engine.files.quota import BYTES_PER_NAME, Inode, Quota

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_OPENAT2 = 437
"""Its number on every Linux architecture (include/uapi/asm-generic/unistd.h)."""
_NO_MAGIC_LINKS, _BENEATH = 0x02, 0x08
_RACES = 128
"""How often a path is tried again that something else keeps renaming."""
_PATH_ONLY = getattr(os, "O_PATH", 0)
_COMMON = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_CHUNK = 1 << 20
_RESERVED = 256
"""Descriptors of the process that no guest gets, so that the server can always go on."""
_LONG_PATH = 3000

_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_: ClassVar[Any] = [
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    ]


_FAULTS = {
    getattr(errno, f"E{item.name}"): item for item in Errno if hasattr(errno, f"E{item.name}")
}
_MAX_ENTRIES = 1 << 16
"""Names in one directory that a guest may list."""
_MAX_LINKS_FOLLOWED = 40
"""As in Linux (MAXSYMLINKS)."""
_GONE = {Errno.NOENT, Errno.NOTDIR, Errno.LOOP, Errno.ACCES}
"""Why a directory that was just listed cannot be entered, and holds nothing that counts."""

_KINDS = {
    stat.S_IFREG: Kind.REGULAR_FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMBOLIC_LINK,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFSOCK: Kind.SOCKET,
}


def is_available() -> bool:
    """Whether this system can keep a guest inside a directory."""
    if platform.system() != "Linux":
        return False
    try:
        descriptor = os.open("/", _PATH_ONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.close(_beneath(descriptor, b".", _PATH_ONLY))
    except FileFault:
        return False
    finally:
        os.close(descriptor)
    return True


def used_bytes(directory: int) -> int:
    """What everything below a directory holds, counted as a quota counts it.

    Raises:
        FileFault: It cannot be told.
    """
    used, seen = 0, set[Inode]()
    # A guest makes trees deeper than any stack and any path: where a path gets long, another
    # descriptor is held to start from.
    held = [(_attempt(lambda: os.dup(directory)), [b"."])]
    try:
        while held:
            start, paths = held[-1]
            if not paths:
                os.close(held.pop()[0])
                continue
            path = paths.pop()
            try:
                descriptor = _beneath(start, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except FileFault as fault:
                if fault.errno not in _GONE:
                    raise
                continue
            if len(path) > _LONG_PATH:
                held.append((descriptor, [b"."]))
                continue
            used += _used_in(descriptor, path, paths, seen)
    except OSError as error:
        raise _fault(error) from None
    finally:
        for start, _ in held:
            os.close(start)
    return used


def _used_in(descriptor: int, path: bytes, paths: list[bytes], seen: set[Inode]) -> int:
    """What the names in one directory hold; the directories in it are added to `paths`."""
    used = 0
    try:
        with os.scandir(descriptor) as found:
            for item in found:
                name = os.fsencode(item.name)
                used += BYTES_PER_NAME + len(name)
                if item.is_dir(follow_symlinks=False):
                    paths.append(path + b"/" + name)
                    continue
                with contextlib.suppress(OSError):  # gone meanwhile
                    status = item.stat(follow_symlinks=False)
                    inode = (status.st_dev, status.st_ino)
                    used += 0 if inode in seen else status.st_size
                    if status.st_nlink > 1:
                        seen.add(inode)
    finally:
        os.close(descriptor)
    return used


def _fault(error: OSError) -> FileFault:
    return FileFault(_FAULTS.get(error.errno, Errno.IO))


def _beneath(directory: int, path: bytes, flags: int, mode: int = 0) -> int:
    """Open `path` below `directory`.

    Raises:
        FileFault: It cannot be opened; `NOTCAPABLE` when it leads out.
    """
    how = _How(flags | os.O_CLOEXEC, mode, _BENEATH | _NO_MAGIC_LINKS)
    for _ in range(_RACES):
        descriptor: int = _libc.syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(directory),
            ctypes.c_char_p(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        if number == errno.EXDEV:
            raise FileFault(Errno.NOTCAPABLE)
        if number not in (errno.EAGAIN, errno.EINTR):
            raise FileFault(_FAULTS.get(number, Errno.IO))
    raise FileFault(Errno.AGAIN)


def _status(found: os.stat_result) -> Status:
    return Status(
        found.st_ino,
        _KINDS.get(stat.S_IFMT(found.st_mode), Kind.UNKNOWN),
        found.st_nlink,
        found.st_size,
        found.st_atime_ns,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def _attempt(operation: Callable[[], T]) -> T:
    try:
        return operation()
    except OSError as error:
        raise _fault(error) from None


def is_reserved(descriptor: int) -> bool:
    """Whether a descriptor is one of the last of the process, which are the server's own.

    The kernel gives out the lowest free number, so a high one tells that few are left.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit != resource.RLIM_INFINITY and descriptor >= max(limit // 2, limit - _RESERVED)


def _spare(descriptor: int) -> int:
    """A descriptor that a guest may hold.

    Raises:
        FileFault: `NFILE`; it is closed.
    """
    if is_reserved(descriptor):
        os.close(descriptor)
        raise FileFault(Errno.NFILE)
    return descriptor


def _again(descriptor: int) -> str:
    """A name for exactly what `descriptor` refers to."""
    return f"/proc/self/fd/{descriptor}"


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
        copy = _spare(_attempt(lambda: os.dup(self._descriptor)))
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
        return _status(_attempt(lambda: os.fstat(self._descriptor)))

    def size(self) -> int:
        """Its size in bytes."""
        return _attempt(lambda: os.fstat(self._descriptor)).st_size

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times."""
        if not self._may_change:
            raise FileFault(Errno.NOTCAPABLE)
        _set_times(self._descriptor, accessed_ns, modified_ns)

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`."""
        require_offset(at + count)
        return _attempt(lambda: os.pread(self._descriptor, min(count, _CHUNK), at))

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
                written = _attempt(lambda: os.pwrite(self._descriptor, fits, at))
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
                _attempt(lambda: os.ftruncate(self._descriptor, size))
            except FileFault:
                self._quota.take(-grown)
                raise

    def sync(self) -> None:
        """Wait until it is on its disk."""
        _attempt(lambda: os.fsync(self._descriptor))


def _set_times(descriptor: int, accessed_ns: int | None, modified_ns: int | None) -> None:
    found = _attempt(lambda: os.fstat(descriptor))
    times = _chosen(found, accessed_ns, modified_ns)
    is_openable = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    # Where there is a choice, not by a path: a worker may not set the times of one.
    way = _set_times_opened if is_openable else _set_times_by_name
    _attempt(lambda: way(descriptor, times))


def _set_times_by_name(descriptor: int, times: tuple[int, int]) -> None:
    os.utime(_again(descriptor), ns=times)


def _set_times_opened(descriptor: int, times: tuple[int, int]) -> None:
    with contextlib.suppress(OSError):
        os.utime(descriptor, ns=times)
        return
    # It is held, and not open.
    opened = os.open(_again(descriptor), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.utime(opened, ns=times)
    finally:
        os.close(opened)


def _set_link_times(place: _Place, accessed_ns: int | None, modified_ns: int | None) -> None:
    times = _chosen(place.status(), accessed_ns, modified_ns)
    os.utime(place.name, ns=times, dir_fd=place.parent, follow_symlinks=False)


def _chosen(
    found: os.stat_result, accessed_ns: int | None, modified_ns: int | None
) -> tuple[int, int]:
    now = time.time_ns()
    return (
        found.st_atime_ns if accessed_ns is None else now if accessed_ns == NOW else accessed_ns,
        found.st_mtime_ns if modified_ns is None else now if modified_ns == NOW else modified_ns,
    )


class _Place(NamedTuple):
    """A name in a directory that is held, whatever the way to it stands for now."""

    parent: int
    name: bytes
    slash: bytes

    @property
    def spelled(self) -> bytes:
        """The name with the slash it was given, which says that it is a directory."""
        return self.name + self.slash

    def status(self) -> os.stat_result:
        """What the name stands for; never what is behind a link."""
        return os.stat(self.name, dir_fd=self.parent, follow_symlinks=False)

    def is_taken(self) -> bool:
        """Whether there is anything of that name."""
        try:
            self.status()
        except FileNotFoundError:
            return False
        return True


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
        return _status(_attempt(lambda: os.fstat(self._descriptor)))

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times."""
        self._require_writable()
        _set_times(self._descriptor, accessed_ns, modified_ns)

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
                    return _beneath(self._descriptor, path, _PATH_ONLY | nofollow), False
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
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | _COMMON
        with self._paid(BYTES_PER_NAME + len(path.rpartition(b"/")[2])):
            return _beneath(self._descriptor, path, flags, 0o666)

    def _opened(self, pinned: int, path: bytes, wish: Wish, *, is_new: bool) -> File | Directory:
        mode = _attempt(lambda: os.fstat(pinned)).st_mode
        if stat.S_ISDIR(mode):
            return self._opened_directory(pinned, path, wish)
        if stat.S_ISLNK(mode):
            raise FileFault(Errno.LOOP)
        if wish.directory or path.endswith(b"/"):
            raise FileFault(Errno.NOTDIR)
        if not stat.S_ISREG(mode):
            # A pipe would block, a device or a socket is a way out.
            raise FileFault(Errno.NOTCAPABLE)
        opened = _spare(_attempt(lambda: os.dup(pinned)) if is_new else _reopened(pinned, wish))
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
        opened = _attempt(lambda: os.open(_again(pinned), os.O_RDONLY | os.O_DIRECTORY | _COMMON))
        return HostDirectory(
            _spare(opened),
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
        descriptor = _beneath(self._descriptor, b".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return sorted(_attempt(lambda: _listed(descriptor)))
        finally:
            os.close(descriptor)

    def status_at(self, path: bytes, *, follow: bool) -> Status:
        """What is known of what is at `path`."""
        require_path(path)
        self._traces.has_read = True
        pinned = _beneath(self._descriptor, path, _PATH_ONLY | (0 if follow else os.O_NOFOLLOW))
        try:
            return _status(os.fstat(pinned))
        finally:
            os.close(pinned)

    def set_times_at(
        self, path: bytes, accessed_ns: int | None, modified_ns: int | None, *, follow: bool
    ) -> None:
        """Set the times of what is at `path`."""
        require_path(path)
        self._require_writable()
        self._traces.has_read = True
        pinned = _beneath(self._descriptor, path, _PATH_ONLY | (0 if follow else os.O_NOFOLLOW))
        try:
            if not stat.S_ISLNK(os.fstat(pinned).st_mode):
                _set_times(pinned, accessed_ns, modified_ns)
                return
        finally:
            os.close(pinned)
        self._in_parent(path, lambda place: _set_link_times(place, accessed_ns, modified_ns))

    def read_link(self, path: bytes) -> bytes:
        """Where the link at `path` leads."""
        require_path(path)
        self._traces.has_read = True
        pinned = _beneath(self._descriptor, path, _PATH_ONLY | os.O_NOFOLLOW)
        try:
            if not stat.S_ISLNK(os.fstat(pinned).st_mode):
                raise FileFault(Errno.INVAL)
            return _attempt(lambda: os.readlink(b"", dir_fd=pinned))
        finally:
            os.close(pinned)

    def make_directory(self, path: bytes) -> None:
        """Make a directory."""
        self._adding(path, lambda place: os.mkdir(place.name, mode=0o777, dir_fd=place.parent))

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link that does not lead out."""
        self._require_writable()
        require_path(target)

        def make(place: _Place) -> None:
            require_target(target, self._depth(place.parent))
            os.symlink(target, place.spelled, dir_fd=place.parent)

        self._adding(path, make, content_bytes=len(target))

    def unlink(self, path: bytes) -> None:
        """Remove a name that is not a directory."""
        self._require_writable()
        self._in_parent(path, self._unlinked)

    def _unlinked(self, place: _Place) -> None:
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

        def remove(place: _Place) -> None:
            with self._quota.lock:
                os.rmdir(place.name, dir_fd=place.parent)
                self._quota.take(-BYTES_PER_NAME - len(place.name))

        self._in_parent(path, remove)

    def rename(self, path: bytes, target: Directory, new_path: bytes) -> None:
        """Move a name, replacing what is there."""
        self._both(path, target, new_path, self._renamed)

    def _renamed(self, old: _Place, new: _Place) -> None:
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

    def _linked(self, old: _Place, new: _Place) -> None:
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

    def _require_fitting(self, old: _Place, found: os.stat_result, new: _Place) -> None:
        """Refuse to bring a link to where it leads out."""
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(old.name, dir_fd=old.parent)
            require_target(target, self._depth(new.parent))

    def _depth(self, directory: int) -> int:
        """How far below what was granted a directory is, whatever links led there."""
        top, found = (f"{Path(_again(item)).readlink()}/" for item in (self._top, directory))
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

    def _in_parent(self, path: bytes, operation: Callable[[_Place], T]) -> T:
        """`operation` on the last name of `path`, in the directory that it is in."""
        require_path(path)
        self._traces.has_read = True
        parent_path, name, is_directory = split_last(path)
        parent = _beneath(self._descriptor, parent_path, _PATH_ONLY | os.O_DIRECTORY)
        try:
            place = _Place(parent, name, b"/" if is_directory else b"")
            return _attempt(lambda: operation(place))
        finally:
            os.close(parent)

    def _adding(
        self, path: bytes, operation: Callable[[_Place], None], *, content_bytes: int = 0
    ) -> None:
        """`operation` makes a name, which is paid for first."""
        self._require_writable()

        def add(place: _Place) -> None:
            with self._paid(BYTES_PER_NAME + len(place.name) + content_bytes):
                operation(place)

        self._in_parent(path, add)

    def _both(
        self,
        path: bytes,
        target: Directory,
        new_path: bytes,
        operation: Callable[[_Place, _Place], None],
    ) -> None:
        self._require_writable()
        if not isinstance(target, HostDirectory):
            raise FileFault(Errno.XDEV)
        target._require_writable()  # noqa: SLF001 - our own kind
        if target._quota is not self._quota:  # noqa: SLF001 - our own kind
            raise FileFault(Errno.XDEV)
        other = target._in_parent  # noqa: SLF001 - our own kind
        self._in_parent(path, lambda old: other(new_path, lambda new: operation(old, new)))


def _reopened(pinned: int, wish: Wish) -> int:
    """What is pinned, opened for what is wished, exactly it whatever its name stands for now."""
    access = os.O_RDONLY
    if wish.writes or wish.truncate:
        access = os.O_RDWR if wish.reads else os.O_WRONLY
    return _attempt(lambda: os.open(_again(pinned), access | _COMMON))


def _listed(descriptor: int) -> list[Entry]:
    entries: list[Entry] = []
    with os.scandir(descriptor) as found:
        for item in found:
            name = os.fsencode(item.name)
            if _is_text(name):
                entries.append(Entry(name, item.inode(), _kind_of(item)))
            if len(entries) > _MAX_ENTRIES:
                raise FileFault(Errno.OVERFLOW)
    return entries


def _kind_of(item: os.DirEntry[str]) -> Kind:
    try:
        return _KINDS.get(stat.S_IFMT(item.stat(follow_symlinks=False).st_mode), Kind.UNKNOWN)
    except OSError:  # gone already
        return Kind.UNKNOWN


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
