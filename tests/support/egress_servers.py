"""Web servers on loopback for tests of the network, kind and hostile, and a resolver that lies.

    authority = Authority(tmp_path)                      # a CA of the test's own
    resolver = FakeResolver({"api.example.test": ["127.0.0.1"]})
    with serving(echo, tls=authority.context("api.example.test")) as origin:
        # https://api.example.test:{origin.port}, with Route(authorities=authority.file)
        assert origin.heard[0].field("authorization") == "Bearer s3cret"

`serving` speaks HTTP for a function from request to `Reply`; `serving_raw` hands over the bare
streams, for servers that no library would be: `drip`, `endless`, `silent`, `saying`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gzip
import ipaddress
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import h11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 16
_YEAR = dt.timedelta(days=365)


class Authority:
    """A certificate authority that only this test knows.

    Attributes:
        file: Its certificate, in PEM, for whoever is to trust it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own CA")])
        self._certificate = self._signed(
            self._name,
            self._key.public_key(),
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(signs=True), True),
        )
        self._issued = 0
        self.file = str(directory / "authority.pem")
        (directory / "authority.pem").write_bytes(_pem(self._certificate))

    def context(self, *hosts: str, is_expired: bool = False) -> ssl.SSLContext:
        """What a server for `hosts`, names or addresses, needs for TLS."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [_general_name(host) for host in hosts]
        certificate = self._signed(
            x509.Name([]),
            key.public_key(),
            (x509.SubjectAlternativeName(alternatives), True),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            is_expired=is_expired,
        )
        self._issued += 1
        file = self._directory / f"server-{self._issued}.pem"
        file.write_bytes(_pem(certificate) + _private_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *extensions: tuple[x509.ExtensionType, bool],
        is_expired: bool = False,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        begin = now - (3 * _YEAR if is_expired else _YEAR)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + 2 * _YEAR)
            .add_extension(own, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, critical=is_critical)
        return builder.sign(self._key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class FakeResolver:
    """Answers from a table, as `Broker(resolve=…)` takes it, and remembers what it was asked.

    Args:
        table: The addresses of each name.
        later: What a name leads to when it is asked for a second time.
    """

    def __init__(
        self, table: Mapping[str, Sequence[str]], later: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._table = dict(table)
        self._later = dict(later or {})
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        """The addresses of `host`."""
        is_first = host not in self.asked
        self.asked.append(host)
        answer = self._table.get(host) if is_first else self._later.get(host, self._table.get(host))
        if answer is None:
            message = "no such name"
            raise OSError(message)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request, as a server got it.

    Attributes:
        connection: Which connection it came over: 1 for the first one.
    """

    method: str
    target: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    connection: int

    def fields(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    def field(self, name: str) -> str | None:
        """The one value of a field, or None."""
        values = self.fields(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def names(self) -> set[str]:
        """The names of all fields."""
        return {name for name, _ in self.headers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answers; a body of parts is sent in chunks."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | Sequence[bytes] = b""


Answer: TypeAlias = Callable[[Heard], Reply]
Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Origin:
    """A server that runs.

    Attributes:
        heard: The requests, in order, of servers that speak HTTP.
        connections: How many connections there were.
        is_left: Set when a connection is over, while the server runs.
    """

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    is_left: threading.Event = field(default_factory=threading.Event)
    _change: threading.Condition = field(default_factory=threading.Condition)

    def is_reached(self, connections: int) -> bool:
        """Wait until there were so many connections."""
        with self._change:
            return self._change.wait_for(lambda: self.connections >= connections, 30)

    def reach(self) -> int:
        """One more connection; the answer is its number."""
        with self._change:
            self.connections += 1
            self._change.notify_all()
            return self.connections

    @property
    def url(self) -> str:
        """Where it is, in clear text."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving(answer: Answer, *, tls: ssl.SSLContext | None = None) -> Iterator[Origin]:
    """A server that answers each request with what `answer` says, over kept connections."""
    origin = Origin()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _converse(answer, origin, reader, writer)

    with _running(handle, origin, tls):
        yield origin


@contextlib.contextmanager
def serving_raw(handle: Handler, *, tls: ssl.SSLContext | None = None) -> Iterator[Origin]:
    """A server that does with each connection what `handle` does."""
    origin = Origin()
    with _running(handle, origin, tls):
        yield origin


@contextlib.contextmanager
def _running(handle: Handler, origin: Origin, tls: ssl.SSLContext | None) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    is_over = asyncio.Event()
    started = threading.Event()
    handlers: set[asyncio.Task[None]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        origin.reach()
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await handle(reader, writer)
        except (OSError, ssl.SSLError, h11.ProtocolError, asyncio.IncompleteReadError):
            origin.is_left.set()
        except asyncio.CancelledError:
            pass
        else:
            origin.is_left.set()
        finally:
            handlers.discard(task)
            writer.transport.abort()

    async def run() -> None:
        server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=tls, backlog=2048)
        origin.port = server.sockets[0].getsockname()[1]
        started.set()
        await is_over.wait()
        server.close()
        for _ in range(5):  # a connection may be on its way to its handler still
            for task in list(handlers):
                task.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)
            await asyncio.sleep(0)

    # A client that does not like a certificate is what some tests are about.
    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert started.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()


# Servers that speak HTTP


async def _converse(
    answer: Answer, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connection = h11.Connection(h11.SERVER)
    number = origin.connections
    while (heard := await _listen(connection, reader, number)) is not None:
        origin.heard.append(heard)
        reply = answer(heard)
        for event in _events(heard, reply):
            writer.write(connection.send(event) or b"")
            await writer.drain()
        if connection.our_state is h11.MUST_CLOSE:
            break
        connection.start_next_cycle()


async def _listen(
    connection: h11.Connection, reader: asyncio.StreamReader, number: int
) -> Heard | None:
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return Heard(
                method=request.method.decode(),
                target=request.target.decode(),
                headers=tuple((name.decode(), value) for name, value in request.headers),
                body=bytes(body),
                connection=number,
            )
        else:  # the client has closed
            return None


def _events(heard: Heard, reply: Reply) -> Iterator[h11.Event]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in reply.headers]
    parts = [reply.body] if isinstance(reply.body, bytes) else reply.body
    names = {name.lower() for name, _ in headers}
    if isinstance(reply.body, bytes) and not names & {"content-length", "transfer-encoding"}:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    yield h11.Response(status_code=reply.status, headers=headers)
    if heard.method != "HEAD":
        for part in parts:
            yield h11.Data(data=part)
    yield h11.EndOfMessage()


def echo(heard: Heard) -> Reply:
    """What was asked, as JSON: `method`, `target`, `headers` and `body`."""
    told = {
        "method": heard.method,
        "target": heard.target,
        "headers": [[name, value.decode("latin-1")] for name, value in heard.headers],
        "body": heard.body.decode("latin-1"),
    }
    return Reply(headers=[("content-type", "application/json")], body=json.dumps(told).encode())


def redirecting(location: str, status: int = 302) -> Answer:
    """Everything is somewhere else."""

    def answer(_: Heard) -> Reply:
        return Reply(status=status, headers=[("location", location)], body=b"elsewhere")

    return answer


def bomb(_: Heard) -> Reply:
    """A few kilobytes that unpack to a hundred megabytes."""
    packed = gzip.compress(bytes(100 << 20), compresslevel=9)
    return Reply(headers=[("content-encoding", "gzip")], body=packed)


# Servers that do not


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """The head of a request."""
    return await reader.readuntil(b"\r\n\r\n")


def saying(text: bytes) -> Handler:
    """After the head of a request come these bytes, then the end of the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(text)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Listens, and never says anything."""
    while await reader.read(_CHUNK):
        pass


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A response that comes a byte at a time, and never ends."""
    await read_head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A response that comes as fast as it is taken, and never ends."""
    await read_head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n\r\n")
    block = bytes(_CHUNK)
    while True:
        writer.write(block)
        await writer.drain()


def streaming(count: int) -> Handler:
    """Takes a body of any length, while it sends one of `count` bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        taking = asyncio.ensure_future(_drained(reader))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % count)
        block = bytes(_CHUNK)
        left = count
        while left:
            part = block[: min(left, _CHUNK)]
            writer.write(part)
            await writer.drain()
            left -= len(part)
        await taking

    return handle


async def _drained(reader: asyncio.StreamReader) -> None:
    while await reader.read(_CHUNK):
        pass
