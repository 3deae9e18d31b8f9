"""The trace of requests: one event for each, and nothing in it that should not be read."""

from __future__ import annotations

import hashlib

import pytest
from egress_calls import admitted, grant
from egress_servers import echo, redirecting, serving

from hatchway.core.exchange import RequestHead


def test_an_event_says_who_asked_what_of_whom_and_what_became_of_it() -> None:
    with serving(echo) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("POST", f"{origin.url}/path?key=secret", body=b"12345")

    event, trace = call.events.events[0], call.events[0]
    assert (event.name, event.tool, event.call_id) == ("http.request", "fetch", "c-1")
    assert event.principal is not None
    assert event.principal.tenant == "local"
    assert event.severity == 1
    assert trace.method == "POST"
    assert trace.origin == origin.url
    assert trace.rule == f"net.http={origin.url};internal"
    assert trace.path_digest == f"sha256:{hashlib.sha256(b'/path?key=secret').hexdigest()}"
    assert (trace.decision, trace.status, trace.error) == ("allowed", 200, None)
    assert (trace.sent_bytes, trace.received_bytes) == (5, len(answer.body))
    assert trace.wall_us > 0
    assert "key=secret" not in call.events.text


def test_a_denied_request_is_recorded_with_the_rule() -> None:
    with admitted(grant("https://api.example.test")) as call:
        answer = call.ask("GET", "https://evil.example/path")

    event, trace = call.events.events[0], call.events[0]
    assert answer.refusal is not None
    assert answer.refusal.attempted == "GET https://evil.example"
    assert answer.refusal.wanted == "net.http=https://evil.example"
    assert event.severity == 3
    assert event.message == "fetch: GET https://evil.example denied (egress.not_granted)"
    assert (trace.decision, trace.rule, trace.status) == ("denied", "egress.not_granted", None)
    assert len(call.events) == 1


@pytest.mark.parametrize(
    ("method", "scheme", "authority", "rule"),
    [
        ("G\x1b[2JET", "https", "a.test", "egress.bad_method"),
        ("GET" * 1000, "https", "a.test", "egress.bad_method"),
        ("GET", "ja\nva", "a.test", "egress.bad_scheme"),
        ("GET", None, None, "egress.bad_scheme"),
        ("GET", "https", "a\u202etest", "egress.bad_authority"),
        ("GET", "https", "\udc80", "egress.bad_authority"),
        ("GET", "https", "a" * 100_000, "egress.bad_authority"),
    ],
)
def test_what_a_guest_chose_is_escaped_and_bounded(
    method: str, scheme: str | None, authority: str | None, rule: str
) -> None:
    head = RequestHead(method=method, scheme=scheme, authority=authority, target="/")

    with admitted(grant("https://api.example.test")) as call:
        answer = call.send(head)

    assert answer.rule == rule
    assert answer.refusal is not None
    assert len(answer.refusal.attempted) <= 300
    trace = call.events[0]
    assert trace.rule == rule
    for text in (trace.method, trace.origin, answer.refusal.attempted):
        assert text.isprintable()
        assert len(text) <= 300


def test_every_hop_has_its_event() -> None:
    with (
        serving(echo) as there,
        serving(redirecting(there.url)) as here,
        admitted(grant(f"{here.url};internal", f"{there.url};internal")) as call,
    ):
        call.ask("GET", here.url, redirects=2)

    assert [(call.events[at].origin, call.events[at].status) for at in range(2)] == [
        (here.url, 302),
        (there.url, 200),
    ]
