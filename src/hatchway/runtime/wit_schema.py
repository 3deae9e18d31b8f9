"""JSON Schema from WIT types: what a client is told about a component's functions.

The values these schemas describe are the ones that `engine.values_from_json` takes and
`engine.values_to_json` gives; see the table in `docs/wit-to-json.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from hatchway.core.wit import (
    INTEGER_RANGES,
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
    from hatchway.core.manifest import JsonStyle
    from hatchway.core.wit import WitFunction

Schema = dict[str, Any]

_ANY_FLOAT: Schema = {"anyOf": [{"type": "number"}, {"enum": list(NON_FINITE)}]}
_LONGEST_INTEGER = 20


def input_schema(function: WitFunction, style: JsonStyle = "wit") -> Schema:
    """The schema of a function's arguments."""
    return _closed_object(function.parameters, style)


def output_schema(function: WitFunction, style: JsonStyle = "wit") -> Schema | None:
    """The schema of a function's structured result, always an object; None without result."""
    result = function.result
    if isinstance(result, ResultType):
        result = result.ok  # `err` becomes a tool error and has no schema
    if result is None:
        return None
    if is_object(result, style):
        return schema_of(result, style)
    return {
        "type": "object",
        "properties": {"result": schema_of(result, style)},
        "required": ["result"],
        "additionalProperties": False,
    }


def is_object(result: WitType, style: JsonStyle = "wit") -> bool:
    """Whether a result is a JSON object by itself and needs no `{"result": …}` around it.

    Variants are objects too, but their schema's root is a bare `oneOf`, which older
    clients refuse.
    """
    return isinstance(result, RecordType) or (
        style == "plain" and value_of_pairs(result) is not None
    )


def value_of_pairs(kind: WitType) -> WitType | None:
    """The type of the values if `kind` is a list of names and values; None if it is not."""
    match kind:
        case ListType(TupleType((Primitive("string"), value))):
            return value
        case _:
            return None


def label_in(name: str, style: JsonStyle) -> str:
    """The JSON name of what WIT calls `name`."""
    return name.replace("-", "_") if style == "plain" else name


def schema_of(  # noqa: C901 - one case for every kind
    kind: WitType, style: JsonStyle = "wit"
) -> Schema:
    """The schema of one type."""
    if style == "plain" and (value := value_of_pairs(kind)) is not None:
        return {"type": "object", "additionalProperties": schema_of(value, style)}
    match kind:
        case Primitive(name):
            return _primitive(name)
        case ListType(Primitive("u8")):
            return {"type": "string", "contentEncoding": "base64"}
        case ListType(element):
            return {"type": "array", "items": schema_of(element, style)}
        case TupleType(elements):
            return _exactly([schema_of(element, style) for element in elements])
        case RecordType(fields):
            return _closed_object(fields, style)
        case EnumType(names):
            return {"type": "string", "enum": list(names)}
        case FlagsType(names):
            items = {"type": "string", "enum": list(names)}
            return {"type": "array", "items": items, "maxItems": len(names)}
        case OptionType(some):
            return {"anyOf": [*_choices(_wrapped(some, style), style), {"type": "null"}]}
        case VariantType() | ResultType():
            return _sum(kind, style)
        case UnsupportedType(name):
            message = f"{name} has no JSON form"
            raise TypeError(message)
        case _:
            assert_never(kind)


def _sum(kind: VariantType | ResultType, style: JsonStyle) -> Schema:
    if isinstance(kind, VariantType):
        return {"oneOf": [_case(name, payload, style) for name, payload in kind.cases]}
    return {"oneOf": [_side("ok", kind.ok, style), _side("err", kind.err, style)]}


def _choices(schema: Schema, style: JsonStyle) -> list[Schema]:
    """What an option's value may be, without a choice inside a choice where that is plainer."""
    if style == "plain" and schema.keys() == {"anyOf"}:
        return list(schema["anyOf"])
    return [schema]


def _wrapped(some: WitType, style: JsonStyle) -> Schema:
    """An option's value; an option inside an option needs a wrapper to be told from none."""
    if isinstance(some, OptionType):
        return _closed({"some": schema_of(some, style)}, ["some"])
    return schema_of(some, style)


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


def _closed_object(fields: tuple[tuple[str, WitType], ...], style: JsonStyle) -> Schema:
    return _closed(
        {label_in(name, style): schema_of(kind, style) for name, kind in fields},
        [label_in(name, style) for name, kind in fields if not isinstance(kind, OptionType)],
    )


def _exactly(items: list[Schema]) -> Schema:
    return {
        "type": "array",
        "prefixItems": items,
        "items": False,
        "minItems": len(items),
        "maxItems": len(items),
    }


def _case(name: str, payload: WitType | None, style: JsonStyle) -> Schema:
    tag = {"const": name}
    if payload is None:
        return _closed({"tag": tag}, ["tag"])
    required = ["tag"] if isinstance(payload, OptionType) else ["tag", "value"]
    return _closed({"tag": tag, "value": schema_of(payload, style)}, required)


def _side(name: str, payload: WitType | None, style: JsonStyle) -> Schema:
    inner = {"type": "null"} if payload is None else schema_of(payload, style)
    return _closed({name: inner}, [name])
