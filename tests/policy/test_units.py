"""Numbers with units, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import byte_counts, json_values, patient, readable_text

from hatchway.core import capability
from hatchway.policy.units import (
    parse_bytes,
    parse_count,
    parse_seconds,
    spell_bytes,
    spell_seconds,
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0B", 0),
        ("1B", 1),
        ("1KiB", 1024),
        ("64MiB", 64 << 20),
        ("4GiB", 4 << 30),
        ("007B", 7),
        ("999999999999B", 999_999_999_999),
    ],
)
def test_a_size_has_a_binary_unit(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "64", "64MB", "64M", "64mib", "64 MiB", " 64MiB", "64MiB\n", "-1B", "+1B", "1.5MiB", "1e3B",
        "٣B", "MiB", "", "1000000000000B", "0x10B", 64.0, True, None, ["64MiB"],
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_not_a_size(text: object) -> None:
    with pytest.raises(ValueError, match="B, KiB, MiB, GiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5.0),
        ("250ms", 0.25),
        ("0.5s", 0.5),
        ("2m", 120.0),
        ("0s", 0.0),
        ("1.000001s", 1.000001),
    ],
)
def test_a_duration_has_a_unit_of_time(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["5", "5h", "5 s", "5S", "-1s", ".5s", "5.s", "1.0000001s", "1e3s", "inf", "", 5.0, True, None],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_not_a_duration(text: object) -> None:
    with pytest.raises(ValueError, match="ms, s, m"):
        parse_seconds(text)


@pytest.mark.parametrize("value", [0, 1, -1, 1 << 80])
def test_a_count_is_a_whole_number(value: int) -> None:
    assert parse_count(value) == value


@pytest.mark.parametrize("value", [1.0, True, False, "1", None, [1]], ids=repr)
def test_anything_else_is_not_a_count(value: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        parse_count(value)


@patient
@given(readable_text(20) | json_values())
def test_whatever_is_written_is_read_or_refused_with_a_value_error(value: object) -> None:
    for parse in (parse_bytes, parse_seconds, parse_count):
        try:
            number = parse(value)
        except ValueError:
            continue
        assert isinstance(number, int | float)


@patient
@given(st.integers(0, 10**12 - 1), st.sampled_from(("B", "KiB", "MiB", "GiB")))
def test_every_size_that_can_be_written_is_read(number: int, unit: str) -> None:
    size = {"B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[unit]

    assert parse_bytes(f"{number}{unit}") == number << size


@pytest.mark.parametrize(
    ("seconds", "spelling"), [(10.0, "10s"), (1.5, "1.5s"), (0.25, "250ms"), (3600.0, "3600s")]
)
def test_a_duration_is_spelled_in_the_unit_people_would_choose(
    seconds: float, spelling: str
) -> None:
    assert spell_seconds(seconds) == spelling


@patient
@given(st.integers(1, 99_999))
def test_a_spelled_duration_is_read_back(milliseconds: int) -> None:
    spelled = spell_seconds(milliseconds / 1000)

    assert parse_seconds(spelled) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    ("size", "spelling"), [(64 << 20, "64MiB"), (4 << 30, "4GiB"), (1000, "1000B"), (0, "0GiB")]
)
def test_a_size_is_spelled_in_the_largest_unit_that_keeps_it_whole(
    size: int, spelling: str
) -> None:
    assert spell_bytes(size) == spelling


@given(st.integers(0, 4 << 30))
def test_a_spelled_size_is_read_back(size: int) -> None:
    assert parse_bytes(spell_bytes(size)) == size


@patient
@given(byte_counts().filter(bool))
def test_a_size_is_spelled_as_in_capabilities(count: int) -> None:
    assert spell_bytes(count) == capability.spell_bytes(count)
