"""What every function of preview 1 does. Each is `(guest, memory, *arguments) -> errno`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from hatchway.engine.guest import RANDOM_CHUNK_BYTES
from hatchway.engine.preview1 import MODULE, contents, descriptors, directories, paths, table
from hatchway.engine.preview1.errno import (
    EBADF,
    EINVAL,
    ENOSYS,
    ENOTSOCK,
    ENOTSUP,
    SUCCESS,
)
from hatchway.engine.preview1.table import OpenFile, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest
    from hatchway.engine.preview1.memory import Memory

    Body: TypeAlias = Callable[..., int]
    """(guest, memory, *arguments) -> errno."""


_MAX_SUBSCRIPTIONS = 1024
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


# Sockets


def _no_socket(function: str) -> Body:
    """There is none; what is tried is recorded."""

    def body(guest: Guest, _memory: Memory, fd: int, *_rest: int) -> int:
        table.descriptor(guest, fd)
        guest.deny("net.socket", f"descriptor {fd}", f"{MODULE}.{function}")
        return ENOTSOCK

    return body


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
    found = table.table_of(guest).get(fd)
    if tag not in (_ON_READ, _ON_WRITE):
        return _EVENT.pack(data, EINVAL, tag, 0, 0)
    if isinstance(found, OpenFile):
        return _EVENT.pack(data, SUCCESS, tag, 1, 0)
    if isinstance(found, Stream) and (tag == _ON_READ) == (found.number == 0):
        left = guest.stdin_left if tag == _ON_READ else guest.output_left
        return _EVENT.pack(data, SUCCESS, tag, left, 0)
    return _EVENT.pack(data, EBADF, tag, 0, 0)


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
    "fd_advise": contents.fd_advise,
    "fd_allocate": contents.fd_allocate,
    "fd_close": descriptors.fd_close,
    "fd_datasync": contents.fd_sync,
    "fd_fdstat_get": descriptors.fd_fdstat_get,
    "fd_fdstat_set_flags": descriptors.fd_fdstat_set_flags,
    "fd_fdstat_set_rights": descriptors.fd_fdstat_set_rights,
    "fd_filestat_get": descriptors.fd_filestat_get,
    "fd_filestat_set_size": contents.fd_filestat_set_size,
    "fd_filestat_set_times": descriptors.fd_filestat_set_times,
    "fd_pread": contents.fd_pread,
    "fd_prestat_get": directories.fd_prestat_get,
    "fd_prestat_dir_name": directories.fd_prestat_dir_name,
    "fd_pwrite": contents.fd_pwrite,
    "fd_read": contents.fd_read,
    "fd_readdir": directories.fd_readdir,
    "fd_renumber": descriptors.fd_renumber,
    "fd_seek": contents.fd_seek,
    "fd_sync": contents.fd_sync,
    "fd_tell": contents.fd_tell,
    "fd_write": contents.fd_write,
    "path_create_directory": paths.path_create_directory,
    "path_filestat_get": paths.path_filestat_get,
    "path_filestat_set_times": paths.path_filestat_set_times,
    "path_link": paths.path_link,
    "path_open": paths.path_open,
    "path_readlink": paths.path_readlink,
    "path_remove_directory": paths.path_remove_directory,
    "path_rename": paths.path_rename,
    "path_symlink": paths.path_symlink,
    "path_unlink_file": paths.path_unlink_file,
    "poll_oneoff": poll_oneoff,
    "proc_exit": proc_exit,
    "proc_raise": proc_raise,
    "sched_yield": sched_yield,
    "random_get": random_get,
    "sock_accept": _no_socket("sock_accept"),
    "sock_recv": _no_socket("sock_recv"),
    "sock_send": _no_socket("sock_send"),
    "sock_shutdown": _no_socket("sock_shutdown"),
}
