"""Servers that give a credential back: what they were sent does not reach the guest."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from egress_calls import Admitted, admitted, bound, grant
from egress_servers import Heard, Origin, Reply, redirecting, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

VALUE = "s3cret-value"


def asked(origin: Origin, *others: str) -> AbstractContextManager[Admitted]:
    """A call that may ask `origin`, with a secret for it, and `others`."""
    granted = grant(
        f"{origin.url};internal",
        *(f"{other};internal" for other in others),
        secrets=[bound(origin.url)],
    )
    return admitted(granted)


def saying_again(spelled: Callable[[str], bytes]) -> Callable[[Heard], Reply]:
    def answer(heard: Heard) -> Reply:
        credential = heard.field("authorization") or ""
        return Reply(status=401, body=b"wrong: " + spelled(credential) + b" is nobody's")

    return answer


@pytest.mark.claim("secrets.echoed")
@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: text.encode(),
        lambda text: base64.b64encode(text.encode()),
        lambda text: quote(text, safe="").replace("s3cret", "%73%33cret").encode(),
        lambda text: json.dumps({"got": text}).replace("s3", "\\u0073\\u0033").encode(),
        lambda text: text.encode().hex().encode(),
    ],
    ids=["raw", "base64", "url-encoded", "json-escaped", "hex"],
)
def test_a_secret_that_a_server_says_again_does_not_reach_the_guest(
    spelled: Callable[[str], bytes],
) -> None:
    with serving(saying_again(spelled)) as origin, asked(origin) as call:
        answer = call.ask("GET", origin.url)

    assert origin.heard[0].field("authorization") == f"Bearer {VALUE}"
    sent = spelled(f"Bearer {VALUE}")
    assert len(answer.body) == len(b"wrong: " + sent + b" is nobody's")
    assert spelled(VALUE) not in answer.body
    assert sent not in answer.body
    assert b"x" * len(VALUE) in answer.body


def test_nor_does_one_in_a_header_field() -> None:
    def answer(heard: Heard) -> Reply:
        return Reply(headers=[("x-you-sent", heard.field("authorization") or "")], body=b"ok")

    with serving(answer) as origin, asked(origin) as call:
        got = call.ask("GET", origin.url)

    assert got.field("x-you-sent") == [b"Bearer " + b"x" * len(VALUE)]
    assert got.body == b"ok"


@pytest.mark.claim("secrets.echoed")
def test_an_echo_is_a_finding_that_names_the_secret_and_where_it_came_from() -> None:
    with serving(saying_again(str.encode)) as origin, asked(origin) as call:
        call.ask("GET", origin.url)

    (leak,) = [event for event in call.events.events if event.name == "secret.leak_blocked"]
    assert leak.details == {"secrets": ["KEY"], "origin": origin.url}
    assert VALUE not in call.events.text


def test_an_answer_that_cannot_be_looked_through_is_refused() -> None:
    def answer(heard: Heard) -> Reply:
        packed = gzip.compress((heard.field("authorization") or "").encode())
        return Reply(headers=[("content-encoding", "gzip")], body=packed)

    with serving(answer) as origin, asked(origin) as call:
        got = call.ask("GET", origin.url, headers=(("accept-encoding", b"gzip"),))

    assert origin.heard[0].field("accept-encoding") == "identity"
    assert (got.error, got.rule) == ("HTTP-response-content-coding", "egress.coded_answer")
    assert got.body == b""


def test_a_redirect_does_not_carry_one_servers_secret_to_another() -> None:
    with (
        serving(saying_again(str.encode)) as other,
        serving(redirecting(f"{other.url}/?key={VALUE}")) as origin,
        asked(origin, other.url) as call,
    ):
        got = call.ask("GET", origin.url, redirects=3)

    assert got.status == 302
    assert VALUE.encode() not in got.field("location")[0]
    assert other.heard == []


def test_without_secrets_nothing_is_asked_for_or_changed() -> None:
    packed = gzip.compress(b"hello")

    def answer(_: Heard) -> Reply:
        return Reply(headers=[("content-encoding", "gzip")], body=packed)

    with serving(answer) as origin, admitted(grant(f"{origin.url};internal")) as call:
        got = call.ask("GET", origin.url, headers=(("accept-encoding", b"gzip"),))

    assert origin.heard[0].field("accept-encoding") == "gzip"
    assert got.body == packed
