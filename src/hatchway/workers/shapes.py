"""The values that a function can give: what a worker says it gave must be one of them."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from itertools import repeat
from typing import TYPE_CHECKING, Any, assert_never

from hatchway.core.sandbox import FunctionInvocation
from hatchway.core.wit import (
    INTEGER_RANGES,
    LARGEST_EXACT_INTEGER,
    NON_FINITE,
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.sandbox import Invocation
    from hatchway.core.surface import Surface

_LONGEST_INTEGER = 20


def result_type(invocation: Invocation, surface: Surface) -> WitType | None:
    """What the invoked function gives; None where it gives nothing but bytes."""
    if not isinstance(invocation, FunctionInvocation):
        return None
    name = invocation.function
    found = [each.result for each in surface.functions if each.qualified_name == name]
    return found[0] if found else None


def can_give(kind: WitType | None, value: Any, *, failed: bool, most: int) -> bool:
    """Whether a function whose result is a `kind` can give `value`.

    Args:
        kind: None for nothing.
        value: As the engine spells it in JSON.
        failed: It was given as the error of a result.
        most: What the call may put out. The engine counts every letter and item of a result.
    """
    if isinstance(kind, ResultType):
        kind = kind.err if failed else kind.ok
    elif failed and kind is not None:
        return False
    if kind is None:
        return value is None
    try:
        return fits(kind, value, _Purse(most).spend)
    except _TooMuch:
        return False


class _TooMuch(Exception):  # noqa: N818 - control flow, not an error
    """A value has more in it than its call may put out. What follows is not even looked at."""


class _Purse:
    """What a call may still put out."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _TooMuch


def fits(kind: WitType, value: Any, spend: Callable[[int], object]) -> bool:  # noqa: C901 - one case for every kind
    """Whether `value` is the JSON form of a `kind`, letter by letter as the engine writes it.

    `spend` is told of letters and items before they are looked at, and may raise.
    """
    match kind:
        case Primitive(name):
            return _is_primitive(name, value, spend)
        case ListType(Primitive("u8")):
            return _is_base64(value, spend)
        case ListType(element):
            return _is_list(element, value, spend)
        case TupleType(elements):
            is_long_enough = type(value) is list and len(value) == len(elements)
            return is_long_enough and all(map(fits, elements, value, repeat(spend)))
        case RecordType(fields):
            has_all = type(value) is dict and value.keys() == {name for name, _ in fields}
            return has_all and all(fits(field, value[name], spend) for name, field in fields)
        case EnumType(names):
            return type(value) is str and value in names
        case FlagsType(names):
            # Each once, and in their order.
            is_short_enough = type(value) is list and len(value) <= len(names)
            return is_short_enough and value == [name for name in names if name in value]
        case OptionType(OptionType() as some):
            return value is None or (_has_keys(value, "some") and fits(some, value["some"], spend))
        case OptionType(some):
            return value is None or fits(some, value, spend)
        case VariantType(cases):
            return _is_variant(dict(cases), value, spend)
        case ResultType(ok, err):
            if _has_keys(value, "ok"):
                return _is_payload(ok, value["ok"], spend)
            return _has_keys(value, "err") and _is_payload(err, value["err"], spend)
        case UnsupportedType():
            return False
        case _:
            assert_never(kind)


def _has_keys(value: Any, *names: str) -> bool:
    return type(value) is dict and value.keys() == set(names)


def _is_list(element: WitType, value: Any, spend: Callable[[int], object]) -> bool:
    if type(value) is not list:
        return False
    spend(len(value))
    return all(fits(element, each, spend) for each in value)


def _is_payload(kind: WitType | None, value: Any, spend: Callable[[int], object]) -> bool:
    return value is None if kind is None else fits(kind, value, spend)


def _is_variant(
    cases: dict[str, WitType | None], value: Any, spend: Callable[[int], object]
) -> bool:
    tag = value.get("tag") if type(value) is dict else None
    if type(tag) is not str or tag not in cases:
        return False
    payload = cases[tag]
    if payload is None:
        return _has_keys(value, "tag")
    return _has_keys(value, "tag", "value") and fits(payload, value["value"], spend)


def _is_primitive(name: str, value: Any, spend: Callable[[int], object]) -> bool:
    if name in INTEGER_RANGES:
        return _is_integer(name, value)
    if name == "bool":
        return type(value) is bool
    if name in ("f32", "f64"):
        return value in NON_FINITE if type(value) is str else _is_float(name, value)
    if type(value) is not str:
        return False
    spend(len(value))
    is_text = value.isascii() or is_whole(value)
    return is_text and (name == "string" or len(value) == 1)


def _is_integer(name: str, value: Any) -> bool:
    low, high = INTEGER_RANGES[name]
    if type(value) is int:
        return low <= value <= high and abs(value) <= LARGEST_EXACT_INTEGER
    if type(value) is not str or len(value) > _LONGEST_INTEGER:
        return False
    try:
        number = int(value)
    except ValueError:
        return False
    return str(number) == value and low <= number <= high and abs(number) > LARGEST_EXACT_INTEGER


def _is_float(name: str, value: Any) -> bool:
    if type(value) is not float or not math.isfinite(value):
        return False
    if name == "f64":
        return True
    try:
        (found,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return False
    return bool(found == value)


def is_whole(text: str) -> bool:
    """Whether no half of a character is in `text`. One breaks whoever encodes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_base64(value: Any, spend: Callable[[int], object]) -> bool:
    if type(value) is not str:
        return False
    spend(len(value) * 3 // 4 - 2)  # of which two may be padding
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return base64.b64encode(data).decode() == value
