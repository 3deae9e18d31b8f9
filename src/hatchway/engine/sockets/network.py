"""What all of `wasi:sockets` is about: addresses, and why something failed."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import NETWORK, Function
from hatchway.engine.preview2.handles import Failure, StreamFault, held

if TYPE_CHECKING:
    from hatchway.core.addresses import Address
    from hatchway.core.exchange import Refusal
    from hatchway.engine.preview2.binding import Host

_CODES = {
    "HTTP-request-denied": "access-denied",
    "DNS-timeout": "temporary-resolver-failure",
    "DNS-error": "name-unresolvable",
    "destination-unavailable": "remote-unreachable",
    "connection-refused": "connection-refused",
    "connection-timeout": "timeout",
    "connection-limit-reached": "new-socket-limit",
    "HTTP-response-timeout": "timeout",
}
"""What the broker says, in the words of `wasi:sockets`; what is not here broke a connection."""


class NetworkFailure(Failure):
    """Why a stream of a connection ended before its end."""


def code_of(refusal: Refusal) -> str:
    """Why there is no connection or no address."""
    return _CODES.get(refusal.error, "connection-reset")


def broken(refusal: Refusal) -> StreamFault:
    """Why a stream cannot go on."""
    return StreamFault(NetworkFailure(code_of(refusal)))


def put_failed(result: int, code: str) -> None:
    """Make the result a failure for `code`."""
    values.put_result(result, is_ok=False)
    values.put_box(result, "result", lambda at: values.put_text(at, code.encode(), "enum"))


def put_address(at: int, address: Address) -> None:
    """Make the value an `ip-address`."""
    values.put_case(at, f"ipv{address.version}")
    values.put_box(at, "variant", lambda box: _put_parts(box, address))


def put_socket_address(at: int, address: Address, port: int) -> None:
    """Make the value an `ip-socket-address`."""

    def fill(box: int) -> None:
        if address.version == 4:
            port_at, address_at = values.put_record(box, ("port", "address"))
        else:
            names = ("port", "flow-info", "address", "scope-id")
            port_at, flow_at, address_at, scope_at = values.put_record(box, names)
            values.put_number(flow_at, "u32", 0)
            values.put_number(scope_at, "u32", 0)
        values.put_number(port_at, "u16", port)
        _put_parts(address_at, address)

    values.put_case(at, f"ipv{address.version}")
    values.put_box(at, "variant", fill)


def _put_parts(at: int, address: Address) -> None:
    packed = address.packed
    width, kind = (1, "u8") if address.version == 4 else (2, "u16")
    parts = [packed[index : index + width] for index in range(0, len(packed), width)]
    first = values.put_items(at, "tuple", len(parts))
    for index, part in enumerate(parts):
        values.put_number(first + index * capi.VALUE_BYTES, kind, int.from_bytes(part, "big"))


def read_socket_address(at: int) -> tuple[Address, int]:
    """The address and the port in an `ip-socket-address`."""
    case, record = values.read_case(at)
    first = capi.read_pointer(record + capi.VALUE_PAYLOAD + 8) + capi.RECORD_ENTRY_VALUE
    port = values.read_number(first, "u16")
    place, width, kind = (1, 1, "u8") if case == "ipv4" else (2, 2, "u16")
    parts = values.list_items(first + place * capi.RECORD_ENTRY_BYTES)
    packed = b"".join(values.read_number(part, kind).to_bytes(width, "big") for part in parts)
    return ipaddress.ip_address(packed), port


def instance_network(host: Host, _arguments: int, result: int) -> None:
    """A handle to "the network"; what it leads to is decided each time it is used."""
    host.give(result, NETWORK, 0)


def error_code(host: Host, _arguments: int, result: int) -> None:
    """Why a stream ended, where it was one of a connection."""
    failure = held(host.guest, host.handles[0], Failure)
    values.put_none(result)
    if isinstance(failure, NetworkFailure):
        name = failure.name.encode()
        values.put_box(result, "option", lambda at: values.put_text(at, name, "enum"))


FUNCTIONS = {
    "wasi:sockets/instance-network": {"instance-network": Function(instance_network)},
    "wasi:sockets/network": {"network-error-code": Function(error_code, (0,))},
}
