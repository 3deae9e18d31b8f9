"""What a guest may spell as a request, and what is handed on of it."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatchway.core.exchange import ErrorCode, RequestHead, read_request, request_frame
from hatchway.engine.fetch.failures import ERRNOS, case_of
from hatchway.engine.fetch.request import (
    MAX_HEAD_BYTES,
    NotSendableError,
    TooLargeError,
    length_of,
    request_from_json,
    request_from_parts,
    response_json,
    split_url,
    with_length,
)


def read(**fields: Any) -> RequestHead:
    return request_from_json(json.dumps({"url": "https://e.org", **fields}).encode())


def test_only_the_url_must_be_there() -> None:
    assert read() == RequestHead(
        method="GET", scheme="https", authority="e.org", target="/", headers=(), redirects=0
    )


def test_everything_that_is_said_is_handed_on() -> None:
    head = read(
        url="HTTP://User@E.org:81/a//b/../c?d=e#f",
        method="post",
        headers=[["Accept", "text/plain"], ["X-Name", "é"], ["x-name", ""]],
        redirects=5,
    )

    assert head == RequestHead(
        method="post",
        scheme="HTTP",
        authority="User@E.org:81",
        target="/a//b/../c?d=e",
        headers=(("accept", b"text/plain"), ("x-name", b"\xe9"), ("x-name", b"")),
        redirects=5,
    )


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://e.org", ("https", "e.org", "/")),
        ("https://e.org?a", ("https", "e.org", "/?a")),
        ("https://e.org#a", ("https", "e.org", "/")),
        ("https://allowed@evil/", ("https", "allowed@evil", "/")),
        ("https://allowed\\@evil/", ("https", "allowed\\@evil", "/")),
        ("https:///path", ("https", "", "/path")),
        ("https://a/b://c", ("https", "a", "/b://c")),
        ("//e.org/", (None, None, "//e.org/")),
        ("/path", (None, None, "/path")),
        ("https:e.org", (None, None, "https:e.org")),
        ("https:/e.org", (None, None, "https:/e.org")),
        ("https:\\\\e.org", (None, None, "https:\\\\e.org")),
        ("a/b://e.org", (None, None, "a/b://e.org")),
        ("ht\ntps://e\t.org/\r\nx", ("ht\ntps", "e\t.org", "/\r\nx")),
        (" https://e.org", (" https", "e.org", "/")),
        ("", (None, None, "")),
    ],
)
def test_a_url_is_cut_where_its_parts_end_and_changed_nowhere(
    url: str, parts: tuple[str | None, str | None, str]
) -> None:
    assert split_url(url) == parts


@given(st.text(alphabet=st.sampled_from("ahtps:/?#@[]\\.%\t\n é"), max_size=30))
@example("https://a/b#c")
def test_nothing_but_the_fragment_is_lost_of_any_url(url: str) -> None:
    scheme, authority, target = split_url(url)

    if scheme is None:
        assert (authority, target) == (None, url)
    else:
        whole = f"{scheme}://{authority}"
        rest = url.removeprefix(whole).partition("#")[0]
        assert url.startswith(whole)
        assert target.removeprefix("/") == rest.removeprefix("/")
        assert not set("/?#") & set(authority or "")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"url": None}, "url must be text, got None"),
        ({"url": ["https://e.org"]}, "url must be text"),
        ({"method": 1}, "method must be text, got 1"),
        ({"headers": {}}, "headers must be a list of pairs, got {}"),
        ({"headers": ["accept: text"]}, "a header must be a name and a value"),
        ({"headers": [["a"]]}, "a header must be a name and a value"),
        ({"headers": [["a", "b", "c"]]}, "a header must be a name and a value"),
        ({"headers": [[1, "b"]]}, "the name of a header must be text, got 1"),
        ({"headers": [["a", None]]}, "the value of a header must be text"),
        ({"headers": [["", "b"]]}, "'' is not the name of a header"),
        ({"headers": [["a b", "c"]]}, "'a b' is not the name of a header"),
        ({"headers": [["a:", "c"]]}, "'a:' is not the name of a header"),
        ({"headers": [["a\r\nb", "c"]]}, "is not the name of a header"),
        ({"headers": [["ä", "c"]]}, "is not the name of a header"),
        ({"headers": [["a", "b\r\nc: d"]]}, "the header a has a character that cannot be sent"),
        ({"headers": [["a", "b\nc"]]}, "the header a has a character"),
        ({"headers": [["a", "b\0"]]}, "the header a has a character"),
        ({"headers": [["a", " b"]]}, "the header a has a character"),
        ({"headers": [["a", "b\t"]]}, "the header a has a character"),
        ({"headers": [["a", "Ā"]]}, "the header a has a character"),
        ({"headers": [["a", "\ud800"]]}, "the header a has a character"),
        ({"headers": [["Host", "evil"]]}, "the header Host is not for a guest to set"),
        ({"headers": [["Transfer-Encoding", "chunked"]]}, "is not for a guest to set"),
        ({"headers": [["connection", "x"]]}, "is not for a guest to set"),
        ({"headers": [["content-length", "+5"]]}, "content-length must be a number, got '\\+5'"),
        ({"headers": [["Content-Length", "5, 5"]]}, "Content-Length must be a number"),
        ({"redirects": 6}, "redirects must be 0 to 5, got 6"),
        ({"redirects": -1}, "redirects must be 0 to 5, got -1"),
        ({"redirects": True}, "redirects must be 0 to 5, got True"),
        ({"redirects": 1.0}, "redirects must be 0 to 5, got 1.0"),
        ({"redirects": int("9" * 4000)}, "redirects must be 0 to 5"),
        ({"body": "x"}, "keys of headers, method, redirects, url"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_what_cannot_be_sent_is_refused_with_its_reason(
    fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotSendableError, match=reason):
        read(**fields)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"https://e.org"',
        b"{}",
        b'{"url": "https://e.org"',
        b'{"url": "https://e.org"} x',
        b'{"url": "https://e.org", "url": "https://evil"}',
        b'{"url": "https://e.org", "redirects": NaN}',
        b'{"url": "https://e.org", "redirects": ' + b"9" * 5000 + b"}",
        b'{"url": "\xff"}',
        '{"url": "https://e.org"}'.encode("utf-16"),
        b"\xef\xbb\xbf" + b'{"url": "https://e.org"}',
        b"[" * 60_000,
        b'{"url":' * 9_000,
        b'{"headers": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    ],
    ids=lambda text: f"{text[:24]!r}, {len(text)}",
)
def test_what_is_no_request_is_refused_however_deep_or_long(text: bytes) -> None:
    with pytest.raises(NotSendableError):
        request_from_json(text)


def test_a_head_may_have_64_kib_and_no_more() -> None:
    frame = len(json.dumps({"url": ""}))
    fits = json.dumps({"url": "x" * (MAX_HEAD_BYTES - frame)}).encode()

    assert request_from_json(fits).target == "x" * (MAX_HEAD_BYTES - frame)
    with pytest.raises(TooLargeError):
        request_from_json(fits + b" ")


def test_many_small_headers_count_more_than_their_letters() -> None:
    def head(count: int) -> RequestHead:
        headers = [("a", "")] * count
        return request_from_parts(method="GET", url="https://e.org", headers=headers, redirects=0)

    assert len(head(1900).headers) == 1900
    with pytest.raises(TooLargeError):
        head(2000)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b'{"url": "\\ud800", "method": "\\udfff"}')
def test_any_bytes_are_a_request_that_can_be_framed_or_are_refused(data: bytes) -> None:
    try:
        head = request_from_json(data)
    except NotSendableError:
        return

    assert read_request(request_frame(head)[5:]) == head


def test_the_largest_head_fits_a_frame() -> None:
    text = ('{"url": "' + "\\u0001" * 10_000 + '"}').encode()

    head = request_from_json(text)

    assert read_request(request_frame(head)[5:]) == head


# Lengths


@pytest.mark.parametrize(
    ("method", "count", "expected"),
    [("GET", 0, None), ("POST", 0, 0), ("PUT", 0, 0), ("PATCH", 0, 0), ("DELETE", 3, 3)],
)
def test_the_length_of_a_whole_body_is_said_by_the_host(
    method: str, count: int, expected: int | None
) -> None:
    head = read(method=method, headers=[["Content-Length", "77"], ["a", "b"]])

    known = with_length(head, count)

    assert length_of(known) == expected
    assert known.headers[0] == ("a", b"b")


def test_two_lengths_are_one_if_they_agree_and_none_if_not() -> None:
    twice = [["content-length", "5"], ["content-length", "05"]]

    assert length_of(read(headers=twice)) == 5
    with pytest.raises(NotSendableError, match="content-length says two things"):
        length_of(read(headers=[*twice, ["content-length", "6"]]))


# What comes back


def test_every_error_of_the_broker_has_a_number_and_a_case() -> None:
    assert ERRNOS.keys() == set(get_args(ErrorCode))
    assert {case_of(error)[0] for error in ERRNOS} == {
        "denied", "timeout", "too-large", "unreachable", "invalid",
    }  # fmt: skip


def test_a_guest_is_told_of_a_denial_nothing_but_that() -> None:
    assert case_of("HTTP-request-denied") == ("denied", None)
    assert ERRNOS["HTTP-request-denied"] == 76
    assert case_of("DNS-error") == ("unreachable", "DNS-error")


def test_the_head_of_a_response_is_json_whatever_bytes_it_holds() -> None:
    text = response_json(200, "https://e.org/\ud800", (("a", bytes(range(0x80, 0x100))),))

    assert json.loads(text) == {
        "status": 200,
        "url": "https://e.org/?",
        "headers": [["a", bytes(range(0x80, 0x100)).decode("latin-1")]],
    }
