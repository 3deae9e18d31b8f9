"""JSON to component values: `lower` writes the JSON form of an argument into C memory.

The JSON forms are those the tool's JSON Schema describes (`hatchway.runtime.wit_schema`): the
two must stay in step, and a property test walks random types through schema, `lower` and
`lift` of `values_to_json`.

`lower` puts a value into a valid state before it fills it, so that whatever was built can
be freed with one `value_delete` when a later part does not fit.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from hatchway.core.errors import InvalidArgumentsError
from hatchway.core.untrusted import printable
from hatchway.core.wit import (
    INTEGER_RANGES,
    NON_FINITE,
    U8,
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
    takes_null,
)
from hatchway.engine import capi
from hatchway.engine.values import (
    PACK,
    put_box,
    put_bytes,
    put_case,
    put_flags,
    put_items,
    put_none,
    put_number,
    put_record,
    put_result,
    put_text,
)

_SIZE = capi.VALUE_BYTES


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
        PACK[name].pack(0, number)
    except OverflowError:
        raise _misfit(place, f"a number that fits {name}", value) from None
    return number


def _lower_list(element: WitType, value: Any, at: int, place: str) -> None:
    if element == U8:
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
