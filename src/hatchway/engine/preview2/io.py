"""wasi:io: the three standard streams, and waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.errors import GuestTrappedError
from hatchway.engine import capi, values
from hatchway.engine.files.nodes import FileFault
from hatchway.engine.guest import FIRST_HANDLE
from hatchway.engine.preview2.binding import (
    ERROR,
    INPUT_STREAM,
    OUTPUT_STREAM,
    POLLABLE,
    Function,
    Host,
    take_handle,
)
from hatchway.engine.preview2.handles import MAX_READ, Failure, FileStream, held, keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest

STDIN, STDOUT, STDERR = 0, 1, 2
"""Representations of the only streams there are."""

READY = 0
"""Representation of a pollable that never has to be waited for; others are 1 + a timer."""

_MAX_PERMIT = 2 << 20
"""Bytes of one write. Each takes 32 bytes of the host's memory on its way in, and wasmtime
lets 128 MiB through at once."""
_PERMIT = 1 << 16
"""Bytes that a write to a file is told to have; more at once is slower, as for reading."""
_MAX_POLLABLES = 4096

_SECOND = capi.VALUE_BYTES
_THIRD = 2 * capi.VALUE_BYTES


# Streams


def _closed(result: int) -> None:
    values.put_result(result, is_ok=False)
    values.put_box(result, "result", lambda at: values.put_case(at, "closed"))


def _failed(host: Host, fault: FileFault, result: int) -> None:
    try:
        number = keep(host.guest, Failure(fault.errno))
    except FileFault:
        _closed(result)
        return

    def fill(at: int) -> None:
        values.put_case(at, "last-operation-failed")
        values.put_box(at, "variant", lambda box: host.give(box, ERROR, number))

    values.put_result(result, is_ok=False)
    values.put_box(result, "result", fill)


def _ok_count(result: int, count: int) -> None:
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_number(at, "u64", count))


def _take(host: Host, number: int, wanted: int) -> bytes | None:
    """The next bytes of an input stream, None at its end."""
    host.guest.check_time()
    wanted = min(wanted, MAX_READ)
    if number >= FIRST_HANDLE:
        data = held(host.guest, number, FileStream).read(wanted)
        return data if data or not wanted else None
    return host.guest.read_stdin(wanted) if host.guest.stdin_left else None


def _give(host: Host, number: int, data: bytes) -> None:
    """Put bytes, which are paid for, into an output stream."""
    if number >= FIRST_HANDLE:
        held(host.guest, number, FileStream).write(data)
    else:
        (host.guest.stdout if number == STDOUT else host.guest.stderr).append(data)


def _spend(host: Host, number: int, count: int) -> None:
    """Pay for output before any of it is made; what goes into a file is bounded there."""
    if number < FIRST_HANDLE:
        host.guest.spend_output(count)
    elif count > _MAX_PERMIT:
        message = f"{count} bytes were written at once, {_MAX_PERMIT} are permitted"
        host.guest.end(GuestTrappedError(message, details={"trap": "invalid_host_call"}))


def read(host: Host, arguments: int, result: int) -> None:
    try:
        data = _take(host, host.handles[0], values.read_number(arguments + _SECOND, "u64"))
    except FileFault as fault:
        _failed(host, fault, result)
        return
    if data is None:
        _closed(result)
        return
    taken = data
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_bytes(at, taken))


def skip(host: Host, arguments: int, result: int) -> None:
    try:
        data = _take(host, host.handles[0], values.read_number(arguments + _SECOND, "u64"))
    except FileFault as fault:
        _failed(host, fault, result)
        return
    if data is None:
        _closed(result)
    else:
        _ok_count(result, len(data))


def _write(host: Host, result: int, count: int, make: Callable[[], bytes]) -> None:
    number = host.handles[0]
    _spend(host, number, count)
    try:
        _give(host, number, make())
    except FileFault as fault:
        _failed(host, fault, result)
    else:
        values.put_result(result, is_ok=True)


def write(host: Host, arguments: int, result: int) -> None:
    at = arguments + _SECOND
    _write(host, result, values.list_length(at), lambda: values.read_bytes_list(at))


def write_zeroes(host: Host, arguments: int, result: int) -> None:
    count = values.read_number(arguments + _SECOND, "u64")
    _write(host, result, count, lambda: bytes(count))


def splice(host: Host, arguments: int, result: int) -> None:
    target, source = host.handles
    try:
        data = _take(host, source, values.read_number(arguments + _THIRD, "u64"))
        if data is not None:
            _spend(host, target, len(data))
            _give(host, target, data)
    except FileFault as fault:
        _failed(host, fault, result)
        return
    if data is None:
        _closed(result)
    else:
        _ok_count(result, len(data))


def check_write(host: Host, _arguments: int, result: int) -> None:
    # One byte more than is left: a guest with too much to say is then stopped for it.
    # Many ignore that only part of a write was taken, and would lose the rest in silence.
    is_file = host.handles[0] >= FIRST_HANDLE
    _ok_count(result, _PERMIT if is_file else min(host.guest.output_left + 1, _MAX_PERMIT))


def flush(_host: Host, _arguments: int, result: int) -> None:
    values.put_result(result, is_ok=True)


def debug_string(host: Host, _arguments: int, result: int) -> None:
    failure = held(host.guest, host.handles[0], Failure)
    values.put_text(result, failure.errno.name.lower().encode())


def subscribe(host: Host, _arguments: int, result: int) -> None:
    host.give(result, POLLABLE, READY)


# Waiting


def subscribe_in(host: Host, result: int, nanoseconds: int) -> None:
    """A pollable that is ready in `nanoseconds` of the guest's monotonic time."""
    host.guest.timers.append(host.guest.peek_monotonic_ns() + nanoseconds)
    host.give(result, POLLABLE, len(host.guest.timers))


def _wait_ns(guest: Guest, pollable: int) -> int:
    if pollable == READY:
        return 0
    return max(0, guest.timers[pollable - 1] - guest.peek_monotonic_ns())


def ready(host: Host, _arguments: int, result: int) -> None:
    is_ready = _wait_ns(host.guest, host.handles[0]) == 0
    values.put_number(result, "bool", is_ready)


def block(host: Host, _arguments: int, _result: int) -> None:
    wait = _wait_ns(host.guest, host.handles[0])
    if wait:
        host.guest.sleep(wait)


def poll(host: Host, arguments: int, result: int) -> None:
    count = values.list_length(arguments)
    if not 0 < count <= _MAX_POLLABLES:
        # The specification lets an empty list trap; a huge one has no use.
        message = f"poll was called with {count} pollables"
        host.guest.end(GuestTrappedError(message, details={"trap": "invalid_host_call"}))
    first = capi.read_pointer(arguments + capi.VALUE_PAYLOAD + 8)
    pollables = [
        take_handle(host.context, first + index * capi.VALUE_BYTES) for index in range(count)
    ]
    shortest = min(_wait_ns(host.guest, pollable) for pollable in pollables)
    if shortest:
        host.guest.sleep(shortest)
    due = [index for index, item in enumerate(pollables) if _wait_ns(host.guest, item) == 0]
    items = values.put_items(result, "list", len(due))
    for position, index in enumerate(due):
        values.put_number(items + position * capi.VALUE_BYTES, "u32", index)


RESOURCES = {
    "wasi:io/error": {"error": ERROR},
    "wasi:io/poll": {"pollable": POLLABLE},
    "wasi:io/streams": {"input-stream": INPUT_STREAM, "output-stream": OUTPUT_STREAM},
}

FUNCTIONS: dict[str, dict[str, Function]] = {
    "wasi:io/error": {"[method]error.to-debug-string": Function(debug_string, (0,))},
    "wasi:io/poll": {
        "[method]pollable.ready": Function(ready, (0,)),
        "[method]pollable.block": Function(block, (0,)),
        "poll": Function(poll),
    },
    "wasi:io/streams": {
        "[method]input-stream.read": Function(read, (0,)),
        "[method]input-stream.blocking-read": Function(read, (0,)),
        "[method]input-stream.skip": Function(skip, (0,)),
        "[method]input-stream.blocking-skip": Function(skip, (0,)),
        "[method]input-stream.subscribe": Function(subscribe, (0,)),
        "[method]output-stream.check-write": Function(check_write, (0,)),
        "[method]output-stream.write": Function(write, (0,)),
        "[method]output-stream.blocking-write-and-flush": Function(write, (0,)),
        "[method]output-stream.flush": Function(flush, (0,)),
        "[method]output-stream.blocking-flush": Function(flush, (0,)),
        "[method]output-stream.subscribe": Function(subscribe, (0,)),
        "[method]output-stream.write-zeroes": Function(write_zeroes, (0,)),
        "[method]output-stream.blocking-write-zeroes-and-flush": Function(write_zeroes, (0,)),
        "[method]output-stream.splice": Function(splice, (0, 1)),
        "[method]output-stream.blocking-splice": Function(splice, (0, 1)),
    },
}
