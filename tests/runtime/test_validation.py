"""The faster validator says what the library says."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import jsonschema
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from strategies import patient, schema_instances, schemas

from hatchway.runtime.validation import Validator


def complaints(validator: Any, instance: Any) -> list[tuple[str, str]]:
    """Every place and complaint."""
    return sorted((error.json_path, error.message) for error in validator.iter_errors(instance))


def ours(schema: dict[str, Any], instance: Any) -> list[tuple[str, str]]:
    return complaints(Validator(schema), instance)


def theirs(schema: dict[str, Any], instance: Any) -> list[tuple[str, str]]:
    return complaints(jsonschema.Draft202012Validator(schema), instance)


@patient
@given(schemas(), schema_instances())
def test_an_instance_is_judged_as_the_library_judges_it(
    schema: dict[str, Any], instance: Any
) -> None:
    event(f"valid: {not theirs(schema, instance)}")

    assert ours(schema, instance) == theirs(schema, instance)


@patient
@given(
    st.dictionaries(st.sampled_from("abc"), schemas(depth=1), max_size=3),
    st.booleans() | schemas(depth=0),
    st.lists(st.sampled_from("abc"), max_size=2, unique=True),
    st.dictionaries(st.sampled_from("abcd"), schema_instances(), max_size=4),
)
def test_arguments_are_judged_as_the_library_judges_them(
    properties: dict[str, Any], additional: Any, required: list[str], instance: dict[str, Any]
) -> None:
    schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": additional,
        "required": required,
    }

    assert ours(schema, instance) == theirs(schema, instance)


TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "instance",
    [{}, [], "", 0, 1, -1, 0.0, 1.0, 1.5, float("inf"), 1 << 70, True, False, None],
    ids=repr,
)
def test_the_type_of_a_value_is_what_the_library_says(kind: str, instance: Any) -> None:
    for schema in ({"type": kind}, {"type": [kind, "null"]}, {"properties": {"a": {"type": kind}}}):
        for value in (instance, {"a": instance}):
            assert ours(schema, value) == theirs(schema, value)


_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [{}, [], "", 0, True, False, None, 1.0, OrderedDict()]
)
_PARTS = st.sampled_from(TYPES).map(lambda kind: {"type": kind}) | st.sampled_from(
    [True, {"title": "t"}, {"type": "string", "maxLength": 0}, {"type": ["string", "null"]}]
)


@patient
@given(
    st.dictionaries(st.sampled_from("abc"), _PARTS, max_size=3),
    st.sampled_from([{}, {"additionalProperties": False}, {"minProperties": 1}, {"not": True}]),
    st.sampled_from([{}, {"required": ["a"]}, {"required": ["d"]}]),
    st.dictionaries(st.sampled_from("abcd"), _VALUES, max_size=4),
)
def test_plain_objects_are_judged_as_the_library_judges_them(
    properties: dict[str, Any], more: dict[str, Any], required: dict[str, Any], instance: Any
) -> None:
    schema = {"type": "object", "properties": properties, **more, **required}
    event(f"valid: {not theirs(schema, instance)}")

    assert ours(schema, instance) == theirs(schema, instance)
    assert Validator(schema).is_valid(instance) == (not theirs(schema, instance))


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "instance",
    [OrderedDict(a=1), OrderedDict(a="x", b=1), {"a": Name("x")}, {Name("a"): 1}],
    ids=repr,
)
def test_values_that_json_does_not_make_are_left_to_the_library(instance: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "additionalProperties": False,
    }

    assert ours(schema, instance) == theirs(schema, instance)


@pytest.mark.parametrize(
    "part",
    [
        True,
        False,
        {},
        {"title": "t", "description": "d", "default": 1, "examples": [1], "type": "string"},
        {"type": "string", "minLength": 2},
        {"type": ["string"]},
        {"enum": ["x"]},
    ],
    ids=repr,
)
@pytest.mark.parametrize("value", ["x", "xx", 1, None], ids=repr)
def test_a_property_that_says_more_than_its_type_is_checked_for_all_it_says(
    part: Any, value: Any
) -> None:
    schema = {"properties": {"a": part}}

    assert ours(schema, {"a": value}) == theirs(schema, {"a": value})


def test_additional_properties_beside_patterns_are_left_to_the_library() -> None:
    schema = {"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}

    for instance in ({}, {"x1": 1}, {"x1": "a"}, {"y": 1}):
        assert ours(schema, instance) == theirs(schema, instance)


def test_the_first_complaint_names_place_and_reason() -> None:
    validator = Validator({"properties": {"a": {"items": {"type": "integer"}}}})

    error = next(validator.iter_errors({"a": [1, "x"]}))

    assert (list(error.absolute_path), error.message) == (
        ["a", 1],
        "'x' is not of type 'integer'",
    )
