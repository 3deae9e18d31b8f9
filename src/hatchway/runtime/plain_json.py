"""JSON the plain way, for functions whose manifest says `json = "plain"`.

The engine takes and gives the values of WIT types. Two of them look odd to people and models:
names with dashes, and objects with free keys, which WIT can only say as a list of pairs. This
module turns one way of writing into the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.core.errors import InvalidArgumentsError, InvalidOutputError
from hatchway.core.untrusted import printable
from hatchway.core.wit import (
    ListType,
    OptionType,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
)
from hatchway.runtime.wit_schema import label_in, value_of_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.core.wit import WitFunction

    Turn = Callable[[WitType, Any], Any]


def arguments_from_plain(function: WitFunction, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the engine takes for `arguments`.

    Raises:
        InvalidArgumentsError: An object stands where none belongs, or the other way round.
    """
    return _fields_from_plain(function.parameters, arguments)


def plain(kind: WitType, value: Any) -> Any:
    """What a client gets for a `value` that the engine lifted.

    Raises:
        InvalidOutputError: The guest gave a key twice.
    """
    if (inner := value_of_pairs(kind)) is not None:
        found = {name: plain(inner, item) for name, item in value}
        if len(found) != len(value):
            message = "the tool gave an object in which a key stands twice"
            raise InvalidOutputError(message)
        return found
    if isinstance(kind, RecordType):
        return {
            label_in(name, "plain"): plain(inner, value[name])
            for name, inner in kind.fields
            if name in value
        }
    return _inside(kind, value, plain)


def _from_plain(kind: WitType, value: Any) -> Any:
    if (inner := value_of_pairs(kind)) is not None:
        if not isinstance(value, dict):
            message = f"expected an object, got {printable(repr(value), limit=60)}"
            raise InvalidArgumentsError(message)
        return [[name, _from_plain(inner, item)] for name, item in value.items()]
    if isinstance(kind, RecordType) and isinstance(value, dict):
        return _fields_from_plain(kind.fields, value)
    return _inside(kind, value, _from_plain)


def _fields_from_plain(
    fields: tuple[tuple[str, WitType], ...], values: Mapping[str, Any]
) -> dict[str, Any]:
    known = {label_in(name, "plain"): (name, kind) for name, kind in fields}
    found: dict[str, Any] = {}
    for label, value in values.items():
        if label not in known:
            expected = ", ".join(known) or "none"
            message = f"unknown argument {printable(repr(label), limit=80)}; known: {expected}"
            raise InvalidArgumentsError(message, details={"path": "arguments"})
        name, kind = known[label]
        found[name] = _from_plain(kind, value)
    return found


def _inside(kind: WitType, value: Any, turn: Turn) -> Any:
    """`value` with its parts turned; one that does not fit stays, and the engine says so."""
    match kind, value:
        case OptionType(some), _ if value is not None:
            return _some(some, value, turn)
        case ListType(element), list():
            return [turn(element, item) for item in value]
        case TupleType(elements), list() if len(elements) == len(value):
            return [turn(element, item) for element, item in zip(elements, value, strict=True)]
        case VariantType(cases), {"tag": str(tag), "value": payload}:
            inner = dict(cases).get(tag)
            return value if inner is None else {**value, "value": turn(inner, payload)}
        case ResultType(ok, err), {**sides} if len(sides) == 1:
            ((side, payload),) = sides.items()
            inner = ok if side == "ok" else err if side == "err" else None
            return value if inner is None else {side: turn(inner, payload)}
        case _:
            return value


def _some(some: WitType, value: Any, turn: Turn) -> Any:
    """What an option holds; an option inside an option has a wrapper."""
    if not isinstance(some, OptionType):
        return turn(some, value)
    match value:
        case {"some": inner}:
            return {**value, "some": turn(some, inner)}
        case _:
            return value
