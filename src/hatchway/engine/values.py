"""Component values in C memory: building them and reading them.

A value is a kind byte and a payload (`capi.Value`). What is built is freed with one
`value_delete`, whatever it contains. The JSON form of a value is read by
`values_from_json` and written by `values_to_json`.
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Any

from hatchway.engine import capi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAYLOAD = capi.VALUE_PAYLOAD
_SIZE = capi.VALUE_BYTES
_KIND = capi.KINDS
PACK = {
    # The kind byte, padding, and the payload: a whole number in one go.
    name: struct.Struct(f"<B7x{letter}")
    for name, letter in {
        "bool": "?",
        "s8": "b",
        "u8": "B",
        "s16": "h",
        "u16": "H",
        "s32": "i",
        "u32": "I",
        "s64": "q",
        "u64": "Q",
        "f32": "f",
        "f64": "d",
        "char": "I",
    }.items()
}
"""How booleans, numbers and characters lie in a value."""
assert _PAYLOAD == 8, "the layout above"
_place = (ctypes.c_char * _SIZE).from_address
byte = ctypes.c_uint8.from_address
"""The byte at an address, to read and to write."""
_vector_place = (ctypes.c_char * 16).from_address
_unpack_vector = struct.Struct("<QQ").unpack_from
_SHORT_BYTES, _IMAGE_BYTES = 512, 4096
_BYTE_VALUES = (bytes([_KIND["u8"]]) + bytes(_SIZE - 1)) * _IMAGE_BYTES
"""Values of `u8`, all of them zero."""
_ByteValues = ctypes.c_char * len(_BYTE_VALUES)
_all_memory = (ctypes.c_char * (1 << 62)).from_address
"""Everything from an address on. Only slices of it are ever made."""
_PIECE_BYTES = 1 << 16
"""Bytes that are read at once."""


# Building values


def set_kind(at: int, name: str) -> None:
    """Make the value at `at` one of the kind `name`."""
    byte(at).value = _KIND[name]


def put_number(at: int, kind: str, value: float) -> None:
    """Make the value at `at` a boolean, number or character."""
    PACK[kind].pack_into(_place(at), 0, _KIND[kind], value)


def put_text(at: int, data: bytes, kind: str = "string") -> None:
    """Make the value at `at` a string or an enum case.

    wasmtime ends the process over text that is not UTF-8, so none of that gets through.
    """
    if not data.isascii():
        data = data.decode("utf-8", "replace").encode()
    capi.byte_vec_new(at + _PAYLOAD, len(data), data)
    byte(at).value = _KIND[kind]


def put_items(at: int, kind: str, count: int) -> int:
    """Make the value at `at` a list or tuple of `count` falses; the address of the first."""
    (capi.list_new if kind == "list" else capi.tuple_new)(at + _PAYLOAD, count)
    byte(at).value = _KIND[kind]
    return capi.read_pointer(at + _PAYLOAD + 8)


def put_bytes(at: int, data: bytes) -> None:
    """Make the value at `at` a `list<u8>`."""
    first = put_items(at, "list", len(data))
    # Strided copies instead of a call per byte: the kind bytes are there, the payload bytes go
    # in. In small pieces: memory for a large one comes fresh from the system every time, which
    # made 64 KiB take 4.9 ms instead of 0.9.
    if len(data) <= _SHORT_BYTES:
        image = bytearray(_BYTE_VALUES[: len(data) * _SIZE])
        image[_PAYLOAD::_SIZE] = data
        capi.memmove(first, bytes(image), len(image))
        return
    image = bytearray(_BYTE_VALUES)
    source = _ByteValues.from_buffer(image)
    for begin in range(0, len(data), _IMAGE_BYTES):
        piece = data[begin : begin + _IMAGE_BYTES]
        size = len(piece) * _SIZE
        image[_PAYLOAD:size:_SIZE] = piece
        capi.memmove(first + begin * _SIZE, source, size)


def put_record(at: int, names: tuple[str, ...]) -> list[int]:
    """Make the value at `at` a record of falses; the addresses of its fields."""
    capi.record_new(at + _PAYLOAD, len(names))
    byte(at).value = _KIND["record"]
    first = capi.read_pointer(at + _PAYLOAD + 8)
    addresses = []
    for index, name in enumerate(names):
        entry = first + index * capi.RECORD_ENTRY_BYTES
        encoded = name.encode()
        capi.byte_vec_new(entry, len(encoded), encoded)
        addresses.append(entry + capi.RECORD_ENTRY_VALUE)
    return addresses


def put_case(at: int, case: str) -> None:
    """Make the value at `at` a variant case without payload."""
    data = case.encode()
    capi.byte_vec_new(at + _PAYLOAD, len(data), data)
    capi.write_pointer(at + _PAYLOAD + 16, 0)
    byte(at).value = _KIND["variant"]


def put_result(at: int, *, is_ok: bool) -> None:
    """Make the value at `at` a result without payload."""
    byte(at + _PAYLOAD).value = is_ok
    capi.write_pointer(at + _PAYLOAD + 8, 0)
    byte(at).value = _KIND["result"]


def put_none(at: int) -> None:
    """Make the value at `at` an option without value."""
    capi.write_pointer(at + _PAYLOAD, 0)
    byte(at).value = _KIND["option"]


_BOX_AT = {"variant": 16, "result": 8, "option": 0}


def put_box(at: int, kind: str, fill: Callable[[int], object]) -> None:
    """Give the variant, result or option at `at` the payload that `fill` writes."""
    payload = capi.Value()
    payload_at = capi.addressof(payload)
    try:
        fill(payload_at)
    except BaseException:
        capi.value_delete(payload_at)
        raise
    capi.write_pointer(at + _PAYLOAD + _BOX_AT[kind], capi.value_new(payload_at))


def put_flags(at: int, names: list[str]) -> None:
    """Make the value at `at` the set of `names`."""
    capi.flags_new(at + _PAYLOAD, len(names))
    byte(at).value = _KIND["flags"]
    first = capi.read_pointer(at + _PAYLOAD + 8)
    for index, name in enumerate(names):
        data = name.encode()
        capi.byte_vec_new(first + index * ctypes.sizeof(capi.ByteVec), len(data), data)


# Reading values


def read_bytes_list(at: int) -> bytes:
    """The content of the `list<u8>` at `at`."""
    count, first = sized(at)
    return _read_values(first, count)


def _read_values(first: int, count: int) -> bytes:
    """The payloads of `count` values of `u8`."""
    data: Any = _all_memory(first)[_PAYLOAD : count * _SIZE : _SIZE] if count else b""
    return data  # type: ignore[no-any-return]  # a slice of characters is bytes


def byte_pieces(at: int) -> Iterator[bytes]:
    """The content of the `list<u8>` at `at`, 64 KiB at a time."""
    count, first = sized(at)
    for begin in range(0, count, _PIECE_BYTES):
        yield _read_values(first + begin * _SIZE, min(_PIECE_BYTES, count - begin))


def list_length(at: int) -> int:
    """How many items the list at `at` has, or how many bytes the string."""
    return sized(at)[0]


def list_items(at: int) -> range:
    """The addresses of the items of the list or tuple at `at`."""
    count, first = sized(at)
    return range(first, first + count * _SIZE, _SIZE)


def read_option(at: int) -> int:
    """The address of the value in the option at `at`; 0 for none."""
    return capi.read_pointer(at + _PAYLOAD)


def read_case(at: int) -> tuple[str, int]:
    """The case of the variant at `at`, and the address of its payload; 0 for none."""
    return read_text(at + _PAYLOAD), capi.read_pointer(at + _PAYLOAD + 16)


def read_number(at: int, kind: str) -> Any:
    """The boolean, number or code point in the value at `at`."""
    return PACK[kind].unpack_from(_place(at))[1]


def read_text(vector_at: int, spend: Callable[[int], object] | None = None) -> str:
    """The text of the byte vector at `vector_at`; wasmtime has checked that it is UTF-8."""
    data = read_vector(vector_at, spend)
    return data.decode("utf-8", "replace")


def read_vector(vector_at: int, spend: Callable[[int], object] | None = None) -> bytes:
    """The content of the byte vector at `vector_at`."""
    size, data = _unpack_vector(_vector_place(vector_at))
    if spend is not None:
        spend(size)
    return bytes(capi.string_at(data, size)) if size else b""


def sized(at: int) -> tuple[int, int]:
    """How many items the list at `at` has, or bytes the string, and where the first one is."""
    size, data = _unpack_vector(_vector_place(at + _PAYLOAD))
    return size, data
