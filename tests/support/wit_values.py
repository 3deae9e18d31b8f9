"""Values of random WIT types, in the JSON form in which the engine takes and gives them."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import strategies as st
from strategies import json_values, wit_types

from hatchway.core.errors import InvalidArgumentsError
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
    VariantType,
    WitType,
)
from hatchway.engine import capi
from hatchway.engine.values_from_json import lower
from hatchway.engine.values_to_json import lift

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

EXACT = (1 << 53) - 1


@contextlib.contextmanager
def lowered(kind: WitType, value: Any) -> Iterator[int]:
    """The address of a value in wasmtime's memory."""
    room = capi.Value()
    address = capi.addressof(room)
    try:
        lower(kind, value, address, "x")
        yield address
    finally:
        capi.value_delete(address)


def there_and_back(kind: WitType, value: Any) -> Any:
    with lowered(kind, value) as address:
        return lift(kind, address, lambda _: None)


def lowers(kind: WitType, value: Any) -> bool:
    try:
        with lowered(kind, value):
            return True
    except InvalidArgumentsError:
        return False


def integers(name: str) -> SearchStrategy[Any]:
    """Integers as `lift` writes them: beyond 2^53 in decimal digits."""
    low, high = INTEGER_RANGES[name]
    return st.integers(low, high).map(lambda n: n if abs(n) <= EXACT else str(n))


def primitives(name: str) -> SearchStrategy[Any]:
    if name in INTEGER_RANGES:
        return integers(name)
    if name in ("f32", "f64"):
        spelled = st.sampled_from(("NaN", "Infinity", "-Infinity"))
        width: Literal[32, 64] = 32 if name == "f32" else 64
        return st.floats(width=width, allow_nan=False, allow_infinity=False) | spelled
    if name == "bool":
        return st.booleans()
    character = st.characters(codec="utf-8")
    return character if name == "char" else st.text(character, max_size=6)


def values_of(kind: WitType) -> SearchStrategy[Any]:  # noqa: C901 - one case for every kind
    """The JSON forms of a type's values, exactly as `lift` writes them."""
    match kind:
        case Primitive(name):
            return primitives(name)
        case ListType(Primitive("u8")):
            return st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())
        case ListType(element):
            return st.lists(values_of(element), max_size=3)
        case TupleType(elements):
            return st.tuples(*map(values_of, elements)).map(list)
        case RecordType(fields):
            return st.fixed_dictionaries({name: values_of(field) for name, field in fields})
        case EnumType(names):
            return st.sampled_from(names)
        case FlagsType(names):
            return st.sets(st.sampled_from(names)).map(
                lambda chosen: [name for name in names if name in chosen]
            )
        case OptionType(OptionType() as some):
            return st.none() | values_of(some).map(lambda value: {"some": value})
        case OptionType(some):
            return st.none() | values_of(some)
        case VariantType(cases):
            return st.one_of([tagged(name, payload) for name, payload in cases])
        case ResultType(ok, err):
            return side("ok", ok) | side("err", err)
        case _:
            raise AssertionError(kind)


def tagged(name: str, payload: WitType | None) -> SearchStrategy[Any]:
    if payload is None:
        return st.just({"tag": name})
    return values_of(payload).map(lambda value: {"tag": name, "value": value})


def side(name: str, payload: WitType | None) -> SearchStrategy[Any]:
    inner = st.none() if payload is None else values_of(payload)
    return inner.map(lambda value: {name: value})


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[WitType, Any]:
    kind = draw(wit_types())
    return kind, draw(values_of(kind))


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """A value with something in it changed, added or taken away."""
    if draw(st.integers(0, 3)) == 0:
        return draw(json_values(4) | st.integers(-(1 << 65), 1 << 65) | st.just(1e300))
    if isinstance(value, list):
        items = [draw(spoilt(item)) if draw(st.booleans()) else item for item in value]
        return draw(st.sampled_from((items, items[1:], [*items, *items[:1]], [*items, None])))
    if isinstance(value, dict):
        table = {key: draw(spoilt(item)) for key, item in value.items()}
        without = dict(list(table.items())[1:])
        more = {**table, "more": None}
        return draw(st.sampled_from((table, without, more, {**table, "value": None})))
    return draw(st.sampled_from((value, [value], str(value), None, True, 0.5, 3.0)))


@st.composite
def nearly_typed_values(draw: st.DrawFn) -> tuple[WitType, Any]:
    kind, value = draw(typed_values())
    return kind, draw(spoilt(value))
