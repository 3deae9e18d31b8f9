"""Namespaces: users, mounts, network, processes and IPC that no other process is in.

See namespaces(7), user_namespaces(7), mount_namespaces(7) and pivot_root(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
import struct
from pathlib import Path
from typing import Final

from hatchway.workers.confinement.calling import system_call
from hatchway.workers.confinement.refusing import refused

_NEWNS: Final = 0x00020000
_NEWUTS: Final = 0x04000000
_NEWIPC: Final = 0x08000000
_NEWUSER: Final = 0x10000000
_NEWPID: Final = 0x20000000
_NEWNET: Final = 0x40000000
_THREAD: Final = 0x00010000

_RDONLY: Final = 1
_NOSUID: Final = 2
_NODEV: Final = 4
_NOEXEC: Final = 8
_REMOUNT: Final = 32
_BIND: Final = 4096
_REC: Final = 16384
_PRIVATE: Final = 1 << 18
_DETACH: Final = 2

_ROOT_OPTIONS: Final = b"size=64k,nr_inodes=32,mode=0555"
_HARMLESS: Final = _NOSUID | _NODEV | _NOEXEC
_OWN: Final = "proc/self"
_SHOWN: Final = ("fd", "statm")
"""All of /proc that remains: wasmtime loads code from the path of an open descriptor, and the
limits of memory start at what the process already has."""

_OWN_NUMBERS_SINCE: Final = (6, 14)
_MOST_NUMBERS: Final = 512
"""Of processes and threads. The first 300 are given out once, and then never again."""
_RELEASE: Final = re.compile(r"\d+")

_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1


def is_single_threaded() -> bool:
    """Whether this process has one thread and no more, as the kernel counts them."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/task").iterdir()) == 1
    try:
        # Refused to a process with more threads, and without any effect on one that has none.
        system_call("unshare", _THREAD)
    except OSError:
        return False
    return True


def leave_users_and_processes() -> bool:
    """A user namespace for this process, and a process namespace for the next one it forks.

    False where the kernel or its administrator does not allow it. The process may have a user
    namespace then in which it is nobody, which takes nothing from it and gives it nothing.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        system_call("unshare", _NEWUSER)
        own = Path("/proc/self")
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(f"{user} {user} 1")
        (own / "gid_map").write_text(f"{group} {group} 1")
        # Last: who has unshared it and does not fork can start no thread any more.
        system_call("unshare", _NEWPID)
    except OSError:
        return False  # root without CAP_SETFCAP may not be root in there, for one
    return True


def leave_the_rest() -> bool:
    """Mounts, names, IPC and network of one's own; the root is empty and cannot be written.

    False where it is not allowed; the process has the network it had then.

    Raises:
        ConfinementError: It was allowed, and failed half-way.
    """
    try:
        system_call("unshare", _NEWNS | _NEWUTS | _NEWIPC)
        # Nothing that is mounted here or there from now on is seen on the other side.
        _mount(b"none", b"/", None, _REC | _PRIVATE)
        place = next(path for path in ("/tmp", "/usr", "/") if Path(path).is_dir())  # noqa: S108
        _bound_threads(os.fsencode(place))
        new_root = _mounted_root(place)
        system_call("unshare", _NEWNET)
    except OSError:
        return False
    try:
        _step_into(new_root)
        _raise_loopback()
    except OSError as error:
        raise refused("namespaces", "the empty root or network cannot be had", error) from error
    return True


def _bound_threads(place: bytes) -> None:
    """Let the new process namespace have few numbers to give out, where it has a say of its own.

    RLIMIT_NPROC says the same to all but root, for whom this is the only bound.
    """
    # Before Linux 6.14 the file is about the whole machine, and root could really write it.
    if _release() < _OWN_NUMBERS_SINCE:
        return
    with contextlib.suppress(OSError):
        _mount(b"hatchway", place, b"proc", _HARMLESS)
        try:
            (Path(os.fsdecode(place)) / "sys/kernel/pid_max").write_text(str(_MOST_NUMBERS))
        finally:
            system_call("umount2", place, _DETACH)


def _release() -> tuple[int, ...]:
    return tuple(map(int, _RELEASE.findall(os.uname().release)[:2]))


def _mounted_root(place: str) -> bytes:
    """The path of a small file system with nothing in it but this process's own descriptors."""
    _mount(b"hatchway", os.fsencode(place), b"tmpfs", _HARMLESS, _ROOT_OPTIONS)
    root = Path(place)
    (root / _OWN / "fd").mkdir(parents=True, mode=0o755)
    (root / _OWN / "statm").touch()
    (root / "dev").mkdir(mode=0o755)
    (root / "dev/fd").symlink_to("/proc/self/fd")
    for name in _SHOWN:
        source, target = f"/{_OWN}/{name}", os.fsencode(root / _OWN / name)
        _mount(os.fsencode(source), target, None, _BIND)
        _mount(b"none", target, None, _BIND | _REMOUNT | _RDONLY | _HARMLESS)
    return os.fsencode(place)


def _step_into(root: bytes) -> None:
    os.chdir(root)
    # The old root is put on top of the new one, and taken off again at once.
    system_call("pivot_root", b".", b".")
    system_call("umount2", b".", _DETACH)
    os.chdir("/")
    _mount(b"none", b"/", None, _REMOUNT | _RDONLY | _HARMLESS, _ROOT_OPTIONS)


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None = None
) -> None:
    system_call("mount", source, target, kind, flags, options)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = ctypes.create_string_buffer(struct.pack("<16sh22x", b"lo", 0))
        where = ctypes.addressof(request)
        system_call("ioctl", any_socket.fileno(), _SIOCGIFFLAGS, where)
        (flags,) = struct.unpack_from("<h", request, 16)
        struct.pack_into("<h", request, 16, flags | _IFF_UP)
        system_call("ioctl", any_socket.fileno(), _SIOCSIFFLAGS, where)
