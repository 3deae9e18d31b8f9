"""wasi:io: streams, and waiting.

A stream is one of the three standard ones, or something that is held. Reading and writing never
block, except in the functions whose names say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hatchway.engine import capi, values
from hatchway.engine.files.nodes import FileFault
from hatchway.engine.guest import FIRST_HANDLE
from hatchway.engine.http.waiting import wait
from hatchway.engine.preview2.binding import (
    ERROR,
    INPUT_STREAM,
    OUTPUT_STREAM,
    POLLABLE,
    Function,
    Host,
    take_handle,
)
from hatchway.engine.preview2.handles import (
    MAX_PERMIT,
    MAX_READ,
    Failure,
    FileStream,
    InputSource,
    OutputSink,
    Readiness,
    StreamFault,
    held,
    hold,
    keep,
    trap,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest
    from hatchway.engine.preview2.binding import Body

T = TypeVar("T")

STDIN, STDOUT, STDERR = 0, 1, 2
"""Representations of the standard streams."""

READY = 0
"""Representation of a pollable that never has to be waited for. Those of timers are `_TIMER` and
more; all others are numbers of what is held."""
_TIMER = 1 << 31

_MAX_POLLABLES = 4096

_SECOND = capi.VALUE_BYTES
_THIRD = 2 * capi.VALUE_BYTES


# Answers


def _closed(result: int) -> None:
    values.put_result(result, is_ok=False)
    values.put_box(result, "result", lambda at: values.put_case(at, "closed"))


def _failed(host: Host, fault: FileFault | StreamFault, result: int) -> None:
    if isinstance(fault, FileFault):
        failure: Failure | None = Failure(fault.errno.name.lower(), fault.errno)
    else:
        failure = fault.failure
    if failure is None:
        _closed(result)
        return
    try:
        number = keep(host.guest, failure)
    except FileFault:
        _closed(result)
        return

    def fill(at: int) -> None:
        values.put_case(at, "last-operation-failed")
        values.put_box(at, "variant", lambda box: host.give(box, ERROR, number))

    values.put_result(result, is_ok=False)
    values.put_box(result, "result", fill)


def _ok(_host: Host, result: int, _answer: None) -> None:
    values.put_result(result, is_ok=True)


def _ok_count(_host: Host, result: int, count: int) -> None:
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_number(at, "u64", count))


def _ok_data(_host: Host, result: int, data: bytes | None) -> None:
    if data is None:
        _closed(result)
        return
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_bytes(at, data))


def _ok_length(host: Host, result: int, data: bytes | None) -> None:
    if data is None:
        _closed(result)
    else:
        _ok_count(host, result, len(data))


def _function(work: Callable[..., T], put: Callable[[Host, int, T], None], **fixed: bool) -> Body:
    """A function that answers `result<…, stream-error>`."""

    def body(host: Host, arguments: int, result: int) -> None:
        host.guest.check_time()
        try:
            answer = work(host, arguments, **fixed)
        except (FileFault, StreamFault) as fault:
            _failed(host, fault, result)
        else:
            put(host, result, answer)

    return body


# Streams


def _source(guest: Guest, number: int) -> InputSource:
    source = guest.handles[number]
    assert isinstance(source, InputSource)
    return source


def _sink(guest: Guest, number: int) -> OutputSink:
    sink = guest.handles[number]
    assert isinstance(sink, OutputSink)
    return sink


def _take(host: Host, number: int, wanted: int, *, blocks: bool) -> bytes | None:
    """The next bytes of an input stream, None at its end."""
    guest = host.guest
    wanted = min(wanted, MAX_READ)
    if number < FIRST_HANDLE:
        return guest.read_stdin(wanted) if guest.stdin_left else None
    source = _source(guest, number)
    if blocks and wanted:
        source.wait(guest)
    return source.read(wanted)


def _read(host: Host, arguments: int, *, blocks: bool) -> bytes | None:
    wanted = values.read_number(arguments + _SECOND, "u64")
    return _take(host, host.handles[0], wanted, blocks=blocks)


def _give(host: Host, number: int, count: int, make: Callable[[], bytes], *, blocks: bool) -> None:
    """Put `count` bytes into an output stream. They are made once it is known that they fit."""
    guest = host.guest
    if number < FIRST_HANDLE:
        guest.spend_output(count)
        (guest.stdout if number == STDOUT else guest.stderr).append(make())
        return
    sink = _sink(guest, number)
    permitted = MAX_PERMIT if blocks or isinstance(sink, FileStream) else sink.permit()
    if count > permitted:
        trap(guest, f"{count} bytes were written at once, {permitted} are permitted")
    if blocks:
        sink.write_all(guest, make())
    else:
        sink.write(make())


def _write(host: Host, arguments: int, *, blocks: bool) -> None:
    at = arguments + _SECOND
    length = values.list_length(at)
    _give(host, host.handles[0], length, lambda: values.read_bytes_list(at), blocks=blocks)


def _write_zeroes(host: Host, arguments: int, *, blocks: bool) -> None:
    count = values.read_number(arguments + _SECOND, "u64")
    _give(host, host.handles[0], count, lambda: bytes(count), blocks=blocks)


def _permit(host: Host, number: int) -> int:
    # One byte more than is left: a guest with too much to say is then stopped for it.
    # Many ignore that only part of a write was taken, and would lose the rest in silence.
    if number < FIRST_HANDLE:
        return min(host.guest.output_left + 1, MAX_PERMIT)
    return _sink(host.guest, number).permit()


def _splice(host: Host, arguments: int, *, blocks: bool) -> bytes | None:
    target, source = host.handles
    wanted = values.read_number(arguments + _THIRD, "u64")
    if not blocks:
        wanted = min(wanted, _permit(host, target))
    data = _take(host, source, wanted, blocks=blocks)
    if data is not None:
        taken = data
        _give(host, target, len(data), lambda: taken, blocks=blocks)
    return data


def _check_write(host: Host, _arguments: int) -> int:
    return _permit(host, host.handles[0])


def _flush(host: Host, _arguments: int, *, blocks: bool) -> None:
    number = host.handles[0]
    if number < FIRST_HANDLE:
        return
    sink = _sink(host.guest, number)
    sink.permit()
    if blocks:
        sink.flush(host.guest)


def debug_string(host: Host, _arguments: int, result: int) -> None:
    values.put_text(result, held(host.guest, host.handles[0], Failure).name.encode())


def subscribe_input(host: Host, _arguments: int, result: int) -> None:
    number = host.handles[0]
    is_held = number >= FIRST_HANDLE
    _subscribe(host, result, _source(host.guest, number).readiness() if is_held else None)


def subscribe_output(host: Host, _arguments: int, result: int) -> None:
    number = host.handles[0]
    is_held = number >= FIRST_HANDLE
    _subscribe(host, result, _sink(host.guest, number).readiness() if is_held else None)


def _subscribe(host: Host, result: int, is_ready: Callable[[], bool] | None) -> None:
    if is_ready is None:
        host.give(result, POLLABLE, READY)
    else:
        give_pollable(host, result, is_ready)


# Waiting


def give_pollable(host: Host, result: int, is_ready: Callable[[], bool]) -> None:
    """Make the result a pollable of something that is known once bytes were moved."""
    host.give(result, POLLABLE, hold(host.guest, Readiness(is_ready)))


def subscribe_in(host: Host, result: int, nanoseconds: int) -> None:
    """A pollable that is ready in `nanoseconds` of the guest's monotonic time."""
    host.guest.timers.append(host.guest.peek_monotonic_ns() + nanoseconds)
    host.give(result, POLLABLE, _TIMER + len(host.guest.timers) - 1)


def _is_due(guest: Guest, pollable: int) -> bool:
    if pollable == READY:
        return True
    if pollable >= _TIMER:
        return guest.timers[pollable - _TIMER] <= guest.peek_monotonic_ns()
    return held(guest, pollable, Readiness).is_ready()


def _pump(guest: Guest) -> None:
    for exchange in guest.exchanges:
        exchange.pump()


def _wait_for_one(guest: Guest, pollables: list[int]) -> None:
    """Until one of them is due; none is now."""
    timers = [guest.timers[item - _TIMER] for item in pollables if item >= _TIMER]
    left_ns = min(timers) - guest.peek_monotonic_ns() if timers else None
    others = [item for item in pollables if item < _TIMER]
    if left_ns is not None and not guest.exchanges and not others:
        guest.sleep(left_ns)
    else:
        wait(guest, lambda: any(_is_due(guest, item) for item in others), most_ns=left_ns)


def _due(guest: Guest, pollables: list[int]) -> list[int]:
    """The places of those that are due, once there is one."""
    if guest.exchanges:
        guest.check_time()
        _pump(guest)
    due = [index for index, item in enumerate(pollables) if _is_due(guest, item)]
    if not due:
        _wait_for_one(guest, pollables)
        due = [index for index, item in enumerate(pollables) if _is_due(guest, item)]
    return due


def ready(host: Host, _arguments: int, result: int) -> None:
    if host.guest.exchanges:
        host.guest.check_time()
        _pump(host.guest)
    values.put_number(result, "bool", _is_due(host.guest, host.handles[0]))


def block(host: Host, _arguments: int, _result: int) -> None:
    _due(host.guest, host.handles)


def poll(host: Host, arguments: int, result: int) -> None:
    count = values.list_length(arguments)
    if not 0 < count <= _MAX_POLLABLES:
        # The specification lets an empty list trap; a huge one has no use.
        trap(host.guest, f"poll was called with {count} pollables")
    first = capi.read_pointer(arguments + capi.VALUE_PAYLOAD + 8)
    pollables = [
        take_handle(host.context, first + index * capi.VALUE_BYTES) for index in range(count)
    ]
    due = _due(host.guest, pollables)
    items = values.put_items(result, "list", len(due))
    for position, index in enumerate(due):
        values.put_number(items + position * capi.VALUE_BYTES, "u32", index)


def _both(
    name: str,
    blocking: str,
    work: Callable[..., T],
    put: Callable[[Host, int, T], None],
    handles: tuple[int, ...] = (0,),
) -> dict[str, Function]:
    """A function, and the one of the same resource that waits."""
    return {
        name: Function(_function(work, put, blocks=False), handles),
        f"{name.rpartition('.')[0]}.{blocking}": Function(
            _function(work, put, blocks=True), handles
        ),
    }


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
        "[method]input-stream.subscribe": Function(subscribe_input, (0,)),
        "[method]output-stream.check-write": Function(_function(_check_write, _ok_count), (0,)),
        "[method]output-stream.subscribe": Function(subscribe_output, (0,)),
        **_both("[method]input-stream.read", "blocking-read", _read, _ok_data),
        **_both("[method]input-stream.skip", "blocking-skip", _read, _ok_length),
        **_both("[method]output-stream.write", "blocking-write-and-flush", _write, _ok),
        **_both("[method]output-stream.flush", "blocking-flush", _flush, _ok),
        **_both(
            "[method]output-stream.write-zeroes",
            "blocking-write-zeroes-and-flush",
            _write_zeroes,
            _ok,
        ),
        **_both(
            "[method]output-stream.splice",
            "blocking-splice",
            _splice,
            _ok_length,
            handles=(0, 1),
        ),
    },
}
