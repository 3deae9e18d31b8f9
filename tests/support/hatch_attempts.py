"""What somebody tries who has all of a worker: each attempt is done, or raises.

Everything that is needed was imported before the walls went up, as an attacker would have it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import socket
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_inside import tried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIBC = ctypes.CDLL(None, use_errno=True)
_GIBIBYTES = 2 << 30
_MANY_THREADS = 600
_MANY_FILES = 2000
_FILE_BYTES = 1 << 20
_NEW_USER = 0x10000000
_SEIZE = 0x4206
_NUMBERS = {
    "io_uring_setup": 425, "bpf": 321, "keyctl": 250, "add_key": 248, "userfaultfd": 323,
    "perf_event_open": 298, "kexec_load": 246, "pidfd_open": 434, "setns": 308,
    "open_by_handle_at": 304, "process_vm_writev": 311, "kcmp": 312, "quotactl": 179,
    "init_module": 175, "modify_ldt": 154, "name_to_handle_at": 303,
}  # fmt: skip
"""Of x86-64. What else could lead to more power, by the way that is known for it."""


def raw(name: str, *arguments: Any) -> None:
    """A function of the C library's that sets errno."""
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def by_number(name: str) -> None:
    """A system call that sound workers have no use for."""
    raw("syscall", ctypes.c_long(_NUMBERS[name]), *map(ctypes.c_long, (1, 0, 0, 0, 0, 0)))


def read(path: str) -> None:
    """Open and read a file."""
    with Path(path).open("rb") as file:
        file.read(1)


def write(path: str) -> None:
    """Make a file, and take it away."""
    with Path(path).open("wb"):
        Path(path).unlink()


def opened(path: str, flags: int, directory: int) -> None:
    """Open something below, or above, a granted directory."""
    os.close(os.open(path, flags, 0o600, dir_fd=directory))


def in_child(work: Callable[[], object]) -> None:
    """Do something in a new process."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            work()
            status = 0
        os._exit(status)
    if os.waitpid(child, 0)[1]:
        message = "refused"
        raise OSError(1, message)


def connect(family: int, address: Any) -> None:
    """Connect to a stream socket."""
    with socket.socket(family, socket.SOCK_STREAM) as ours:
        ours.connect(address)


def listen() -> None:
    """Wait for others at a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.listen()


def datagrams(port: int) -> None:
    """Send to somebody; that nobody is there is learned with the second one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.connect(("127.0.0.1", port))
        ours.send(b"x")
        ours.send(b"x")


def fast_open(port: int) -> None:
    """Connect and send in one."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as ours:
        ours.sendto(b"x", 0x20000000, ("127.0.0.1", port))


def any_socket(family: int, kind: int, protocol: int = 0) -> None:
    """A socket of another kind."""
    socket.socket(family, kind, protocol).close()


def peek(process: int, address: int) -> None:
    """Read the memory of another process."""
    here = ctypes.create_string_buffer(8)
    ours = (ctypes.c_size_t * 2)(ctypes.addressof(here), 8)
    theirs = (ctypes.c_size_t * 2)(address, 8)
    raw("process_vm_readv", process, ours, 1, theirs, 1, 0)


def threads() -> None:
    """More threads than anybody needs; all of them end."""
    enough = threading.Event()
    threading.stack_size(64 << 10)
    try:
        for _ in range(_MANY_THREADS):
            threading.Thread(target=enough.wait, daemon=True).start()
    finally:
        enough.set()
        threading.stack_size(0)


def descriptors() -> None:
    """More open files than anybody needs."""
    held: list[int] = []
    try:
        held.extend(os.dup(0) for _ in range(_MANY_FILES))
    finally:
        for each in held:
            os.close(each)


def memory_file() -> None:
    """Memory that no limit of memory counts."""
    held = os.memfd_create("x")
    try:
        os.ftruncate(held, _GIBIBYTES)
    finally:
        os.close(held)


def fill(directory: int, sizes: list[int]) -> None:
    """Write so many bytes to each of so many files."""
    try:
        for number, size in enumerate(sizes):
            held = os.open(f"big-{number}", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=directory)
            try:
                if os.write(held, bytes(size)) != size:
                    message = "cut short"
                    raise OSError(27, message)
            finally:
                os.close(held)
    finally:
        for number in range(len(sizes)):
            with contextlib.suppress(OSError):
                os.unlink(f"big-{number}", dir_fd=directory)


def attempts(world: Mapping[str, Any], directories: list[int]) -> Mapping[str, Callable[[], Any]]:
    """All that is tried behind every wall, by what the documentation calls it."""
    readable, writable = directories
    bind = functools.partial
    server, other = world["server"], world["other"]
    anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return {
        "read a file": bind(read, world["canary"]),
        "list the home directory": bind(os.listdir, world["home"]),
        "write a file": bind(write, world["home"] + "/new"),
        "read what another tenant was granted": bind(read, world["theirs"]),
        "climb out of a granted directory": bind(opened, "../canary", os.O_RDONLY, readable),
        "set the times of a file outside of a granted directory": bind(
            os.utime, "../canary", (1, 1), dir_fd=readable
        ),
        "learn the size of a file outside of a granted directory": bind(
            os.stat, "../canary", dir_fd=readable
        ),
        "write where reading was granted": bind(opened, "n", os.O_CREAT | os.O_WRONLY, readable),
        "give a granted file another owner or mode": bind(os.fchmod, writable, 0o777),
        "connect to another TCP port": bind(connect, socket.AF_INET, ("127.0.0.1", world["tcp"])),
        "wait at a TCP port": listen,
        "send UDP datagrams": bind(datagrams, world["udp"]),
        "connect to a Unix socket": bind(connect, socket.AF_UNIX, world["unix"]),
        "connect to an abstract socket": bind(connect, socket.AF_UNIX, "\0" + world["abstract"]),
        "open a raw socket": bind(any_socket, socket.AF_INET, socket.SOCK_RAW, 1),
        "open a netlink socket": bind(any_socket, socket.AF_NETLINK, socket.SOCK_RAW),
        "see that the server is there": bind(read, f"/proc/{server}/cmdline"),
        "signal the server": bind(os.kill, server, 0),
        "trace the server": bind(raw, "ptrace", _SEIZE, server, None, None),
        "read the server's memory": bind(peek, server, world["address"]),
        "signal another worker": bind(os.kill, other, 0),
        "read another worker's memory": bind(peek, other, world["address"]),
        "start a process": bind(in_child, int),
        "run a program": bind(in_child, bind(os.execv, "/bin/true", ["true"])),
        "become another user": bind(raw, "setresuid", 1, 1, 1),
        "mount a file system": bind(
            raw, "mount", b"none", world["home"].encode(), b"tmpfs", 0, None
        ),
        "make a user namespace": bind(in_child, bind(raw, "unshare", _NEW_USER)),
        "make memory executable": bind(mmap.mmap, -1, 4096, anonymous, 7),
        "start threads without end": threads,
        "open descriptors without end": descriptors,
        "take 2 GiB of memory": bind(mmap.mmap, -1, _GIBIBYTES, anonymous),
        "share 2 GiB of memory": bind(mmap.mmap, -1, _GIBIBYTES),
        "make a memory file of 2 GiB": memory_file,
        "write one file beyond the quota": bind(fill, writable, [_FILE_BYTES + 1]),
        "write many files beyond the quota": bind(fill, writable, [_FILE_BYTES // 2] * 3),
    }


def further(
    world: Mapping[str, Any], directories: list[int], arena: int
) -> Mapping[str, Callable[[], Any]]:
    """What depends on the machine, or is one of many of its kind: tried behind all walls."""
    bind = functools.partial
    readable, writable = directories
    return {
        **{name: bind(by_number, name) for name in _NUMBERS},
        "vsock": bind(any_socket, socket.AF_VSOCK, socket.SOCK_STREAM),
        "IPv6": bind(any_socket, socket.AF_INET6, socket.SOCK_STREAM),
        "multipath TCP": bind(any_socket, socket.AF_INET, socket.SOCK_STREAM, 262),
        "a pair of sockets": socket.socketpair,
        "a device": bind(read, "/dev/mem"),
        "the security attributes": bind(write, "/proc/self/attr/current"),
        "its own memory as a file": bind(read, "/proc/self/mem"),
        "the other end's descriptors": bind(os.listdir, f"/proc/{world['server']}/fd"),
        "all capabilities": bind(
            raw, "capset", struct.pack("<Ii", 0x20080522, 0), b"\xff" * 24
        ),
        "its limits": bind(raw, "setrlimit", 2, struct.pack("<QQ", 1 << 40, 1 << 40)),
        "a session of its own": os.setsid,
        "a connection made by sending": bind(fast_open, world["tcp"]),
        "the way out of a descriptor's path": bind(read, f"/proc/self/fd/{readable}/../canary"),
        "a second name elsewhere": bind(
            os.link, "canary", "copy", src_dir_fd=readable, dst_dir_fd=writable
        ),
        "a pipe": bind(os.mkfifo, "pipe", dir_fd=writable),
        "a smaller arena": bind(os.ftruncate, arena, 0),
        "to be traced": bind(raw, "prctl", 4, 1, 0, 0, 0),
        "memory that stays": bind(raw, "mlock", ctypes.create_string_buffer(4096), 4096),
        "its rank": bind(os.setpriority, os.PRIO_PROCESS, 0, -20),
        "another root": bind(os.chroot, "/"),
        "every process": bind(os.kill, -1, 0),
        "another name": bind(raw, "sethostname", b"x", 1),
    }  # fmt: skip


def outcomes(found: Mapping[str, Callable[[], Any]]) -> dict[str, str]:
    """What became of each."""
    return {name: tried(attempt) for name, attempt in found.items()}
