"""A call that has read something private reaches only what it may reach afterwards."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import BOUND_SECONDS, Line, admitted, broker_of, call_of, grant, request_to
from egress_servers import echo, read_head, redirecting, serving, serving_raw, silent

from hatchway.core.exchange import Kind, frame

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from egress_servers import Origin


@pytest.fixture
def private() -> Iterator[Origin]:
    with serving(echo) as it:
        yield it


@pytest.fixture
def public() -> Iterator[Origin]:
    with serving(echo) as it:
        yield it


def test_a_call_that_has_read_a_private_origin_may_send_nothing_elsewhere(
    private: Origin, public: Origin
) -> None:
    granted = grant(
        f"{private.url};internal;private", f"{public.url};internal", after_private=[private.url]
    )

    with admitted(granted) as call:
        before = call.ask("GET", public.url)
        read = call.ask("GET", private.url)
        after = call.ask("POST", public.url, body=b"what it read")
        again = call.ask("GET", private.url)

    assert (before.status, read.status, again.status) == (200, 200, 200)
    assert (after.error, after.rule) == ("HTTP-request-denied", "egress.private_flow")
    assert len(public.heard) == 1
    assert call.events[2].rule == "egress.private_flow"


def test_a_call_that_has_read_a_file_may_send_nothing_elsewhere(public: Origin) -> None:
    with admitted(grant(f"{public.url};internal", after_private=[])) as call:
        first = call.ask("GET", public.url, has_read_private=True)
        second = call.ask("GET", public.url)

    assert [first.rule, second.rule] == ["egress.private_flow"] * 2, "it does not forget"
    assert public.connections == 0


def test_without_the_rule_nothing_changes(private: Origin, public: Origin) -> None:
    with admitted(grant(f"{private.url};internal;private", f"{public.url};internal")) as call:
        call.ask("GET", private.url, has_read_private=True)

        assert call.ask("GET", public.url).status == 200


def test_another_call_of_the_same_tool_starts_with_nothing_read(
    private: Origin, public: Origin
) -> None:
    granted = grant(f"{private.url};internal;private", f"{public.url};internal", after_private=[])
    tool = tool_named("fetch")
    with (
        broker_of() as (broker, _),
        broker.admit(call_of(), tool, granted) as one,
        broker.admit(call_of(), tool, granted) as two,
        Line(one) as reading,
        Line(two) as sending,
    ):
        reading.head(request_to(private.url))
        reading.end()
        assert reading.answer().status == 200
        sending.head(request_to(public.url))
        sending.end()
        assert sending.answer().status == 200


def test_what_was_begun_before_a_private_read_does_not_carry_it_away(private: Origin) -> None:
    with serving_raw(silent) as sink:
        granted = grant(f"{private.url};internal;private", f"{sink.url};internal", after_private=[])
        with (
            admitted(granted) as call,
            call.begin(request_to(sink.url, "POST")) as line,
        ):
            line.data(b"harmless so far")
            assert sink.is_reached(1)

            assert call.ask("GET", private.url).status == 200
            answer = line.answer()

    assert (answer.error, answer.rule) == ("HTTP-request-denied", "egress.private_flow")
    stopped = next(each for each in call.events.events if each.http and each.http.method == "POST")
    assert stopped.http is not None
    assert (stopped.http.decision, stopped.http.rule) == ("denied", "egress.private_flow")


def test_what_was_sent_whole_before_a_private_read_may_be_answered(private: Origin) -> None:
    is_heard = threading.Event()

    async def hearing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        is_chunked = b"chunked" in await read_head(reader)
        await reader.readuntil(b"0\r\n\r\n" if is_chunked else b"harmless")
        is_heard.set()
        await reader.read()

    with serving_raw(hearing) as sink:
        granted = grant(f"{private.url};internal;private", f"{sink.url};internal", after_private=[])
        with admitted(granted) as call, call.begin(request_to(sink.url, "POST")) as line:
            line.data(b"harmless")
            line.end()
            assert is_heard.wait(BOUND_SECONDS)

            assert call.ask("GET", private.url).status == 200

    assert [event.http.error for event in call.events.events if event.http] == [
        None,
        "connection-terminated",
    ], "only the end of the call has ended it"


def test_a_guest_that_reads_a_file_while_it_sends_is_stopped() -> None:
    with serving_raw(silent) as sink:
        granted = grant(f"{sink.url};internal", after_private=[])
        with admitted(granted) as call, call.begin(request_to(sink.url, "POST")) as line:
            line.data(b"harmless so far")
            assert sink.is_reached(1)
            line.raw(frame(Kind.PRIVATE))
            answer = line.answer()

    assert answer.rule == "egress.private_flow"
    assert call.events[0].decision == "denied"


def test_where_it_may_go_after_a_private_read_it_goes_on(public: Origin) -> None:
    granted = grant(f"{public.url};internal", after_private=[public.url])

    with admitted(granted) as call, call.begin(request_to(public.url, "POST")) as line:
        line.data(b"some ")
        line.raw(frame(Kind.PRIVATE))
        line.raw(frame(Kind.PRIVATE))
        line.data(b"more")
        line.end()
        answer = line.answer()

    assert answer.echoed["body"] == "some more"


def test_a_redirect_away_from_a_private_origin_is_stopped(public: Origin) -> None:
    with serving(redirecting(public.url)) as private:
        granted = grant(
            f"{private.url};internal;private", f"{public.url};internal", after_private=[]
        )
        with admitted(granted) as call:
            answer = call.ask("GET", private.url, redirects=5)

    assert answer.rule == "egress.private_flow"
    assert public.connections == 0
