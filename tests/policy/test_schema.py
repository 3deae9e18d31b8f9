"""Schemas from artifacts: reduced to a closed vocabulary, and never made to accept more."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from strategies import IS_THOROUGH, json_values, patient, schema_instances, schemas

from hatchway.core.errors import ConfigError
from hatchway.policy.manifest import manifest_from_values, manifest_values
from hatchway.policy.schema import KEYWORDS, MAX_DEPTH, MAX_NODES, MAX_TEXT, safe_schema

ALLOWED = KEYWORDS - {"$ref", "$defs", "$schema"}
SCHEMA_KEYWORDS = ("items", "additionalProperties")
LISTS = ("oneOf", "anyOf", "prefixItems")
ANNOTATIONS = ("title", "description", "default", "examples")


def parameters(**properties: Any) -> dict[str, Any]:
    """A root schema with these properties."""
    return {"type": "object", "properties": properties}


def reason(document: dict[str, Any]) -> str:
    try:
        safe_schema(document)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017 - no other kind may escape
        return str(error)
    pytest.fail("the schema was accepted")


def subschemas(schema: Any) -> list[dict[str, Any]]:
    """The schema and everything inside it that is one too."""
    if not isinstance(schema, dict):
        return []
    parts = [schema[keyword] for keyword in SCHEMA_KEYWORDS if keyword in schema]
    parts += [part for keyword in LISTS for part in schema.get(keyword, ())]
    parts += schema.get("properties", {}).values()
    return [schema, *(found for part in parts for found in subschemas(part))]


def accepts(schema: dict[str, Any], instance: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(instance)


# Properties


@patient
@given(schemas())
def test_the_vocabulary_itself_passes_unchanged(part: dict[str, Any]) -> None:
    document = parameters(a=part)

    assert safe_schema(document) == document


NAMES = ("D0", "D1", "D2")


@st.composite
def schemas_with_definitions(draw: st.DrawFn, *, siblings: bool = False) -> dict[str, Any]:
    """Root schemas whose definitions refer to later definitions only."""
    definitions = {name: draw(schemas(NAMES[index + 1 :], 1)) for index, name in enumerate(NAMES)}
    annotations = {keyword: st.just("mine") for keyword in ANNOTATIONS[:3]}
    beside = schemas(depth=1) if siblings else st.fixed_dictionaries({}, optional=annotations)
    properties = {
        "a": {**draw(beside), "$ref": f"#/$defs/{draw(st.sampled_from(NAMES))}"},
        "b": draw(schemas(NAMES)),
    }
    return {"type": "object", "properties": properties, "$defs": definitions}


@patient
@given(schemas_with_definitions(), st.lists(schema_instances(), min_size=5, max_size=5))
def test_a_safe_schema_accepts_exactly_what_the_original_accepts(
    document: dict[str, Any], values: list[Any]
) -> None:
    try:
        safe = safe_schema(document)
    except ValueError:
        event("refused")
        return

    instances = [*values, *({name: value} for name in "ab" for value in values)]
    for instance in instances:
        assert accepts(safe, instance) == accepts(document, instance)


@patient
@given(
    schemas_with_definitions(siblings=True), st.lists(schema_instances(), min_size=5, max_size=5)
)
@example(
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/D0", "maxLength": 9}},
        "$defs": {"D0": {"type": "string", "maxLength": 1}},
    },
    ["aaa"],
)
@example(
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/D0", "properties": {"b": {}}}},
        "$defs": {"D0": {"type": "object", "additionalProperties": False}},
    },
    [{"b": 1}],
)
def test_constraints_beside_a_reference_loosen_nothing(
    document: dict[str, Any], values: list[Any]
) -> None:
    try:
        safe = safe_schema(document)
    except ValueError:
        event("refused")
        return

    for instance in [{name: value} for name in "ab" for value in values]:
        assert accepts(document, instance) or not accepts(safe, instance)


@patient
@given(schemas_with_definitions(siblings=True))
def test_a_safe_schema_is_a_valid_schema_of_allowed_keywords_without_references(
    document: dict[str, Any],
) -> None:
    try:
        safe = safe_schema(document)
    except ValueError:
        return

    jsonschema.Draft202012Validator.check_schema(safe)
    parts = subschemas(safe)
    assert all(part.keys() <= ALLOWED for part in parts)
    assert '"$ref"' not in repr(parts)


@patient
@given(schemas_with_definitions(siblings=True))
def test_making_a_schema_safe_twice_changes_nothing_more(document: dict[str, Any]) -> None:
    try:
        safe = safe_schema(document)
    except ValueError:
        return

    assert safe_schema(safe) == safe


@patient
@given(schemas_with_definitions(siblings=True))
def test_making_a_schema_safe_leaves_the_original_alone(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)

    with contextlib.suppress(ValueError):
        safe_schema(document)

    assert document == before


keyword_soup = st.recursive(
    json_values(4),
    lambda inner: st.dictionaries(
        st.sampled_from(sorted(KEYWORDS | {"pattern", "allOf", "not", "$anchor"})),
        inner | st.just({"$ref": "#/$defs/a"}),
        max_size=4,
    ),
    max_leaves=8,
)


@patient
@given(st.dictionaries(st.sampled_from(sorted(KEYWORDS)), keyword_soup, max_size=5))
def test_any_document_is_made_safe_or_refused_with_a_value_error(document: dict[str, Any]) -> None:
    document["type"] = "object"
    try:
        safe = safe_schema(document)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017 - either outcome is right
        return

    jsonschema.Draft202012Validator.check_schema(safe)


# The root


@pytest.mark.parametrize(
    "document",
    [{}, {"type": "string"}, {"type": ["object"]}, {"type": None}, {"$ref": "#/$defs/a"}],
    ids=repr,
)
def test_the_root_is_an_object(document: dict[str, Any]) -> None:
    assert reason(document).startswith('the root must have "type": "object", got ')


def test_a_root_that_refers_elsewhere_is_still_an_object() -> None:
    document = {"type": "object", "$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}

    try:
        safe = safe_schema(document)
    except ValueError:
        return

    assert not accepts(safe, "text")
    assert not accepts(safe, {})


def test_definitions_are_an_object() -> None:
    assert reason({"type": "object", "$defs": []}) == "'$defs' must be an object, got []"


# Keywords


@pytest.mark.parametrize(
    "keyword",
    [
        "pattern", "patternProperties", "uniqueItems", "allOf", "not", "if", "then", "else",
        "dependentSchemas", "dependentRequired", "propertyNames", "contains", "minContains",
        "unevaluatedProperties", "unevaluatedItems", "multipleOf", "$dynamicRef", "$recursiveRef",
        "$anchor", "$dynamicAnchor", "$id", "id", "$vocabulary", "$comment", "definitions",
        "contentSchema", "readOnly", "x-anything", "Type", "",
    ],
)  # fmt: skip
def test_a_keyword_that_is_not_on_the_list_is_refused_wherever_it_stands(keyword: str) -> None:
    why = f"the keyword {keyword!r} is not allowed here"

    assert reason({"type": "object", keyword: True}) == f"at #: {why}"
    assert reason(parameters(a={keyword: True})) == f"at #/properties/a: {why}"
    assert reason(parameters(a={"items": {keyword: True}})) == f"at #/properties/a/items: {why}"
    assert reason(parameters(a={"oneOf": [{}, {keyword: True}]})) == (
        f"at #/properties/a/oneOf/1: {why}"
    )


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"type": "float"}, "'float' is not a JSON type"),
        ({"type": []}, "[] is not a JSON type"),
        ({"type": [["object"]]}, "is not a JSON type"),
        ({"type": None}, "None is not a JSON type"),
        ({"type": ["null", "null"]}, "a type stands there twice"),
        ({"properties": []}, "expected an object, got []"),
        ({"properties": {"a": True}}, "expected a schema object, got True"),
        ({"required": "a"}, "expected a list of 1 to 2000 items, got 'a'"),
        ({"required": [1]}, "expected a string of at most 8192 characters"),
        ({"required": ["a", "a"]}, "a name stands there twice"),
        ({"minLength": -1}, "expected a count from 0 to 2^64, got -1"),
        ({"minLength": 1.0}, "expected a count"),
        ({"minLength": True}, "expected a count"),
        ({"maxItems": (1 << 64) + 1}, "expected a count"),
        ({"minimum": "1"}, "expected a number, got '1'"),
        ({"minimum": True}, "expected a number, got True"),
        ({"minimum": float("nan")}, "expected a number within 2^64, got nan"),
        ({"maximum": float("inf")}, "expected a number within 2^64, got inf"),
        ({"maximum": 1e30}, "expected a number within 2^64"),
        ({"exclusiveMinimum": -(1 << 65)}, "expected a number within 2^64"),
        ({"title": 5}, "expected a string of at most 8192 characters"),
        ({"description": "x" * (MAX_TEXT + 1)}, "expected a string of at most 8192 characters"),
        ({"enum": []}, "expected a list of 1 to 2000 items, got []"),
        ({"enum": "ab"}, "expected a list of 1 to 2000 items, got 'ab'"),
        ({"enum": [0] * 2001}, "expected a list of 1 to 2000 items"),
        ({"enum": ["x" * (MAX_TEXT + 1)]}, "expected a string of at most 8192 characters"),
        ({"const": {1, 2}}, "is not a JSON value"),
        ({"const": b"bytes"}, "is not a JSON value"),
        ({"const": float("nan")}, "expected a number within 2^64"),
        ({"default": 1 << 70}, "expected a number within 2^64"),
        ({"const": {str(n): n for n in range(2001)}}, "is not a JSON value"),
        ({"oneOf": []}, "expected a list of 1 to 2000 items"),
        ({"anyOf": {}}, "expected a list of 1 to 2000 items"),
        ({"prefixItems": [True]}, "expected a schema object, got True"),
        ({"items": []}, "expected a schema object, got []"),
        ({"additionalProperties": "no"}, "expected a schema object, got 'no'"),
        (5, "expected a schema object, got 5"),
        (None, "expected a schema object, got None"),
    ],
    ids=lambda part: repr(part)[:40],
)  # fmt: skip
def test_a_keyword_with_a_value_it_cannot_have_is_refused(part: Any, why: str) -> None:
    text = reason(parameters(a=part))

    assert text.startswith("at #/properties/a")
    assert why in text


@pytest.mark.parametrize("keyword", ["maxItems", "maximum", "title", "type", "const", "enum"])
def test_a_number_of_any_length_is_refused(keyword: str) -> None:
    assert reason(parameters(a={keyword: 1 << 20_000}))


@pytest.mark.parametrize(
    "part",
    [
        {"required": []},
        {"minLength": 0, "maxLength": 1 << 64},
        {"minimum": -(1 << 64), "exclusiveMaximum": 0.5},
        {"const": None},
        {"enum": [None, True, 1.5, "x", [1, [2]], {"a": {"b": 1}}]},
        {"examples": [{"a": 1}]},
        {"items": False, "additionalProperties": True},
        {"contentEncoding": "base64", "contentMediaType": "image/png", "format": "uri"},
    ],
    ids=repr,
)
def test_what_is_bounded_and_plain_is_kept_as_it_is(part: dict[str, Any]) -> None:
    assert safe_schema(parameters(a=part)) == parameters(a=part)


def test_the_dialect_is_dropped() -> None:
    document = {**parameters(), "$schema": "https://json-schema.org/draft/2020-12/schema"}

    assert safe_schema(document) == parameters()


@pytest.mark.parametrize("keyword", ["const", "default"])
def test_a_long_constant_is_refused_and_not_cut(keyword: str) -> None:
    constant = list(range(MAX_NODES + 1))

    assert "at #/properties/a" in reason(parameters(a={keyword: constant}))


# Hidden text


@pytest.mark.parametrize(
    "part",
    [
        {"description": "a\u202eb"},
        {"title": "a\u200bb"},
        {"enum": ["ok", "a\u2066b"]},
        {"const": {"a\u200b": 1}},
        {"default": ["\U000e0041"]},
        {"examples": ["\ue000"]},
        {"required": ["a\u200b"]},
        {"properties": {"a\u200b": {}}},
        {"format": "\x1b[31m"},
    ],
    ids=ascii,
)
def test_text_that_a_person_would_not_see_is_refused(part: dict[str, Any]) -> None:
    text = reason(parameters(a=part))

    assert "hidden character U+" in text
    assert text.isprintable()


# References


def test_a_reference_is_replaced_by_what_it_refers_to() -> None:
    document = {
        **parameters(
            a={"$ref": "#/$defs/size"}, b={"items": {"$ref": "#/$defs/size", "title": "B"}}
        ),
        "$defs": {"size": {"type": "integer", "title": "A"}},
    }

    assert safe_schema(document) == parameters(
        a={"type": "integer", "title": "A"}, b={"items": {"type": "integer", "title": "B"}}
    )


def test_a_definition_may_be_nothing_but_a_reference_to_another() -> None:
    document = {
        **parameters(a={"$ref": "#/$defs/width"}),
        "$defs": {"width": {"$ref": "#/$defs/size"}, "size": {"type": "integer"}},
    }

    assert safe_schema(document) == parameters(a={"type": "integer"})


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("#", "only '#/$defs/NAME' may be referred to"),
        ("#/properties/a", "only '#/$defs/NAME' may be referred to"),
        ("#/definitions/a", "only '#/$defs/NAME' may be referred to"),
        ("https://evil.example/schema.json", "only '#/$defs/NAME' may be referred to"),
        ("file:///etc/passwd", "only '#/$defs/NAME' may be referred to"),
        ("other.json#/$defs/a", "only '#/$defs/NAME' may be referred to"),
        (5, "only '#/$defs/NAME' may be referred to"),
        (["#/$defs/a"], "only '#/$defs/NAME' may be referred to"),
        ("#/$defs/nothing", "is not defined"),
        ("#/$defs/", "is not defined"),
        ("#/$defs/flag", "is not defined"),
        ("#/$defs/a/properties/b", "is not defined"),
    ],
)
def test_a_reference_to_anything_but_a_local_definition_is_refused(
    reference: Any, why: str
) -> None:
    document = {**parameters(x={"$ref": reference}), "$defs": {"a": {}, "flag": True}}

    assert why in reason(document)


@pytest.mark.parametrize(
    "definitions",
    [
        {"a": {"$ref": "#/$defs/a"}},
        {"a": {"properties": {"again": {"$ref": "#/$defs/a"}}}},
        {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}},
        {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
    ],
    ids=repr,
)
def test_a_definition_that_leads_back_to_itself_is_refused(definitions: dict[str, Any]) -> None:
    document = {**parameters(x={"$ref": "#/$defs/a"}), "$defs": definitions}

    assert "refers to itself" in reason(document)


def test_a_definition_may_be_used_twice_side_by_side() -> None:
    both = {"a": {"$ref": "#/$defs/s"}, "b": {"$ref": "#/$defs/s"}}

    assert safe_schema({**parameters(**both), "$defs": {"s": {}}}) == parameters(a={}, b={})


def bomb(levels: int) -> dict[str, Any]:
    """A small document of 2^levels leaves once references are replaced."""
    definitions: dict[str, Any] = {f"L{levels}": {"type": "string"}}
    for level in range(levels):
        part = {"$ref": f"#/$defs/L{level + 1}"}
        definitions[f"L{level}"] = {"properties": {"a": part, "b": part}}
    return {**parameters(x={"$ref": "#/$defs/L0"}), "$defs": definitions}


@pytest.mark.parametrize("levels", [11, 20, 30])
def test_references_that_double_at_every_level_are_refused(levels: int) -> None:
    assert f"more than {MAX_NODES} parts" in reason(bomb(levels))


def test_references_that_double_a_few_times_are_allowed() -> None:
    assert len(subschemas(safe_schema(bomb(5)))) == 1 + 2**6 - 1


def test_references_that_multiply_long_constants_are_refused() -> None:
    long = {"enum": ["x" * 4000 + str(number) for number in range(20)]}
    uses = {f"p{number}": {"$ref": "#/$defs/long"} for number in range(60)}
    document = {**parameters(**uses), "$defs": {"long": long}}

    assert reason(document)


# Depth and size


def chain(depth: int) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for _ in range(depth):
        part = {"items": part}
    return part


def test_a_schema_has_a_greatest_depth() -> None:
    root_and_property = 1

    safe_schema(parameters(a=chain(MAX_DEPTH - root_and_property)))
    assert f"nests deeper than {MAX_DEPTH}" in reason(
        parameters(a=chain(MAX_DEPTH - root_and_property + 1))
    )


def test_a_constant_has_a_greatest_depth() -> None:
    constant: Any = 0
    for _ in range(MAX_DEPTH):
        constant = [constant]

    safe_schema(parameters(a={"const": constant}))
    assert "a constant nests deeper than" in reason(parameters(a={"const": [constant]}))


def test_a_schema_has_a_greatest_number_of_parts() -> None:
    root = 1
    fits: dict[str, Any] = {f"p{number}": {} for number in range(MAX_NODES - root)}

    safe_schema(parameters(**fits))
    assert f"more than {MAX_NODES} parts" in reason(parameters(**fits, one_more={}))


def test_a_complaint_about_a_hostile_place_is_short_and_printable() -> None:
    name = "\x1b]0;" + "x" * 8000

    text = reason(parameters(**{"a" * 8000: {"properties": {name: {}}}}))

    assert len(text) < 500
    assert text.isprintable()


@pytest.mark.parametrize("keyword", ["minLength", "type", "const", "enum", "items", "properties"])
def test_values_of_any_depth_are_refused_and_never_crash_the_reader(keyword: str) -> None:
    for depth in range(40, 1100, 1 if IS_THOROUGH else 5):
        nested = b"[" * depth + b"]" * depth
        schema = b'{"type":"object","properties":{"a":{"items":{"%b":%b}}}}' % (
            keyword.encode(),
            nested,
        )
        with pytest.raises(ConfigError):
            manifest_from_values(
                manifest_values(b'{"abi":"json","input":%b}' % schema, file="a"), file="a"
            )


def test_a_reference_beside_annotations_keeps_the_definitions_constraints() -> None:
    document = {
        **parameters(a={"$ref": "#/$defs/s", **dict.fromkeys(ANNOTATIONS[:3], "mine")}),
        "$defs": {"s": {"type": "string", "maxLength": 3, "title": "theirs"}},
    }

    assert safe_schema(document)["properties"]["a"] == {
        "type": "string",
        "maxLength": 3,
        "title": "mine",
        "description": "mine",
        "default": "mine",
    }
