"""Value types of the component model.

Source: the component model's Binary.md, "Type Definitions" (`defvaltype`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit import features
from hatchway.audit.component_types import Resource, Value, compound
from hatchway.audit.names import read_label, require_distinct
from hatchway.core.wit import (
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
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.audit.binary import Reader
    from hatchway.audit.component_scope import Scope
    from hatchway.core.wit import PrimitiveName

_NAMES: tuple[PrimitiveName, ...] = (
    "bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string",
)  # fmt: skip
_ERROR_CONTEXT = 0x64
PRIMITIVES: dict[int, Value] = {
    **{0x7F - place: Value(Primitive(name)) for place, name in enumerate(_NAMES)},
    _ERROR_CONTEXT: Value(UnsupportedType("error-context")),
}
"""By the byte that stands for each."""

MAX_PARTS = 10_000
"""Fields, cases or elements of one type; engines refuse more."""


def read_value(reader: Reader, scope: Scope) -> Value:
    """A value type where one is used: a primitive one, or one that has an index."""
    code = reader.peek()
    if code in PRIMITIVES:
        return primitive(reader.byte(), scope)
    return scope.type_at(reader, reader.s33(), Value)


def primitive(code: int, scope: Scope) -> Value:
    """The primitive type of this byte."""
    if code == _ERROR_CONTEXT:
        scope.features.add(features.COMPONENT_ERROR_CONTEXT)
    return PRIMITIVES[code]


def read_optional(reader: Reader, scope: Scope) -> Value | None:
    """A value type or none."""
    return read_value(reader, scope) if reader.flag("whether there is a type") else None


def define_value(reader: Reader, scope: Scope, code: int) -> Value:
    """The value type whose definition starts with the byte `code`, which was read."""
    if code in PRIMITIVES:
        return primitive(code, scope)
    if code not in _DEFINED:
        raise reader.malformed(f"unknown kind of type {code:#x}")
    return _DEFINED[code](reader, scope)


def read_labelled(reader: Reader, scope: Scope) -> tuple[tuple[str, Value], ...]:
    """Names with their types: the fields of a record, or the parameters of a function."""
    fields = tuple((read_label(reader), read_value(reader, scope)) for _ in reader.items(MAX_PARTS))
    require_distinct(reader, [name for name, _ in fields])
    return fields


def _record(reader: Reader, scope: Scope) -> Value:
    fields = read_labelled(reader, scope)
    _require_some(reader, fields)
    wit = RecordType(tuple((name, value.wit) for name, value in fields))
    return compound(wit, [value for _, value in fields])


def _variant(reader: Reader, scope: Scope) -> Value:
    cases = []
    for _ in reader.items(MAX_PARTS):
        cases.append((read_label(reader), read_optional(reader, scope)))
        reader.expect(0, "what a case refines")
    _require_some(reader, cases)
    require_distinct(reader, [name for name, _ in cases])
    wit = VariantType(tuple((name, None if v is None else v.wit) for name, v in cases))
    return compound(wit, [value for _, value in cases])


def _list(reader: Reader, scope: Scope) -> Value:
    element = read_value(reader, scope)
    return compound(ListType(element.wit), [element])


def _fixed_list(reader: Reader, scope: Scope) -> Value:
    scope.features.add(features.COMPONENT_FIXED_LISTS)
    read_value(reader, scope)
    reader.u32()
    return Value(UnsupportedType("fixed-length list"))


def _map(reader: Reader, scope: Scope) -> Value:
    scope.features.add(features.COMPONENT_MAPS)
    read_value(reader, scope)
    read_value(reader, scope)
    return Value(UnsupportedType("map"))


def _tuple(reader: Reader, scope: Scope) -> Value:
    elements = [read_value(reader, scope) for _ in reader.items(MAX_PARTS)]
    _require_some(reader, elements)
    return compound(TupleType(tuple(element.wit for element in elements)), elements)


def _labels(reader: Reader) -> tuple[str, ...]:
    names = [read_label(reader) for _ in reader.items(MAX_PARTS)]
    _require_some(reader, names)
    require_distinct(reader, names)
    return tuple(names)


def _flags(reader: Reader, _scope: Scope) -> Value:
    return Value(FlagsType(_labels(reader)))


def _enum(reader: Reader, _scope: Scope) -> Value:
    return Value(EnumType(_labels(reader)))


def _option(reader: Reader, scope: Scope) -> Value:
    some = read_value(reader, scope)
    return compound(OptionType(some.wit), [some])


def _result(reader: Reader, scope: Scope) -> Value:
    ok, err = read_optional(reader, scope), read_optional(reader, scope)
    wit = ResultType(None if ok is None else ok.wit, None if err is None else err.wit)
    return compound(wit, [ok, err])


def _handle(name: str) -> Callable[[Reader, Scope], Value]:
    def read(reader: Reader, scope: Scope) -> Value:
        scope.type_of(reader, Resource)
        return Value(UnsupportedType(name))

    return read


def _channel(name: str) -> Callable[[Reader, Scope], Value]:
    def read(reader: Reader, scope: Scope) -> Value:
        scope.features.add(features.COMPONENT_ASYNC)
        read_optional(reader, scope)
        return Value(UnsupportedType(name))

    return read


def _require_some(reader: Reader, parts: object) -> None:
    if not parts:
        raise reader.malformed("a type consists of nothing")


_DEFINED: dict[int, Callable[[Reader, Scope], Value]] = {
    0x72: _record,
    0x71: _variant,
    0x70: _list,
    0x67: _fixed_list,
    0x63: _map,
    0x6F: _tuple,
    0x6E: _flags,
    0x6D: _enum,
    0x6B: _option,
    0x6A: _result,
    0x69: _handle("own"),
    0x68: _handle("borrow"),
    0x66: _channel("stream"),
    0x65: _channel("future"),
}
