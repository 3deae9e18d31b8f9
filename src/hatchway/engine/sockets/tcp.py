"""`tcp` and `tcp-create-socket`: connections to where the broker lets them lead.

Listening, binding and everything that comes in is denied: nothing here could be reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.exchange import ConnectHead
from hatchway.engine import capi, values
from hatchway.engine.http.exchange import BUFFER_BYTES
from hatchway.engine.preview2.binding import (
    INPUT_STREAM,
    OUTPUT_STREAM,
    TCP_SOCKET,
    Function,
)
from hatchway.engine.preview2.handles import held, hold
from hatchway.engine.preview2.io import give_pollable
from hatchway.engine.sockets.asking import ask
from hatchway.engine.sockets.network import (
    code_of,
    put_failed,
    put_socket_address,
    read_socket_address,
)
from hatchway.engine.sockets.tunnel import TcpSocket, Tunnel, TunnelReader, TunnelWriter

if TYPE_CHECKING:
    from hatchway.core.addresses import Address
    from hatchway.engine.preview2.binding import Body, Host

_SECOND = capi.VALUE_BYTES
_THIRD = 2 * capi.VALUE_BYTES


def _socket(host: Host) -> TcpSocket:
    return held(host.guest, host.handles[0], TcpSocket)


def _ok(result: int) -> None:
    values.put_result(result, is_ok=True)


def create(host: Host, arguments: int, result: int) -> None:
    """A socket, for a guest that was granted any."""
    family = values.read_text(arguments + capi.VALUE_PAYLOAD)
    if not host.guest.has_sockets:
        host.deny("net.socket", f"tcp {family}")
        put_failed(result, "access-denied")
        return
    number = hold(host.guest, TcpSocket(family))
    _ok(result)
    values.put_box(result, "result", lambda at: host.give(at, TCP_SOCKET, number))


# Connecting


def start_connect(host: Host, arguments: int, result: int) -> None:
    """Have the broker connect, if it will; what becomes of it is known later."""
    guest, socket = host.guest, _socket(host)
    guest.check_time()
    address, port = read_socket_address(arguments + _THIRD)
    failure = _objection(socket, address, port)
    if failure is not None or guest.ticket is None:
        put_failed(result, failure or "access-denied")
        return
    head = ConnectHead(address=str(address), port=port)
    socket.tunnel = Tunnel(ask(guest, guest.ticket, head, host.function), (address, port))
    _ok(result)


def _objection(socket: TcpSocket, address: Address, port: int) -> str | None:
    """What the interface itself has against such a connection."""
    if socket.tunnel is not None:
        is_begun = not (socket.is_connected or socket.is_failed)
        return "concurrency-conflict" if is_begun else "invalid-state"
    is_mapped = getattr(address, "ipv4_mapped", None) is not None
    is_nowhere = not port or address.is_unspecified or address.is_multicast or is_mapped
    return "invalid-argument" if is_nowhere or _family(address) != socket.family else None


def _family(address: Address) -> str:
    return f"ipv{address.version}"


def finish_connect(host: Host, _arguments: int, result: int) -> None:
    """The streams of the connection, once it is there."""
    socket = _socket(host)
    tunnel = socket.tunnel
    if tunnel is None or socket.is_connected or socket.is_failed:
        put_failed(result, "not-in-progress")
        return
    exchange = tunnel.exchange
    exchange.pump()
    if not exchange.is_answered:
        put_failed(result, "would-block")
    elif exchange.response is None:
        socket.is_failed = True
        refusal = exchange.refusal
        put_failed(result, "connection-aborted" if refusal is None else code_of(refusal))
    else:
        socket.is_connected = True
        _give_streams(host, result, tunnel)


def _give_streams(host: Host, result: int, tunnel: Tunnel) -> None:
    reader = hold(host.guest, TunnelReader(tunnel))
    writer = hold(host.guest, TunnelWriter(tunnel))

    def fill(at: int) -> None:
        first = values.put_items(at, "tuple", 2)
        host.give(first, INPUT_STREAM, reader)
        host.give(first + capi.VALUE_BYTES, OUTPUT_STREAM, writer)

    _ok(result)
    values.put_box(result, "result", fill)


def shutdown(host: Host, arguments: int, result: int) -> None:
    """Say that there is no more in one direction, or in both."""
    socket = _socket(host)
    if socket.tunnel is None or not socket.is_connected:
        put_failed(result, "invalid-state")
        return
    which = values.read_text(arguments + _SECOND + capi.VALUE_PAYLOAD)
    if which != "send":
        socket.tunnel.is_deaf = True
    if which != "receive":
        socket.tunnel.exchange.finish()
    _ok(result)


def subscribe(host: Host, _arguments: int, result: int) -> None:
    """A pollable that is ready when it is known what became of the connection."""
    give_pollable(host, result, _socket(host).is_ready)


# What cannot be


def start_bind(host: Host, arguments: int, result: int) -> None:
    """Denied: a guest has no address of its own."""
    address, port = read_socket_address(arguments + _THIRD)
    host.deny("net.socket", f"tcp bind {address} port {port}")
    put_failed(result, "access-denied")


def start_listen(host: Host, _arguments: int, result: int) -> None:
    """Denied: nothing comes in."""
    host.deny("net.socket", "tcp listen")
    put_failed(result, "access-denied")


def _failing(code: str) -> Body:
    def body(_host: Host, _arguments: int, result: int) -> None:
        put_failed(result, code)

    return body


# What a socket knows of itself


def remote_address(host: Host, _arguments: int, result: int) -> None:
    """Where it leads."""
    socket = _socket(host)
    if socket.tunnel is None or not socket.is_connected:
        put_failed(result, "invalid-state")
        return
    address, port = socket.tunnel.remote
    _ok(result)
    values.put_box(result, "result", lambda at: put_socket_address(at, address, port))


def local_address(host: Host, _arguments: int, result: int) -> None:
    """Not known here: the end on this side is the broker's."""
    put_failed(result, "not-supported" if _socket(host).is_connected else "invalid-state")


def is_listening(_host: Host, _arguments: int, result: int) -> None:
    """Never."""
    values.put_number(result, "bool", value=False)


def address_family(host: Host, _arguments: int, result: int) -> None:
    """The one it was made for."""
    values.put_text(result, _socket(host).family.encode(), "enum")


def keep_alive(_host: Host, _arguments: int, result: int) -> None:
    """Off: a connection is bounded in time anyway."""
    _ok(result)
    values.put_box(result, "result", lambda at: values.put_number(at, "bool", value=False))


def set_keep_alive(_host: Host, arguments: int, result: int) -> None:
    """It can be off."""
    if values.read_number(arguments + _SECOND, "bool"):
        put_failed(result, "not-supported")
    else:
        _ok(result)


def buffer_size(_host: Host, _arguments: int, result: int) -> None:
    """What is held of what goes, and of what comes."""
    _ok(result)
    values.put_box(result, "result", lambda at: values.put_number(at, "u64", BUFFER_BYTES))


def _setting(kind: str, code: str | None) -> Body:
    """A setting that has no effect, or that is not there; zero is no value for either."""

    def body(_host: Host, arguments: int, result: int) -> None:
        failure = code if values.read_number(arguments + _SECOND, kind) else "invalid-argument"
        if failure is None:
            _ok(result)
        else:
            put_failed(result, failure)

    return body


def _methods() -> dict[str, Function]:
    bodies: dict[str, Body] = {
        "finish-bind": _failing("not-in-progress"),
        "finish-connect": finish_connect,
        "start-listen": start_listen,
        "finish-listen": _failing("not-in-progress"),
        "accept": _failing("invalid-state"),
        "local-address": local_address,
        "remote-address": remote_address,
        "is-listening": is_listening,
        "address-family": address_family,
        "set-listen-backlog-size": _setting("u64", "not-supported"),
        "keep-alive-enabled": keep_alive,
        "set-keep-alive-enabled": set_keep_alive,
        "receive-buffer-size": buffer_size,
        "set-receive-buffer-size": _setting("u64", None),
        "send-buffer-size": buffer_size,
        "set-send-buffer-size": _setting("u64", None),
        "subscribe": subscribe,
        "shutdown": shutdown,
    }
    for name, kind in _NOT_HERE.items():
        bodies[name] = _failing("not-supported")
        bodies[f"set-{name}"] = _setting(kind, "not-supported")
    return {f"[method]tcp-socket.{name}": Function(body, (0,)) for name, body in bodies.items()}


_NOT_HERE = {
    "keep-alive-idle-time": "u64",
    "keep-alive-interval": "u64",
    "keep-alive-count": "u32",
    "hop-limit": "u8",
}
"""Settings of the connection that the broker makes, which no guest may touch."""

FUNCTIONS = {
    "wasi:sockets/tcp-create-socket": {"create-tcp-socket": Function(create)},
    "wasi:sockets/tcp": {
        **_methods(),
        # Both take the network as well.
        "[method]tcp-socket.start-bind": Function(start_bind, (0, 1)),
        "[method]tcp-socket.start-connect": Function(start_connect, (0, 1)),
    },
}
