"""Component values in C memory: building them, reading them, and their JSON form.

A value is a kind byte and a payload (`capi.Value`). `lower` writes the JSON form of an
argument into one; `lift` reads a result back. The JSON forms are those the tool's JSON
Schema describes (`hatchway.runtime.wit_schema`): the two must stay in step, and a property
test walks random types through schema, `lower` and `lift`.

`lower` puts a value into a valid state before it fills it, so that whatever was built can
be freed with one `value_delete` when a later part does not fit.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import math
import struct
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import InvalidArgumentsError
from hatchway.core.untrusted import printable
from hatchway.core.wit import (
    INTEGER_RANGES,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    UnsupportedType,
    VariantType,
    WitType,
)
from hatchway.engine import capi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST_EXACT_INTEGER = (1 << 53) - 1
"""Beyond it a JSON number loses digits in many clients; results become strings."""

_PAYLOAD = capi.VALUE_PAYLOAD
_SIZE = capi.VALUE_BYTES
_KIND = capi.KINDS
_PACK = {
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
assert _PAYLOAD == 8, "the layout above"
_place = (ctypes.c_char * _SIZE).from_address
_byte = ctypes.c_uint8.from_address
_vector_place = (ctypes.c_char * 16).from_address
_unpack_vector = struct.Struct("<QQ").unpack_from
_U8 = Primitive("u8")
_SHORT_BYTES, _IMAGE_BYTES = 512, 4096
_BYTE_VALUES = (bytes([_KIND["u8"]]) + bytes(_SIZE - 1)) * _IMAGE_BYTES
"""Values of `u8`, all of them zero."""
_ByteValues = ctypes.c_char * len(_BYTE_VALUES)
_all_memory = (ctypes.c_char * (1 << 62)).from_address
"""Everything from an address on. Only slices of it are ever made."""
_PIECE_BYTES = 1 << 16
"""Bytes that are read at once."""

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How JSON strings spell the floats that JSON numbers cannot."""


def takes_null(kind: WitType) -> bool:
    """Whether JSON null is a value of `kind`, so that an option of it needs a wrapper."""
    return isinstance(kind, OptionType)


# Building values


def set_kind(at: int, name: str) -> None:
    """Make the value at `at` one of the kind `name`."""
    _byte(at).value = _KIND[name]


def put_number(at: int, kind: str, value: float) -> None:
    """Make the value at `at` a boolean, number or character."""
    _PACK[kind].pack_into(_place(at), 0, _KIND[kind], value)


def put_text(at: int, data: bytes, kind: str = "string") -> None:
    """Make the value at `at` a string or an enum case.

    wasmtime ends the process over text that is not UTF-8, so none of that gets through.
    """
    if not data.isascii():
        data = data.decode("utf-8", "replace").encode()
    capi.byte_vec_new(at + _PAYLOAD, len(data), data)
    _byte(at).value = _KIND[kind]


def put_items(at: int, kind: str, count: int) -> int:
    """Make the value at `at` a list or tuple of `count` falses; the address of the first."""
    (capi.list_new if kind == "list" else capi.tuple_new)(at + _PAYLOAD, count)
    _byte(at).value = _KIND[kind]
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
    _byte(at).value = _KIND["record"]
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
    _byte(at).value = _KIND["variant"]


def put_result(at: int, *, is_ok: bool) -> None:
    """Make the value at `at` a result without payload."""
    _byte(at + _PAYLOAD).value = is_ok
    capi.write_pointer(at + _PAYLOAD + 8, 0)
    _byte(at).value = _KIND["result"]


def put_none(at: int) -> None:
    """Make the value at `at` an option without value."""
    capi.write_pointer(at + _PAYLOAD, 0)
    _byte(at).value = _KIND["option"]


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
    _byte(at).value = _KIND["flags"]
    first = capi.read_pointer(at + _PAYLOAD + 8)
    for index, name in enumerate(names):
        data = name.encode()
        capi.byte_vec_new(first + index * ctypes.sizeof(capi.ByteVec), len(data), data)


# JSON to values


def lower(kind: WitType, value: Any, at: int, place: str) -> None:  # noqa: C901 - a case per kind
    """Write the JSON form `value` of a `kind` into the fresh value at `at`.

    Raises:
        InvalidArgumentsError: It does not fit; `place` says where. What was built so far
            is left valid, for the caller to delete.
    """
    match kind:
        case Primitive(name):
            _lower_primitive(name, value, at, place)
        case ListType(element):
            _lower_list(element, value, at, place)
        case RecordType(fields):
            _lower_record(fields, value, at, place)
        case OptionType(some):
            _lower_option(some, value, at, place)
        case EnumType(names):
            if not isinstance(value, str) or value not in names:
                raise _misfit(place, f"one of {', '.join(names)}", value)
            put_text(at, value.encode(), "enum")
        case FlagsType(names):
            _lower_flags(names, value, at, place)
        case TupleType(elements):
            if not isinstance(value, list) or len(value) != len(elements):
                raise _misfit(place, f"a list of {len(elements)} values", value)
            first = put_items(at, "tuple", len(elements))
            for index, (element, item) in enumerate(zip(elements, value, strict=True)):
                lower(element, item, first + index * _SIZE, f"{place}[{index}]")
        case VariantType(cases):
            _lower_variant(cases, value, at, place)
        case ResultType(ok, err):
            _lower_result(ok, err, value, at, place)
        case UnsupportedType(name):
            raise _misfit(place, f"nothing: {name} has no JSON form", value)


def _misfit(place: str, expected: str, value: object) -> InvalidArgumentsError:
    shown = printable(repr(value), limit=80)
    return InvalidArgumentsError(
        f"{place} must be {expected}, got {shown}", details={"path": place}
    )


def _lower_primitive(name: str, value: Any, at: int, place: str) -> None:
    if name == "string":
        if not isinstance(value, str):
            raise _misfit(place, "a string", value)
        put_text(at, _utf8(value, place))
    elif name == "bool":
        if not isinstance(value, bool):
            raise _misfit(place, "true or false", value)
        put_number(at, name, value)
    elif name == "char":
        if not isinstance(value, str) or len(value) != 1:
            raise _misfit(place, "one character", value)
        _utf8(value, place)
        put_number(at, name, ord(value))
    elif name in ("f32", "f64"):
        put_number(at, name, _float(name, value, place))
    else:
        put_number(at, name, _integer(name, value, place))


def _utf8(value: str, place: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise _misfit(place, "Unicode text without lone surrogates", value) from None


_LONGEST_INTEGER_TEXT = 20


def _integer(name: str, value: Any, place: str) -> int:
    low, high = INTEGER_RANGES[name]
    expected = f"an integer from {low} to {high}"
    if isinstance(value, str) and name.endswith("64"):
        digits = value.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(value) > _LONGEST_INTEGER_TEXT:
            raise _misfit(place, expected, value)
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one kind of number: 3.0 is 3
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _misfit(place, expected, value)
    return value


def _float(name: str, value: Any, place: str) -> float:
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _misfit(place, "a number", value)
    try:
        number = float(value)
        _PACK[name].pack(0, number)
    except OverflowError:
        raise _misfit(place, f"a number that fits {name}", value) from None
    return number


def _lower_list(element: WitType, value: Any, at: int, place: str) -> None:
    if element == _U8:
        if not isinstance(value, str):
            raise _misfit(place, "base64 text", value)
        try:
            put_bytes(at, base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError):
            raise _misfit(place, "base64 text", value) from None
        return
    if not isinstance(value, list):
        raise _misfit(place, "a list", value)
    first = put_items(at, "list", len(value))
    for index, item in enumerate(value):
        lower(element, item, first + index * _SIZE, f"{place}[{index}]")


def _lower_record(fields: tuple[tuple[str, WitType], ...], value: Any, at: int, place: str) -> None:
    names = tuple(name for name, _ in fields)
    _require_fields(
        names, value, place, tuple(name for name, kind in fields if not takes_null(kind))
    )
    addresses = put_record(at, names)
    for (name, kind), address in zip(fields, addresses, strict=True):
        lower(kind, value.get(name), address, f"{place}.{name}")


def _require_fields(
    known: tuple[str, ...], value: Any, place: str, required: tuple[str, ...]
) -> None:
    if not isinstance(value, dict):
        raise _misfit(place, "an object", value)
    for name in required:
        if name not in value:
            message = f"{place} lacks {name!r}"
            raise InvalidArgumentsError(message, details={"path": place})
    for name in value:
        if name not in known:
            message = f"{place} has no {printable(repr(name), limit=80)}; known: {', '.join(known)}"
            raise InvalidArgumentsError(message, details={"path": place})


def _lower_option(some: WitType, value: Any, at: int, place: str) -> None:
    put_none(at)
    if value is None:
        return
    if takes_null(some):
        _require_fields(("some",), value, place, ("some",))
        value = value["some"]
    put_box(at, "option", lambda payload: lower(some, value, payload, place))


def _lower_flags(names: tuple[str, ...], value: Any, at: int, place: str) -> None:
    fits = isinstance(value, list) and len(value) <= len(names)
    if not fits or not all(item in names for item in value):
        raise _misfit(place, f"a list of {', '.join(names)}", value)
    put_flags(at, [name for name in names if name in value])


def _lower_variant(
    cases: tuple[tuple[str, WitType | None], ...], value: Any, at: int, place: str
) -> None:
    known = dict(cases)
    if not isinstance(value, dict) or not isinstance(value.get("tag"), str):
        raise _misfit(place, 'an object with a "tag"', value)
    tag = value["tag"]
    if tag not in known:
        raise _misfit(f"{place}.tag", f"one of {', '.join(known)}", tag)
    payload = known[tag]
    keys = ("tag",) if payload is None else ("tag", "value")
    _require_fields(
        keys, value, place, ("tag",) if payload is None or takes_null(payload) else keys
    )
    put_case(at, tag)
    if payload is not None:
        inner = value.get("value")
        put_box(at, "variant", lambda box: lower(payload, inner, box, f"{place}.value"))


def _lower_result(ok: WitType | None, err: WitType | None, value: Any, at: int, place: str) -> None:
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("ok", "err"):
        raise _misfit(place, 'an object with either "ok" or "err"', value)
    ((side, inner),) = value.items()
    payload = ok if side == "ok" else err
    put_result(at, is_ok=side == "ok")
    if payload is None:
        if inner is not None:
            raise _misfit(f"{place}.{side}", "null", inner)
        return
    put_box(at, "result", lambda box: lower(payload, inner, box, f"{place}.{side}"))


# Values to JSON


def lift(kind: WitType, at: int, spend: Callable[[int], object]) -> Any:  # noqa: C901 - a case per kind
    """The JSON form of the `kind` at `at`, which is left as it is.

    `spend` is told about every byte and element before Python holds it, and may raise.
    """
    match kind:
        case Primitive(name):
            return _lift_primitive(name, at, spend)
        case ListType(element):
            return _lift_list(element, at, spend)
        case RecordType(fields):
            first = capi.read_pointer(at + _PAYLOAD + 8)
            entry_bytes = capi.RECORD_ENTRY_BYTES
            values = first + capi.RECORD_ENTRY_VALUE
            return {
                name: lift(field, values + index * entry_bytes, spend)
                for index, (name, field) in enumerate(fields)
            }
        case OptionType(some):
            box = capi.read_pointer(at + _PAYLOAD)
            if not box:
                return None
            value = lift(some, box, spend)
            return {"some": value} if takes_null(some) else value
        case EnumType():
            return read_text(at + _PAYLOAD, spend)
        case FlagsType():
            count, first = _sized(at)
            step = ctypes.sizeof(capi.ByteVec)
            return [read_text(first + index * step, spend) for index in range(count)]
        case TupleType(elements):
            first = capi.read_pointer(at + _PAYLOAD + 8)
            return [
                lift(element, first + index * _SIZE, spend)
                for index, element in enumerate(elements)
            ]
        case VariantType(cases):
            tag = read_text(at + _PAYLOAD, spend)
            payload = dict(cases)[tag]
            if payload is None:
                return {"tag": tag}
            box = capi.read_pointer(at + _PAYLOAD + 16)
            return {"tag": tag, "value": lift(payload, box, spend)}
        case ResultType():
            is_ok, value = lift_result(kind, at, spend)
            return {"ok" if is_ok else "err": value}
        case UnsupportedType(name):
            message = f"{name} has no JSON form"
            raise TypeError(message)


def lift_result(kind: ResultType, at: int, spend: Callable[[int], object]) -> tuple[bool, Any]:
    """Whether the result at `at` is ok, and the JSON form of its payload."""
    is_ok = _byte(at + _PAYLOAD).value != 0
    payload = kind.ok if is_ok else kind.err
    if payload is None:
        return is_ok, None
    return is_ok, lift(payload, capi.read_pointer(at + _PAYLOAD + 8), spend)


def read_bytes_list(at: int) -> bytes:
    """The content of the `list<u8>` at `at`."""
    count, first = _sized(at)
    return _read_values(first, count)


def _read_values(first: int, count: int) -> bytes:
    """The payloads of `count` values of `u8`."""
    data: Any = _all_memory(first)[_PAYLOAD : count * _SIZE : _SIZE] if count else b""
    return data  # type: ignore[no-any-return]  # a slice of characters is bytes


def byte_pieces(at: int) -> Iterator[bytes]:
    """The content of the `list<u8>` at `at`, 64 KiB at a time."""
    count, first = _sized(at)
    for begin in range(0, count, _PIECE_BYTES):
        yield _read_values(first + begin * _SIZE, min(_PIECE_BYTES, count - begin))


def list_length(at: int) -> int:
    """How many items the list at `at` has, or how many bytes the string."""
    return _sized(at)[0]


def list_items(at: int) -> range:
    """The addresses of the items of the list or tuple at `at`."""
    count, first = _sized(at)
    return range(first, first + count * _SIZE, _SIZE)


def read_option(at: int) -> int:
    """The address of the value in the option at `at`; 0 for none."""
    return capi.read_pointer(at + _PAYLOAD)


def read_case(at: int) -> tuple[str, int]:
    """The case of the variant at `at`, and the address of its payload; 0 for none."""
    return read_text(at + _PAYLOAD), capi.read_pointer(at + _PAYLOAD + 16)


def read_number(at: int, kind: str) -> Any:
    """The boolean, number or code point in the value at `at`."""
    return _PACK[kind].unpack_from(_place(at))[1]


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


def _sized(at: int) -> tuple[int, int]:
    size, data = _unpack_vector(_vector_place(at + _PAYLOAD))
    return size, data


def _lift_primitive(name: str, at: int, spend: Callable[[int], object]) -> Any:
    if name == "string":
        return read_text(at + _PAYLOAD, spend)
    spend(1)
    value = read_number(at, name)
    if name == "char":
        return chr(value)
    if name in ("f32", "f64") and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if name in ("s64", "u64") and abs(value) > LARGEST_EXACT_INTEGER:
        return str(value)
    return value


def _lift_list(element: WitType, at: int, spend: Callable[[int], object]) -> Any:
    count, first = _sized(at)
    spend(count)
    if element == _U8:
        return base64.b64encode(read_bytes_list(at)).decode("ascii")
    return [lift(element, first + index * _SIZE, spend) for index in range(count)]
