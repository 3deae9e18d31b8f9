"""JSON Schemas from artifacts, reduced to what is safe to evaluate on every call.

An artifact's author writes the schema that the host then runs against a client's
arguments, so the keywords are an allowlist: nothing that runs a regular expression,
compares all pairs of items, or fetches. Local, non-recursive references are replaced by
what they refer to, within a budget; the result contains no reference at all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hatchway.core.untrusted import printable, shown
from hatchway.policy.tool_text import hidden_character

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NODES = 2000
"""Subschemas after references are replaced."""
MAX_DEPTH = 32
MAX_ALL_TEXT = 1 << 20
"""Characters in all of it after references are replaced."""
MAX_TEXT = 8192
"""Characters in one description, name or enum value."""
_LARGEST = 1 << 64

_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_COUNTS = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
)
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_TEXTS = frozenset({"title", "description", "format", "contentEncoding", "contentMediaType"})
_VALUES = frozenset({"default", "const"})
_VALUE_LISTS = frozenset({"enum", "examples"})
_SCHEMA_LISTS = frozenset({"oneOf", "anyOf", "prefixItems"})
_SCHEMAS = frozenset({"items", "additionalProperties"})
_IGNORED = frozenset({"$schema", "$defs"})
_MULTIPLIED = _VALUES | _VALUE_LISTS | _TEXTS | {"required"}
"""Keywords whose values count towards MAX_ALL_TEXT."""
_BESIDE_REFERENCE = frozenset({"title", "description", "default", "examples"}) | _IGNORED

KEYWORDS = (
    _COUNTS
    | _NUMBERS
    | _TEXTS
    | _VALUES
    | _VALUE_LISTS
    | _SCHEMA_LISTS
    | _SCHEMAS
    | {"type", "properties", "required", "$ref"}
    | _IGNORED
)


def safe_schema(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` as a closed-vocabulary schema whose root is an object.

    Raises:
        ValueError: Naming the place and what is wrong with it.
    """
    if document.get("type") != "object":
        message = f'the root must have "type": "object", got {shown(document.get("type"))}'
        raise ValueError(message)
    if "$ref" in document:
        message = "the root must say itself what it is, and not refer to it"
        raise ValueError(message)
    definitions = document.get("$defs", {})
    if not isinstance(definitions, dict):
        message = f"'$defs' must be an object, got {shown(definitions)}"
        raise ValueError(message)  # noqa: TRY004 - one kind of error
    return _Reducer(definitions).reduce(document, "#", (), 0)


class _Reducer:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._nodes = 0
        self._text_left = MAX_ALL_TEXT

    def reduce(self, node: Any, place: str, opened: tuple[str, ...], depth: int) -> dict[str, Any]:
        """The safe form of one subschema; `opened` are the references around it."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _wrong(place, f"the schema has more than {MAX_NODES} parts")
        if depth > MAX_DEPTH:
            raise _wrong(place, f"the schema nests deeper than {MAX_DEPTH}")
        if not isinstance(node, dict):
            raise _wrong(place, f"expected a schema object, got {shown(node)}")
        while "$ref" in node:
            node, opened = self._resolved(node, place, opened)
        if unknown := [keyword for keyword in node if keyword not in KEYWORDS]:
            raise _wrong(place, f"the keyword {shown(unknown[0])} is not allowed here")
        return {
            keyword: self._keyword(keyword, value, place, opened, depth)
            for keyword, value in node.items()
            if keyword not in _IGNORED
        }

    def _spend(self, value: Any, place: str) -> None:
        """Count what references could multiply, before anything looks at it closely."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            self._text_left -= 1 + (len(item) if isinstance(item, str) else 0)
            if self._text_left < 0:
                raise _wrong(place, f"the schema has more than {MAX_ALL_TEXT} characters")
            if isinstance(item, list):
                waiting += item
            elif isinstance(item, dict):
                waiting += [*item.keys(), *item.values()]

    def _resolved(
        self, node: Mapping[str, Any], place: str, opened: tuple[str, ...]
    ) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        reference = node["$ref"]
        name = str(reference).removeprefix("#/$defs/")
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            raise _wrong(place, f"only '#/$defs/NAME' may be referred to, got {shown(reference)}")
        if name in opened:
            raise _wrong(place, f"{shown(reference)} refers to itself")
        if not isinstance(self._definitions.get(name), dict):
            raise _wrong(place, f"{shown(reference)} is not defined")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if constraints := beside.keys() - _BESIDE_REFERENCE:
            # Both would apply, and one set of keywords can only say one of them.
            raise _wrong(place, f"{shown(min(constraints))} may not stand beside a reference")
        return {**self._definitions[name], **beside}, (*opened, name)

    def _keyword(  # noqa: C901 - one case for every kind
        self, keyword: str, value: Any, place: str, opened: tuple[str, ...], depth: int
    ) -> Any:
        here = f"{place}/{keyword}"
        if keyword in _MULTIPLIED:
            self._spend(value, place)
        if keyword == "type":
            return _type(value, here)
        if keyword == "properties":
            return self._properties(value, here, opened, depth)
        if keyword == "required":
            return _names(value, here)
        if keyword in _COUNTS:
            return _count(value, here)
        if keyword in _NUMBERS:
            return _number(value, here)
        if keyword in _TEXTS:
            return _text(value, here)
        if keyword in _VALUES:
            return _plain(value, here, 0)
        if keyword in _VALUE_LISTS:
            return [_plain(item, here, 0) for item in _items(value, here)]
        if keyword in _SCHEMA_LISTS:
            parts = _items(value, here)
            return [
                self.reduce(part, f"{here}/{index}", opened, depth + 1)
                for index, part in enumerate(parts)
            ]
        if isinstance(value, bool):  # items and additionalProperties
            return value
        return self.reduce(value, here, opened, depth + 1)

    def _properties(
        self, value: Any, place: str, opened: tuple[str, ...], depth: int
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(place, f"expected an object, got {shown(value)}")
        self._spend(list(value), place)
        return {
            _text(name, place): self.reduce(part, f"{place}/{name}", opened, depth + 1)
            for name, part in value.items()
        }


def _wrong(place: str, why: str) -> ValueError:
    return ValueError(f"at {printable(place, limit=200)}: {why}")


def _type(value: Any, place: str) -> Any:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name in _TYPES for name in names):
        raise _wrong(place, f"{shown(value)} is not a JSON type")
    if len(set(names)) != len(names):
        raise _wrong(place, "a type stands there twice")
    return value


def _names(value: Any, place: str) -> list[str]:
    if value == []:
        return []
    names = [_text(name, place) for name in _items(value, place)]
    if len(set(names)) != len(names):
        raise _wrong(place, "a name stands there twice")
    return names


def _items(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list) or not value or len(value) > MAX_NODES:
        raise _wrong(place, f"expected a list of 1 to {MAX_NODES} items, got {shown(value)}")
    return value


def _count(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise _wrong(place, f"expected a count from 0 to 2^64, got {shown(value)}")
    return value


def _number(value: Any, place: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(place, f"expected a number, got {shown(value)}")
    if abs(value) > _LARGEST or not math.isfinite(value):
        raise _wrong(place, f"expected a number within 2^64, got {shown(value)}")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _wrong(place, f"expected a string of at most {MAX_TEXT} characters")
    if hidden := hidden_character(value):
        raise _wrong(place, f"the hidden character {hidden} is not allowed")
    return value


def _plain(value: Any, place: str, depth: int) -> Any:
    """A constant: any JSON value of bounded depth, with the same rules for its text."""
    if depth > MAX_DEPTH:
        raise _wrong(place, f"a constant nests deeper than {MAX_DEPTH}")
    match value:
        case str():
            return _text(value, place)
        case bool() | None:
            return value
        case int() | float():
            return _number(value, place)
        case list() if len(value) <= MAX_NODES:
            return [_plain(item, place, depth + 1) for item in value]
        case dict() if len(value) <= MAX_NODES:
            return {
                _text(key, place): _plain(item, place, depth + 1) for key, item in value.items()
            }
        case _:
            raise _wrong(place, f"{shown(value)} is not a JSON value")
