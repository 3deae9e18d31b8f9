"""A broker on loopback that decides nothing: what it answers is up to the test."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from hatchway.core.egress import Ticket
from hatchway.core.exchange import (
    TOKEN_HEADER,
    FrameReader,
    Kind,
    RequestHead,
    ResponseHead,
    data_frames,
    frame,
    read_request,
    refusal_frame,
    response_frame,
)
from hatchway.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.core.exchange import Headers, Refusal

TOKEN = "of-this-call"  # noqa: S105 - no secret: the stub opens nothing
BOUND_SECONDS = 60
"""How long anything here waits for something that must come."""


class Peer:
    """One exchange as the broker sees it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(BOUND_SECONDS)
        self.socket = connection
        self._http = h11.Connection(h11.SERVER)
        self._frames = self._read()
        self.head = RequestHead(method="", scheme=None, authority=None, target="")
        self.token = ""
        self.is_answered = False
        kind, payload = next(self._frames, (Kind.END, b""))
        if kind is Kind.HEAD:
            self.head = read_request(payload)

    def _read(self) -> Iterator[tuple[Kind, bytes]]:
        reader = FrameReader()
        while True:
            match self._http.next_event():
                case h11.NEED_DATA:
                    self._http.receive_data(self.socket.recv(1 << 16))
                case h11.Request() as request:
                    self.token = dict(request.headers)[TOKEN_HEADER.encode()].decode()
                case h11.Data() as event:
                    yield from reader.feed(bytes(event.data))
                case _:
                    return

    def parts(self) -> Iterator[bytes]:
        """The request's body as it comes in; ends with END, and raises where it is cut off."""
        for kind, payload in self._frames:
            if kind is Kind.END:
                return
            yield payload
        message = "the request was cut off"
        raise h11.RemoteProtocolError(message)

    def body(self) -> bytes:
        """All of the request's body."""
        return b"".join(self.parts())

    def accept(self, status: int = 200) -> None:
        """Begin the answer to `POST /exchange`."""
        self._send(h11.Response(status_code=status, headers=[("transfer-encoding", "chunked")]))

    def raw(self, data: bytes) -> None:
        """Send bytes that need not be frames."""
        self._send(h11.Data(data=data))

    def reply(self, status: int = 200, headers: Headers = (), body: bytes | None = b"") -> None:
        """Answer; without a body the response stays open."""
        self.accept()
        self.raw(response_frame(ResponseHead(status=status, headers=headers)))
        if body is not None:
            self.send(body)
            self.end()

    def send(self, data: bytes) -> None:
        """More of the response's body."""
        self.raw(data_frames(data))

    def end(self) -> None:
        """The response is complete."""
        self.raw(frame(Kind.END))
        self.close_answer()

    def close_answer(self) -> None:
        """The answer to `POST /exchange` is complete, whatever was in it."""
        self._send(h11.EndOfMessage())
        self.is_answered = True

    def refuse(self, refusal: Refusal) -> None:
        """Answer that there is no response, or no more of it."""
        if self._http.our_state is h11.SEND_RESPONSE:
            self.accept()
        self.raw(refusal_frame(refusal))
        # Whoever closes with something unread takes back what was sent.
        self.wait_until_gone()

    def wait_until_gone(self) -> None:
        """Until the other half has hung up."""
        with contextlib.suppress(OSError):
            while self.socket.recv(1 << 16):
                pass

    def stall(self) -> None:
        """Until the other half has hung up, without taking anything from it."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        assert poll.poll(BOUND_SECONDS * 1000)

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        assert data is not None
        self.socket.sendall(data)


def answered(peer: Peer) -> None:
    """Take all of the request, and answer with its body."""
    peer.reply(body=peer.body())


@dataclass
class Broker:
    """Where it listens, and what it was asked.

    Attributes:
        ticket: For a run.
        heads: The head of every exchange, in the order they began.
        gone: Set once a peer has come to its end.
    """

    ticket: Ticket
    heads: list[RequestHead]
    gone: threading.Event
    ended: threading.Semaphore

    def wait_for_ends(self, count: int) -> None:
        """Until so many more exchanges have ended, also those that hung up unheard."""
        for _ in range(count):
            assert self.ended.acquire(timeout=BOUND_SECONDS)


@contextlib.contextmanager
def broker(behave: Callable[[Peer], None] = answered) -> Iterator[Broker]:
    """A broker that does with every exchange what `behave` does, each in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ticket = Ticket(port=listener.getsockname()[1], token=Secret(TOKEN))
        ended = threading.Semaphore(0)
        found = Broker(ticket=ticket, heads=[], gone=threading.Event(), ended=ended)
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            # The other half may hang up at any moment.
            with connection, contextlib.suppress(OSError, h11.ProtocolError):
                peer = Peer(connection)
                assert peer.token == TOKEN
                found.heads.append(peer.head)
                behave(peer)
                if peer.is_answered:
                    # To hang up on what was not read would take back what was said.
                    connection.shutdown(socket.SHUT_WR)
                    peer.wait_until_gone()
            found.gone.set()
            ended.release()

        def listen() -> None:
            with contextlib.suppress(OSError):  # the listener was closed
                while True:
                    thread = threading.Thread(target=serve, args=(listener.accept()[0],))
                    threads.append(thread)
                    thread.start()

        listening = threading.Thread(target=listen)
        listening.start()
        try:
            yield found
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listening.join(BOUND_SECONDS)
            for thread in threads:
                thread.join(BOUND_SECONDS)
