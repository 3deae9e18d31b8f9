"""Guests that attack `hatchway:egress/fetch`: its pointers, its numbers, its texts, its sizes."""

from __future__ import annotations

import base64
import gc
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fetch_guests import (
    FIRST,
    MEMORY_BYTES,
    RESULTS,
    Script,
    Told,
    component,
    fetched,
)
from guests import grant, stop_code, trap
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import often
from stub_broker import BOUND_SECONDS, broker

from hatchway.core.exchange import MAX_DATA, Kind, frame
from hatchway.core.limits import Limits
from hatchway.engine.fetch.module import MAX_REQUESTS, SIGNATURES
from hatchway.policy.egress import NotARequestError, read_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stub_broker import Peer

    from hatchway.core.egress import Ticket
    from hatchway.core.exchange import RequestHead

BAD_NUMBER, FAULT, INVALID, TOO_MANY, TOO_LARGE = 8, 21, 28, 33, 35
HERE = 4096
TOP = MEMORY_BYTES
HUGE = (1 << 32) - 1
OPEN = b'{"url": "https://e.org", "method": "POST"}'


def opened() -> Script:
    """A script that has opened one request."""
    script = Script()
    script.do("open", OPEN, RESULTS)
    return script


# Pointers and lengths

_EDGES = [0, 1, FIRST, 4096, TOP - 8, TOP - 4, TOP - 1, TOP, TOP + 1, 1 << 31, HUGE - 3, HUGE]
numbers = st.one_of(st.sampled_from(_EDGES), st.integers(0, HUGE), st.integers(0, 70_000))


@pytest.fixture(scope="module")
def ticket() -> Iterator[Ticket]:
    """Of a broker that answers every request."""
    with broker() as found:
        yield found.ticket


@pytest.mark.claim("isolation.memory")
@pytest.mark.parametrize("name", sorted(SIGNATURES))
@settings(max_examples=often(60), deadline=None)
@given(values=st.lists(numbers, min_size=4, max_size=4))
def test_no_argument_reaches_outside_of_the_guest(
    ticket: Ticket, name: str, values: list[int]
) -> None:
    script = opened()
    script.do(name, *values[: len(SIGNATURES[name])])
    script.do(name, FIRST, *values[1 : len(SIGNATURES[name])])

    told = script.run(ticket, grant(limits=Limits(deadline_seconds=0.5)))

    # An errno, or waiting until the end; neither a crash nor a failure of the host's own code.
    assert stop_code(told.execution) in (None, "guest.deadline_exceeded")


@pytest.mark.claim("isolation.memory")
def test_a_result_just_outside_is_a_fault_before_anything_is_sent() -> None:
    script = Script()
    for at in (TOP - 4, TOP - 3, HUGE - 3, HUGE):
        script.do("open", OPEN, at)
    script.do("open", TOP - 2, 3, RESULTS)
    script.do("open", 8, HUGE, RESULTS)
    script.do("write", FIRST, TOP - 2, 3, RESULTS)
    script.do("write", FIRST, 8, HUGE - 7, RESULTS)
    script.do("write", FIRST, 8, 1, TOP - 3)
    script.do("send", FIRST, TOP - 3)
    script.do("read", FIRST, TOP - 1, 2, RESULTS)
    script.do("read", FIRST, HERE, HUGE - HERE, RESULTS)
    script.do("head", FIRST, HERE, 10, TOP - 3)
    script.do("error", FIRST, TOP, 1, RESULTS)
    script.do("send", FIRST, RESULTS)

    with broker() as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0] + [FAULT] * 13 + [0]
    assert len(peer.heads) == 1


# Numbers


def test_a_closed_number_stays_closed_and_is_never_given_again() -> None:
    script = opened()
    script.do("close", FIRST)
    for name, kinds in sorted(SIGNATURES.items()):
        if name != "open":
            script.do(name, FIRST, *[RESULTS] * (len(kinds) - 1))
    script.do("open", OPEN, RESULTS)

    with broker() as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0, 0] + [BAD_NUMBER] * 6 + [0]
    assert told.number(RESULTS) == FIRST + 1


def test_numbers_that_nobody_gave_are_bad() -> None:
    script = Script()
    for number in (0, 1, 2, 3, 16, FIRST, FIRST + 1, 1 << 31, HUGE):
        script.do("send", number, RESULTS)

    told = script.run(None)

    assert told.errnos == [BAD_NUMBER] * 9


def test_the_number_of_another_call_means_nothing() -> None:
    others: list[Told] = []

    def meanwhile(peer: Peer) -> None:
        script = Script()
        script.do("send", FIRST, RESULTS)
        script.do("read", FIRST, HERE, 10, RESULTS)
        others.append(script.run(None))
        peer.reply(body=b"of this call alone")

    script = opened()
    script.do("send", FIRST, RESULTS)
    with broker(meanwhile) as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0, 0]
    assert others[0].errnos == [BAD_NUMBER, BAD_NUMBER]


def test_a_guest_holds_64_requests_and_no_more_until_it_closes_one() -> None:
    script = Script()
    for _ in range(1000):
        script.do("open", OPEN, RESULTS)
    script.do("close", FIRST + 5)
    script.do("open", OPEN, RESULTS)
    script.do("open", OPEN, RESULTS)

    with broker(lambda peer: peer.wait_until_gone()) as peer:
        told = script.run(peer.ticket)

    held = [0] * MAX_REQUESTS
    assert told.errnos == [*held, *[TOO_MANY] * (1000 - MAX_REQUESTS), 0, 0, TOO_MANY]
    assert told.number(RESULTS) == FIRST + MAX_REQUESTS


# Order


def test_calls_in_another_order_are_invalid_and_change_nothing() -> None:
    script = opened()
    script.do("read", FIRST, HERE, 10, RESULTS)
    script.do("head", FIRST, HERE, 10, RESULTS)
    script.do("send", FIRST, RESULTS)
    script.do("write", FIRST, b"late", RESULTS)
    script.do("send", FIRST, RESULTS + 4)
    script.do("read", FIRST, HERE, 0, RESULTS)
    script.do("read", FIRST, HERE, 10, RESULTS)

    with broker(lambda peer: peer.reply(body=b"1" + peer.body())) as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0, INVALID, INVALID, 0, INVALID, 0, 0, 0]
    assert told.number(RESULTS + 4) == 200
    assert told.memory[HERE : HERE + 2] == b"1\0"


# Texts


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://allowed@evil/", None),
        ("http://evil\\@allowed/", None),
        ("http://allowed\t.evil/", None),
        ("http://allowed\n/", None),
        ("http://allowed:80@evil:80/", None),
        ("http://allowed%2eevil/", None),
        ("http://ａllowed/", None),
        ("http://allowed./", None),
        ("http://2130706433/", None),
        ("http://0x7f.1/", None),
        ("http://[::ffff:7f00:1]/", None),
        ("http://allowed/\r\nHost: evil", None),
        ("http://allowed\\evil/", None),
        ("//evil/", None),
        ("http:/evil", None),
        ("http://", None),
        ("http:///evil", None),
        (" http://allowed/", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("HTTP://ALLOWED/", "allowed"),
        ("http://allowed#@evil/", "allowed"),
        ("http://allowed/@evil", "allowed"),
        ("http://evil?@allowed/", "evil"),
    ],
)
def test_a_url_with_a_trick_in_it_has_one_reading_or_none(url: str, host: str | None) -> None:
    script = Script()
    script.do("open", json.dumps({"url": url}).encode(), RESULTS)
    script.do("send", FIRST, RESULTS)

    with broker() as peer:
        script.run(peer.ticket)
        fetched(url, ticket=peer.ticket)

    first, second = peer.heads
    assert first == second
    assert host_of(first) == host


def host_of(head: RequestHead) -> str | None:
    """The host that policy reads, or None where it refuses."""
    try:
        return read_target(head.method, head.scheme, head.authority, head.target).host
    except NotARequestError:
        return None


def test_no_text_of_a_guest_is_ever_read_as_a_frame_or_as_http() -> None:
    poison = frame(Kind.END) + b"\r\n\r\nPOST /exchange HTTP/1.1\r\nhatchway-token: x\r\n\r\n"

    with broker() as peer:
        body = base64.b64encode(poison * 50).decode()
        url = "https://e.org/\r\n\r\nPOST /exchange HTTP/1.1\r\n\r\n"
        execution = fetched(url, ticket=peer.ticket, method="POST\r\nX: y", body=body)

    assert execution.value["body"] == body
    (head,) = peer.heads
    assert (head.method, head.target) == ("POST\r\nX: y", url.removeprefix("https://e.org"))


@pytest.mark.parametrize(
    ("text", "errno"),
    [
        (b"\xff\xfe{}", INVALID),
        (b'{"url": "https://e.org\xff"}', INVALID),
        (b"[" * 65_000, INVALID),
        (b'{"url":' * 9_000, INVALID),
        (b'{"url": ' + b"1" * 60_000 + b"}", INVALID),
        (b'{"url": 1e' + b"9" * 60_000 + b"}", INVALID),
        (b'{"url": "' + b"\\u0000" * 10_000 + b'"}', 0),
        (b'{"url": "' + b"x" * 70_000 + b'"}', TOO_LARGE),
        (b'{"headers": [' + b'["a",""],' * 7_000, INVALID),
        (b'{"url": "https://e.org", "headers": [' + b",".join([b'["a",""]'] * 6_000) + b"]}",
         TOO_LARGE),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else value,
)  # fmt: skip
def test_a_bomb_of_json_is_an_errno(text: bytes, errno: int) -> None:
    script = Script()
    script.do("open", text, RESULTS)

    with broker() as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [errno]


# Sizes


def endless(peer: Peer) -> None:
    peer.reply(body=None)
    while True:
        peer.send(bytes(MAX_DATA))


def test_an_endless_response_ends_with_the_component_and_fills_no_memory() -> None:
    with broker(endless) as peer:
        execution = fetched("https://e.org", ticket=peer.ticket)
        assert peer.gone.wait(BOUND_SECONDS)

    assert execution.value == {"tag": "too-large"}


def test_a_command_that_does_not_read_holds_the_other_side_up() -> None:
    sent = threading.Event()

    def sending(peer: Peer) -> None:
        peer.reply(body=None)
        for _ in range(1024):
            peer.send(bytes(MAX_DATA))
        sent.set()

    script = opened()
    script.do("send", FIRST, RESULTS)
    script.do("read", FIRST, HERE, 100, RESULTS)

    with broker(sending) as peer:
        told = script.run(peer.ticket)

    assert told.errnos == [0, 0, 0]
    assert not sent.is_set()


def test_a_response_that_does_not_fit_into_the_guest_traps_the_guest() -> None:
    patient = grant(limits=Limits(deadline_seconds=60))
    tight = grant(limits=Limits(deadline_seconds=60, memory_bytes=1 << 19))

    with broker(lambda peer: peer.reply(body=bytes(1 << 20))) as peer:
        url = "https://e.org"
        small = fetched(url, ticket=peer.ticket, guest=component(most=4), granted=patient)
        bounded = fetched(url, ticket=peer.ticket, granted=tight)

    assert (trap(small), trap(bounded)) == ("unreachable", "unreachable")


# What is left


def open_descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
def test_two_thousand_requests_leave_no_descriptor_whatever_became_of_them() -> None:
    script = Script()
    for number in range(50):
        script.do("open", OPEN, RESULTS)
        if number % 5:
            script.do("send", FIRST + number, RESULTS)
        if number % 3:
            script.do("close", FIRST + number)

    with broker() as peer:
        script.run(peer.ticket)
        before = open_descriptors()
        for _ in range(38):
            script.run(peer.ticket)
        for _ in range(100):
            fetched("https://e.org", ticket=peer.ticket)
        heads = len(peer.heads)
    after = open_descriptors()

    assert heads == 50 * 39 + 100
    # The listener, and what of the first run the broker had not closed yet.
    assert after <= before
