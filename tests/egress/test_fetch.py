"""Guests that fetch through the real broker: what is allowed, and what is not."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from audit_texts import tool_named
from egress_calls import bound, broker_of, call_of, grant
from egress_servers import Authority, echo, redirecting, serving
from fetch_guests import FIRST, RESULTS, Script, fetched

from hatchway.core.egress import EgressLimits, Route

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from egress_calls import Recorded

    from hatchway.core.egress import EgressGrant, Ticket

TOOL = tool_named("fetch")
HERE = 4096


@contextmanager
def admitted(granted: EgressGrant) -> Iterator[tuple[Ticket, Recorded]]:
    """A ticket for one call with that grant, and what is recorded of it."""
    with broker_of() as (broker, events), broker.admit(call_of(), TOOL, granted) as ticket:
        yield ticket, events


def answer(value: dict[str, Any]) -> dict[str, Any]:
    """What the echo server says it was asked."""
    found: dict[str, Any] = json.loads(base64.b64decode(value["body"]))
    return found


def test_a_component_gets_what_was_granted_with_a_credential_it_never_sees(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    with serving(echo, tls=authority.context("localhost")) as origin:
        url = f"https://localhost:{origin.port}"
        granted = grant(
            f"{url}/v1;internal", secrets=[bound(url)], route=Route(authorities=authority.file)
        )
        with admitted(granted) as (ticket, events):
            execution = fetched(
                f"{url}/v1/a?b#c",
                ticket=ticket,
                method="POST",
                body=base64.b64encode(b"body").decode(),
                headers=[["Authorization", "mine"], ["X-A", "b"]],
            )

    assert execution.value["status"] == 200
    assert execution.value["url"] == f"{url}/v1/a?b"
    (heard,) = origin.heard
    assert (heard.method, heard.target, heard.body) == ("POST", "/v1/a?b", b"body")
    assert heard.field("authorization") == "Bearer s3cret-value"
    assert (heard.field("x-a"), heard.field("content-length")) == ("b", "4")
    assert events[0].decision == "allowed"
    assert "s3cret" not in repr(execution)


def test_a_request_that_nobody_waits_for_is_denied_on_record_every_time() -> None:
    script = Script()
    script.do("open", json.dumps({"url": "http://localhost:1/x"}).encode(), RESULTS)
    with admitted(grant("http://localhost:2;internal")) as (ticket, events):
        runs = [script.run(ticket).execution for _ in range(20)]

    wanted = ["net.http=http://localhost:1;internal"]
    assert [[denial.wanted for denial in run.denials] for run in runs] == [wanted] * 20
    assert [event.decision for event in events] == ["denied"] * 20


def test_a_request_that_is_given_back_at_once_is_denied_on_record() -> None:
    script = Script()
    script.do("open", json.dumps({"url": "http://localhost:1/x"}).encode(), RESULTS)
    script.do("close", FIRST)
    with admitted(grant("http://localhost:2;internal")) as (ticket, _):
        execution = script.run(ticket).execution

    assert [denial.capability for denial in execution.denials] == ["net.http"]


def test_a_command_gets_what_was_granted() -> None:
    script = Script()
    with serving(echo) as origin:
        script.do("open", json.dumps({"url": f"{origin.url}/x"}).encode(), RESULTS)
        script.do("send", FIRST, RESULTS + 4)
        script.do("read", FIRST, HERE, 4096, RESULTS + 8)
        with admitted(grant(f"{origin.url};internal")) as (ticket, events):
            told = script.run(ticket)

    assert told.errnos == [0, 0, 0]
    assert told.number(RESULTS + 4) == 200
    assert (events[0].decision, len(events)) == ("allowed", 1)


@pytest.mark.claim("egress.exact-origin")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/", "http://127.0.0.1:{port}@127.0.0.1:{other}/",
        "http://localhost:{port}/", "http://[::1]:{port}/", "http://0x7f000001:{port}/",
        "http://2130706433:{port}/", "http://127.1:{port}/", "http://127.0.0.1.:{port}/",
        "http://127.0.0.1:{port}\\@localhost:{other}/", "//127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/", "http://127.0.0.1:{port}/\r\nX: y", "http://127.0.0.1\t:{port}/",
        "file:///etc/passwd", "http://169.254.169.254/latest/meta-data/", "", "http://",
    ],
)  # fmt: skip
def test_whatever_was_not_granted_is_denied_in_every_spelling(url: str) -> None:
    with serving(echo) as granted, serving(echo) as other:
        asked = url.format(port=granted.port, other=other.port)
        script = Script()
        script.do("open", json.dumps({"url": asked}).encode(), RESULTS)
        script.do("send", FIRST, RESULTS)
        with admitted(grant(f"{granted.url};internal")) as (ticket, events):
            told = script.run(ticket)
            execution = fetched(asked, ticket=ticket)

    assert told.errnos == [0, 76]
    assert execution.value == {"tag": "denied"}
    assert (granted.heard, other.heard) == ([], [])
    assert [trace.http.decision for trace in events.events if trace.http] == ["denied"] * 2
    for denials in (told.execution.denials, execution.denials):
        assert [item.capability for item in denials] == ["net.http"]


def test_a_denied_origin_is_reported_with_the_grant_that_would_allow_it() -> None:
    with admitted(grant("https://api.example.test")) as (ticket, _):
        execution = fetched("https://other.example.test/x", ticket=ticket)

    (denial,) = execution.denials
    assert denial.wanted == "net.http=https://other.example.test"
    assert denial.function == "hatchway:egress/fetch@0.1.0#fetch"


def test_redirects_are_followed_as_often_as_was_asked_and_each_is_decided_about() -> None:
    with (
        serving(echo) as last,
        serving(redirecting(f"http://127.0.0.1:{last.port}/end")) as first,
        serving(redirecting("http://169.254.169.254/")) as hostile,
    ):
        both = grant(f"{first.url};internal", f"{last.url};internal", f"{hostile.url};internal")
        with admitted(both) as (ticket, events):
            stays = fetched(f"{first.url}/", ticket=ticket)
            follows = fetched(f"{first.url}/", ticket=ticket, redirects=1)
            leads_astray = fetched(f"{hostile.url}/", ticket=ticket, redirects=5)
        with admitted(grant(f"{first.url};internal")) as (ticket, _):
            stopped = fetched(f"{first.url}/", ticket=ticket, redirects=1)

    assert stays.value["status"] == 302
    assert (follows.value["status"], follows.value["url"]) == (200, f"{last.url}/end")
    assert leads_astray.value == stopped.value == {"tag": "denied"}
    assert stopped.denials[0].wanted == f"net.http={last.url};internal"
    assert len(last.heard) == 1
    assert [events[index].decision for index in range(5)] == ["allowed"] * 4 + ["denied"]


def test_the_limits_of_the_grant_hold() -> None:
    limits = EgressLimits(response_bytes=100, request_bytes=100)
    with (
        serving(echo) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as (
            ticket,
            _,
        ),
    ):
        long = fetched(f"{origin.url}/{'x' * 200}", ticket=ticket)
        much = fetched(
            origin.url, ticket=ticket, method="POST", body=base64.b64encode(bytes(200)).decode()
        )

    assert long.value == much.value == {"tag": "too-large"}


def test_a_place_where_nobody_listens_is_unreachable() -> None:
    with serving(echo) as origin:
        pass
    with admitted(grant(f"{origin.url};internal")) as (ticket, _):
        execution = fetched(origin.url, ticket=ticket)

    assert execution.value == {"tag": "unreachable", "value": "connection-refused"}
