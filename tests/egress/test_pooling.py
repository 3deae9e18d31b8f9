"""Connections are kept for a while, each for one tool of one tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import BOUND_SECONDS, Line, admitted, broker_of, call_of, grant, request_to
from egress_servers import FakeResolver, Heard, Reply, echo, read_head, serving, serving_raw

from hatchway.egress import pooling

if TYPE_CHECKING:
    import asyncio

    from hatchway.core.egress import Ticket


def ask(ticket: Ticket, url: str) -> None:
    """One request that is answered."""
    with Line(ticket) as line:
        line.head(request_to(url))
        line.end()
        assert line.answer().status == 200


def test_requests_of_one_tool_share_a_connection() -> None:
    with serving(echo) as origin, broker_of() as (broker, _):
        granted = grant(f"{origin.url};internal")
        for _ in range(3):
            with broker.admit(call_of(), tool_named("fetch"), granted) as ticket:
                ask(ticket, origin.url)

        assert origin.connections == 1
        assert len(origin.heard) == 3


def test_no_connection_passes_from_one_tenant_or_tool_to_another() -> None:
    with serving(echo) as origin, broker_of() as (broker, _):
        granted = grant(f"{origin.url};internal")
        for tenant, tool in (("ada", "one"), ("bob", "one"), ("ada", "two"), ("ada", "one")):
            with broker.admit(call_of(tenant), tool_named(tool), granted) as ticket:
                ask(ticket, origin.url)

        assert [heard.connection for heard in origin.heard] == [1, 2, 3, 1]


def test_a_connection_is_for_the_address_that_was_checked() -> None:
    name = "api.example.test"
    resolver = FakeResolver({name: ["127.0.0.1"]}, later={name: ["127.0.0.2", "10.255.255.1"]})
    with serving(echo) as origin:
        url = f"http://{name}:{origin.port}"
        limited = grant(f"{url};internal")
        with admitted(limited, resolver) as call:
            assert call.ask("GET", url).status == 200
            answer = call.ask("GET", url)

    assert answer.refusal is not None, "the old connection leads where the name no longer does"
    assert origin.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\nx: poison\r\n\r\n",
    ],
    ids=["it says so", "HTTP/1.0", "it says more"],
)
def test_a_connection_that_is_not_clean_is_not_used_again(reply: bytes) -> None:
    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_head(reader)
            writer.write(reply)
            await writer.drain()

    with serving_raw(answering) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answers = [call.ask("GET", origin.url) for _ in range(2)]

    assert [answer.field("x") for answer in answers] == [[], []]
    assert origin.connections == 2


def test_a_connection_that_is_logged_in_is_not_passed_on() -> None:
    headers = (("authorization", b"Negotiate YII="),)
    with serving(echo) as origin, admitted(grant(f"{origin.url};internal")) as call:
        assert call.ask("GET", origin.url, headers=headers).status == 200
        assert call.ask("GET", origin.url).status == 200

    assert [heard.connection for heard in origin.heard] == [1, 2]


def test_what_a_server_says_unasked_is_nobodys_answer() -> None:
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(said)
        await writer.drain()
        writer.write(b"HTTP/1.1 200 OK\r\nx: poison\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    with serving_raw(talkative) as origin, admitted(grant(f"{origin.url};internal")) as call:
        assert call.ask("GET", origin.url).status == 200
        assert origin.is_left.wait(BOUND_SECONDS), "it was hung up on at once"
        assert call.ask("GET", origin.url).field("x") == []

    assert origin.connections == 2


def test_idle_connections_are_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "IDLE_SECONDS", 0.05)

    with serving(echo) as origin, admitted(grant(f"{origin.url};internal")) as call:
        assert call.ask("GET", origin.url).status == 200
        assert origin.is_left.wait(BOUND_SECONDS)
        assert call.ask("GET", origin.url).status == 200

    assert origin.connections == 2


def test_no_more_connections_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "MAX_IDLE", 2)

    with serving(echo) as origin, broker_of() as (broker, _):
        granted = grant(f"{origin.url};internal")
        for tenant in ("ada", "bob", "eve"):
            with broker.admit(call_of(tenant), tool_named("fetch"), granted) as ticket:
                ask(ticket, origin.url)

        assert origin.is_left.wait(BOUND_SECONDS), "the oldest has made room"


def test_no_cookie_is_kept() -> None:
    def answer(_: Heard) -> Reply:
        return Reply(headers=[("set-cookie", "id=1; Path=/")])

    with serving(answer) as origin, admitted(grant(f"{origin.url};internal")) as call:
        call.ask("GET", origin.url)
        call.ask("GET", origin.url)

    assert [heard.field("cookie") for heard in origin.heard] == [None, None]


def test_closing_the_broker_closes_what_waits() -> None:
    with serving(echo) as origin:
        with admitted(grant(f"{origin.url};internal")) as call:
            call.ask("GET", origin.url)

        assert origin.is_left.wait(BOUND_SECONDS)
