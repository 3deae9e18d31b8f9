"""Which texts of an artifact somebody reads, and where they stand."""

from __future__ import annotations

from typing import Any

import pytest
from audit_subjects import asking, subject_with
from audit_texts import component_of, function_of, subject_saying
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.audit import visible
from hatchway.audit.visible import VisibleText, visible_texts

MANIFEST = """
name = "tool"
version = "1.0"
purpose = "Adds."
description = "Adds two numbers."
abi = "json"
annotations = { title = "Adder" }
requires = [{ capability = "clock", reason = "stamps" }]

[input]
type = "object"

[input.properties.kind]
title = "Kind"
description = "What to add."
enum = ["plain", { deep = ["inner"] }]
default = "plain"
examples = ["an example"]
const = "plain"
"""


def texts_of(subject: Any) -> dict[tuple[object, ...], VisibleText]:
    return {(*item.field, item.is_key): item for item in visible_texts(subject).items}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("description",), "Adds two numbers."),
        (("purpose",), "Adds."),
        (("annotations", "title"), "Adder"),
        (("input", "properties", "kind", "title"), "Kind"),
        (("input", "properties", "kind", "description"), "What to add."),
        (("input", "properties", "kind", "enum", 0), "plain"),
        (("input", "properties", "kind", "enum", 1, "deep", 0), "inner"),
        (("input", "properties", "kind", "default"), "plain"),
        (("input", "properties", "kind", "examples", 0), "an example"),
        (("input", "properties", "kind", "const"), "plain"),
    ],
)
def test_every_text_of_a_listing_is_looked_at_with_its_place(
    path: tuple[object, ...], text: str
) -> None:
    found = texts_of(subject_saying(MANIFEST))[(*path, False)]

    assert (found.text, found.reader, found.tool) == (text, "model", "tool")


def test_names_of_parameters_and_keys_of_constants_are_texts_too() -> None:
    found = texts_of(subject_saying(MANIFEST))

    assert found["input", "properties", "kind", True].text == "kind"
    assert found["input", "properties", "kind", "enum", 1, "deep", True].text == "deep"


def test_what_only_a_person_reads_is_told_apart() -> None:
    found = texts_of(subject_saying(MANIFEST))

    assert found["requires", 0, "reason", False].reader == "person"
    assert found["version", False].reader == "person"


def test_texts_of_several_tools_name_theirs_and_keep_their_place_when_tools_move() -> None:
    subject = subject_saying(
        """
        [[tools]]
        name = "one"
        abi = "json"
        input = { type = "object" }
        description = "First."
        [[tools]]
        name = "two"
        abi = "json"
        input = { type = "object" }
        description = "Second."
        """
    )

    found = texts_of(subject)

    assert found["tools", 1, "description", False].tool == "tool.two"
    assert found["tools", 1, "description", False].place == "description"


def test_a_manifest_that_was_refused_is_looked_at_all_the_same() -> None:
    subject = subject_saying('tools = ["no table", { name = 3, instructions = "obey" }]')

    found = texts_of(subject)

    assert subject.manifest is None
    assert found["tools", 0, False].text == "no table"
    assert found["tools", 1, "instructions", False].tool == "tool"


def test_a_manifest_is_looked_at_also_when_only_its_parsed_form_is_given() -> None:
    subject = subject_with(manifest=asking(several=True))

    assert [item.text for item in visible_texts(subject).items] == ["tools"]


def test_a_component_is_read_by_the_names_of_its_functions_and_parameters() -> None:
    found = texts_of(component_of(function_of("add", "left"), description="Calls add."))

    assert found["name", False].text == "tool.add"
    assert found["description", False].text == "Calls add."
    label = found["input", "properties", "left", True]
    assert (label.text, label.tool, label.evidence("x").kind) == ("left", "tool.add", "text")


def test_what_the_manifest_says_is_not_looked_at_twice() -> None:
    places = [item.text for item in visible_texts(subject_saying(MANIFEST)).items]

    assert places.count("Adds two numbers.") == 1


@pytest.mark.parametrize(
    "values",
    [{"a": "x" * (visible.MAX_CHARACTERS + 1)}, {"a": [""] * (visible.MAX_TEXTS + 10)}],
    ids=["long", "many"],
)
def test_more_text_than_is_looked_at_is_said_to_be_there(values: dict[str, Any]) -> None:
    texts = visible_texts(subject_with(manifest_values=values))

    assert not texts.is_complete


def test_more_keys_than_are_looked_at_are_said_to_be_there() -> None:
    values = {f"{number}": 0 for number in range(visible.MAX_TEXTS + 10)}

    assert not visible_texts(subject_with(manifest_values=values)).is_complete


def test_text_that_lies_too_deep_is_said_to_be_there_and_the_rest_is_read() -> None:
    deep: Any = "bottom"
    for _ in range(visible.MAX_DEPTH + 1):
        deep = [deep]

    texts = visible_texts(subject_with(manifest_values={"a": deep, "b": "read"}))

    assert not texts.is_complete
    assert "read" in {item.text for item in texts.items}


@patient
@given(st.dictionaries(st.text(max_size=6), json_values(), max_size=4))
def test_any_values_are_walked_to_their_last_text(values: dict[str, Any]) -> None:
    texts = visible_texts(subject_with(manifest_values=values))

    assert texts.is_complete
    assert sorted(item.text for item in texts.items) == sorted(strings_in(values))


def strings_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in strings_in(item))]
    inside = value if isinstance(value, list) else []
    return [text for item in inside for text in strings_in(item)]
