"""Reading the binary format: strictly, and within bounds."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.audit.binary import MAX_NAME_BYTES, MalformedError, Reader
from hatchway.core.errors import AdmissionError


def leb(value: int, *, padding: int = 0) -> bytes:
    """An unsigned LEB128 integer, optionally in more bytes than it needs."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    groups += [0] * padding
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


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
    st.lists(st.sampled_from(("byte", "u32", "name", "count", "rest")), max_size=10),
)
def test_whatever_is_read_of_any_bytes_is_there_or_malformed(data: bytes, reads: list[str]) -> None:
    reader = Reader(data)

    with contextlib.suppress(MalformedError):
        for read in reads:
            getattr(reader, read)()
    assert 0 <= reader.at <= len(data)
