"""What a manifest says about functions: of components and plug-ins; and about their licence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.policy.manifest import manifest_from_values

if TYPE_CHECKING:
    from hatchway.core.manifest import Manifest, ToolManifest

SCHEMA = {"type": "object"}


def manifest(**keys: Any) -> Manifest:
    return manifest_from_values(keys, file="tool.toml")


def tool(**keys: Any) -> ToolManifest:
    return manifest(**keys).tools[0]


def complaint(**keys: Any) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        manifest(**keys)
    assert raised.value.message.isprintable()
    return raised.value


# Functions of components


def test_values_are_spelled_as_their_types_say_unless_the_manifest_wants_them_plain() -> None:
    assert [tool().json, tool(json="wit").json, tool(json="plain").json] == ["wit", "wit", "plain"]


def test_another_spelling_of_values_is_refused() -> None:
    assert "'json' is one of wit, plain; got 'yaml'" in complaint(json="yaml").message


def test_every_parameter_may_be_described() -> None:
    assert tool(parameters={"a": "First.", "b": ""}).parameters == {"a": "First.", "b": ""}
    assert tool().parameters == {}


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({"a": "First.\u202e"}, "'a' contains the hidden character"),
        ({"a": "x" * 1025}, "may have 1024 characters"),
        ({"a": 5}, "'a' must be a string"),
        ("First.", "'parameters' must be a table"),
    ],
)
def test_a_description_of_a_parameter_is_short_text_that_can_be_seen(
    described: Any, why: str
) -> None:
    assert why in complaint(parameters=described).message


# Keys that nothing would act on

COMMANDS_OWN = ("argv", "stdin", "workspace", "files", "result")
COMPONENTS_OWN = ("json", "parameters")
USELESS = {
    None: ("function", "input", "output", *COMMANDS_OWN),
    "json": ("function", "argv", "stdin", *COMPONENTS_OWN),
    "argv": ("function", *COMPONENTS_OWN),
    "extism": ("argv", *COMPONENTS_OWN),
    "hyper-mcp": (*COMMANDS_OWN, *COMPONENTS_OWN),
}


@pytest.mark.parametrize(
    ("abi", "key"), [(abi, key) for abi, keys in USELESS.items() for key in keys]
)
def test_a_key_that_nothing_would_act_on_is_refused_with_what_to_do(
    abi: str | None, key: str
) -> None:
    base: dict[str, Any] = {} if abi is None else {"abi": abi, "input": SCHEMA}

    error = complaint(**base, **{key: "x"})

    assert error.message == f"tool.toml: {key!r} has no effect here"
    assert error.hint


# Functions of plug-ins


def test_a_plugins_tool_names_the_function_it_calls() -> None:
    found = tool(abi="extism", input=SCHEMA, function="count_vowels")

    assert (found.abi, found.function) == ("extism", "count_vowels")


@pytest.mark.parametrize("function", [{}, {"function": ""}])
def test_a_plugins_tool_without_a_function_is_refused(function: dict[str, str]) -> None:
    error = complaint(abi="extism", input=SCHEMA, **function)

    assert error.message == "tool.toml: a plug-in's tool needs the function it calls"
    assert error.hint == 'function = "count_vowels"'


@pytest.mark.parametrize("function", ["call", "call_tool"])
def test_a_plugin_for_hyper_mcp_is_called_as_it_says(function: str) -> None:
    assert tool(abi="hyper-mcp", input=SCHEMA, function=function).function == function


@pytest.mark.parametrize("function", [{}, {"function": "count_vowels"}])
def test_a_plugin_for_hyper_mcp_has_no_other_functions(function: dict[str, str]) -> None:
    error = complaint(abi="hyper-mcp", input=SCHEMA, **function)

    assert error.message.endswith("with abi = 'hyper-mcp' the function is 'call' or 'call_tool'")


def test_a_plugin_for_hyper_mcp_may_promise_what_it_answers() -> None:
    assert tool(abi="hyper-mcp", input=SCHEMA, function="call", output=SCHEMA).output == SCHEMA


@pytest.mark.parametrize("abi", ["extism", "hyper-mcp"])
def test_a_plugin_needs_an_input_schema(abi: str) -> None:
    assert complaint(abi=abi, function="call").message == (
        "tool.toml: a plug-in needs an input schema"
    )


# Licence


@pytest.mark.parametrize(
    "licence",
    [
        "Apache-2.0",
        "MIT OR (Apache-2.0 WITH LLVM-exception)",
        "(MIT AND ISC)",
        "GPL-2.0+",
        "0BSD",
        "L" * 128,
    ],
)
def test_a_licence_is_an_spdx_expression(licence: str) -> None:
    assert manifest(licence=licence).licence == licence


def test_a_licence_need_not_be_stated() -> None:
    assert manifest().licence is None


@pytest.mark.parametrize("licence", ["", " MIT", "MIT\n", "MIT;", "<b>", "ΜIT", "-MIT", "a/b"])
def test_what_is_no_expression_is_refused_with_one_that_is(licence: str) -> None:
    error = complaint(licence=licence)

    assert "is not an SPDX licence expression" in error.message
    assert error.hint == 'licence = "Apache-2.0"'


def test_a_licence_has_a_longest_length() -> None:
    assert "may have 128 characters" in complaint(licence="L" * 129).message


@patient
@given(st.text(max_size=140))
def test_no_licence_that_is_taken_can_be_mistaken_for_something_else(text: str) -> None:
    try:
        taken = manifest(licence=text).licence
    except ConfigError:
        return
    assert taken == text
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 128
