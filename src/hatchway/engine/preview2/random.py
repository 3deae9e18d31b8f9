"""wasi:random: unpredictable bytes with the grant, a constant stream without."""

from __future__ import annotations

from hatchway.core.errors import OutputTooLargeError
from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import Function, Host

_MAX_BYTES = 1 << 18
"""Bytes of one request; each takes 32 bytes of the host's memory on its way in."""


def random_bytes(host: Host, arguments: int, result: int) -> None:
    count = values.read_number(arguments, "u64")
    if count > _MAX_BYTES:
        message = f"the guest asked for {count} random bytes at once, {_MAX_BYTES} are allowed"
        host.guest.end(OutputTooLargeError(message))
    values.put_bytes(result, host.guest.random_bytes(count))


def _draw_u64(host: Host) -> int:
    return int.from_bytes(host.guest.random_bytes(8), "little")


def random_u64(host: Host, _arguments: int, result: int) -> None:
    values.put_number(result, "u64", _draw_u64(host))


def insecure_seed(host: Host, _arguments: int, result: int) -> None:
    first = values.put_items(result, "tuple", 2)
    values.put_number(first, "u64", _draw_u64(host))
    values.put_number(first + capi.VALUE_BYTES, "u64", _draw_u64(host))


FUNCTIONS: dict[str, dict[str, Function]] = {
    "wasi:random/random": {
        "get-random-bytes": Function(random_bytes),
        "get-random-u64": Function(random_u64),
    },
    "wasi:random/insecure": {
        "get-insecure-random-bytes": Function(random_bytes),
        "get-insecure-random-u64": Function(random_u64),
    },
    "wasi:random/insecure-seed": {"insecure-seed": Function(insecure_seed)},
}
