"""Reading the binary format: strictly, and within bounds."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient
from wasm_bytes import leb

from hatchway.audit.binary import MAX_KEPT, MAX_NAME_BYTES, MalformedError, Reader
from hatchway.core.errors import AdmissionError


def complaint(read: object) -> str:
    with pytest.raises(MalformedError) as raised:
        read()  # type: ignore[operator]  # a function without arguments
    return raised.value.message


@patient
@given(st.integers(0, (1 << 32) - 1), st.integers(0, 4))
def test_an_integer_is_read_back_as_it_was_written(value: int, padding: int) -> None:
    data = leb(value, padding=padding)
    reader = Reader(data)

    if len(data) <= 5:
        assert reader.u32() == value
        assert reader.is_done
    else:
        assert "too many bytes" in complaint(reader.u32)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends in the middle"),
        (b"\x80", "ends in the middle"),
        (b"\xff\xff\xff\xff\x10", "does not fit in 32 bits"),
        (b"\xff\xff\xff\xff\x7f", "does not fit in 32 bits"),
        (b"\x80\x80\x80\x80\x80\x00", "too many bytes"),
        (b"\xff" * 20, "too many bytes"),
    ],
)
def test_an_integer_that_is_not_well_encoded_is_malformed(data: bytes, why: str) -> None:
    assert why in complaint(Reader(data).u32)


def test_the_largest_integer_fits_in_five_bytes() -> None:
    assert Reader(b"\xff\xff\xff\xff\x0f").u32() == 0xFFFFFFFF


def test_bytes_are_read_one_after_the_other() -> None:
    reader = Reader(b"\x01\x02")

    assert (reader.byte(), reader.byte(), reader.is_done) == (1, 2, True)
    assert "ends in the middle" in complaint(reader.byte)


@patient
@given(st.text(st.characters(codec="utf-8"), max_size=20), st.binary(max_size=5))
def test_a_name_is_a_length_and_that_much_utf_8(name: str, after: bytes) -> None:
    encoded = name.encode()
    reader = Reader(leb(len(encoded)) + encoded + after)

    assert reader.name() == name
    assert reader.rest() == after


@pytest.mark.parametrize(
    "name", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"a\xe2\x82"]
)
def test_a_name_that_is_not_utf_8_is_malformed(name: bytes) -> None:
    assert "a name is not UTF-8" in complaint(Reader(leb(len(name)) + name).name)


def test_a_name_that_runs_past_the_end_is_malformed() -> None:
    assert "5 bytes are announced and 1 are left" in complaint(Reader(b"\x05a").name)


def test_a_name_has_a_longest_length() -> None:
    longest = b"a" * MAX_NAME_BYTES

    assert len(Reader(leb(len(longest)) + longest).name()) == MAX_NAME_BYTES
    message = complaint(Reader(leb(len(longest) + 1) + longest + b"a").name)
    assert f"a name has {MAX_NAME_BYTES + 1} bytes" in message


def test_a_section_is_read_apart_from_what_follows() -> None:
    reader = Reader(b"\x01\x02\x03\x04")

    section = reader.section(3)

    assert (section.rest(), reader.rest()) == (b"\x01\x02\x03", b"\x04")
    assert "ends in the middle" in complaint(section.byte)


def test_a_section_that_runs_past_the_end_is_malformed() -> None:
    assert "a section of 5 bytes runs past the end" in complaint(lambda: Reader(b"abcd").section(5))


def test_a_section_inside_a_section_cannot_leave_it() -> None:
    outer = Reader(b"\x01\x02\x03\x04").section(2)

    assert "runs past the end" in complaint(lambda: outer.section(3))
    assert "announced" in complaint(lambda: outer.take(3))


def test_more_items_than_bytes_are_malformed_before_anything_is_made_for_them() -> None:
    assert Reader(b"\x02ab").count() == 2
    assert "4294967295 items are announced in 2 bytes" in complaint(
        Reader(leb(0xFFFFFFFF) + b"ab").count
    )


def test_a_complaint_says_where_it_was() -> None:
    reader = Reader(b"\0" * 20)
    reader.take(18)

    assert complaint(lambda: reader.take(3)).endswith("(at byte 0x12)")


def test_a_malformed_binary_is_refused_at_admission() -> None:
    error = Reader(b"").malformed("why")

    assert isinstance(error, AdmissionError)
    assert (error.code, error.message) == (
        "admission.malformed",
        "not a valid WebAssembly binary: why (at byte 0x0)",
    )


@patient
@given(
    st.binary(max_size=40),
    st.lists(
        st.sampled_from(
            ("byte", "u32", "u64", "s32", "s33", "s64", "name", "count", "rest", "peek", "items")
        ),
        max_size=10,
    ),
)
def test_whatever_is_read_of_any_bytes_is_there_or_malformed(data: bytes, reads: list[str]) -> None:
    reader = Reader(data)

    with contextlib.suppress(MalformedError):
        for read in reads:
            getattr(reader, read)()
    assert 0 <= reader.at <= len(data)


def signed_leb(value: int) -> bytes:
    """A signed LEB128 integer in as few bytes as it needs."""
    groups = []
    while not -64 <= value < 64:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value & 0x7F])


@patient
@given(st.sampled_from((32, 33, 64)), st.data())
def test_a_signed_integer_is_read_back_as_it_was_written(bits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    reader = Reader(signed_leb(value))

    assert getattr(reader, f"s{bits}")() == value
    assert reader.is_done


@pytest.mark.parametrize("bits", [32, 33, 64])
def test_a_signed_integer_that_is_too_large_is_malformed(bits: int) -> None:
    for value in (1 << (bits - 1), -(1 << (bits - 1)) - 1):
        reader = Reader(signed_leb(value))

        message = complaint(getattr(reader, f"s{bits}"))

        assert f"does not fit in {bits} bits" in message or "too many bytes" in message


@patient
@given(st.integers(0, (1 << 64) - 1))
def test_a_long_integer_is_read_back_as_it_was_written(value: int) -> None:
    assert Reader(leb(value)).u64() == value


def test_a_long_integer_has_a_largest_value() -> None:
    assert "does not fit in 64 bits" in complaint(Reader(leb(1 << 64)).u64)


@patient
@given(st.lists(st.integers(0, 300), max_size=20))
def test_many_indices_are_read_at_once(values: list[int]) -> None:
    reader = Reader(b"".join(map(leb, values)) + b"after")

    assert reader.indices(len(values), below=301) == values
    assert reader.rest() == b"after"


@pytest.mark.parametrize(
    ("data", "count", "why"),
    [
        (b"\1\2\3", 3, "index 3 is used, and there are 3"),
        (b"\1\x80\1\0", 3, "index 128 is used, and there are 3"),
        (b"\1\2", 3, "an integer is cut short"),
        (b"\1\2\x80", 3, "an integer is cut short"),
        (b"\1" + b"\x80" * 5 + b"\0", 2, "encoded in too many bytes"),
        (b"\1" + b"\xff" * 100, 2, "encoded in too many bytes"),
        (b"\1\xff\xff\xff\xff\x7f", 2, "index 34359738367 is used"),
    ],
)
def test_many_indices_that_are_not_all_there_are_malformed(
    data: bytes, count: int, why: str
) -> None:
    assert why in complaint(lambda: Reader(data).indices(count, below=3))


def test_a_flag_is_one_or_the_other() -> None:
    reader = Reader(b"\0\1\2")

    assert (reader.flag("x"), reader.flag("x")) == (False, True)
    assert "x must be 0 or 1, not 0x2" in complaint(lambda: reader.flag("x"))


def test_what_is_stepped_over_says_its_own_size() -> None:
    reader = Reader(b"\2ab\0" + leb(200) + b"c" * 200 + b"after")

    assert reader.step_over(3) == 200
    assert reader.rest() == b"after"


@pytest.mark.parametrize("data", [b"\5ab", b"", b"\x80", leb(200) + b"a"])
def test_what_is_not_all_there_cannot_be_stepped_over(data: bytes) -> None:
    complaint(lambda: Reader(data).step_over(1))


def test_values_are_made_for_so_many_things_and_no_more() -> None:
    reader = Reader(b"\2ab")
    inner = reader.section(0)

    inner.keep(MAX_KEPT - 2)
    assert list(reader.items()) == [0, 1]
    assert f"more than {MAX_KEPT} things" in complaint(inner.keep)


def test_a_count_may_have_a_bound() -> None:
    assert Reader(b"\2ab").count(2) == 2
    assert "at most 1 may be" in complaint(lambda: Reader(b"\2ab").count(1))


def test_the_end_of_a_section_is_its_end() -> None:
    reader = Reader(b"\0")

    assert "longer than what it lists" in complaint(reader.end)
    reader.byte()
    reader.end()
    assert reader.left == 0
