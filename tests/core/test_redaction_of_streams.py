"""Taking secrets out of what comes in chunks."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spelled import SPELLINGS, VALUE, redactor, spellings, surroundings, values
from strategies import patient

from hatchway.core.redaction import StreamRedactor

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_stream_holds_back_no_more_than_a_secret_may_be_spelled_with() -> None:
    looking = redactor(VALUE)
    stream = StreamRedactor(looking)
    sent = received = 0
    for _ in range(100):
        received += len(stream.feed(b"." * 1000))
        sent += 1000
        assert sent - received < 2 * looking.reach


def test_a_stream_knows_what_it_hid() -> None:
    stream = StreamRedactor(redactor(ONE=VALUE, TWO="correct-horse-battery"))

    stream.feed(b"a " + VALUE.encode())
    stream.feed(b" b correct-horse-battery " + VALUE.encode())
    stream.finish()

    assert stream.names == ("ONE", "TWO")
    assert stream.finish() == b""


def test_a_pause_lets_go_on_whatever_is_not_the_beginning_of_a_secret() -> None:
    stream = StreamRedactor(redactor(VALUE))
    event = b'data: {"text": "Hello"}\n\n'

    assert stream.feed(event) + stream.pause() == event
    assert stream.feed(event) + stream.pause() == event
    assert stream.feed(b"token: sk-live") + stream.pause() == b"token: "
    assert stream.pause() == b""
    assert stream.feed(b" is what tokens begin with") + stream.pause() == (
        b"sk-live is what tokens begin with"
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_that_comes_in_pauses_is_hidden_all_the_same(spelling: str) -> None:
    data = f"Its value: {SPELLINGS[spelling](VALUE)}; thank you.".encode()
    looking = redactor(VALUE)
    stream = StreamRedactor(looking)

    parts = [stream.feed(data[at : at + 1]) + stream.pause() for at in range(len(data))]
    received = b"".join((*parts, stream.finish()))

    assert len(received) == len(data)
    assert looking.find(received) == []
    assert stream.names == ("KEY",)
    hidden, _ = looking.mask_bytes(data)
    shown = sum(one != other for one, other in zip(received, hidden, strict=True))
    assert shown < len(SPELLINGS[spelling](VALUE[:4]))
    assert VALUE[3:8] not in received.decode()


@patient
@given(values, spellings, surroundings, surroundings, st.data())
def test_no_secret_gets_through_whatever_the_chunks_and_pauses(
    value: str, spelling: str, before: str, after: str, data: st.DataObject
) -> None:
    text = f"{before}{SPELLINGS[spelling](value)}{after}".encode()
    looking = redactor(value)
    stream = StreamRedactor(looking)
    received = b""
    at = 0
    while at < len(text):
        size = data.draw(st.integers(1, 40))
        received += stream.feed(text[at : at + size])
        if data.draw(st.booleans()):
            received += stream.pause()
        at += size
    received += stream.finish()

    assert len(received) == len(text)
    assert looking.find(received) == []


@pytest.mark.parametrize("before", ["\\x", "\\u00", "%", "&#x", "&#", "\\\\x"])
@pytest.mark.parametrize("spelled", [bytes.hex, lambda data: base64.b64encode(data).decode()])
def test_an_escape_that_begins_before_an_encoding_does_not_hide_it(
    before: str, spelled: Callable[[bytes], str]
) -> None:
    value = "skdA7c61-aB3/xY9+Zq"
    text = f'{{"api_key":"{before}{spelled(value.encode())}"}}'

    clean, names = redactor(KEY=value).redact_text(text)

    assert names == ("KEY",)
    assert spelled(value.encode()) not in clean


def test_a_pause_in_a_stream_with_a_long_secret_looks_at_nothing_twice() -> None:
    value = "".join(f"{number:x}-" for number in range(300))
    passing = StreamRedactor(redactor(KEY=value))
    sent = b"data: " + value.encode() + b" and more"

    told = b"".join(passing.feed(sent[at : at + 1]) + passing.pause() for at in range(len(sent)))
    told += passing.pause() + passing.finish()

    assert len(told) == len(sent)
    assert value.encode() not in told
    assert told.endswith(b" and more")
    assert passing.names == ("KEY",)
