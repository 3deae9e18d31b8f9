"""Requests that components put together and hand over, and what they are told of them."""

from __future__ import annotations

import threading
from typing import get_args

import pytest
from strategies import IS_THOROUGH
from stub_broker import BOUND_SECONDS, Peer, broker
from wasi02_calls import Failed
from wasi02_http import NONE, NOT_YET, TAKEN, Got, HttpScript, Problem

from hatchway.core.errors import AdmissionError
from hatchway.core.exchange import ErrorCode, Refusal, RequestHead
from hatchway.engine.http.fields import FORBIDDEN
from hatchway.policy.grammar import parse_capability

DENIED = Problem("HTTP-request-denied")
HANDLE = "wasi:http/outgoing-handler@0.2.0#handle"


# Without a ticket


@pytest.mark.claim("isolation.default-deny")
def test_without_a_ticket_a_request_is_denied_where_it_is_handed_over() -> None:
    script = HttpScript()
    handed = script.do("handle", script.request("api.test:8443", "/secret?q=1"), *NONE)

    told = script.run()

    assert told[handed] == DENIED
    (denial,) = told.execution.denials
    assert denial.capability == "net.http"
    assert denial.attempted == "GET http://api.test:8443"
    assert denial.function == HANDLE
    assert denial.wanted == "net.http=http://api.test:8443"
    parse_capability(denial.wanted, side="allowed")


@pytest.mark.parametrize("authority", ["localhost:8443", "api.localhost"])
def test_a_grant_that_leads_to_this_machine_is_suggested_as_such(authority: str) -> None:
    script = HttpScript()
    script.do("handle", script.request(authority), *NONE)

    (denial,) = script.run().execution.denials

    assert denial.wanted == f"net.http=http://{authority};internal"


@pytest.mark.parametrize(
    ("authority", "attempted"),
    [
        (None, "GET http://"),
        ("API.test", "GET http://API.test"),
        ("user@api.test", "GET http://user@api.test"),
        ("169.254.169.254", "GET http://169.254.169.254"),
        ("2130706433", "GET http://2130706433"),
        ("0x7f000001", "GET http://0x7f000001"),
        ("[::1]", "GET http://[::1]"),
        ("api.test.", "GET http://api.test."),
        ("*.test", "GET http://*.test"),
        ("api.test;internal", "GET http://api.test;internal"),
        ("a..localhost", "GET http://a..localhost"),
        ("-a.test", "GET http://-a.test"),
        ("a.t-", "GET http://a.t-"),
        ("xn--pple-43d.test", "GET http://xn--pple-43d.test"),
        ("api.test:0", "GET http://api.test:0"),
        ("api.test:080", "GET http://api.test:080"),
        ("a" * 64 + ".test", "GET http://" + "a" * 64 + ".test"),
        ("a." * 126 + "test", "GET http://" + "a." * 126 + "test"),
    ],
)
def test_only_a_plain_origin_is_suggested_as_a_grant(authority: str | None, attempted: str) -> None:
    script = HttpScript()
    handed = script.do("handle", script.request(authority), *NONE)

    told = script.run()

    assert told[handed] == DENIED
    (denial,) = told.execution.denials
    assert (denial.attempted, denial.wanted) == (attempted, "")


@pytest.mark.parametrize(
    ("authority", "suffix"),
    [
        ("1a.b-c.x1:65535", ""),
        ("a" * 63 + ".test", ""),
        ("localhost:8080", ";internal"),
        ("a.localhost", ";internal"),
    ],
)
def test_what_is_suggested_is_a_grant_that_would_do(authority: str, suffix: str) -> None:
    script = HttpScript()
    script.do("handle", script.request(authority, scheme="HTTPS"), *NONE)

    (denial,) = script.run().execution.denials

    assert denial.wanted == f"net.http=https://{authority}{suffix}"
    parse_capability(denial.wanted, side="allowed")


def test_what_is_told_of_an_attempt_is_bounded() -> None:
    script = HttpScript()
    request = script.request("a" * 1024, method="M" * 64)
    script.do("outgoing-request.set-scheme", request, *script.scheme("s" * 64))
    script.do("handle", request, *NONE)

    told = script.run()

    (denial,) = told.execution.denials
    assert len(denial.attempted) <= 1025
    assert denial.wanted == ""


def test_a_denied_request_frees_what_it_held() -> None:
    script = HttpScript()
    begin = script.here()
    request = script.request()
    body = script.do("outgoing-request.body", request).inside(4)
    options = script.own("request-options")
    script.do("handle", request, 1, options)
    script.drop("outgoing-body", body)
    script.again(begin, 3000)

    assert script.run().stop is None


# Versions

SOME = ("0.2.0", "0.2.1", "0.2.6", "0.2.8", "0.2.11", "0.2.12", "0.2.13", "0.2.99")
OTHERS = tuple(
    version
    for version in (f"0.2.{patch}" for patch in range(100 if IS_THOROUGH else 0))
    if version not in SOME
)


@pytest.mark.claim("egress.versions")
@pytest.mark.claim("isolation.default-deny")
@pytest.mark.parametrize("version", [*SOME, *OTHERS])
def test_every_version_of_wasi_http_reaches_our_handle(version: str) -> None:
    script = HttpScript(version)
    handed = script.do("handle", script.request(), *NONE)

    told = script.run()

    assert told[handed] == DENIED
    assert [denial.function for denial in told.execution.denials] == [
        f"wasi:http/outgoing-handler@{version}#handle"
    ]


@pytest.mark.claim("egress.versions")
@pytest.mark.parametrize("version", ["0.1.0", "0.3.0", "0.2.0-rc-2023-12-05", "1.0.0"])
def test_another_wasi_http_is_not_there(version: str) -> None:
    with pytest.raises(AdmissionError) as refused:
        HttpScript(version).run()

    assert refused.value.code == "admission.missing_host"


# With one


def test_a_request_reaches_the_broker_as_the_guest_put_it() -> None:
    script = HttpScript()
    fields = script.own("fields")
    script.do("fields.append", fields, b"X-Odd", b"\xff \t")
    script.do("fields.append", fields, b"x-odd", b"again")
    script.do("fields.append", fields, b"cookie", b"a=b")
    request = script.request("user@Api.test:8443", "/a/../b?c=%2e", fields=fields, method="PURGE")
    script.do("outgoing-request.set-scheme", request, *script.scheme("Ftp"))
    got = script.answered(script.sent(request))

    with broker() as outside:
        told = script.run(outside.ticket)

    assert told[got] == Got(told[got].handle)
    assert told.denials == []
    assert outside.heads == [
        RequestHead(
            method="PURGE",
            scheme="ftp",
            authority="user@Api.test:8443",
            target="/a/../b?c=%2e",
            headers=(("x-odd", b"\xff \t"), ("x-odd", b"again"), ("cookie", b"a=b")),
        )
    ]


@pytest.mark.parametrize(
    ("path", "target"), [(None, "/"), ("", "/"), ("?q", "/?q"), ("/x", "/x"), ("x", "x")]
)
def test_a_request_without_a_path_asks_for_the_root(path: str | None, target: str) -> None:
    script = HttpScript()
    script.answered(script.sent(script.request(path=path)))

    with broker() as outside:
        script.run(outside.ticket)

    assert [head.target for head in outside.heads] == [target]


def test_a_request_without_scheme_and_authority_is_the_brokers_to_judge() -> None:
    script = HttpScript()
    request = script.own("outgoing-request", script.own("fields"))
    script.answered(script.sent(request))

    with broker() as outside:
        script.run(outside.ticket)

    assert outside.heads == [RequestHead(method="GET", scheme=None, authority=None, target="/")]


def test_a_response_is_told_without_what_belongs_to_the_connection() -> None:
    headers = (
        ("Content-Type", b"text/plain"),
        ("Set-Cookie", b"a=1"),
        ("set-cookie", b"b=2"),
        *((name.title(), b"x") for name in sorted(FORBIDDEN)),
        ("not a name", b"x"),
        ("x-line", b"a\r\nb"),
        ("x-odd", b"\xff"),
    )
    script = HttpScript()
    got = script.answered(script.sent(script.request()))
    status = script.do("incoming-response.status", got.inside(24))
    fields = script.own("incoming-response.headers", got.inside(24))
    entries = script.do("fields.entries", fields)
    refused = script.do("fields.append", fields, b"x", b"y")
    copied = script.own("fields.clone", fields)
    appended = script.do("fields.append", copied, b"x", b"y")

    with broker(lambda peer: peer.reply(503, headers, peer.body())) as outside:
        told = script.run(outside.ticket)

    assert told[status] == 503
    assert told[entries] == [
        ("content-type", b"text/plain"),
        ("set-cookie", b"a=1"),
        ("set-cookie", b"b=2"),
        ("x-odd", b"\xff"),
    ]
    assert (told[refused], told[appended]) == (Failed("immutable"), None)


def test_a_response_whose_fields_are_too_large_is_an_error() -> None:
    headers = tuple((f"x-{number}", bytes(b"v" * 1000)) for number in range(140))
    script = HttpScript()
    got = script.answered(script.sent(script.request()))

    with broker(lambda peer: peer.reply(200, headers, peer.body())) as outside:
        told = script.run(outside.ticket)

    assert told[got] == Problem("HTTP-response-header-section-size")


@pytest.mark.parametrize("error", get_args(ErrorCode))
def test_every_reason_of_the_broker_is_told_in_the_words_of_wasi(error: ErrorCode) -> None:
    script = HttpScript()
    got = script.answered(script.sent(script.request()))

    def behave(peer: Peer) -> None:
        peer.body()
        peer.refuse(Refusal(error=error, rule="egress.secret_rule"))

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert told[got] == Problem(error)
    assert told.memory.find(b"secret_rule") == -1
    assert told.denials == []


def denying(peer: Peer) -> None:
    peer.body()
    peer.refuse(
        Refusal(
            error="HTTP-request-denied",
            rule="egress.secret_rule",
            attempted="GET https://secret.test",
            wanted="net.http=https://secret.test",
        )
    )


def test_what_the_broker_denies_is_listed_with_the_grant_it_lacked() -> None:
    script = HttpScript()
    got = script.answered(script.sent(script.request()))

    with broker(denying) as outside:
        told = script.run(outside.ticket)

    assert told[got] == DENIED
    (denial,) = told.execution.denials
    assert denial.attempted == "GET https://secret.test"
    assert denial.wanted == "net.http=https://secret.test"
    assert denial.function == HANDLE
    assert told.memory.find(b"secret") == -1


def test_a_denial_is_listed_though_the_guest_never_asks_what_came_of_it() -> None:
    script = HttpScript()
    future = script.sent(script.request())
    pollable = script.own("future-incoming-response.subscribe", future)
    script.do("pollable.block", pollable)

    with broker(denying) as outside:
        told = script.run(outside.ticket)

    assert told.denials == [("net.http", "GET https://secret.test")]


def test_a_response_is_there_once_and_not_before_it_is_there() -> None:
    script = HttpScript()
    future = script.sent(script.request())
    early = script.do("future-incoming-response.get", future)
    script.sent(script.request(path="/go-on"))
    first = script.answered(future)
    second = script.do("future-incoming-response.get", future)
    go_on = threading.Event()

    def behave(peer: Peer) -> None:
        if peer.head.target == "/go-on":
            go_on.set()
        assert go_on.wait(BOUND_SECONDS)
        peer.reply(body=peer.body())

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert (told[early], told[second]) == (NOT_YET, TAKEN)
    assert isinstance(told[first], Got)


# Wishes about time


@pytest.mark.parametrize("name", ["connect", "between-bytes"])
def test_a_wish_that_does_not_concern_the_head_does_not_shorten_the_wait_for_it(name: str) -> None:
    script = HttpScript()
    options = script.own("request-options")
    script.do(f"request-options.set-{name}-timeout", options, 1, 1)
    got = script.answered(script.sent(script.request(), options))

    with broker() as outside:
        told = script.run(outside.ticket)

    assert isinstance(told[got], Got)


def test_a_guest_that_wants_to_wait_for_less_does() -> None:
    script = HttpScript()
    options = script.own("request-options")
    script.do("request-options.set-first-byte-timeout", options, 1, 10**6)
    script.do("request-options.set-connect-timeout", options, 1, 10**6)
    got = script.answered(script.sent(script.request(), options))

    with broker(lambda peer: peer.wait_until_gone()) as outside:
        told = script.run(outside.ticket)

    assert told[got] == Problem("connection-read-timeout")


def test_a_guest_that_serves_requests_can_start_but_makes_no_response() -> None:
    script = HttpScript()
    script.do("outgoing-response", script.own("fields"))

    assert script.run().stop == "guest.trapped"
