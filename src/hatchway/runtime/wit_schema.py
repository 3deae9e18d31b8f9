"""JSON Schema from WIT types: what a client is told about a component's functions.

The values these schemas describe are the ones `engine.values` reads and writes; see the
table in `docs/wit-to-json.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

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
    UnsupportedType,
    VariantType,
    WitType,
)

if TYPE_CHECKING:
    from hatchway.core.wit import WitFunction

Schema = dict[str, Any]

_NON_FINITE = ["NaN", "Infinity", "-Infinity"]
_ANY_FLOAT: Schema = {"anyOf": [{"type": "number"}, {"enum": _NON_FINITE}]}
_LONGEST_INTEGER = 20


def input_schema(function: WitFunction) -> Schema:
    """The schema of a function's arguments."""
    return _closed_object(function.parameters)


def output_schema(function: WitFunction) -> Schema | None:
    """The schema of a function's structured result, always an object; None without result."""
    result = function.result
    if isinstance(result, ResultType):
        result = result.ok  # `err` becomes a tool error and has no schema
    if result is None:
        return None
    if is_object(result):
        return schema_of(result)
    return {
        "type": "object",
        "properties": {"result": schema_of(result)},
        "required": ["result"],
        "additionalProperties": False,
    }


def is_object(result: WitType) -> bool:
    """Whether a result is a JSON object by itself and needs no `{"result": …}` around it.

    Variants are objects too, but their schema's root is a bare `oneOf`, which older
    clients refuse.
    """
    return isinstance(result, RecordType)


def schema_of(kind: WitType) -> Schema:  # noqa: C901 - one case for every kind
    """The schema of one type."""
    match kind:
        case Primitive(name):
            return _primitive(name)
        case ListType(Primitive("u8")):
            return {"type": "string", "contentEncoding": "base64"}
        case ListType(element):
            return {"type": "array", "items": schema_of(element)}
        case TupleType(elements):
            return _exactly([schema_of(element) for element in elements])
        case RecordType(fields):
            return _closed_object(fields)
        case EnumType(names):
            return {"type": "string", "enum": list(names)}
        case FlagsType(names):
            items = {"type": "string", "enum": list(names)}
            return {"type": "array", "items": items, "maxItems": len(names)}
        case OptionType(some):
            return {"anyOf": [_wrapped(some), {"type": "null"}]}
        case VariantType() | ResultType():
            return _sum(kind)
        case UnsupportedType(name):
            message = f"{name} has no JSON form"
            raise TypeError(message)
        case _:
            assert_never(kind)


def _sum(kind: VariantType | ResultType) -> Schema:
    if isinstance(kind, VariantType):
        return {"oneOf": [_case(name, payload) for name, payload in kind.cases]}
    return {"oneOf": [_side("ok", kind.ok), _side("err", kind.err)]}


def _wrapped(some: WitType) -> Schema:
    """An option's value; an option inside an option needs a wrapper to be told from none."""
    if isinstance(some, OptionType):
        return _closed({"some": schema_of(some)}, ["some"])
    return schema_of(some)


def _primitive(name: str) -> Schema:
    if name in INTEGER_RANGES:
        low, high = INTEGER_RANGES[name]
        exact = {"type": "integer", "minimum": low, "maximum": high}
        if not name.endswith("64"):
            return exact
        # Many clients lose digits beyond 2^53, so the decimal spelling is welcome too.
        spelled = {
            "type": "string",
            "minLength": 1,
            "maxLength": _LONGEST_INTEGER,
            "description": "the integer in decimal digits",
        }
        return {"anyOf": [exact, spelled]}
    if name in ("f32", "f64"):
        return _ANY_FLOAT
    if name == "bool":
        return {"type": "boolean"}
    if name == "char":
        return {"type": "string", "minLength": 1, "maxLength": 1}
    return {"type": "string"}


def _closed(properties: Schema, required: list[str]) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema


def _closed_object(fields: tuple[tuple[str, WitType], ...]) -> Schema:
    return _closed(
        {name: schema_of(kind) for name, kind in fields},
        [name for name, kind in fields if not isinstance(kind, OptionType)],
    )


def _exactly(items: list[Schema]) -> Schema:
    return {
        "type": "array",
        "prefixItems": items,
        "items": False,
        "minItems": len(items),
        "maxItems": len(items),
    }


def _case(name: str, payload: WitType | None) -> Schema:
    tag = {"const": name}
    if payload is None:
        return _closed({"tag": tag}, ["tag"])
    required = ["tag"] if isinstance(payload, OptionType) else ["tag", "value"]
    return _closed({"tag": tag, "value": schema_of(payload)}, required)


def _side(name: str, payload: WitType | None) -> Schema:
    inner = {"type": "null"} if payload is None else schema_of(payload)
    return _closed({name: inner}, [name])
