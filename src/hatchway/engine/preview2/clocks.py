"""wasi:clocks: the time the guest may know."""

from __future__ import annotations

from hatchway.engine import values
from hatchway.engine.preview2.binding import Function, Host
from hatchway.engine.preview2.io import subscribe_in

_NANOSECONDS = 10**9
_MILLISECOND = 10**6


def _put_datetime(at: int, nanoseconds: int) -> None:
    seconds_at, nanoseconds_at = values.put_record(at, ("seconds", "nanoseconds"))
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    values.put_number(seconds_at, "u64", seconds)
    values.put_number(nanoseconds_at, "u32", rest)


def wall_now(host: Host, _arguments: int, result: int) -> None:
    _put_datetime(result, host.guest.wall_ns())


def wall_resolution(_host: Host, _arguments: int, result: int) -> None:
    _put_datetime(result, _MILLISECOND)


def monotonic_now(host: Host, _arguments: int, result: int) -> None:
    values.put_number(result, "u64", host.guest.monotonic_ns())


def monotonic_resolution(_host: Host, _arguments: int, result: int) -> None:
    values.put_number(result, "u64", _MILLISECOND)


def subscribe_duration(host: Host, arguments: int, result: int) -> None:
    subscribe_in(host, result, values.read_number(arguments, "u64"))


def subscribe_instant(host: Host, arguments: int, result: int) -> None:
    instant = values.read_number(arguments, "u64")
    subscribe_in(host, result, max(0, instant - host.guest.peek_monotonic_ns()))


FUNCTIONS: dict[str, dict[str, Function]] = {
    "wasi:clocks/wall-clock": {
        "now": Function(wall_now),
        "resolution": Function(wall_resolution),
    },
    "wasi:clocks/monotonic-clock": {
        "now": Function(monotonic_now),
        "resolution": Function(monotonic_resolution),
        "subscribe-duration": Function(subscribe_duration),
        "subscribe-instant": Function(subscribe_instant),
    },
}
