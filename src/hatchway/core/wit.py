"""WIT value types, as far as a tool's parameters and results may use them.

The component model's resources, streams, futures and error contexts have no JSON form;
they become `UnsupportedType`, and a function that mentions one is refused by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Mapping

IntegerName: TypeAlias = Literal["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"]
PrimitiveName: TypeAlias = IntegerName | Literal["bool", "f32", "f64", "char", "string"]

INTEGER_RANGES: dict[str, tuple[int, int]] = {
    f"{sign}{bits}": (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    if sign == "s"
    else (0, (1 << bits) - 1)
    for sign in "su"
    for bits in (8, 16, 32, 64)
}
"""Smallest and largest value of every integer type."""
LARGEST_EXACT_INTEGER = (1 << 53) - 1
"""Beyond it a JSON number loses digits in many clients; results become strings."""
NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How JSON strings spell the floats that JSON numbers cannot."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """A boolean, number, character or string."""

    name: PrimitiveName


@dataclass(frozen=True, slots=True)
class ListType:
    """Any number of values of one type."""

    element: WitType


@dataclass(frozen=True, slots=True)
class TupleType:
    """A fixed sequence of values."""

    elements: tuple[WitType, ...]


@dataclass(frozen=True, slots=True)
class RecordType:
    """Named fields, in order."""

    fields: tuple[tuple[str, WitType], ...]


@dataclass(frozen=True, slots=True)
class VariantType:
    """One of several named cases, some with a payload."""

    cases: tuple[tuple[str, WitType | None], ...]


@dataclass(frozen=True, slots=True)
class EnumType:
    """One of several names."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagsType:
    """Any subset of several names."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptionType:
    """A value or nothing."""

    some: WitType


@dataclass(frozen=True, slots=True)
class ResultType:
    """A value or an error, either of which may carry nothing."""

    ok: WitType | None
    err: WitType | None


@dataclass(frozen=True, slots=True)
class UnsupportedType:
    """A type without a JSON form, by its WIT name."""

    name: str


WitType: TypeAlias = (
    Primitive
    | ListType
    | TupleType
    | RecordType
    | VariantType
    | EnumType
    | FlagsType
    | OptionType
    | ResultType
    | UnsupportedType
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WitFunction:
    """One function that a component exports.

    Attributes:
        name: As written in WIT, without its interface.
        interface: The exporting interface with package and version, or None for a
            function of the world itself.
        parameters: Names and types, in order.
        result: None when the function returns nothing.
    """

    name: str
    interface: str | None
    parameters: tuple[tuple[str, WitType], ...]
    result: WitType | None

    @property
    def qualified_name(self) -> str:
        """`interface#name`, or the bare name: unique within a component."""
        return self.name if self.interface is None else f"{self.interface}#{self.name}"


U8 = Primitive("u8")
"""A list of it is base64 text in JSON."""


def takes_null(kind: WitType) -> bool:
    """Whether JSON null is a value of `kind`, so that an option of it needs a wrapper."""
    return isinstance(kind, OptionType)


def unsupported_in(kind: WitType | None) -> str | None:  # noqa: C901 - one case for every kind
    """The WIT name of the first type inside `kind` that has no JSON form, or None."""
    parts: tuple[WitType | None, ...]
    match kind:
        case None | Primitive() | EnumType() | FlagsType():
            return None
        case UnsupportedType(name):
            return name
        case ListType(element):
            parts = (element,)
        case TupleType(elements):
            parts = elements
        case RecordType(fields):
            parts = tuple(field for _, field in fields)
        case VariantType(cases):
            parts = tuple(payload for _, payload in cases)
        case OptionType(some):
            parts = (some,)
        case ResultType(ok, err):
            parts = (ok, err)
        case _:
            assert_never(kind)
    return next((found for part in parts if (found := unsupported_in(part)) is not None), None)


def type_to_json(kind: WitType | None) -> Any:  # noqa: C901 - one case for every kind
    """`kind` as plain JSON values, for the compiled cache."""
    match kind:
        case None:
            return None
        case Primitive(name):
            return name
        case ListType(element):
            return {"list": type_to_json(element)}
        case TupleType(elements):
            return {"tuple": [type_to_json(element) for element in elements]}
        case RecordType(fields):
            return {"record": [[name, type_to_json(field)] for name, field in fields]}
        case VariantType(cases):
            return {"variant": [[name, type_to_json(payload)] for name, payload in cases]}
        case EnumType(names):
            return {"enum": list(names)}
        case FlagsType(names):
            return {"flags": list(names)}
        case OptionType(some):
            return {"option": type_to_json(some)}
        case ResultType(ok, err):
            return {"result": [type_to_json(ok), type_to_json(err)]}
        case UnsupportedType(name):
            return {"unsupported": name}
        case _:
            assert_never(kind)


def type_from_json(data: Any) -> WitType:  # noqa: C901 - one case for every kind
    """The type that `type_to_json` wrote. Trusts its input: the cache is authenticated."""
    if isinstance(data, str):
        return Primitive(data)  # type: ignore[arg-type]  # written by type_to_json
    ((tag, body),) = data.items()
    match tag:
        case "list":
            return ListType(type_from_json(body))
        case "tuple":
            return TupleType(tuple(type_from_json(item) for item in body))
        case "record":
            return RecordType(tuple((name, type_from_json(item)) for name, item in body))
        case "variant":
            return VariantType(tuple((name, _optional_from_json(item)) for name, item in body))
        case "enum":
            return EnumType(tuple(body))
        case "flags":
            return FlagsType(tuple(body))
        case "option":
            return OptionType(type_from_json(body))
        case "result":
            return ResultType(_optional_from_json(body[0]), _optional_from_json(body[1]))
        case "unsupported":
            return UnsupportedType(body)
        case _:
            message = f"unknown WIT type {tag!r}"
            raise ValueError(message)


def _optional_from_json(data: Any) -> WitType | None:
    return None if data is None else type_from_json(data)


def function_to_json(function: WitFunction) -> dict[str, Any]:
    """`function` as plain JSON values, for the compiled cache."""
    return {
        "name": function.name,
        "interface": function.interface,
        "parameters": [[name, type_to_json(kind)] for name, kind in function.parameters],
        "result": type_to_json(function.result),
    }


def function_from_json(data: Mapping[str, Any]) -> WitFunction:
    """The function that `function_to_json` wrote."""
    return WitFunction(
        name=data["name"],
        interface=data["interface"],
        parameters=tuple((name, type_from_json(kind)) for name, kind in data["parameters"]),
        result=_optional_from_json(data["result"]),
    )
