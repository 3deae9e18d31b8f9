"""The tables of `wasi:sockets`, for the linker.

Datagrams are denied where they begin: no such socket can be created, so no method of one can be
reached; they are defined only so that a guest that imports them can start.
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
    unreachable,
)
from hatchway.engine.sockets import lookups, network, tcp

if TYPE_CHECKING:
    from hatchway.engine.preview2.binding import Host


def create_udp(host: Host, arguments: int, result: int) -> None:
    """Denied."""
    host.deny("net.socket", f"udp {values.read_text(arguments + capi.VALUE_PAYLOAD)}")
    network.put_failed(result, "access-denied")


_UDP_METHODS = (
    "start-bind", "finish-bind", "stream", "local-address", "remote-address", "address-family",
    "unicast-hop-limit", "set-unicast-hop-limit", "receive-buffer-size",
    "set-receive-buffer-size", "send-buffer-size", "set-send-buffer-size", "subscribe",
)  # fmt: skip


def _methods(resource: str, names: tuple[str, ...]) -> dict[str, Function]:
    return {f"[method]{resource}.{name}": Function(unreachable) for name in names}


HELD = frozenset({TCP_SOCKET, RESOLVE_ADDRESS_STREAM})
"""Resources behind whose handles something is held."""

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
    **network.FUNCTIONS,
    **tcp.FUNCTIONS,
    **lookups.FUNCTIONS,
    "wasi:sockets/udp-create-socket": {"create-udp-socket": Function(create_udp)},
    "wasi:sockets/udp": {
        **_methods("udp-socket", _UDP_METHODS),
        **_methods("incoming-datagram-stream", ("receive", "subscribe")),
        **_methods("outgoing-datagram-stream", ("check-send", "send", "subscribe")),
    },
}
