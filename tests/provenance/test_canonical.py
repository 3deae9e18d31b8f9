"""Canonical JSON is RFC 8785's: its own examples, and the properties that hashing needs."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.provenance.canonical import canonical_digest, canonical_json

# RFC 8785, appendix B: the bits of a double, and how it is written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}

# RFC 8785, section 3.2.3: keys in the order of their UTF-16 code units.
SORTED_KEYS = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\U0001f600": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}

# RFC 8785, section 3.2.2 and 3.2.4.
SAMPLE = """{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
  "literals": [null, true, false]
}"""
SAMPLE_BYTES = (
    "7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72"
    "75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72 73 22 3a"
    "5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31"
    "65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31 65 2d 32 37"
    "5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30"
    "30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d"
)


@pytest.mark.parametrize("bits", NUMBERS)
def test_numbers_are_written_as_in_the_rfcs_table(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))

    assert canonical_json(number).decode() == NUMBERS[bits]


def test_the_rfcs_sample_has_the_rfcs_bytes() -> None:
    assert canonical_json(json.loads(SAMPLE)) == bytes.fromhex(SAMPLE_BYTES)


def test_keys_are_sorted_by_utf_16_code_units_as_in_the_rfcs_example() -> None:
    written = json.loads(canonical_json(SORTED_KEYS))

    assert list(written.values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_nested_keys_are_sorted_too_and_lists_are_not() -> None:
    value = {"b": [{"d": 1, "c": 2}, 0], "a": {"f": 1, "e": 2}}

    assert canonical_json(value) == b'{"a":{"e":2,"f":1},"b":[{"c":2,"d":1},0]}'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'),
        ("é漢😀", '"é漢😀"'),
        ("\b\t\n\f\r", r'"\b\t\n\f\r"'),
        ("\x00\x1f", r'"\u0000\u001f"'),
        ('"\\/', r'"\"\\/"'),
        ("\x7f\u2028", '"\x7f\u2028"'),
    ],
)
def test_strings_escape_only_what_they_must(text: str, written: str) -> None:
    assert canonical_json(text).decode() == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (1 << 53, "9007199254740992"),
        ([], "[]"),
        ((1, 2), "[1,2]"),
        ({}, "{}"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-5, "0.0000125"),
        (123456.789e3, "123456789"),
    ],
)
def test_everything_else_has_one_spelling(value: Any, written: str) -> None:
    assert canonical_json(value).decode() == written


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_express_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="is not a JSON number"):
        canonical_json([number])


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\ude00\ud83d"])
def test_text_that_is_not_unicode_is_refused(text: str) -> None:
    for value in (text, {text: 1}, [{"a": text}]):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            canonical_json(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, range(3), {"a": 1j}], ids=repr)
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a JSON value"):
        canonical_json(value)


@pytest.mark.parametrize("key", [1, None, True, 1.5])
def test_a_key_that_is_not_text_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({key: 1})


@patient
@given(json_values())
def test_canonical_json_is_read_back_as_the_same_value(value: Any) -> None:
    # As RFC 8785 has it, every number is a double.
    assert json.loads(canonical_json(value), parse_int=float) == value


@patient
@given(json_values())
def test_making_canonical_json_canonical_again_changes_nothing(value: Any) -> None:
    once = canonical_json(value)

    assert canonical_json(json.loads(once)) == once


def reversed_keys(value: Any) -> Any:
    """The same value with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: reversed_keys(item) for key, item in reversed(value.items())}
    if isinstance(value, list):
        return [reversed_keys(item) for item in value]
    return value


@patient
@given(json_values(20))
def test_the_order_of_keys_does_not_matter(value: Any) -> None:
    assert canonical_json(reversed_keys(value)) == canonical_json(value)
    assert canonical_digest(reversed_keys(value)) == canonical_digest(value)


def strictly(value: Any) -> Any:
    """A value in which 1, 1.0 and true are told apart only where JSON does."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return [strictly(item) for item in value]
        case dict():
            return {key: strictly(item) for key, item in value.items()}
        case _:
            return value


@patient
@given(json_values(4), json_values(4))
@example(1, True)
@example(1, 1.0)
@example({"a": 0}, {"a": False})
def test_only_equal_values_have_the_same_canonical_json(first: Any, second: Any) -> None:
    same = strictly(first) == strictly(second)

    assert (canonical_json(first) == canonical_json(second)) == same


@patient
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1.2345678901234568e20)
@example(5e-324)
@example(1e21)
def test_a_number_has_the_shortest_spelling_that_reads_back_and_ecmascripts_form(
    number: float,
) -> None:
    written = canonical_json(number).decode()

    assert float(written) == number
    digits = written.lstrip("-").partition("e")[0].replace(".", "").strip("0")
    assert len(digits) <= 17
    assert digits == repr(abs(number)).partition("e")[0].replace(".", "").strip("0")
    magnitude = abs(number)
    assert ("e" in written) == (magnitude != 0 and not 1e-6 <= magnitude < 1e21)


def test_a_digest_is_the_hash_of_the_canonical_bytes() -> None:
    expected = hashlib.sha256(b'{"a":"\xc3\xa9","b":1}').hexdigest()

    assert canonical_digest({"b": 1.0, "a": "é"}) == f"sha256:{expected}"
