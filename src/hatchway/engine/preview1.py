"""WASI preview 1 for core modules without file grants: default-deny by construction.

Standard streams, arguments, environment, clocks, random bytes, exit and waiting are
served here from the run's `Guest`. Descriptor 3 is an empty, read-only root directory: it
makes libc start and hand us the paths a program tries to open, and every one of them is
answered with ENOTCAPABLE and recorded. There is no other file, no socket and no process.

Every pointer and length comes from the guest and is checked against the current size of
its memory before it is used; what does not fit is answered with EFAULT. The functions and
numbers are those of `wasi_snapshot_preview1` (WebAssembly/WASI, `phases/snapshot/docs.md`).
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Any, TypeAlias

from hatchway.engine import capi
from hatchway.engine.guest import RANDOM_CHUNK_BYTES, Stopped
from hatchway.engine.settings import MEMORY_RESERVATION_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest, Running

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

SIGNATURES: dict[str, str] = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "iIi",
    "fd_advise": "iIIi",
    "fd_allocate": "iII",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "iII",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI",
    "fd_filestat_set_times": "iIIi",
    "fd_pread": "iiiIi",
    "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii",
    "fd_pwrite": "iiiIi",
    "fd_read": "iiii",
    "fd_readdir": "iiiIi",
    "fd_renumber": "ii",
    "fd_seek": "iIii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiiIIi",
    "path_link": "iiiiiii",
    "path_open": "iiiiiIIii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i",
    "proc_raise": "i",
    "sched_yield": "",
    "random_get": "ii",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}
"""Parameters of every function: `i` is i32, `I` is i64. All return an errno but `proc_exit`."""


class Fault(Exception):  # noqa: N818 - becomes an errno
    """The guest gave an address outside its memory."""


class Memory:
    """The linear memory that a guest exports as `memory`.

    It never moves (the engine reserves its whole address space) and never shrinks, so it is
    looked up once per run, and its size again only when an access goes beyond the last known
    one. Every access is checked here; nothing else touches guest memory.
    """

    __slots__ = ("_context", "_memory", "_size", "_view")

    def __init__(self, guest: Guest, caller: int) -> None:
        """Find the memory of the calling module; an empty one if it exports none."""
        self._memory = self._size = 0
        self._view = _EMPTY
        self._context: int = capi.caller_context(caller)
        address = capi.addressof(guest.scratch) + capi.SCRATCH_MEMORY
        found = capi.caller_export_get(caller, b"memory", 6, address)
        if found and _KIND.from_address(address).value == capi.EXTERN_MEMORY:
            self._memory = address + capi.EXTERN_PAYLOAD
            base = capi.memory_data(self._context, self._memory)
            # A view of all that is reserved: ctypes then needs one type for every size.
            self._view = memoryview(_RESERVATION.from_address(base)).cast("B")
            self.size()

    def size(self) -> int:
        """The size in bytes, as it is now."""
        if self._memory:
            self._size = capi.memory_data_size(self._context, self._memory)
        return self._size

    def require(self, at: int, count: int) -> None:
        """Check that `count` bytes from address `at` are inside.

        Raises:
            Fault: They are not.
        """
        end = at + count
        if end > self._size and end > self.size():
            raise Fault

    def read(self, at: int, count: int) -> bytes:
        """`count` bytes from address `at`.

        Raises:
            Fault: They are not all inside.
        """
        end = at + count
        if end > self._size and end > self.size():
            raise Fault
        return self._view[at:end].tobytes()

    def write(self, at: int, data: bytes) -> None:
        """Put `data` at address `at`.

        Raises:
            Fault: It does not all fit inside; nothing is written.
        """
        end = at + len(data)
        if end > self._size and end > self.size():
            raise Fault
        self._view[at:end] = data

    def put_u32(self, at: int, value: int) -> None:
        """Put a 32-bit number at address `at`.

        Raises:
            Fault: It does not fit inside.
        """
        if at + 4 > self._size and at + 4 > self.size():
            raise Fault
        _pack_u32(self._view, at, value)

    def vectors(self, at: int, count: int) -> tuple[list[tuple[int, int]], int]:
        """The (address, length) pairs of an iovec array, each inside, and their sum.

        Raises:
            Fault: The array, or what it points to, is not all inside.
        """
        self.require(at, 8 * count)
        total = 0
        pairs = [_unpack_pair(self._view, at + 8 * index) for index in range(count)]
        for start, length in pairs:
            end = start + length
            if end > self._size and end > self.size():
                raise Fault
            total += length
        return pairs, total


_EMPTY = memoryview(b"").cast("B")
_RESERVATION = ctypes.c_char * MEMORY_RESERVATION_BYTES
_KIND = ctypes.c_uint8
_unpack_pair = struct.Struct("<II").unpack_from
_pack_u32 = struct.Struct("<I").pack_into
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

_HOST_STOP = b"stopped by the host"


def callback(name: str, running: Running) -> object:
    """The C callback of one function, acting on the guest of the current thread.

    No exception leaves it: the wheel would hand it to whichever thread asks next. A stop
    or a failure is kept in the guest and ends the run as a trap.
    """
    body = BODIES[name]
    signature = SIGNATURES[name]
    layout = struct.Struct("<" + "".join("I12x" if kind == "i" else "Q8x" for kind in signature))
    unpack, place = layout.unpack_from, ctypes.c_char * layout.size
    answer, trap_new = ctypes.c_uint32.from_address, capi.trap_new

    def call(_env: int, caller: int, values: int, _count: int) -> Any:
        guest = running.guest
        if guest is None:  # no run: cannot happen, and must not pass
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        try:
            guest.host_calls_left -= 1
            if guest.host_calls_left < 0:
                guest.end_for_host_calls()
            memory = guest.memory
            if memory is None:
                memory = guest.memory = Memory(guest, caller)
            errno = body(guest, memory, *unpack(place.from_address(values)))
        except Fault:
            errno = EFAULT
        except Stopped:
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        except BaseException as failure:  # noqa: BLE001 - the callback trampoline
            guest.failure = failure
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        answer(values).value = errno
        return None

    return capi.CoreCallback(call)
