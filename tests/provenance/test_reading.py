"""What strangers wrote is read in one way or not at all."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.provenance.reading import MAX_DEPTH, UnreadableError, read_base64, read_json


def read(text: bytes) -> Any:
    return read_json(text, limit_bytes=10_000)


@patient
@given(json_values())
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert read_json(json.dumps(value).encode(), limit_bytes=1 << 20) == value


@patient
@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        read(data)
    except ValueError:
        return
    assert json.loads(data) is not NotImplemented


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'[{"x": {"a": 1, "\\u0061": 2}}]', "a key stands twice"),
        (b"NaN", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nests deeper than 32"),
        (b"[" * 4990 + b"]" * 4990, "nests deeper than 32"),
        (b" " * 10_001, "larger than 10000 bytes"),
    ],
)
def test_json_that_two_readers_could_understand_differently_is_refused(
    text: bytes, complaint: str
) -> None:
    with pytest.raises(UnreadableError, match=complaint):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1,]",
        b"\xff",
        "\ufeff{}".encode(),
        b"1" * 5000,
        b'{"a": 1} x',
        "{}".encode("utf-16"),
    ],
    ids=["nothing", "cut", "comma", "latin", "mark", "digits", "more", "utf-16"],
)
def test_what_is_not_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_a_value_as_deep_as_it_may_be_is_read() -> None:
    text = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    value = read(text)

    assert json.dumps(value).encode() == text


@patient
@given(st.binary(max_size=64))
def test_base64_is_read_as_it_was_written(data: bytes) -> None:
    assert read_base64(base64.b64encode(data).decode()) == data


@patient
@given(st.text("AB+/-_= \nz", max_size=12))
def test_no_two_texts_are_the_same_bytes(text: str) -> None:
    try:
        found = read_base64(text)
    except UnreadableError:
        return
    assert base64.b64encode(found).decode() == text


@pytest.mark.parametrize(
    "text",
    ["QQ", "QR==", "QQ==\n", " QQ==", "Q Q==", "-_-_", "QQ==QQ==", "ä", "QQ==!", None, 7, b"QQ=="],
)
def test_base64_with_junk_or_stray_bits_is_refused(text: Any) -> None:
    with pytest.raises(UnreadableError):
        read_base64(text)
