"""Component values to JSON: `lift` reads the JSON form of a result out of C memory.

The JSON forms are those `values_from_json` takes.
"""

from __future__ import annotations

import base64
import ctypes
import math
from typing import TYPE_CHECKING, Any

from hatchway.core.wit import (
    LARGEST_EXACT_INTEGER,
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
from hatchway.engine.values import byte, read_bytes_list, read_number, read_text, sized

if TYPE_CHECKING:
    from collections.abc import Callable

_PAYLOAD = capi.VALUE_PAYLOAD
_SIZE = capi.VALUE_BYTES


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
            count, first = sized(at)
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
    is_ok = byte(at + _PAYLOAD).value != 0
    payload = kind.ok if is_ok else kind.err
    if payload is None:
        return is_ok, None
    return is_ok, lift(payload, capi.read_pointer(at + _PAYLOAD + 8), spend)


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
    count, first = sized(at)
    spend(count)
    if element == U8:
        return base64.b64encode(read_bytes_list(at)).decode("ascii")
    return [lift(element, first + index * _SIZE, spend) for index in range(count)]
