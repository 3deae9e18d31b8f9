"""JSON Schema validation on the path of a call, by the `jsonschema` library.

Three keywords of nearly every schema say yes faster here than in the library, which builds
a validator for every property of every instance. They only ever accept: what is not plainly
right goes to the library's own keyword, which decides and words the error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
from jsonschema.validators import extend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

_LIBRARY = jsonschema.Draft202012Validator.VALIDATORS

_PLAIN_TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "null": type(None),
}
"""The type a value of JSON has after parsing. A number may be of two, so it is not here."""

_ONLY_TYPE = frozenset({"type", "title", "description", "default", "examples"})
"""Keywords of a schema that `type` alone decides."""


def _is_plainly(value: Any, schema: Any) -> bool:
    """Whether `schema` says nothing but a type, and `value` is exactly of that type."""
    if not isinstance(schema, dict) or not schema.keys() <= _ONLY_TYPE:
        return False
    kind = schema.get("type")
    return isinstance(kind, str) and type(value) is _PLAIN_TYPES.get(kind)


def _type(validator: Validator, kind: Any, value: Any, schema: Any) -> Any:
    if isinstance(kind, str) and type(value) is _PLAIN_TYPES.get(kind):
        return None
    return _LIBRARY["type"](validator, kind, value, schema)


def _properties(
    validator: Validator, properties: Mapping[str, Any], value: Any, schema: Any
) -> Any:
    if type(value) is not dict:
        return _LIBRARY["properties"](validator, properties, value, schema)
    doubtful = {
        name: part
        for name, part in properties.items()
        if name in value and not _is_plainly(value[name], part)
    }
    return _LIBRARY["properties"](validator, doubtful, value, schema) if doubtful else None


def _additional_properties(validator: Validator, allowed: Any, value: Any, schema: Any) -> Any:
    if type(value) is dict and "patternProperties" not in schema:
        known = schema.get("properties", {})
        if all(name in known for name in value):
            return None
    return _LIBRARY["additionalProperties"](validator, allowed, value, schema)


_Accelerated: Any = extend(  # type: ignore[no-untyped-call]  # the library is untyped here
    jsonschema.Draft202012Validator,
    {
        "type": _type,
        "properties": _properties,
        "additionalProperties": _additional_properties,
    },
)


def validator_of(schema: Mapping[str, Any]) -> Validator:
    """A validator that looks nothing up outside `schema`.

    The schema went through `policy.schema` or was made by `wit_schema`: it has no
    references and no keyword whose evaluation a client could make slow.
    """
    return _Accelerated(schema)  # type: ignore[no-any-return]  # the library's factory is untyped
