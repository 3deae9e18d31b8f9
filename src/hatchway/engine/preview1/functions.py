"""What every function of preview 1 does. Each is `(guest, memory, *arguments) -> errno`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from hatchway.engine.guest import RANDOM_CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest
    from hatchway.engine.preview1.memory import Memory

    Body: TypeAlias = Callable[..., int]
    """(guest, memory, *arguments) -> errno."""

MODULE = "wasi_snapshot_preview1"

SUCCESS, EBADF, EFAULT, EINVAL, ENOTDIR, ENOTSUP, ESPIPE, ENOTCAPABLE = (
    0, 8, 21, 28, 54, 58, 70, 76,
)  # fmt: skip
ENOSYS = 52

ROOT_FD = 3
_MAX_VECTORS = 1024
_MAX_SUBSCRIPTIONS = 1024
_MAX_PATH = 4096

_UNKNOWN, _DIRECTORY = 0, 3
_RIGHT_WRITE = 1 << 6
_RIGHTS_READ_STREAM = 1 << 1 | 1 << 27
_RIGHTS_WRITE_STREAM = _RIGHT_WRITE | 1 << 27
_RIGHTS_ALL = (1 << 29) - 1
_OPEN_CREATES_OR_TRUNCATES = 0b1101

_u64 = struct.Struct("<Q").pack


# Arguments and environment


def _sizes(memory: Memory, items: list[bytes], count_at: int, bytes_at: int) -> int:
    memory.put_u32(count_at, len(items))
    memory.put_u32(bytes_at, sum(map(len, items)))
    return SUCCESS


def _vector(memory: Memory, items: list[bytes], pointers_at: int, data_at: int) -> int:
    for item in items:
        memory.put_u32(pointers_at, data_at)
        memory.write(data_at, item)
        pointers_at += 4
        data_at += len(item)
    return SUCCESS


def _arguments(guest: Guest) -> list[bytes]:
    return [argument + b"\0" for argument in guest.arguments]


def _variables(guest: Guest) -> list[bytes]:
    return [f"{name}={value}\0".encode() for name, value in guest.environment]


def args_get(guest: Guest, memory: Memory, pointers_at: int, data_at: int) -> int:
    return _vector(memory, _arguments(guest), pointers_at, data_at)


def args_sizes_get(guest: Guest, memory: Memory, count_at: int, bytes_at: int) -> int:
    return _sizes(memory, _arguments(guest), count_at, bytes_at)


def environ_get(guest: Guest, memory: Memory, pointers_at: int, data_at: int) -> int:
    return _vector(memory, _variables(guest), pointers_at, data_at)


def environ_sizes_get(guest: Guest, memory: Memory, count_at: int, bytes_at: int) -> int:
    guest.read_environment()
    return _sizes(memory, _variables(guest), count_at, bytes_at)


# Clocks, random bytes, exit

_REALTIME, _MONOTONIC = 0, 1


def clock_time_get(guest: Guest, memory: Memory, clock: int, _precision: int, at: int) -> int:
    if clock == _REALTIME:
        now = guest.wall_ns()
    elif clock == _MONOTONIC:
        now = guest.monotonic_ns()
    else:
        return ENOTSUP  # per-process and per-thread CPU time, as in wasmtime
    memory.write(at, _u64(now))
    return SUCCESS


def clock_res_get(_guest: Guest, memory: Memory, clock: int, at: int) -> int:
    if clock > _MONOTONIC:
        return ENOTSUP
    memory.write(at, _u64(1_000_000))
    return SUCCESS


def random_get(guest: Guest, memory: Memory, at: int, count: int) -> int:
    memory.require(at, count)
    while count:
        chunk = min(count, RANDOM_CHUNK_BYTES)
        memory.write(at, guest.random_bytes(chunk))
        at += chunk
        count -= chunk
        if count:
            guest.check_time()
    return SUCCESS


def proc_exit(guest: Guest, _memory: Memory, code: int) -> int:
    guest.exit(code)
    return SUCCESS


def proc_raise(_guest: Guest, _memory: Memory, _signal: int) -> int:
    return ENOSYS


def sched_yield(guest: Guest, _memory: Memory) -> int:
    guest.check_time()
    return SUCCESS


# Streams


def _is_open(guest: Guest, fd: int) -> bool:
    return fd <= ROOT_FD and bool(guest.open_files >> fd & 1)


def fd_write(guest: Guest, memory: Memory, fd: int, at: int, count: int, written_at: int) -> int:
    if fd not in (1, 2) or not guest.open_files >> fd & 1:
        return EBADF
    if count > _MAX_VECTORS:
        return EINVAL
    vectors, total = memory.vectors(at, count)
    # The result's place is written first: after it nothing can fail half-way.
    memory.put_u32(written_at, total & 0xFFFFFFFF)
    guest.spend_output(total)
    chunks = guest.stdout if fd == 1 else guest.stderr
    for start, length in vectors:
        if length:
            chunks.append(memory.read(start, length))
    return SUCCESS


def fd_read(guest: Guest, memory: Memory, fd: int, at: int, count: int, read_at: int) -> int:
    if fd != 0 or not guest.open_files & 1:
        return EBADF
    if count > _MAX_VECTORS:
        return EINVAL
    vectors, _ = memory.vectors(at, count)
    total = 0
    memory.require(read_at, 4)
    for start, length in vectors:
        data = guest.read_stdin(length)
        memory.write(start, data)
        total += len(data)
        if len(data) < length:
            break
    memory.put_u32(read_at, total)
    return SUCCESS


def _on_stream(answer: int) -> Body:
    """A function on one descriptor that has one answer for streams, and none for the root."""

    def body(guest: Guest, _memory: Memory, fd: int, *_rest: int) -> int:
        if not _is_open(guest, fd):
            return EBADF
        return ENOTCAPABLE if fd == ROOT_FD else answer

    return body


def fd_close(guest: Guest, _memory: Memory, fd: int) -> int:
    if not _is_open(guest, fd):
        return EBADF
    guest.open_files &= ~(1 << fd)
    return SUCCESS


def fd_fdstat_get(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    if not _is_open(guest, fd):
        return EBADF
    # Not a terminal: libc then buffers whole blocks instead of lines.
    kind, rights = _UNKNOWN, _RIGHTS_READ_STREAM if fd == 0 else _RIGHTS_WRITE_STREAM
    if fd == ROOT_FD:
        kind, rights = _DIRECTORY, _RIGHTS_ALL
    memory.write(at, struct.pack("<B7xQQ", kind, rights, rights))
    return SUCCESS


def fd_filestat_get(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    if not _is_open(guest, fd):
        return EBADF
    kind = _DIRECTORY if fd == ROOT_FD else _UNKNOWN
    memory.write(at, struct.pack("<16xB7xQ32x", kind, 1))
    return SUCCESS


def fd_prestat_get(guest: Guest, memory: Memory, fd: int, at: int) -> int:
    if fd != ROOT_FD or not _is_open(guest, fd):
        return EBADF
    memory.write(at, struct.pack("<B3xI", 0, len(_ROOT_NAME)))
    return SUCCESS


_ROOT_NAME = b"/"


def fd_prestat_dir_name(guest: Guest, memory: Memory, fd: int, at: int, count: int) -> int:
    if fd != ROOT_FD or not _is_open(guest, fd):
        return EBADF
    memory.write(at, _ROOT_NAME[:count])
    return SUCCESS


# Everything else is denied


def _denied(capability: str, function: str) -> Body:
    """A function on a descriptor that could only work with a grant."""

    def body(guest: Guest, _memory: Memory, fd: int, *_rest: int) -> int:
        if not _is_open(guest, fd):
            return EBADF
        attempted = "/" if fd == ROOT_FD else f"descriptor {fd}"
        guest.deny(capability, attempted, f"{MODULE}.{function}")
        return ENOTCAPABLE

    return body


def _denied_path(capability: str, function: str, *, path: int, directory: int = 0) -> Body:
    """A function on a path; the arguments' places are given by index."""

    def body(guest: Guest, memory: Memory, *arguments: int) -> int:
        attempted = _attempted(memory, arguments[path], arguments[path + 1])
        if not _is_open(guest, arguments[directory]):
            return EBADF
        if arguments[directory] != ROOT_FD:
            return ENOTDIR
        guest.deny(capability, attempted, f"{MODULE}.{function}")
        return ENOTCAPABLE

    return body


def _attempted(memory: Memory, at: int, length: int) -> bytes:
    memory.require(at, length)
    path = memory.read(at, min(length, _MAX_PATH))
    return path if path.startswith(b"/") else b"/" + path


def path_open(guest: Guest, memory: Memory, *arguments: int) -> int:
    fd, _flags, at, length, creation, rights, _inheriting, _fd_flags, _result = arguments
    writes = creation & _OPEN_CREATES_OR_TRUNCATES or rights & _RIGHT_WRITE
    capability = "fs.write" if writes else "fs.read"
    attempted = _attempted(memory, at, length)
    if not _is_open(guest, fd):
        return EBADF
    if fd != ROOT_FD:
        return ENOTDIR
    guest.deny(capability, attempted, f"{MODULE}.path_open")
    return ENOTCAPABLE


# Waiting

_SUBSCRIPTION = struct.Struct("<Q B7x I4x Q Q H6x")
_EVENT = struct.Struct("<Q H B5x Q H6x")
_ON_CLOCK, _ON_READ, _ON_WRITE = 0, 1, 2


def poll_oneoff(
    guest: Guest, memory: Memory, at: int, events_at: int, count: int, ready_at: int
) -> int:
    if not 0 < count <= _MAX_SUBSCRIPTIONS:
        return EINVAL
    subscriptions = list(_SUBSCRIPTION.iter_unpack(memory.read(at, _SUBSCRIPTION.size * count)))
    memory.require(events_at, _EVENT.size * count)
    memory.require(ready_at, 4)
    events = [_stream_event(guest, item) for item in subscriptions if item[1] != _ON_CLOCK]
    waits = [(_wait_ns(guest, item), item[0]) for item in subscriptions if item[1] == _ON_CLOCK]
    shortest = min((wait for wait, _ in waits), default=0)
    if waits and not events and shortest:
        guest.sleep(shortest)
    due = 0 if events else shortest
    events += [_EVENT.pack(data, SUCCESS, _ON_CLOCK, 0, 0) for wait, data in waits if wait <= due]
    memory.write(events_at, b"".join(events))
    memory.put_u32(ready_at, len(events))
    return SUCCESS


def _stream_event(guest: Guest, subscription: tuple[int, ...]) -> bytes:
    data, tag, fd = subscription[:3]
    if tag == _ON_READ and fd == 0 and _is_open(guest, fd):
        return _EVENT.pack(data, SUCCESS, tag, guest.stdin_left, 0)
    if tag == _ON_WRITE and fd in (1, 2) and _is_open(guest, fd):
        return _EVENT.pack(data, SUCCESS, tag, guest.output_left, 0)
    return _EVENT.pack(data, EBADF if tag in (_ON_READ, _ON_WRITE) else EINVAL, tag, 0, 0)


def _wait_ns(guest: Guest, subscription: tuple[int, ...]) -> int:
    _data, _tag, clock, timeout, _precision, flags = subscription
    if not flags & 1:
        return timeout
    offset = 0 if clock == _MONOTONIC else guest.wall_offset_ns
    return max(0, timeout - offset - guest.peek_monotonic_ns())


BODIES: dict[str, Body] = {
    "args_get": args_get,
    "args_sizes_get": args_sizes_get,
    "environ_get": environ_get,
    "environ_sizes_get": environ_sizes_get,
    "clock_res_get": clock_res_get,
    "clock_time_get": clock_time_get,
    "fd_advise": _on_stream(ESPIPE),
    "fd_allocate": _denied("fs.write", "fd_allocate"),
    "fd_close": fd_close,
    "fd_datasync": _on_stream(EINVAL),
    "fd_fdstat_get": fd_fdstat_get,
    "fd_fdstat_set_flags": _on_stream(SUCCESS),
    "fd_fdstat_set_rights": _on_stream(SUCCESS),
    "fd_filestat_get": fd_filestat_get,
    "fd_filestat_set_size": _denied("fs.write", "fd_filestat_set_size"),
    "fd_filestat_set_times": _denied("fs.write", "fd_filestat_set_times"),
    "fd_pread": _on_stream(ESPIPE),
    "fd_prestat_get": fd_prestat_get,
    "fd_prestat_dir_name": fd_prestat_dir_name,
    "fd_pwrite": _on_stream(ESPIPE),
    "fd_read": fd_read,
    "fd_readdir": _denied("fs.read", "fd_readdir"),
    "fd_renumber": _on_stream(ENOTSUP),
    "fd_seek": _on_stream(ESPIPE),
    "fd_sync": _on_stream(EINVAL),
    "fd_tell": _on_stream(ESPIPE),
    "fd_write": fd_write,
    "path_create_directory": _denied_path("fs.write", "path_create_directory", path=1),
    "path_filestat_get": _denied_path("fs.read", "path_filestat_get", path=2),
    "path_filestat_set_times": _denied_path("fs.write", "path_filestat_set_times", path=2),
    "path_link": _denied_path("fs.write", "path_link", path=2),
    "path_open": path_open,
    "path_readlink": _denied_path("fs.read", "path_readlink", path=1),
    "path_remove_directory": _denied_path("fs.write", "path_remove_directory", path=1),
    "path_rename": _denied_path("fs.write", "path_rename", path=1),
    "path_symlink": _denied_path("fs.write", "path_symlink", path=3, directory=2),
    "path_unlink_file": _denied_path("fs.write", "path_unlink_file", path=1),
    "poll_oneoff": poll_oneoff,
    "proc_exit": proc_exit,
    "proc_raise": proc_raise,
    "sched_yield": sched_yield,
    "random_get": random_get,
    "sock_accept": _denied("net.socket", "sock_accept"),
    "sock_recv": _denied("net.socket", "sock_recv"),
    "sock_send": _denied("net.socket", "sock_send"),
    "sock_shutdown": _denied("net.socket", "sock_shutdown"),
}
