"""The one event that every request, and every hop of it, leaves behind."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self

from hatchway.core.events import Event, EventName, HttpTrace, Severity, SocketTrace
from hatchway.core.untrusted import printable
from hatchway.egress.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from hatchway.core.exchange import Refusal
    from hatchway.egress.redirects import Asked
    from hatchway.egress.tickets import Admission

MAX_UNLISTED = 32
"""Requests beyond a quota of one call that have events of their own; further ones are counted."""


class EventSink(Protocol):
    """Where events go."""

    def emit(self, event: Event) -> None:
        """Put `event` on record, or raise."""
        ...


class Stopped(Protocol):
    """An exchange, as far as it knows why it was stopped."""

    @property
    def why(self) -> Refusal | None:
        """Why, when it was."""
        ...


@dataclass(slots=True, kw_only=True)
class Trace:
    """One request or hop under way; on leaving it, its event is written.

    Attributes:
        rule: The grant that allows it, once that is known.
        status: Of the response.
        sent_bytes: Of the body, on its way to the server.
        received_bytes: Of the body, on its way to the guest.
    """

    sink: EventSink
    admission: Admission
    exchange: Stopped
    method: str = ""
    origin: str = ""
    path: str = ""
    rule: str = ""
    status: int | None = None
    sent_bytes: int = 0
    received_bytes: int = 0
    _begun_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def attempted(self) -> str:
        """What is asked for, as the list of denials has it; without the path."""
        return printable(f"{self.method} {self.origin}")

    def ask(self, asked: Asked) -> None:
        """What is asked for, as the guest said it."""
        self.method = asked.method
        self.origin = f"{asked.scheme or ''}://{asked.authority or ''}"
        self.path = asked.target

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        refusal = _refusal_of(error, self.exchange)
        code = None if error is None else "internal-error"
        self._emit(refusal, code if refusal is None else refusal.error)

    def _emit(self, refusal: Refusal | None, error: str | None) -> None:
        # What never had a grant never left, whatever it was that stopped it.
        is_denied = not self.rule or (refusal is not None and refusal.is_denial)
        rule = refusal.rule if refusal is not None and is_denied else self.rule
        trace = HttpTrace(
            method=printable(self.method, limit=32),
            origin=printable(self.origin),
            path_digest=_digest(self.path),
            decision="denied" if is_denied else "allowed",
            rule=printable(rule, limit=1024),
            status=self.status,
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            wall_us=(time.monotonic_ns() - self._begun_ns) // 1000,
            error=error,
        )
        self.sink.emit(_event(self.admission, trace, _message(self.admission, trace)))


@dataclass(slots=True, kw_only=True)
class SocketRecord:
    """One connection or look-up under way; on leaving it, its event is written.

    Attributes:
        kind: What is under way.
        to: What it leads to, as the guest said it until that is understood.
        rule: The grant that allows it, once that is known.
        address: Where it led, once it did.
        sent_bytes: Of the guest's.
        received_bytes: On their way to the guest.
    """

    sink: EventSink
    admission: Admission
    exchange: Stopped
    kind: Literal["socket", "dns"]
    to: str = ""
    rule: str = ""
    address: str = ""
    sent_bytes: int = 0
    received_bytes: int = 0
    _begun_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def attempted(self) -> str:
        """What is asked for, as the list of denials has it."""
        return printable(f"tcp {self.to}" if self.kind == "socket" else self.to, limit=512)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        refusal = _refusal_of(error, self.exchange)
        said = None if error is None else "internal-error"
        self.sink.emit(self._event(refusal, said if refusal is None else refusal.error))

    def _event(self, refusal: Refusal | None, error: str | None) -> Event:
        # What never had a grant never left, whatever it was that stopped it.
        is_denied = not self.rule or (refusal is not None and refusal.is_denial)
        rule = refusal.rule if refusal is not None and is_denied else self.rule
        trace = SocketTrace(
            to=printable(self.to, limit=512),
            address=self.address,
            decision="denied" if is_denied else "allowed",
            rule=printable(rule, limit=1024),
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            wall_us=(time.monotonic_ns() - self._begun_ns) // 1000,
            error=error,
        )
        name: EventName = "socket.connection" if self.kind == "socket" else "name.lookup"
        what = f"denied ({trace.rule})" if is_denied else error or "done"
        subject = f"{self.admission.tool.name}: {name} {trace.to}"
        return _event_of(self.admission, is_allowed=not is_denied)._replace(
            name=name,
            message=f"{subject} {what}",
            capability=f"net.{self.kind}",
            socket=trace,
        )


def _refusal_of(error: BaseException | None, exchange: Stopped) -> Refusal | None:
    """Why an exchange ended, if that is why."""
    if isinstance(error, Refused):
        return error.refusal
    return exchange.why if isinstance(error, asyncio.CancelledError) else None


def record_echo(sink: EventSink, admission: Admission, origin: str, names: Iterable[str]) -> None:
    """A server said secrets again that it, or another one, was sent; the guest did not see them."""
    listed = sorted(set(names))
    told = f"{origin} gave back {', '.join(listed)}"
    sink.emit(
        Event(
            name="secret.leak_blocked",
            time_ms=time.time_ns() // 1_000_000,
            severity=Severity.MEDIUM,
            message=f"{told}, which {admission.tool.name} did not see",
            principal=admission.call.principal,
            call_id=admission.call.call_id,
            tool=admission.tool.name,
            digest=admission.tool.digest,
            code="secret.leak_blocked",
            details={"secrets": listed, "origin": origin},
        )
    )


def record_unlisted(sink: EventSink, admission: Admission) -> None:
    """One event for each rule by which more requests were refused than have events."""
    for rule, count in admission.unlisted.items():
        if count <= MAX_UNLISTED:
            continue
        more = count - MAX_UNLISTED
        trace = HttpTrace(
            method="",
            origin="",
            path_digest=_digest(""),
            decision="denied",
            rule=rule,
            error="connection-limit-reached",
        )
        message = f"{admission.tool.name} made {more} more requests than it may ({rule})"
        event = _event(admission, trace, message)
        sink.emit(event._replace(details={"requests": more}))


def _event(admission: Admission, trace: HttpTrace, message: str) -> Event:
    event = _event_of(admission, is_allowed=trace.decision == "allowed")
    return event._replace(message=message, http=trace)


def _event_of(admission: Admission, *, is_allowed: bool) -> Event:
    return Event(
        name="http.request",
        time_ms=time.time_ns() // 1_000_000,
        severity=Severity.INFORMATIONAL if is_allowed else Severity.MEDIUM,
        message="",
        principal=admission.call.principal,
        call_id=admission.call.call_id,
        tool=admission.tool.name,
        digest=admission.tool.digest,
        capability="net.http",
    )


def _message(admission: Admission, trace: HttpTrace) -> str:
    what = f"{admission.tool.name}: {trace.method} {trace.origin}"
    if trace.decision == "denied":
        return f"{what} denied ({trace.rule})"
    return f"{what} {trace.error or trace.status}"


def _digest(path: str) -> str:
    return f"sha256:{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()}"
