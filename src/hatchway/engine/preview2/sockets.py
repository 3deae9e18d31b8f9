"""wasi:sockets: everything that could lead to a socket is denied where it begins.

No socket can be created and no name looked up, so no method of a socket can be reached;
they are defined only so that a guest that imports them can start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import (
    INCOMING_DATAGRAMS,
    NETWORK,
    OUTGOING_DATAGRAMS,
    RESOLVE_ADDRESS_STREAM,
    TCP_SOCKET,
    UDP_SOCKET,
    Function,
    Host,
    unreachable,
)

if TYPE_CHECKING:
    from hatchway.engine.preview2.binding import Body

_SECOND = capi.VALUE_BYTES


def instance_network(host: Host, _arguments: int, result: int) -> None:
    # A handle to "the network" that nothing accepts for more than a denial.
    host.give(result, NETWORK, 0)


def _access_denied(result: int) -> None:
    values.put_result(result, is_ok=False)
    values.put_box(result, "result", lambda at: values.put_text(at, b"access-denied", "enum"))


def _create(protocol: str) -> Body:
    def body(host: Host, arguments: int, result: int) -> None:
        family = values.read_text(arguments + capi.VALUE_PAYLOAD)
        host.deny("net.socket", f"{protocol} {family}")
        _access_denied(result)

    return body


def resolve_addresses(host: Host, arguments: int, result: int) -> None:
    host.deny("net.dns", values.read_vector(arguments + _SECOND + capi.VALUE_PAYLOAD))
    _access_denied(result)


def no_error_code(_host: Host, _arguments: int, result: int) -> None:
    values.put_none(result)


_TCP_METHODS = (
    "start-bind", "finish-bind", "start-connect", "finish-connect", "start-listen",
    "finish-listen", "accept", "local-address", "remote-address", "is-listening",
    "address-family", "set-listen-backlog-size", "keep-alive-enabled", "set-keep-alive-enabled",
    "keep-alive-idle-time", "set-keep-alive-idle-time", "keep-alive-interval",
    "set-keep-alive-interval", "keep-alive-count", "set-keep-alive-count", "hop-limit",
    "set-hop-limit", "receive-buffer-size", "set-receive-buffer-size", "send-buffer-size",
    "set-send-buffer-size", "subscribe", "shutdown",
)  # fmt: skip
_UDP_METHODS = (
    "start-bind", "finish-bind", "stream", "local-address", "remote-address", "address-family",
    "unicast-hop-limit", "set-unicast-hop-limit", "receive-buffer-size",
    "set-receive-buffer-size", "send-buffer-size", "set-send-buffer-size", "subscribe",
)  # fmt: skip


def _methods(resource: str, names: tuple[str, ...]) -> dict[str, Function]:
    return {f"[method]{resource}.{name}": Function(unreachable) for name in names}


RESOURCES = {
    "wasi:sockets/network": {"network": NETWORK},
    "wasi:sockets/tcp": {"tcp-socket": TCP_SOCKET},
    "wasi:sockets/udp": {
        "udp-socket": UDP_SOCKET,
        "incoming-datagram-stream": INCOMING_DATAGRAMS,
        "outgoing-datagram-stream": OUTGOING_DATAGRAMS,
    },
    "wasi:sockets/ip-name-lookup": {"resolve-address-stream": RESOLVE_ADDRESS_STREAM},
}

FUNCTIONS: dict[str, dict[str, Function]] = {
    "wasi:sockets/instance-network": {"instance-network": Function(instance_network)},
    "wasi:sockets/network": {"network-error-code": Function(no_error_code, (0,))},
    "wasi:sockets/tcp-create-socket": {"create-tcp-socket": Function(_create("tcp"))},
    "wasi:sockets/udp-create-socket": {"create-udp-socket": Function(_create("udp"))},
    "wasi:sockets/tcp": _methods("tcp-socket", _TCP_METHODS),
    "wasi:sockets/udp": {
        **_methods("udp-socket", _UDP_METHODS),
        **_methods("incoming-datagram-stream", ("receive", "subscribe")),
        **_methods("outgoing-datagram-stream", ("check-send", "send", "subscribe")),
    },
    "wasi:sockets/ip-name-lookup": {
        "resolve-addresses": Function(resolve_addresses, (0,)),
        **_methods("resolve-address-stream", ("resolve-next-address", "subscribe")),
    },
}
