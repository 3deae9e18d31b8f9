"""A server that says a secret again does not tell the guest."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest
from spelled import SPELLINGS

from hatchway.core.egress import BoundSecret
from hatchway.core.exchange import ResponseHead
from hatchway.core.secret import Secret
from hatchway.egress.echoes import Echoes, without_echoes
from hatchway.egress.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

VALUE = "sk-live_Ab3/xY9+Zq==tok"
PATIENCE_SECONDS = 30


def echoes(*values: str) -> Echoes:
    return Echoes(
        BoundSecret(
            name=f"KEY{number or ''}",
            scheme="https",
            host="e.org",
            port=443,
            header="authorization",
            template="Bearer {}",
            secret=Secret(value),
        )
        for number, value in enumerate(values)
    )


async def stream(*parts: bytes) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part


async def gathered(parts: AsyncGenerator[bytes]) -> bytes:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return b"".join([part async for part in parts])


# Requests


def test_an_answer_is_asked_for_whole_and_in_no_coding() -> None:
    asked = [
        *((b"accept", b"*/*"), (b"accept-encoding", b"gzip, br"), (b"range", b"0-3")),
        *((b"if-range", b"x"), (b"if_range", b"x"), (b"a-im", b"diffe"), (b"x-range", b"0-3")),
    ]

    assert echoes(VALUE).readable(asked) == [
        (b"accept", b"*/*"),
        (b"x-range", b"0-3"),
        (b"accept-encoding", b"identity"),
    ]


def test_nothing_changes_for_a_call_without_secrets() -> None:
    nothing = echoes()
    asked = [(b"accept-encoding", b"gzip"), (b"range", b"bytes=0-3")]
    head = ResponseHead(status=206, headers=(("content-encoding", b"gzip"),), url=VALUE)

    assert not nothing
    assert echoes(VALUE)
    assert nothing.readable(asked) == asked
    assert nothing.head(head) == (head, ())
    assert asyncio.run(gathered(without_echoes(stream(b"a", b"b"), nothing.body()))) == b"ab"


# Heads


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"GZIP", b" identity, gzip", b"aws-chunked"])
def test_a_coded_answer_is_refused(coding: bytes) -> None:
    head = ResponseHead(status=200, headers=(("content-encoding", coding),))

    with pytest.raises(Refused) as caught:
        echoes(VALUE).head(head)

    assert caught.value.refusal.error == "HTTP-response-content-coding"
    assert caught.value.refusal.rule == "egress.coded_answer"


@pytest.mark.parametrize("status", [206, 226])
def test_a_part_of_an_answer_is_refused(status: int) -> None:
    with pytest.raises(Refused) as caught:
        echoes(VALUE).head(ResponseHead(status=status))

    assert caught.value.refusal.rule == "egress.partial_answer"


@pytest.mark.parametrize("coding", [b"identity", b"", b" Identity "])
def test_an_answer_that_says_that_it_is_not_coded_is_taken(coding: bytes) -> None:
    head = ResponseHead(status=200, headers=(("content-encoding", coding),), url="https://e.org/")

    assert echoes(VALUE).head(head) == (head, ())


@pytest.mark.claim("egress.secrets")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_in_the_head_is_masked(spelling: str) -> None:
    spelled = SPELLINGS[spelling](VALUE).replace("\n", " ")
    head = ResponseHead(
        status=302,
        headers=(
            ("content-length", b"12"),
            ("location", f"https://e.org/?token={spelled}".encode()),
            ("x-other", b"kept"),
        ),
        url=f"https://e.org/a?{spelled}",
    )

    clean, names = echoes(VALUE, "correct-horse").head(head)

    assert names == ("KEY",)
    assert clean.status == 302
    assert clean.headers[0] == ("content-length", b"12")
    assert clean.headers[2] == ("x-other", b"kept")
    name, value = clean.headers[1]
    assert name == "location"
    assert len(value) == len(head.headers[1][1])
    assert echoes(VALUE).head(clean) == (clean, ())


def test_a_secret_that_is_split_over_fields_or_is_one_itself_is_masked() -> None:
    head = ResponseHead(
        status=200,
        headers=(("x-first", VALUE[:9].encode()), (VALUE[9:].lower(), b"1"), ("x-last", b"2")),
    )

    clean, names = echoes(VALUE).head(head)

    assert names == ("KEY",)
    # From its first letter to its last, whatever stands in between.
    assert clean.headers[0] == ("x-first", b"x" * 9)
    assert set(clean.headers[1][0]) == {"x"}
    assert clean.headers[2] == ("x-last", b"2")


# Bodies


@pytest.mark.claim("egress.secrets")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_in_a_body_is_masked_wherever_it_is_cut(spelling: str) -> None:
    body = f"You sent: {SPELLINGS[spelling](VALUE)}, thank you".encode()
    passing = echoes(VALUE).body()

    received = asyncio.run(
        gathered(without_echoes(stream(*(bytes((byte,)) for byte in body)), passing))
    )

    assert len(received) == len(body)
    assert passing.names == ("KEY",)
    assert received.startswith(b"You sent: ")
    assert echoes(VALUE).body().feed(received) == b""
    assert VALUE.encode() not in received


def test_a_large_body_passes_through() -> None:
    part = base64.b64encode(bytes(range(256)) * 100)
    passing = echoes(VALUE).body()

    received = asyncio.run(gathered(without_echoes(stream(*[part] * 50), passing)))

    assert received == part * 50
    assert passing.names == ()


def test_a_guest_that_must_read_before_the_server_goes_on_does_not_wait_for_ever() -> None:
    async def conversation() -> list[bytes]:
        heard = asyncio.Event()

        async def server() -> AsyncGenerator[bytes]:
            yield b"data: the first event\n\n"
            await heard.wait()
            yield b"data: the second event\n\n"

        received = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for part in without_echoes(server(), echoes(VALUE).body()):
                received.append(part)
                heard.set()
        return received

    assert asyncio.run(conversation()) == [
        b"data: the first event\n\n",
        b"data: the second event\n\n",
    ]


def test_what_goes_wrong_in_a_body_goes_on() -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield b"a part"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(gathered(without_echoes(broken(), echoes(VALUE).body())))


def test_a_body_that_nobody_reads_to_its_end_is_closed() -> None:
    async def conversation() -> bool:
        is_closed = False

        async def endless() -> AsyncGenerator[bytes]:
            nonlocal is_closed
            try:
                while True:
                    yield b"." * 5000
                    await asyncio.sleep(0)
            finally:
                is_closed = True

        parts = without_echoes(endless(), echoes(VALUE).body())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await anext(parts)
            await parts.aclose()
        return is_closed

    assert asyncio.run(conversation())


def test_a_call_that_ends_while_nothing_comes_leaves_nothing_behind() -> None:
    async def conversation() -> bool:
        is_closed = False
        is_waiting = asyncio.Event()

        async def silent() -> AsyncGenerator[bytes]:
            nonlocal is_closed
            try:
                is_waiting.set()
                await asyncio.Event().wait()
                yield b""
            finally:
                is_closed = True

        reading = asyncio.ensure_future(gathered(without_echoes(silent(), echoes(VALUE).body())))
        await is_waiting.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        return is_closed

    assert asyncio.run(conversation())
