"""Reading the types that imports have, by their definitions.

Source: the component model's Binary.md, and CanonicalABI.md for how values are flattened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatchway.sdk.stripping.bytecode import SORT_FUNCTION, SORT_TYPE, Reader, number, refused
from hatchway.sdk.stripping.types import (
    F32,
    F64,
    HANDLE,
    I32,
    I64,
    MOST_PARAMETERS,
    Declared,
    Define,
    Function,
    InstanceType,
    Named,
    Outer,
    Resource,
    Type,
    Use,
    Value,
    Written,
    at,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FLAT: dict[int, tuple[int, ...]] = {
    **dict.fromkeys((0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x7A, 0x79, 0x74), (I32,)),
    0x78: (I64,),
    0x77: (I64,),
    0x76: (F32,),
    0x75: (F64,),
    0x73: (I32, I32),
}
_STRING = 0x73
_TYPE, _ALIAS, _EXPORT = 1, 2, 4
_OUTER_TYPE = bytes((SORT_TYPE, 2, 1))


def read_type(reader: Reader, types: Sequence[Type]) -> tuple[Type, Written]:
    """A type's definition.

    Raises:
        ConfigError: It is of a kind that is not known here.
    """
    definition = _Definition(reader, types)
    found = definition.read()
    return found, tuple(definition.parts)


def read_instance_type(reader: Reader, around: Sequence[Type]) -> InstanceType:
    """An instance type, whose first byte was read.

    Raises:
        ConfigError: It declares something else than types and functions.
    """
    found = _Interface(reader, around)
    for _ in reader.count():
        found.declaration()
    return InstanceType(
        tuple(found.declared), tuple(found.types), found.exports, tuple(found.functions)
    )


@dataclass(slots=True)
class _Interface:
    """An instance type while it is read."""

    reader: Reader
    around: Sequence[Type]
    declared: list[Declared] = field(default_factory=list)
    types: list[Type] = field(default_factory=list)
    exports: dict[str, int] = field(default_factory=dict)
    functions: list[tuple[str, int]] = field(default_factory=list)

    def declaration(self) -> None:
        code = self.reader.byte()
        if code == _TYPE:
            found, definition = read_type(self.reader, self.types)
            self._add(Define(definition), found)
        elif code == _ALIAS:
            if self.reader.take(3) != _OUTER_TYPE:
                raise refused("an interface uses something else than a type from around it")
            index = self.reader.unsigned()
            self._add(Outer(index), at(self.around, index))
        elif code == _EXPORT:
            self._export(self.reader.extern_name(), self.reader.byte())
        else:
            raise refused(f"an interface holds a declaration {code:#x}")

    def _add(self, declared: Declared, kind: Type) -> None:
        self.declared.append(declared)
        self.types.append(kind)

    def _export(self, name: str, sort: int) -> None:
        if name in self.exports:
            raise refused(f"an interface has two {name!r}")
        if sort == SORT_FUNCTION:
            index = self.reader.unsigned()
            if not isinstance(at(self.types, index), Function):
                raise refused(f"{name!r} is no function")
            self.functions.append((name, index))
            return
        if sort != SORT_TYPE:
            raise refused(f"{name!r} is neither a type nor a function")
        self.exports[name] = len(self.types)
        if self.reader.is_there():
            self._add(Named(name, None), Resource())
        else:
            index = self.reader.unsigned()
            self._add(Named(name, index), at(self.types, index))


@dataclass(slots=True)
class _Definition:
    """One definition while it is read."""

    reader: Reader
    types: Sequence[Type]
    parts: list[bytes | Use] = field(default_factory=list)

    def read(self) -> Type:
        code = self._byte()
        if code in _FLAT:
            return _primitive(code)
        if code == 0x40:
            return self._function()
        kinds: dict[int, Callable[[], Value]] = {
            0x72: self._record,
            0x71: self._variant,
            0x70: self._list,
            0x6F: self._tuple,
            0x6E: self._flags,
            0x6D: self._enum,
            0x6B: self._option,
            0x6A: self._result,
            0x69: self._handle,
            0x68: self._handle,
        }
        if code not in kinds:
            raise refused(f"a type of the kind {code:#x} is not known here")
        return kinds[code]()

    def _byte(self) -> int:
        value = self.reader.byte()
        self.parts.append(bytes((value,)))
        return value

    def _many(self) -> range:
        found = self.reader.count()
        self.parts.append(number(len(found)))
        return found

    def _label(self) -> str:
        start = self.reader.at
        found = self.reader.name()
        self.parts.append(self.reader.data[start : self.reader.at])
        return found

    def _value(self) -> Value:
        code = self.reader.data[self.reader.at : self.reader.at + 1]
        if code and code[0] in _FLAT:
            return _primitive(self._byte())
        index = self.reader.unsigned()
        if self.reader.data[self.reader.at - 1] & 0x40:
            raise refused("a type of values is not known here")
        self.parts.append(Use(index, is_value=True))
        found = at(self.types, index)
        if not isinstance(found, Value):
            raise refused(f"type {index} is used for values, and is none of them")
        return found

    def _optional(self) -> Value | None:
        is_there = self.reader.is_there()
        self.parts.append(bytes((is_there,)))
        return self._value() if is_there else None

    def _nothing(self) -> None:
        self.reader.expect(0)
        self.parts.append(b"\0")

    def _labelled(self) -> tuple[Value, ...]:
        found = []
        for _ in self._many():
            self._label()
            found.append(self._value())
        return tuple(found)

    def _function(self) -> Function:
        parameters = self._labelled()
        is_without = self.reader.is_there()
        self.parts.append(bytes((is_without,)))
        if is_without:
            self._nothing()
            return Function(parameters, None)
        return Function(parameters, self._value())

    def _record(self) -> Value:
        return _together(self._labelled())

    def _tuple(self) -> Value:
        return _together(tuple(self._value() for _ in self._many()))

    def _variant(self) -> Value:
        cases = []
        for _ in self._many():
            self._label()
            cases.append(self._optional())
            self._nothing()
        return _either(cases)

    def _list(self) -> Value:
        element = self._value()
        return Value((I32, I32), True, element.has_handles, is_blank=True)

    def _flags(self) -> Value:
        labels = self._many()
        if len(labels) > 32:
            raise refused("a type has more than 32 flags")
        for _ in labels:
            self._label()
        return Value((I32,))

    def _enum(self) -> Value:
        return Value((I32,), cases=tuple(self._label() for _ in self._many()))

    def _option(self) -> Value:
        found = _either([None, self._value()])
        return Value(found.flat, found.is_in_memory, found.has_handles, is_blank=True)

    def _result(self) -> Value:
        good, bad = self._optional(), self._optional()
        found = _either([good, bad])
        if bad is None or good != HANDLE:
            return found
        return Value(found.flat, found.is_in_memory, found.has_handles, errors=bad.cases)

    def _handle(self) -> Value:
        index = self.reader.unsigned()
        self.parts.append(Use(index, is_value=False))
        if not isinstance(at(self.types, index), Resource):
            raise refused(f"type {index} is handled, and is no resource")
        return HANDLE


def _primitive(code: int) -> Value:
    return Value(_FLAT[code], is_in_memory=code == _STRING)


def _together(parts: Sequence[Value]) -> Value:
    flat: tuple[int, ...] = ()
    for part in parts:
        flat = (flat + part.flat)[: MOST_PARAMETERS + 1]
    return _compound(flat, parts)


def _either(cases: Sequence[Value | None]) -> Value:
    """A value that is one of several, all in the same core values."""
    joined: list[int] = []
    parts = [case for case in cases if case is not None]
    for part in parts:
        for place, core in enumerate(part.flat):
            if place == len(joined):
                joined.append(core)
            elif joined[place] != core:
                joined[place] = I32 if {joined[place], core} == {I32, F32} else I64
    return _compound((I32, *joined)[: MOST_PARAMETERS + 1], parts)


def _compound(flat: tuple[int, ...], parts: Sequence[Value]) -> Value:
    return Value(
        flat,
        is_in_memory=any(part.is_in_memory for part in parts),
        has_handles=any(part.has_handles for part in parts),
    )
