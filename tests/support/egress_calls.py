"""Calls that were let onto the network, without an engine: what the inside half does, by hand.

with admitted(grant("https://api.example.test:8443;internal"), resolver) as call:
    answer = call.ask("GET", "https://api.example.test:8443/v1")
    assert answer.status == 200
    assert call.events[0].decision == "allowed"
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import urlsplit

import h11
from audit_texts import tool_named

from hatchway.core.call import Principal, ToolCall
from hatchway.core.egress import BoundSecret, EgressGrant, EgressLimits, FlowRule, Route
from hatchway.core.exchange import (
    PATH,
    TOKEN_HEADER,
    FrameReader,
    Headers,
    Kind,
    Refusal,
    RequestHead,
    ResponseHead,
    data_frames,
    frame,
    read_refusal,
    read_response,
    request_frame,
)
from hatchway.core.ocsf import to_ocsf
from hatchway.core.secret import Secret
from hatchway.egress.broker import Broker
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hatchway.core.capability import HttpAccess
    from hatchway.core.egress import Ticket
    from hatchway.core.events import Event, HttpTrace
    from hatchway.core.tool import Tool
    from hatchway.egress.resolving import Resolve

BOUND_SECONDS = 30
"""How long anything here waits for something that must come."""


def access(text: str) -> HttpAccess:
    """What `net.http=TEXT` grants."""
    return cast("HttpAccess", parse_capability(f"net.http={text}", side="allowed"))


def grant(
    *origins: str,
    limits: EgressLimits | None = None,
    secrets: Sequence[BoundSecret] = (),
    after_private: Sequence[str] | None = None,
    route: Route | None = None,
) -> EgressGrant:
    """A grant of these origins, in the words of a policy."""
    flow = None
    if after_private is not None:
        flow = FlowRule(may_reach=tuple(map(access, after_private)))
    return EgressGrant(
        origins=tuple(map(access, origins)),
        secrets=tuple(secrets),
        limits=limits or EgressLimits(),
        flow=flow,
        route=route or Route(),
    )


def bound(origin: str, header: str = "authorization", template: str = "Bearer {}") -> BoundSecret:
    """A secret for one origin: `s3cret-value`."""
    to = access(origin)
    return BoundSecret(
        name="KEY",
        scheme=to.scheme,
        host=to.host,
        port=to.port,
        header=header,
        template=template,
        secret=Secret("s3cret-value"),
    )


@dataclass
class Recorded:
    """Events, kept in order; each has to be one that can be written.

    Indexed and counted are those of requests.
    """

    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        """Keep one."""
        json.dumps(to_ocsf(event, version="0"))
        self.events.append(event)

    def __getitem__(self, index: int) -> HttpTrace:
        return list(self)[index]

    def __iter__(self) -> Iterator[HttpTrace]:
        return (event.http for event in self.events if event.http is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def text(self) -> str:
        """All that they say."""
        return "\n".join(json.dumps(to_ocsf(event, version="0")) for event in self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    head: ResponseHead | None = None
    body: bytes = b""
    refusal: Refusal | None = None
    is_whole: bool = False

    @property
    def status(self) -> int | None:
        """Of the response."""
        return None if self.head is None else self.head.status

    @property
    def error(self) -> str | None:
        """Why there is no response, or no more of it."""
        return None if self.refusal is None else self.refusal.error

    @property
    def rule(self) -> str | None:
        """What stopped it."""
        return None if self.refusal is None else self.refusal.rule

    def field(self, name: str) -> list[bytes]:
        """The values of a field of the response."""
        assert self.head is not None
        return [value for key, value in self.head.headers if key == name]

    @property
    def echoed(self) -> dict[str, Any]:
        """What the echo server says it was asked."""
        return cast("dict[str, Any]", json.loads(self.body))


class Line:
    """One exchange with a broker, frame by frame."""

    def __init__(self, ticket: Ticket, *, expects: bool = False) -> None:
        self.socket = socket.create_connection(("127.0.0.1", ticket.port), BOUND_SECONDS)
        self._http = h11.Connection(h11.CLIENT)
        opening = h11.Request(
            method="POST",
            target=PATH,
            headers=[
                ("host", f"127.0.0.1:{ticket.port}"),
                (TOKEN_HEADER, ticket.token.reveal()),
                ("transfer-encoding", "chunked"),
                *([("expect", "100-continue")] if expects else []),
            ],
        )
        self._say(opening)

    def is_let_in(self) -> bool:
        """Wait for the word that the broker listens, for a line that expects it."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(self.socket.recv(1 << 16))
        return isinstance(event, h11.InformationalResponse)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def head(self, head: RequestHead) -> None:
        """Send the head of a request."""
        self.raw(request_frame(head))

    def data(self, data: bytes) -> None:
        """Send more of its body."""
        self.raw(data_frames(data))

    def end(self) -> None:
        """Send its end."""
        self.raw(frame(Kind.END))
        self.finish()

    def raw(self, data: bytes) -> None:
        """Send any bytes as frames."""
        self._say(h11.Data(data=data))

    def finish(self) -> None:
        """No more frames."""
        self._say(h11.EndOfMessage())

    def _say(self, event: h11.Event) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(self._http.send(event) or b"")

    def frames(self) -> Iterator[tuple[Kind, bytes]]:
        """What comes back, until the connection is closed."""
        reader = FrameReader()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(self.socket.recv(1 << 16))
            elif isinstance(event, h11.Response):
                assert event.status_code == 200, event.status_code
            elif isinstance(event, h11.Data):
                yield from reader.feed(bytes(event.data))
            else:
                return

    def answer(self) -> Answer:
        """All that comes back."""
        head: ResponseHead | None = None
        body = bytearray()
        with contextlib.suppress(ConnectionResetError, h11.RemoteProtocolError):
            for kind, payload in self.frames():
                match kind:
                    case Kind.HEAD:
                        head = read_response(payload)
                    case Kind.DATA:
                        body += payload
                    case Kind.END:
                        return Answer(head=head, body=bytes(body), is_whole=True)
                    case _:
                        return Answer(head=head, body=bytes(body), refusal=read_refusal(payload))
        return Answer(head=head, body=bytes(body))


def request_to(url: str, method: str = "GET", headers: Headers = (), **more: Any) -> RequestHead:
    """The head of a request for a URL, without any opinion about it."""
    parts = urlsplit(url)
    return RequestHead(
        method=method,
        scheme=parts.scheme,
        authority=parts.netloc,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=headers,
        **more,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A call on the network."""

    ticket: Ticket
    events: Recorded
    broker: Broker

    def ask(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: bytes = b"",
        **more: Any,
    ) -> Answer:
        """One request, sent whole, and its answer."""
        return self.send(request_to(url, method, headers, **more), body)

    def send(self, head: RequestHead, body: bytes = b"") -> Answer:
        """The same, with a head of the test's own."""
        with self.begin(head) as line:
            line.data(body)
            line.end()
            return line.answer()

    def begin(self, head: RequestHead) -> Line:
        """A request of which only the head is sent."""
        line = Line(self.ticket)
        line.head(head)
        return line


def call_of(tenant: str = "local") -> ToolCall:
    """A call of somebody's."""
    principal = Principal(tenant=tenant, subject="ada", door="library")
    return ToolCall(call_id="c-1", principal=principal, tool="fetch", arguments={})


@contextlib.contextmanager
def broker_of(
    resolve: Resolve | None = None, events: Any = None
) -> Iterator[tuple[Broker, Recorded]]:
    """A broker for the length of a test."""
    recorded = Recorded() if events is None else events
    broker = Broker(recorded, resolve=resolve)
    try:
        yield broker, recorded
    finally:
        broker.close()


@contextlib.contextmanager
def admitted(
    granted: EgressGrant, resolve: Resolve | None = None, *, tool: Tool | None = None
) -> Iterator[Admitted]:
    """A call with this grant, on a broker of its own."""
    about = tool or tool_named("fetch")
    with (
        broker_of(resolve) as (broker, events),
        broker.admit(call_of(), about, granted) as ticket,
    ):
        yield Admitted(ticket=ticket, events=events, broker=broker)


def in_background(work: Any) -> threading.Thread:
    """`work` under way."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
