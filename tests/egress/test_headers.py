"""Which header fields pass, and that none of them becomes something else on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
import pytest
from egress_calls import access, admitted, grant, request_to
from egress_servers import Reply, echo, saying, serving, serving_raw
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.egress import EgressLimits
from hatchway.core.exchange import RequestHead
from hatchway.egress.headers import (
    BadFieldError,
    checked,
    declared_length,
    incoming,
    outgoing,
    without_body,
    without_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from egress_calls import Admitted
    from egress_servers import Origin

    from hatchway.core.exchange import Headers

PLAIN = access("https://api.example.test")
INTERNAL = access("https://api.example.test;internal")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving(echo) as it:
        yield it


@pytest.fixture
def call(origin: Origin) -> Iterator[Admitted]:
    with admitted(grant(f"{origin.url};internal")) as it:
        yield it


def left(*names: str, access: object = PLAIN) -> set[str]:
    """Which of these fields leave."""
    fields = checked(tuple((name, b"x") for name in names))
    return {name.decode() for name, _ in outgoing(fields, access)} - {"accept-encoding"}  # type: ignore[arg-type]


def test_what_a_tool_says_about_its_request_passes() -> None:
    names = {"accept", "user-agent", "x-custom", "authorization", "cookie", "content-type", "range"}

    assert left(*names) == names


@pytest.mark.claim("egress.framing")
@pytest.mark.parametrize(
    "name",
    [
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
        "Upgrade", "HTTP2-Settings", "Expect", "Proxy-Authorization", "Proxy-Connection",
        "X-Forwarded-For", "x_forwarded_for", "X-Forwarded-Host", "Forwarded", "Via", "X-Real-IP",
        "CF-Connecting-IP", "True-Client-IP", "Client_IP", "X-Original-URL", "X-Rewrite-URL",
        "Metadata-Flavor", "metadata", "X-aws-ec2-metadata-token",
        "X-aws-ec2-metadata-token-ttl-seconds", "Hatchway-Token", "transfer_encoding",
    ],
)  # fmt: skip
def test_what_changes_who_asks_or_what_is_asked_does_not(name: str) -> None:
    assert left(name, name.upper()) == set()


def test_what_connection_names_is_for_one_hop_only() -> None:
    fields = checked((("connection", b"x-one, X-Two"), ("X-One", b"1"), ("x-two", b"2")))

    assert outgoing(fields, PLAIN) == [(b"accept-encoding", b"identity")]


def test_a_metadata_service_that_was_granted_gets_its_proof() -> None:
    assert left("metadata-flavor", "x-aws-ec2-metadata-token", access=INTERNAL) == {
        "metadata-flavor",
        "x-aws-ec2-metadata-token",
    }


def test_a_method_is_not_changed_by_a_field_where_methods_are_granted() -> None:
    only_get = access("https://api.example.test;methods=GET")

    assert left("X-HTTP-Method-Override", access=only_get) == set()
    assert left("X-HTTP-Method-Override") == {"x-http-method-override"}


def test_nothing_is_compressed_that_the_guest_did_not_ask_for(
    call: Admitted, origin: Origin
) -> None:
    call.ask("GET", origin.url)
    call.ask("GET", origin.url, headers=(("accept-encoding", b"gzip, br"),))

    assert [heard.field("accept-encoding") for heard in origin.heard] == ["identity", "gzip, br"]


def test_a_request_says_nothing_about_us(call: Admitted, origin: Origin) -> None:
    call.ask("GET", f"{origin.url}/path?query")

    assert origin.heard[0].names == {"host", "accept-encoding"}
    assert origin.heard[0].target == "/path?query"


BAD = [
    ("x", b"a\r\nx-evil: 1"),
    ("x", b"a\nx-evil: 1"),
    ("x", b"a\r\n folded"),
    ("x", b"a\rb"),
    ("x", b"a\0b"),
    ("x", b"\x7f"),
    ("x", b"\x0b"),
    ("x\r\ny", b"a"),
    ("x: y", b"a"),
    ("x y", b"a"),
    ("x\t", b"a"),
    (" x", b"a"),
    ("", b"a"),
    ("x\0", b"a"),
    ("ſ", b"a"),
    ("\udc80", b"a"),
    ("x" * 300, b"a"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_is_no_field_is_denied(
    call: Admitted, origin: Origin, name: str, value: bytes
) -> None:
    answer = call.ask("GET", origin.url, headers=((name, value),))

    assert (answer.error, answer.rule) == ("HTTP-request-denied", "egress.bad_header")
    assert origin.connections == 0
    assert [event.rule for event in call.events] == ["egress.bad_header"]


@pytest.mark.claim("egress.framing")
@pytest.mark.parametrize(
    "headers",
    [
        (("content-length", b"3"), ("transfer-encoding", b"chunked")),
        (("content-length", b"3"), ("content-length", b"30")),
        (("content-length", b"3, 30"),),
        (("content-length", b"+3"),),
        (("content-length", b"0x3"),),
        (("transfer-encoding", b"identity"),),
        (("Transfer_Encoding", b"chunked"), ("content-length", b"\t3 ")),
    ],
)
def test_a_request_is_framed_by_us_alone(call: Admitted, origin: Origin, headers: Headers) -> None:
    answer = call.ask("POST", origin.url, headers=headers, body=b"abc")

    assert answer.echoed["body"] == "abc"
    assert origin.heard[0].fields("content-length") == ["3"]
    assert not origin.heard[0].names & {"transfer-encoding", "transfer_encoding"}


@pytest.mark.claim("egress.framing")
@pytest.mark.parametrize("body", [b"ab", b"abcd"], ids=["shorter", "longer"])
def test_a_body_that_is_not_as_long_as_announced_never_becomes_a_request(
    call: Admitted, origin: Origin, body: bytes
) -> None:
    answer = call.ask("POST", origin.url, headers=(("content-length", b"3"),), body=body)

    assert (answer.error, answer.rule) == ("HTTP-request-body-size", "egress.content_length")
    assert origin.is_reached(1)
    assert origin.heard == []


@pytest.mark.claim("egress.framing")
def test_tabs_and_newlines_get_into_no_part_of_a_request(call: Admitted, origin: Origin) -> None:
    authority = origin.url.removeprefix("http://")
    heads = [
        RequestHead(method=method, scheme=scheme, authority=host, target=target)
        for bad in ("\t", "\n", "\r\n", "\0", " ")
        for method, scheme, host, target in (
            (f"GET{bad}", "http", authority, "/"),
            ("GET", f"http{bad}", authority, "/"),
            ("GET", "http", f"{authority}{bad}", "/"),
            ("GET", "http", authority, f"/{bad}x"),
            ("GET", "http", authority, f"/?{bad}x"),
        )
    ]

    answers = [call.send(head) for head in heads]

    assert {answer.error for answer in answers} == {"HTTP-request-denied"}
    assert origin.connections == 0
    assert len(call.events) == len(heads)


def test_headers_may_only_be_so_large(origin: Origin) -> None:
    limits = EgressLimits(header_bytes=1000)

    with admitted(grant(f"{origin.url};internal", limits=limits)) as call:
        fits = call.ask("GET", origin.url, headers=(("x", b"y" * 500),))
        answer = call.ask("GET", origin.url, headers=(("x", b"y" * 1000),))

    assert fits.status == 200
    assert (answer.error, answer.rule) == (
        "HTTP-request-header-section-size",
        "egress.header_bytes",
    )
    assert len(origin.heard) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1100 + b"\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
        b"HTTP/1.1 103 Early\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=["large", "endless", "interim"],
)
def test_a_response_with_too_large_a_head_is_refused(head: bytes) -> None:
    with (
        serving_raw(saying(head)) as origin,
        admitted(grant(f"{origin.url};internal", limits=EgressLimits(header_bytes=1000))) as call,
    ):
        answer = call.ask("GET", origin.url)

    assert answer.head is None
    assert answer.error == "HTTP-response-header-section-size"


def test_the_fields_of_a_response_lose_what_is_for_one_hop() -> None:
    reply = Reply(
        headers=[
            ("Connection", "close, x-hop"), ("Keep-Alive", "timeout=5"), ("X-Hop", "1"),
            ("Proxy-Authenticate", "Basic"), ("Alt-Svc", 'h3=":443"'), ("Upgrade", "h2c"),
            ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Kept", "caf\xe9"),
        ],
        body=b"text",
    )  # fmt: skip

    with serving(lambda _: reply) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert answer.head is not None
    assert answer.head.headers == (
        ("set-cookie", b"a=1"),
        ("set-cookie", b"b=2"),
        ("x-kept", b"caf\xe9"),
        ("content-length", b"4"),
    )


def test_a_length_beside_chunks_is_not_passed_on() -> None:
    fields = ((b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5"), (b"X", b"1"))

    assert incoming(fields) == (("x", b"1"),)


SMUGGLED = {
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "a length that is none": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
    "no head": b"220 mail.example ESMTP\r\n\r\n",
    "a bad chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    "another protocol": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "only interim heads": b"HTTP/1.1 103 Early\r\n\r\n" * 40,
}


@pytest.mark.parametrize("text", SMUGGLED.values(), ids=SMUGGLED)
def test_a_response_that_can_be_read_in_two_ways_is_none(text: bytes) -> None:
    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert (answer.error, answer.rule) == ("HTTP-protocol-error", "egress.bad_response")
    assert not answer.is_whole


def test_interim_heads_are_passed_over() -> None:
    text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No\r\n\r\n"

    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        assert call.ask("GET", origin.url).status == 204


def test_folded_fields_of_a_response_become_one_line() -> None:
    text = b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n"

    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        assert call.ask("GET", origin.url).field("x") == [b"a b"]


@patient
@given(st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=12)), max_size=6))
def test_whatever_is_written_either_is_fields_or_is_refused(
    headers: list[tuple[str, bytes]],
) -> None:
    try:
        fields = outgoing(checked(tuple(headers)), PLAIN)
    except BadFieldError:
        return

    for name, value in fields:
        assert not set(name) & set(b"\r\n\0: \t")
        assert not set(value) & set(b"\r\n\0")
        assert name not in {b"host", b"content-length", b"transfer-encoding", b"connection"}
    h11.Request(method="GET", target="/", headers=[(b"host", b"a.test"), *fields])


@pytest.mark.parametrize(
    ("values", "length"), [((), None), ((b"7",), 7), ((b"7", b"7"), 7), ((b"7", b"8"), None)]
)
def test_a_length_counts_when_it_is_clear(values: tuple[bytes, ...], length: int | None) -> None:
    assert declared_length([(b"content-length", value) for value in values]) == length


def test_a_redirect_takes_neither_credentials_nor_a_body_along() -> None:
    headers: Headers = (
        ("Authorization", b"a"), ("COOKIE", b"b"), ("Proxy_Authorization", b"c"),
        ("Content-Type", b"d"), ("Content_Length", b"1"), ("X", b"e"),
    )  # fmt: skip

    assert [name for name, _ in without_credentials(headers)] == [
        "Content-Type",
        "Content_Length",
        "X",
    ]
    assert [name for name, _ in without_body(headers)] == [
        "Authorization",
        "COOKIE",
        "Proxy_Authorization",
        "X",
    ]


def test_a_body_whose_end_is_known_has_a_length_and_another_is_chunked(
    call: Admitted, origin: Origin
) -> None:
    call.ask("POST", origin.url, body=b"abc")
    call.ask("POST", origin.url)
    call.ask("DELETE", origin.url)
    with call.begin(request_to(origin.url, "POST")) as line:
        line.data(b"first")
        line.data(b"x" * 300_000)
        line.end()
        line.answer()

    framed = [
        (heard.field("content-length"), heard.field("transfer-encoding")) for heard in origin.heard
    ]
    assert framed[:3] == [("3", None), ("0", None), (None, None)]
    assert len(origin.heard[3].body) == 300_005
