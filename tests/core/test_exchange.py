"""What the two halves of egress say to each other, and that neither believes the other."""

from __future__ import annotations

import base64
import ipaddress
import itertools
import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.core.exchange import (
    MAX_DATA,
    MAX_JSON,
    ConnectHead,
    ErrorCode,
    FrameReader,
    Headers,
    Kind,
    LookUpHead,
    Refusal,
    RequestHead,
    ResponseHead,
    addresses_head,
    addresses_in,
    data_frames,
    frame,
    head_frame,
    read_head,
    read_refusal,
    read_request,
    read_response,
    refusal_frame,
    request_frame,
    response_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.exchange import Head

texts = st.text(max_size=20)
headers = st.lists(st.tuples(texts, st.binary(max_size=20)), max_size=4).map(tuple)
requests = st.builds(
    RequestHead,
    method=texts,
    scheme=st.none() | texts,
    authority=st.none() | texts,
    target=texts,
    headers=headers,
    redirects=st.integers(0, 1 << 40),
    has_read_private=st.booleans(),
)
responses = st.builds(ResponseHead, status=st.integers(100, 999), headers=headers, url=texts)
refusals = st.builds(
    Refusal,
    error=st.sampled_from(get_args(ErrorCode)),
    rule=texts,
    attempted=texts,
    wanted=texts,
)
READERS: dict[str, Callable[[bytes], object]] = {
    "request": read_request,
    "response": read_response,
    "refusal": read_refusal,
}


def frames_in(*pieces: bytes) -> list[tuple[Kind, bytes]]:
    reader = FrameReader()
    return [found for piece in pieces for found in reader.feed(piece)]


def only_payload(kind: Kind, data: bytes) -> bytes:
    ((found, payload),) = frames_in(data)
    assert found is kind
    return payload


# Frames


@patient
@given(st.lists(st.binary(max_size=40)), st.data())
def test_frames_are_found_again_however_they_are_cut(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(frame(Kind.DATA, payload) for payload in payloads) + frame(Kind.END)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    ends = [0, *cuts, len(whole)]

    found = frames_in(*(whole[a:b] for a, b in itertools.pairwise(ends)))

    assert found == [(Kind.DATA, payload) for payload in payloads] + [(Kind.END, b"")]


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (0, []),
        (1, [1]),
        (MAX_DATA, [MAX_DATA]),
        (MAX_DATA + 1, [MAX_DATA, 1]),
        (3 * MAX_DATA, [MAX_DATA] * 3),
    ],
)
def test_data_takes_as_many_frames_as_it_needs(size: int, sizes: list[int]) -> None:
    found = frames_in(data_frames(b"x" * size))

    assert [(kind, len(payload)) for kind, payload in found] == [
        (Kind.DATA, each) for each in sizes
    ]


def test_the_beginning_of_a_frame_is_kept_and_nothing_is_said_about_it() -> None:
    reader = FrameReader()

    assert list(reader.feed(frame(Kind.HEAD, b"{}")[:-1])) == []
    assert list(reader.feed(b"}")) == [(Kind.HEAD, b"{}")]


@pytest.mark.parametrize(
    ("kind", "longest"),
    [
        (Kind.HEAD, MAX_JSON),
        (Kind.DATA, MAX_DATA),
        (Kind.END, 0),
        (Kind.REFUSED, MAX_JSON),
        (Kind.PRIVATE, 0),
    ],
)
def test_a_frame_that_is_too_long_is_refused_before_it_has_come(kind: Kind, longest: int) -> None:
    header = bytes((kind,)) + (longest + 1).to_bytes(4, "big")

    assert frames_in(bytes((kind,)) + longest.to_bytes(4, "big")) in ([], [(kind, b"")])
    with pytest.raises(ValueError, match="is too long"):
        frames_in(header)


@patient
@given(st.lists(st.binary(max_size=30), max_size=6))
@example([b"\0\0\0\0\0"])
@example([b"\6\0\0\0\0"])
def test_whatever_comes_is_frames_or_refused(pieces: list[bytes]) -> None:
    try:
        found = frames_in(*pieces)
    except ValueError:
        return

    assert all(isinstance(kind, Kind) for kind, _ in found)
    assert b"".join(pieces).startswith(b"".join(frame(*each) for each in found))


# What is in them


@patient
@given(requests)
def test_a_request_is_read_as_it_was_put(head: RequestHead) -> None:
    assert read_request(only_payload(Kind.HEAD, request_frame(head))) == head


@patient
@given(responses)
def test_a_response_is_read_as_it_came(head: ResponseHead) -> None:
    assert read_response(only_payload(Kind.HEAD, response_frame(head))) == head


@patient
@given(refusals)
def test_a_refusal_is_read_as_it_was_said(refusal: Refusal) -> None:
    assert read_refusal(only_payload(Kind.REFUSED, refusal_frame(refusal))) == refusal


def test_a_refusal_that_names_what_was_attempted_is_a_denial() -> None:
    denied = Refusal(
        error="HTTP-request-denied", rule="egress.method", attempted="GET https://e.org"
    )

    assert denied.is_denial is True
    assert Refusal(error="DNS-error", rule="egress.dns").is_denial is False


REQUEST: dict[str, Any] = {
    "method": "GET",
    "scheme": None,
    "authority": None,
    "target": "/",
    "headers": [["a", "YQ=="]],
    "redirects": 0,
    "has_read_private": False,
}
RESPONSE: dict[str, Any] = {"status": 200, "headers": [], "url": ""}
REFUSAL: dict[str, Any] = {"error": "DNS-error", "rule": "r", "attempted": "", "wanted": ""}


WHOLE = {"request": REQUEST, "response": RESPONSE, "refusal": REFUSAL}
SPOILT: dict[tuple[str, str], list[Any]] = {
    ("request", "method"): [None, 5, []],
    ("request", "target"): [None, 5],
    ("request", "scheme"): [5, [], False],
    ("request", "authority"): [5, {}],
    ("request", "redirects"): [-1, True, 1.0, "1", None],
    ("request", "has_read_private"): [0, 1, None, "no"],
    ("request", "headers"): [
        None, {}, "ab", ["ab"], [["a"]], [["a", "YQ==", "b"]], [["a", 5]], [[5, "YQ=="]],
        [["a", "?"]], [["a", "YQ"]], [["a", "é"]], [["a", None]],
    ],
    ("request", "more"): [1],
    ("response", "status"): [99, 1000, "200", True, 200.0, None],
    ("response", "url"): [None, 5],
    ("response", "headers"): [None, [["a", "?"]]],
    ("refusal", "error"): ["dns-error", "", None, ["DNS-error"]],
    ("refusal", "rule"): [None],
    ("refusal", "attempted"): [None],
    ("refusal", "wanted"): [5],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "key"), SPOILT)
def test_what_is_not_of_the_form_is_refused(kind: str, key: str) -> None:
    READERS[kind](json.dumps(WHOLE[kind]).encode())

    for value in SPOILT[kind, key]:
        with pytest.raises(ValueError, match=r".+"):
            READERS[kind](json.dumps(WHOLE[kind] | {key: value}).encode())


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"\xff", b"null", b"[]", b"{}", b"[" * MAX_JSON, b'{"a":' * 100_000, b"1" * 9999],
    ids=lambda payload: repr(payload[:8]),
)
def test_what_is_no_object_of_ours_is_refused(kind: str, payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        READERS[kind](payload)


@patient
@given(st.sampled_from(sorted(READERS)), st.sampled_from((REQUEST, RESPONSE, REFUSAL)), st.data())
def test_whatever_the_other_half_says_is_understood_or_refused(
    kind: str, whole: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(whole)))
    said = whole | {key: data.draw(json_values())}

    try:
        found = READERS[kind](json.dumps(said).encode())
    except ValueError:
        return

    assert isinstance(found, RequestHead | ResponseHead | Refusal)


@patient
@given(headers)
def test_the_bytes_of_a_field_travel_as_they_are(fields: Headers) -> None:
    payload = only_payload(Kind.HEAD, response_frame(ResponseHead(status=200, headers=fields)))

    sent = json.loads(payload)["headers"]

    assert [base64.b64decode(value) for _, value in sent] == [value for _, value in fields]
    assert payload.isascii()


# Connections and look-ups


@pytest.mark.parametrize(
    "head",
    [
        RequestHead(method="GET", scheme=None, authority=None, target="/"),
        ConnectHead(address="192.0.2.1", port=5432, has_read_private=True),
        LookUpHead(name="db.example.com"),
    ],
    ids=["request", "connect", "look up"],
)
def test_every_head_comes_back_as_it_was_sent(head: Head) -> None:
    ((kind, payload),) = FrameReader().feed(head_frame(head))

    assert read_head(kind, payload) == head


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.END, b"{}"),
        (Kind.CONNECT, b'{"address":1,"port":1,"has_read_private":false}'),
        (Kind.CONNECT, b'{"address":"","port":true,"has_read_private":false}'),
        (Kind.CONNECT, b'{"address":"","port":1,"has_read_private":0}'),
        (Kind.LOOK_UP, b'{"name":null,"has_read_private":false}'),
        (Kind.LOOK_UP, b'{"name":"","has_read_private":1}'),
    ],
)
def test_what_is_no_head_is_refused(kind: Kind, payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"head|other half"):
        read_head(kind, payload)


def test_addresses_come_back_as_they_were_sent() -> None:
    addresses = (ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("2001:db8::1"))

    assert addresses_in(addresses_head(addresses)) == addresses
    with pytest.raises(ValueError, match="IP"):
        addresses_in(ResponseHead(status=200, headers=(("address", b"x"),)))
