"""JSON Schema validation on the path of a call, by the `jsonschema` library.

What most tools take and give, an object with a type for each name, is told here, and three
keywords of nearly every schema say yes faster than in the library, which builds a validator for
every property of every instance. All of this only ever accepts: what is not plainly right goes
to the library, which decides and words the error.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema
from jsonschema.validators import extend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.protocols import Validator as LibraryValidator

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


def _type(validator: LibraryValidator, kind: Any, value: Any, schema: Any) -> Any:
    if isinstance(kind, str) and type(value) is _PLAIN_TYPES.get(kind):
        return None
    return _LIBRARY["type"](validator, kind, value, schema)


def _properties(
    validator: LibraryValidator,
    properties: Mapping[str, Any],
    value: Any,
    schema: Any,
) -> Any:
    if type(value) is not dict:
        return _LIBRARY["properties"](validator, properties, value, schema)
    doubtful = {
        name: part
        for name, part in properties.items()
        if name in value and not _is_plainly(value[name], part)
    }
    return _LIBRARY["properties"](validator, doubtful, value, schema) if doubtful else None


def _additional_properties(
    validator: LibraryValidator, allowed: Any, value: Any, schema: Any
) -> Any:
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


_ONLY_OBJECT = _ONLY_TYPE | {"$schema", "properties", "required", "additionalProperties"}
"""Keywords of a schema that a type for each name decides, where all names are known."""


class _PlainObject(NamedTuple):
    """What nearly every schema says: an object, and for each name the type of its value."""

    types: Mapping[str, type]
    required: frozenset[str]

    def is_plainly(self, value: Any) -> bool:
        """Whether `value` is one, beyond doubt."""
        if type(value) is not dict or not value.keys() >= self.required:
            return False
        # A name that is not known has no type, and no value has that one.
        return all(map(operator.is_, map(type, value.values()), map(self.types.get, value)))


def _plain_object(schema: Mapping[str, Any]) -> _PlainObject | None:
    """What `schema` says of names and types, if it says nothing else of an object."""
    if schema.get("type") != "object" or not schema.keys() <= _ONLY_OBJECT:
        return None
    types = {
        name: _PLAIN_TYPES[part["type"]]
        for name, part in schema.get("properties", {}).items()
        if isinstance(part, dict) and part.keys() <= _ONLY_TYPE and _has_plain_type(part)
    }
    return _PlainObject(types, frozenset(schema.get("required", ())))


def _has_plain_type(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return isinstance(kind, str) and kind in _PLAIN_TYPES


class Validator:
    """Judges values by one schema, as the library does.

    Args:
        schema: It went through `policy.schema` or was made by `wit_schema`: it has no
            references and no keyword whose evaluation a client could make slow.
    """

    __slots__ = ("_library", "_plain")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._plain = _plain_object(schema)
        self._library: LibraryValidator = _Accelerated(schema)

    def iter_errors(self, value: Any) -> Iterator[jsonschema.ValidationError]:
        """What is wrong with `value`, in the library's order."""
        if self._plain is not None and self._plain.is_plainly(value):
            return iter(())
        return self._library.iter_errors(value)

    def is_valid(self, value: Any) -> bool:
        """Whether nothing is."""
        return next(self.iter_errors(value), None) is None
