"""The types of imports: what a stub must know of them to have the same ones.

A type's definition is kept as it is written, with the indices of other types taken out, so that
it can be written again where those have other indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from hatchway.sdk.stripping.bytecode import (
    number,
    refused,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

I32, I64, F32, F64 = 0x7F, 0x7E, 0x7D, 0x7C
"""Core types, as they are written."""

MOST_PARAMETERS, MOST_RESULTS = 16, 1
"""Core values that a function is given and gives back; more of them go through memory."""


@dataclass(frozen=True, slots=True)
class Value:
    """A type of values, as core modules see it.

    Attributes:
        flat: The core values it consists of; of more than can be passed, only some.
        is_in_memory: A part of it is a list or a text.
        has_handles: A part of it is a resource, so that it is not the same type everywhere.
        is_blank: A value of nothing but zeros means nothing: an empty list, or none.
        cases: The labels, of an `enum`.
        errors: The labels of its error, of a `result` that is otherwise a resource.
    """

    flat: tuple[int, ...]
    is_in_memory: bool = False
    has_handles: bool = False
    is_blank: bool = False
    cases: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


HANDLE = Value((I32,), has_handles=True)


@dataclass(frozen=True, slots=True)
class Function:
    """A type of functions."""

    parameters: tuple[Value, ...]
    result: Value | None


@dataclass(frozen=True, slots=True)
class Resource:
    """A type of things that are only handled."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A type of which nothing is known but that it has an index."""


@dataclass(frozen=True, slots=True)
class Use:
    """The place of another type's index in a definition.

    Attributes:
        index: Of the type.
        is_value: It is written as the type of a value, which is a signed number.
    """

    index: int
    is_value: bool


Written: TypeAlias = "tuple[bytes | Use, ...]"


@dataclass(frozen=True, slots=True)
class Define:
    """A declaration of a type, as it is written."""

    written: Written


@dataclass(frozen=True, slots=True)
class Outer:
    """A declaration that a type from around the instance type is used in it."""

    index: int


@dataclass(frozen=True, slots=True)
class Named:
    """A declaration that a type is exported.

    Attributes:
        index: Of the type that it is; None for a new resource.
    """

    name: str
    index: int | None


Declared: TypeAlias = "Define | Outer | Named"


@dataclass(frozen=True, slots=True)
class InstanceType:
    """The type of an instance that has types and functions.

    Attributes:
        declared: How its types come about, by their indices in it.
        types: What they are, by the same indices.
        exports: Indices of the types that it exports, by name.
        functions: Names of functions, and the indices of their types, in order.
    """

    declared: tuple[Declared, ...]
    types: tuple[Type, ...]
    exports: dict[str, int]
    functions: tuple[tuple[str, int], ...]

    @property
    def outer(self) -> tuple[int, ...]:
        """The types from around it that it uses."""
        return tuple(each.index for each in self.declared if isinstance(each, Outer))


Type: TypeAlias = "Value | Function | Resource | Unknown | InstanceType"


Origin: TypeAlias = tuple[InstanceType, int]
"""Of a type: the type of the interface it comes from, and its index there."""


def written(definition: Written, indices: Mapping[int, int]) -> bytes:
    """A definition in which the types have these indices."""
    parts = []
    for each in definition:
        if isinstance(each, Use):
            parts.append((signed if each.is_value else number)(indices[each.index]))
        else:
            parts.append(each)
    return b"".join(parts)


def at(types: Sequence[Type], index: int) -> Type:
    """The type with this index."""
    if index >= len(types):
        raise refused(f"type {index} is used, and there are {len(types)}")
    return types[index]
