"""What whoever watches is told: what was allowed and failed, and what a grant would lift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from egress_calls import Recorded

from hatchway.core.events import Event, Severity, SocketTrace
from hatchway.runtime.witness import Witness

if TYPE_CHECKING:
    from hatchway.core.events import EventName


def told(name: EventName, trace: SocketTrace) -> list[str]:
    said: list[str] = []
    witness = Witness(Recorded())
    witness.on_failure = said.append

    witness.emit(Event(name=name, time_ms=0, severity=Severity.LOW, message="", socket=trace))

    return said


def trace(to: str, error: str | None) -> SocketTrace:
    return SocketTrace(to=to, address="", decision="allowed", rule="", error=error)


@pytest.mark.parametrize(
    ("name", "to", "error", "line"),
    [
        (
            "socket.connection",
            "db.test:5432",
            "connection-timeout",
            "failed: connection to db.test:5432: connection-timeout; "
            "[tools.NAME.egress] connect bounds it",
        ),
        ("name.lookup", "db.test", "DNS-error", "failed: look-up of db.test: DNS-error"),
    ],
)
def test_a_connection_or_a_look_up_that_was_allowed_and_failed_is_told(
    name: EventName, to: str, error: str, line: str
) -> None:
    assert told(name, trace(to, error)) == [line]


@pytest.mark.parametrize("error", [None, "connection-terminated"])
def test_a_connection_that_ended_is_no_failure(error: str | None) -> None:
    assert told("socket.connection", trace("db.test:5432", error)) == []


def test_a_connection_that_was_denied_is_told_as_a_denial_and_not_as_a_failure() -> None:
    denied = trace("db.test:5432", "HTTP-request-denied")._replace(decision="denied")

    assert told("socket.connection", denied) == []
