"""wasi:io: the three standard streams, and waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.errors import GuestTrappedError
from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import (
    ERROR,
    INPUT_STREAM,
    OUTPUT_STREAM,
    POLLABLE,
    Function,
    Host,
    take_handle,
    unreachable,
)

if TYPE_CHECKING:
    from hatchway.engine.guest import Guest

STDIN, STDOUT, STDERR = 0, 1, 2
"""Representations of the only streams there are."""

READY = 0
"""Representation of a pollable that never has to be waited for; others are 1 + a timer."""

_MAX_PERMIT = 2 << 20
"""Bytes of one write. Each takes 32 bytes of the host's memory on its way in, and wasmtime
lets 128 MiB through at once."""
_MAX_POLLABLES = 4096
_MAX_READ = 1 << 20

_SECOND = capi.VALUE_BYTES
_THIRD = 2 * capi.VALUE_BYTES


# Streams


def _closed(result: int) -> None:
    values.put_result(result, is_ok=False)
    values.put_box(result, "result", lambda at: values.put_case(at, "closed"))


def _ok_count(result: int, count: int) -> None:
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_number(at, "u64", count))


def read(host: Host, arguments: int, result: int) -> None:
    wanted = min(values.read_number(arguments + _SECOND, "u64"), _MAX_READ)
    if not host.guest.stdin_left:
        _closed(result)
        return
    data = host.guest.read_stdin(wanted)
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_bytes(at, data))


def skip(host: Host, arguments: int, result: int) -> None:
    wanted = min(values.read_number(arguments + _SECOND, "u64"), _MAX_READ)
    if not host.guest.stdin_left:
        _closed(result)
        return
    _ok_count(result, len(host.guest.read_stdin(wanted)))


def _chunks(host: Host) -> list[bytes]:
    return host.guest.stdout if host.handles[0] == STDOUT else host.guest.stderr


def write(host: Host, arguments: int, result: int) -> None:
    host.guest.spend_output(values.list_length(arguments + _SECOND))
    _chunks(host).append(values.read_bytes_list(arguments + _SECOND))
    values.put_result(result, is_ok=True)


def write_zeroes(host: Host, arguments: int, result: int) -> None:
    count = values.read_number(arguments + _SECOND, "u64")
    host.guest.spend_output(count)
    _chunks(host).append(bytes(count))
    values.put_result(result, is_ok=True)


def splice(host: Host, arguments: int, result: int) -> None:
    wanted = min(values.read_number(arguments + _THIRD, "u64"), _MAX_READ)
    if not host.guest.stdin_left:
        _closed(result)
        return
    data = host.guest.read_stdin(wanted)
    host.guest.spend_output(len(data))
    _chunks(host).append(data)
    _ok_count(result, len(data))


def check_write(host: Host, _arguments: int, result: int) -> None:
    # One byte more than is left: a guest with too much to say is then stopped for it.
    # Many ignore that only part of a write was taken, and would lose the rest in silence.
    _ok_count(result, min(host.guest.output_left + 1, _MAX_PERMIT))


def flush(_host: Host, _arguments: int, result: int) -> None:
    values.put_result(result, is_ok=True)


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
    "wasi:io/error": {"[method]error.to-debug-string": Function(unreachable, (0,))},
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
