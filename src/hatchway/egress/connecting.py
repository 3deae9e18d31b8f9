"""Connections to addresses that were checked, with TLS for the name that was granted.

No name is looked up on the way: what is connected to is the address that was decided about. Of a
proxy's own address nothing is checked, it is the operator's choice. It is asked for the checked
address where it makes a tunnel, for TLS. A request in the open has to name the host, and which
address the proxy then finds for it is the proxy's affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.egress.connection import READ_BYTES, Connection
from hatchway.egress.refusals import Refused, failed
from hatchway.egress.routing import Proxy, read_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hatchway.core.addresses import Address
    from hatchway.core.egress import Route
    from hatchway.egress.resolving import Resolver
    from hatchway.egress.trusting import Authorities
    from hatchway.policy.egress import Target

_MAX_ATTEMPTS = 4
"""Addresses of one name that are tried."""
_TUNNEL_IS_OPEN = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9][ \r]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A transport, and what is read from it."""

    reader: asyncio.StreamReader
    protocol: asyncio.StreamReaderProtocol
    transport: asyncio.Transport


class Connector:
    """Opens connections.

    Args:
        resolver: For the proxy's name; never for a guest's.
        authorities: Whom TLS believes.
    """

    def __init__(self, resolver: Resolver, authorities: Authorities) -> None:
        self._resolver = resolver
        self._authorities = authorities

    async def connect(
        self,
        target: Target,
        addresses: Sequence[Address],
        route: Route,
        *,
        until: float,
        header_bytes: int,
    ) -> tuple[Connection, Address]:
        """A connection for `target` to the first of `addresses` that answers, and which it is.

        Raises:
            Refused: None of them does before the loop's time is `until`.
        """
        proxy = _proxy_of(route)
        context = await self._authorities.context(route.authorities)
        is_open_to_proxy = proxy is not None and target.scheme == "http"
        tried = addresses[: 1 if is_open_to_proxy else _MAX_ATTEMPTS]
        failure: Refused | None = None
        for left, address in zip(range(len(tried), 0, -1), tried, strict=True):
            now = asyncio.get_running_loop().time()
            try:
                with contextlib.ExitStack() as undo:
                    # Each gets its share, so that one that swallows everything is not the end.
                    with _explained():
                        async with asyncio.timeout((until - now) / left):
                            layer = await self._open(target, address, proxy, context, undo)
                    connection = _connection(layer, target, proxy, header_bytes)
                    undo.pop_all()
                    return connection, address
            except Refused as refused:
                failure = failure or refused
        assert failure is not None, "a name has addresses"
        raise failure

    async def open(
        self, address: Address, port: int, route: Route, *, until: float
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection to an address that was decided about, for a guest's own protocol.

        Raises:
            Refused: Nobody answers before the loop's time is `until`.
        """
        proxy = _proxy_of(route)
        with contextlib.ExitStack() as undo:
            with _explained():
                async with asyncio.timeout_at(until):
                    if proxy is None:
                        layer = await _tcp(address, port, undo)
                    else:
                        context = await self._authorities.context(route.authorities)
                        layer = await self._at_proxy(proxy, context, undo)
                        await _tunnel(layer, _spelled(address, port), proxy)
            undo.pop_all()
        return layer.reader, _writer(layer)

    async def _open(
        self,
        target: Target,
        address: Address,
        proxy: Proxy | None,
        context: ssl.SSLContext,
        undo: contextlib.ExitStack,
    ) -> _Layer:
        """The layers, one on the other; `undo` closes them when one cannot be had."""
        if proxy is None:
            layer = await _tcp(address, target.port, undo)
        else:
            layer = await self._at_proxy(proxy, context, undo)
            if target.scheme == "https":
                await _tunnel(layer, _spelled(address, target.port), proxy)
        if target.scheme == "https":
            return await _tls(layer, context, target.host.strip("[]"))
        return layer

    async def _at_proxy(
        self, proxy: Proxy, context: ssl.SSLContext, undo: contextlib.ExitStack
    ) -> _Layer:
        until = asyncio.get_running_loop().time() + 60  # whoever waits has less patience
        addresses = await self._resolver.addresses(
            proxy.host, proxy.port, until=until, subject="proxy"
        )
        layer = await _tcp(addresses[0], proxy.port, undo)
        return await _tls(layer, context, proxy.host) if proxy.scheme == "https" else layer


def _proxy_of(route: Route) -> Proxy | None:
    try:
        return None if route.proxy is None else read_proxy(route.proxy)
    except ValueError:
        raise failed("destination-unavailable", "egress.proxy") from None


async def _tcp(address: Address, port: int, undo: contextlib.ExitStack) -> _Layer:
    loop = asyncio.get_running_loop()
    reader, protocol = _reading()
    transport, _ = await loop.create_connection(
        lambda: protocol,
        str(address),
        port,
        family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
        flags=socket.AI_NUMERICHOST,
    )
    undo.callback(transport.abort)
    return _Layer(reader=reader, protocol=protocol, transport=transport)


async def _tls(layer: _Layer, context: ssl.SSLContext, name: str) -> _Layer:
    loop = asyncio.get_running_loop()
    reader, protocol = _reading()
    transport = await loop.start_tls(layer.transport, protocol, context, server_hostname=name)
    if transport is None:
        raise ConnectionResetError
    protocol.connection_made(transport)
    return _Layer(reader=reader, protocol=protocol, transport=transport)


def _reading() -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ_BYTES, loop=loop)
    return reader, asyncio.StreamReaderProtocol(reader, loop=loop)


async def _tunnel(layer: _Layer, authority: bytes, proxy: Proxy) -> None:
    """Have a proxy pass everything on to `authority`, an address that was checked."""
    lines = [b"CONNECT " + authority + b" HTTP/1.1", b"host: " + authority]
    lines += [name + b": " + value for name, value in proxy.fields]
    layer.transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
    head = await layer.reader.readuntil(b"\r\n\r\n")
    if not _TUNNEL_IS_OPEN.match(head):
        raise failed("destination-unavailable", "egress.proxy")


def _spelled(address: Address, port: int) -> bytes:
    host = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)
    return f"{host}:{port}".encode("ascii")


def _writer(layer: _Layer) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    return asyncio.StreamWriter(layer.transport, layer.protocol, layer.reader, loop)


def _connection(
    layer: _Layer, target: Target, proxy: Proxy | None, header_bytes: int
) -> Connection:
    writer = _writer(layer)
    if proxy is None or target.scheme == "https":
        return Connection(layer.reader, writer, header_bytes=header_bytes)
    return Connection(
        layer.reader,
        writer,
        header_bytes=header_bytes,
        prefix=target.origin.encode("ascii"),
        fields=list(proxy.fields),
    )


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What goes wrong while connecting, in the words of the guest.

    Raises:
        Refused: It did.
    """
    try:
        yield
    except TimeoutError:
        raise failed("connection-timeout", "egress.connect_seconds") from None
    except ssl.SSLCertVerificationError:
        raise failed("TLS-certificate-error", "egress.certificate") from None
    except ssl.SSLError:
        raise failed("TLS-protocol-error", "egress.tls") from None
    except ConnectionRefusedError:
        raise failed("connection-refused", "egress.connection_refused") from None
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise failed("connection-terminated", "egress.connection_lost") from None
    except OSError:
        raise failed("destination-unavailable", "egress.unreachable") from None
