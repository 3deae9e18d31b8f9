"""Whoever watches a server or a call, and what they are told that no client is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.events import HttpTrace

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.events import Event
    from hatchway.runtime.recording import EventSink


class Witness:
    """Puts events on record, and tells whoever watches what no client is told.

    Attributes:
        on_denial: Told one line for every denial that a grant would lift.
        on_failure: Told one line for every request, connection and look-up that was allowed and
            failed all the same.

    Args:
        sink: Where events go.
    """

    def __init__(self, sink: EventSink) -> None:
        self.on_denial: Callable[[str], None] | None = None
        self.on_failure: Callable[[str], None] | None = None
        self._sink = sink

    def emit(self, event: Event) -> None:
        """Put `event` on record, or raise."""
        self._sink.emit(event)
        if self.on_denial is not None and event.name == "capability.denied":
            if "hint" in event.details:
                self.on_denial(f"{event.message}; to allow it: {event.details['hint']}")
        elif self.on_failure is not None and (failure := _failure(event)) is not None:
            self.on_failure(f"failed: {failure}")


def _failure(event: Event) -> str | None:
    """Why what was allowed got no whole answer, and what to look at; None where nothing failed."""
    trace = event.http or event.socket
    if trace is None or trace.decision != "allowed" or trace.error is None:
        return None
    if isinstance(trace, HttpTrace):
        what = f"{trace.method} {trace.origin}"
    elif trace.error in _ENDS:
        return None
    else:
        what = f"{_ASKED[event.name]} {trace.to}"
    return f"{what}: {trace.error}{_TO_LOOK_AT.get(trace.error, '')}"


_ASKED = {"socket.connection": "connection to", "name.lookup": "look-up of"}

_ENDS = frozenset({"connection-terminated"})
"""How a connection ends that somebody broke off, as programs do with many of them."""

_TO_LOOK_AT = {
    "TLS-certificate-error": "; is its authority trusted here? See [egress] authorities",
    "HTTP-response-body-size": "; [tools.NAME.egress] response bounds it",
    "HTTP-request-body-size": "; [tools.NAME.egress] request bounds it",
    "HTTP-response-timeout": "; [tools.NAME.egress] first_byte and total bound it",
    "connection-timeout": "; [tools.NAME.egress] connect bounds it",
    "connection-limit-reached": "; [tools.NAME.egress] concurrent and per_minute bound it",
}
