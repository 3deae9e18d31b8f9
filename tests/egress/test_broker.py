"""The life of a broker: calls come and go, and its port stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import (
    BOUND_SECONDS,
    Line,
    Recorded,
    admitted,
    broker_of,
    call_of,
    grant,
    in_background,
    request_to,
)
from egress_servers import echo, serving, serving_raw, silent

from hatchway.core.errors import ConfigError, InternalError
from hatchway.egress import broker as broker_module
from hatchway.egress import listening
from hatchway.egress.broker import Broker

if TYPE_CHECKING:
    from egress_calls import Answer
    from egress_servers import Origin

    from hatchway.core.egress import EgressGrant
    from hatchway.core.events import Event

FETCH = tool_named("fetch")


def test_every_call_gets_a_ticket_of_its_own_for_the_same_port() -> None:
    with broker_of() as (broker, _):
        granted = grant("https://api.example.test")
        with (
            broker.admit(call_of(), FETCH, granted) as first,
            broker.admit(call_of(), FETCH, granted) as second,
        ):
            assert first.port == second.port
            assert first.token.reveal() != second.token.reveal()
            assert len(first.token.reveal()) >= 43


@pytest.mark.claim("egress.ticket")
def test_a_ticket_is_void_when_its_call_is_over() -> None:
    with broker_of() as (broker, events):
        with broker.admit(call_of(), FETCH, grant("https://api.example.test")) as ticket:
            pass

        with Line(ticket) as line, pytest.raises(AssertionError, match="403"):
            line.answer()
        assert len(events) == 0


def test_what_is_under_way_when_a_call_ends_is_over_and_recorded() -> None:
    with serving_raw(silent) as origin, broker_of() as (broker, events), ExitStack() as open_lines:
        with broker.admit(call_of(), FETCH, grant(f"{origin.url};internal")) as ticket:
            lines = [open_lines.enter_context(Line(ticket)) for _ in range(3)]
            for line in lines:
                line.head(request_to(origin.url))
                line.end()
            assert origin.is_reached(3)

        assert [event.error for event in (events[0], events[1], events[2])] == [
            "connection-terminated"
        ] * 3
        assert origin.is_left.wait(BOUND_SECONDS), "the server was hung up on"
        assert [line.answer().head for line in lines] == [None] * 3


def test_a_call_that_ends_before_it_asks_leaves_nothing() -> None:
    with broker_of() as (broker, events), ExitStack() as open_lines:
        with broker.admit(call_of(), FETCH, grant("https://api.example.test")) as ticket:
            line = open_lines.enter_context(Line(ticket, expects=True))
            assert line.is_let_in()

        assert line.answer().head is None
        assert len(events) == 0


def test_a_guest_that_hangs_up_ends_its_request() -> None:
    with serving_raw(silent) as origin, admitted(grant(f"{origin.url};internal")) as call:
        with call.begin(request_to(origin.url)):
            assert origin.is_reached(1)

        assert origin.is_left.wait(BOUND_SECONDS)
    assert call.events[0].error == "connection-terminated"
    assert call.events[0].decision == "allowed"


def test_a_broker_that_is_closed_admits_nobody() -> None:
    broker = Broker(Recorded())
    broker.close()

    with (
        pytest.raises(InternalError, match="closed"),
        broker.admit(call_of(), FETCH, grant("https://api.example.test")),
    ):
        pass


def test_closing_ends_what_is_under_way() -> None:
    with serving_raw(silent) as origin, admitted(grant(f"{origin.url};internal")) as call:
        with call.begin(request_to(origin.url)) as line:
            assert origin.is_reached(1)

            call.broker.close()
            call.broker.close()

            assert line.answer().head is None
        assert call.events[0].error == "connection-terminated"


@pytest.mark.claim("egress.ticket")
def test_a_broker_keeps_its_port_until_it_is_closed() -> None:
    with broker_of() as (broker, _):
        broker.start()
        with broker.admit(call_of(), FETCH, grant("https://api.example.test")) as ticket:
            port = ticket.port
        broker.start()
        with broker.admit(call_of(), FETCH, grant("https://api.example.test")) as ticket:
            assert ticket.port == port


def test_a_forked_process_has_no_broker() -> None:
    with broker_of() as (broker, _):
        broker.start()
        code = os.fork()
        if code == 0:
            try:
                broker.close()
                broker.start()
            except InternalError:
                os._exit(0)
            os._exit(1)

        assert os.waitstatus_to_exitcode(os.waitpid(code, 0)[1]) == 0
        broker.start()


def test_a_broker_that_cannot_listen_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("hatchway.egress.listening.open_socket", refuse)

    with pytest.raises(InternalError, match="Too many open files"):
        Broker(Recorded()).start()


def test_a_broker_whose_thread_does_not_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(listening.Listener, "_run", lambda self: self.loop.close())

    with pytest.raises(InternalError, match="does not start"):
        Broker(Recorded()).start()


def test_many_threads_may_start_one_broker() -> None:
    ports: set[int] = set()
    with broker_of() as (broker, _):

        def admit() -> None:
            with broker.admit(call_of(), FETCH, grant("https://api.example.test")) as ticket:
                ports.add(ticket.port)

        threads = [in_background(admit) for _ in range(8)]
        for thread in threads:
            thread.join(BOUND_SECONDS)

    assert len(ports) == 1


def one_request(broker: Broker, granted: EgressGrant, url: str) -> Answer:
    """A call that makes one request."""
    with broker.admit(call_of(), FETCH, granted) as ticket, Line(ticket) as line:
        line.head(request_to(url))
        line.end()
        return line.answer()


class Full(Recorded):
    """A log on a full disk."""

    def emit(self, _: Event) -> None:
        message = "no space left"
        raise ConfigError(message, code="config.events_unwritable")


@pytest.mark.claim("egress.recorded")
def test_a_request_that_cannot_be_recorded_fails_its_call() -> None:
    with serving(echo) as origin, broker_of(events=Full()) as (broker, _):
        granted = grant(f"{origin.url};internal")

        with pytest.raises(ConfigError, match="no space left"):
            one_request(broker, granted, origin.url)


def test_a_bug_of_ours_fails_the_call_and_not_in_silence() -> None:
    def broken(_: str, __: int) -> list[str]:
        return ["not an address"]

    with broker_of(broken) as (broker, events):
        granted = grant("https://api.example.test")

        with pytest.raises(InternalError, match="inside Hatchway"):
            one_request(broker, granted, "https://api.example.test/")

        assert events[0].error == "internal-error"


def test_a_request_that_will_not_end_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "_END_SECONDS", 0.05)
    is_released = threading.Event()

    class Stuck(Recorded):
        def emit(self, _: Event) -> None:
            is_released.wait(BOUND_SECONDS)

    def abandoned(broker: Broker, origin: Origin) -> None:
        granted = grant(f"{origin.url};internal")
        with broker.admit(call_of(), FETCH, granted) as ticket, Line(ticket) as line:
            line.head(request_to(origin.url))
            assert origin.is_reached(1)

    with serving_raw(silent) as origin, broker_of(events=Stuck()) as (broker, _):
        with pytest.raises(InternalError, match="outlives"):
            abandoned(broker, origin)
        is_released.set()


def test_a_process_without_network_loads_none_of_it() -> None:
    program = (
        "import sys, hatchway.compose, hatchway.egress.broker\n"
        "heavy = {'asyncio', 'ssl', 'uvicorn', 'h11', 'httpx2', 'starlette'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
