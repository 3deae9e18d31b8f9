"""Type hints as WIT types, and values on their way between the two.

A shape knows how WIT spells it, how to make the author's value of what componentize-py hands
over, and how to hand back what the author's function returned. Records and enumerations are
met by position: their names belong to the author on one side and to WIT on the other.
"""

# ruff: noqa: D102 - `Shape` says what the methods of every shape do

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD = re.compile(r"[a-z][a-z0-9]*")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LARGEST = 1 << 63
_SHOWN = 60

RESERVED = frozenset(
    {
        *("any", "callable", "enum", "err", "flag", "generic", "list", "ok", "optional"),
        *("protocol", "result", "self", "some", "tool", "traceback-type", "tuple", "type-var"),
        *("union", "wit-world"),
    }
)
"""Names of the module that componentize-py writes, which a type must not take."""


class UnfitError(Exception):
    """Something that cannot be said in WIT, in words for the author."""


class WrongValueError(TypeError):
    """A function returned something else than its hints promise."""


class World(Protocol):
    """The module that componentize-py wrote, with a class for every record and enumeration."""


class Shape(Protocol):
    """One type."""

    @property
    def wit(self) -> str:
        """How WIT spells it where it is used."""
        ...

    def take(self, value: Any, world: World) -> Any:
        """The author's value for one that came through WIT."""
        ...

    def give(self, value: Any, where: str, world: World) -> Any:
        """What goes through WIT for one of the author's.

        Raises:
            WrongValueError: It does not have this shape; `where` says which one that is.
        """
        ...


@dataclass(frozen=True)
class Plain:
    """A type that both sides have: `str`, `int`, `float`, `bool`, `bytes`."""

    wit: str
    kind: type

    def take(self, value: Any, world: World) -> Any:  # noqa: ARG002 - the shape's signature
        return value

    def give(self, value: Any, where: str, world: World) -> Any:  # noqa: ARG002
        if self.kind is float and type(value) is int:
            return float(value)
        if self.kind is bytes and isinstance(value, bytearray | memoryview):
            return bytes(value)
        if not isinstance(value, self.kind) or (self.kind is int and isinstance(value, bool)):
            raise wrong(where, self.kind.__name__, value)
        if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            message = f"{where} does not fit into 64 bits"
            raise WrongValueError(message)
        return self.kind(value)


@dataclass(frozen=True)
class Many:
    """`list[T]` and `tuple[T, ...]`."""

    element: Shape
    kind: type

    @property
    def wit(self) -> str:
        return f"list<{self.element.wit}>"

    def take(self, value: Any, world: World) -> Any:
        return self.kind(self.element.take(item, world) for item in value)

    def give(self, value: Any, where: str, world: World) -> Any:
        if not isinstance(value, list | tuple):
            raise wrong(where, self.kind.__name__, value)
        return [
            self.element.give(item, f"{where}[{index}]", world) for index, item in enumerate(value)
        ]


@dataclass(frozen=True)
class Mapped:
    """`dict[str, T]`."""

    value: Shape

    @property
    def wit(self) -> str:
        return f"list<tuple<string, {self.value.wit}>>"

    def take(self, value: Any, world: World) -> Any:
        return {name: self.value.take(item, world) for name, item in value}

    def give(self, value: Any, where: str, world: World) -> Any:
        if not isinstance(value, dict):
            raise wrong(where, "dict", value)
        for name in value:
            if not isinstance(name, str):
                message = f"{where} must have texts as keys, got {_shown(name)}"
                raise WrongValueError(message)
        return [
            (str(name), self.value.give(item, f"{where}[{_shown(name)}]", world))
            for name, item in value.items()
        ]


@dataclass(frozen=True)
class Fixed:
    """`tuple[A, B]`."""

    elements: tuple[Shape, ...]

    @property
    def wit(self) -> str:
        return f"tuple<{', '.join(element.wit for element in self.elements)}>"

    def take(self, value: Any, world: World) -> Any:
        return tuple(
            element.take(item, world) for element, item in zip(self.elements, value, strict=True)
        )

    def give(self, value: Any, where: str, world: World) -> Any:
        if not isinstance(value, list | tuple) or len(value) != len(self.elements):
            raise wrong(where, f"a tuple of {len(self.elements)}", value)
        return tuple(
            element.give(item, f"{where}[{index}]", world)
            for index, (element, item) in enumerate(zip(self.elements, value, strict=True))
        )


@dataclass(frozen=True)
class Maybe:
    """`T | None`."""

    some: Shape

    @property
    def wit(self) -> str:
        return f"option<{self.some.wit}>"

    def take(self, value: Any, world: World) -> Any:
        return None if value is None else self.some.take(value, world)

    def give(self, value: Any, where: str, world: World) -> Any:
        return None if value is None else self.some.give(value, where, world)


@dataclass(frozen=True)
class Choice:
    """`Literal["a", "b"]` and classes of `Enum`.

    Attributes:
        name: Of the type, as WIT spells it.
        labels: Of its cases, as WIT spells them.
        values: What stands for each in the author's code.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[Any, ...] = field(compare=False)

    @property
    def wit(self) -> str:
        return f"%{self.name}"

    @property
    def definition(self) -> str:
        """The type itself in WIT."""
        return f"  enum %{self.name} {{ {', '.join(f'%{label}' for label in self.labels)} }}"

    def take(self, value: Any, world: World) -> Any:  # noqa: ARG002
        return self.values[value.value]

    def give(self, value: Any, where: str, world: World) -> Any:
        if value not in self.values:
            raise wrong(where, f"one of {', '.join(map(_shown, self.values))}", value)
        return getattr(world, class_name(self.name))(self.values.index(value))


@dataclass(frozen=True)
class Fields:
    """A dataclass.

    Attributes:
        name: Of the type, as WIT spells it.
        kind: The class.
        shapes: Of its fields, by the author's names.
    """

    name: str
    kind: type = field(compare=False)
    shapes: Mapping[str, Shape] = field(compare=False)

    @property
    def wit(self) -> str:
        return f"%{self.name}"

    @property
    def definition(self) -> str:
        """The type itself in WIT."""
        members = ", ".join(f"%{label(name)}: {each.wit}" for name, each in self.shapes.items())
        return f"  record %{self.name} {{ {members} }}"

    def take(self, value: Any, world: World) -> Any:
        given = (getattr(value, each.name) for each in fields(value))
        return self.kind(
            **{
                name: shape.take(item, world)
                for (name, shape), item in zip(self.shapes.items(), given, strict=True)
            }
        )

    def give(self, value: Any, where: str, world: World) -> Any:
        if not isinstance(value, self.kind):
            raise wrong(where, self.kind.__name__, value)
        return getattr(world, class_name(self.name))(
            *(
                shape.give(getattr(value, name), f"{where}.{name}", world)
                for name, shape in self.shapes.items()
            )
        )


def label(name: str) -> str:
    """How WIT spells a name of the author's.

    Raises:
        UnfitError: WIT has no such name.
    """
    words = name.split("_")
    if not all(_WORD.fullmatch(word) for word in words):
        message = (
            f"the name {name!r} cannot be used: write it in small letters, and begin the part "
            "after each _ with a letter"
        )
        raise UnfitError(message)
    return "-".join(words)


def type_name(name: str) -> str:
    """How WIT spells the name of a class.

    Raises:
        UnfitError: WIT has no such name.
    """
    spelled = label("_".join(_HUMPS.split(name)).lower().strip("_"))
    return f"{spelled}-type" if spelled in RESERVED else spelled


def class_name(name: str) -> str:
    """What componentize-py calls the class of a type."""
    return "".join(word.capitalize() for word in name.split("-"))


def wrong(where: str, expected: str, value: Any) -> WrongValueError:
    """What is said about a value that does not have its shape."""
    return WrongValueError(f"{where} must be {expected}, got {_shown(value)}")


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the author's own code, about to be complained about
        text = type(value).__name__
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
