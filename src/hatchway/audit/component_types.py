"""What the index spaces of a component hold.

Types share their parts, as they do in the binary; nothing is ever spelled out twice. How
large one would be when spelled out is kept beside it, so that nobody has to try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hatchway.core.wit import UnsupportedType, WitType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Sort: TypeAlias = Literal["module", "function", "type", "component", "instance"]

MANY: Final = 1 << 20
"""More parts than anything may have; larger numbers are not told apart."""

DEEPEST: Final = 64
"""More levels than anything may have."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value type.

    Attributes:
        wit: The same as tools know it.
        parts: How many types it consists of when it is spelled out; at most `MANY`.
        height: Levels below it; at most `DEEPEST`.
    """

    wit: WitType
    parts: int = 1
    height: int = 0


def compound(wit: WitType, inner: Iterable[Value | None]) -> Value:
    """The type `wit`, which consists of the types `inner`."""
    found = [value for value in inner if value is not None]
    parts = min(MANY, 1 + sum(value.parts for value in found))
    height = 1 + max((value.height for value in found), default=-1)
    if height >= DEEPEST:  # so that no value of ours is nested without a bound
        return Value(UnsupportedType("a type nested too deeply"), parts, DEEPEST)
    return Value(wit, parts, height)


@dataclass(frozen=True, slots=True)
class Function:
    """A function's type."""

    parameters: tuple[tuple[str, Value], ...]
    result: Value | None

    @property
    def values(self) -> tuple[Value, ...]:
        """The types of its parameters and result."""
        result = () if self.result is None else (self.result,)
        return (*(value for _, value in self.parameters), *result)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource type. Which one it is makes no difference to a surface."""


@dataclass(frozen=True, slots=True)
class Module:
    """A core module's type.

    Attributes:
        exports: The kind of each export.
    """

    exports: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """That something is, or is found inside, an import of the component it stands in.

    Attributes:
        inside: Where it is found; None for the import itself.
    """

    name: str
    inside: Origin | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance or its type.

    Attributes:
        exports: In order.
        parts: Functions, modules, components and instances inside, spelled out.
        height: Levels of instances below it.
        origin: For what an instantiation may replace by something with more exports.
        is_open: It has an origin, or an instance inside has.
    """

    exports: Mapping[str, Item]
    parts: int
    height: int
    origin: Origin | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """A component or its type.

    Attributes:
        is_declared: Only its type is known, not what will be in its place.
    """

    imports: Mapping[str, Item]
    exports: Mapping[str, Item]
    is_declared: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of an index space, or what an import or export is."""

    sort: Sort
    what: What


Type: TypeAlias = Value | Function | Resource | Instance | Component
What: TypeAlias = Type | Module


def instance_of(exports: Mapping[str, Item]) -> Instance:
    """The instance with these exports."""
    inner = [
        item.what
        for item in exports.values()
        if item.sort == "instance" and isinstance(item.what, Instance)
    ]
    others = sum(item.sort not in ("instance", "type") for item in exports.values())
    return Instance(
        exports=exports,
        parts=min(MANY, others + sum(1 + instance.parts for instance in inner)),
        height=1 + max((instance.height for instance in inner), default=-1),
        is_open=any(instance.is_open for instance in inner),
    )
