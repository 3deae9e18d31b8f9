"""A manifest in both of its forms: what it may say, and what is wrong with it."""

from __future__ import annotations

import contextlib
import json
import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import IS_THOROUGH, json_values, patient, readable_text

from hatchway.core.capability import Clock, EnvironmentVariable, FileAccess
from hatchway.core.errors import ConfigError
from hatchway.core.manifest import (
    Annotations,
    Argument,
    InputFile,
    Manifest,
    ResultMapping,
    ToolManifest,
    Want,
)
from hatchway.policy.manifest import (
    MAX_DESCRIPTION,
    MAX_TOOLS,
    manifest_from_values,
    manifest_values,
    parse_manifest_toml,
)
from hatchway.policy.reading import MAX_DOCUMENT_BYTES

INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "width": {"type": "integer"},
        "wide": {"type": "boolean"},
        "text": {"type": "string"},
    },
}

WHOLE = """\
name = "resize"
version = "1.2.0"
purpose = "Resizes pictures."
description = "Makes a picture smaller."
abi = "argv"
argv = ["--width={width}", { value = "--wide", when = "wide" }, "--", "{text}"]
stdin = "{text}"
workspace = "/box"
files = [{ path = "in/a.txt", value = "{text}" }]
result = [{ type = "image", media_type = "image/png", file = "out.png" }]
requires = [{ capability = "fs.read=/assets", reason = "fonts" }]
optional = [{ capability = "clock", reason = "stamps" }]

[input]
type = "object"
[input.properties]
width = { type = "integer" }
wide = { type = "boolean" }
text = { type = "string" }

[annotations]
title = "Resize"
readOnlyHint = true
destructiveHint = false
idempotentHint = true
openWorldHint = false
"""

SEVERAL = """\
version = "1"
purpose = "Text tools."

[[tools]]
name = "upper"
abi = "json"
input = { type = "object" }

[[tools]]
name = "lower"
purpose = "Lowers text."
abi = "json"
input = { type = "object" }
"""


def in_section(data: bytes) -> Manifest:
    """A manifest as an artifact carries it."""
    return manifest_from_values(manifest_values(data, file="a.wasm"), file="a.wasm")


def toml(text: str) -> Manifest:
    return parse_manifest_toml(text, file="tool.toml")


def values(**keys: Any) -> Manifest:
    """The manifest of a JSON command with these keys."""
    return manifest_from_values({"abi": "json", "input": INPUT, **keys}, file="a.wasm")


def argv(*items: Any, **keys: Any) -> ToolManifest:
    """The tool of a command-line manifest with this command line."""
    document = {"abi": "argv", "input": INPUT, "argv": list(items), **keys}
    return manifest_from_values(document, file="a.wasm").tools[0]


def complaint(action: Any) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        action()
    assert raised.value.message.isprintable()
    return raised.value


def test_a_whole_manifest_becomes_a_value() -> None:
    assert toml(WHOLE) == Manifest(
        name="resize",
        version="1.2.0",
        source=tomllib.loads(WHOLE),
        tools=(
            ToolManifest(
                name=None,
                purpose="Resizes pictures.",
                description="Makes a picture smaller.",
                abi="argv",
                input=INPUT,
                argv=(
                    Argument(template="--width={width}"),
                    Argument(template="--wide", when="wide"),
                    Argument(template="--"),
                    Argument(template="{text}"),
                ),
                stdin="{text}",
                workspace="/box",
                files=(InputFile(path="in/a.txt", value="{text}"),),
                results=(ResultMapping(kind="image", media_type="image/png", file="out.png"),),
                annotations=Annotations(
                    title="Resize",
                    read_only=True,
                    destructive=False,
                    idempotent=True,
                    open_world=False,
                ),
                requires=(
                    Want(
                        capability=FileAccess(access="read", guest_path="/assets"), reason="fonts"
                    ),
                ),
                optional=(Want(capability=Clock(), reason="stamps"),),
            ),
        ),
    )


def test_several_tools_share_the_purpose_of_the_whole() -> None:
    manifest = toml(SEVERAL)

    assert [(tool.name, tool.purpose) for tool in manifest.tools] == [
        ("upper", "Text tools."),
        ("lower", "Lowers text."),
    ]
    assert (manifest.name, manifest.version) == (None, "1")


def test_an_empty_manifest_describes_a_component_and_says_nothing() -> None:
    assert toml("") == Manifest(
        name=None, version=None, tools=(ToolManifest(name=None),), source={}
    )


@pytest.mark.parametrize("text", [WHOLE, SEVERAL, ""], ids=["whole", "several", "empty"])
def test_both_forms_of_a_manifest_mean_the_same(text: str) -> None:
    as_json = json.dumps(tomllib.loads(text)).encode()

    assert in_section(as_json) == toml(text)


@pytest.mark.parametrize("text", [WHOLE, SEVERAL, ""], ids=["whole", "several", "empty"])
def test_the_source_of_a_manifest_says_all_that_the_manifest_says(text: str) -> None:
    manifest = toml(text)

    assert manifest_from_values(dict(manifest.source), file="lock") == manifest


# The document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nnaem = 'x'", "tool.toml:2: unknown key 'naem'"),
        ("abi = 'wasm'", "tool.toml:1: 'abi' is one of json, argv, extism, hyper-mcp; got 'wasm'"),
        ("\n\nname = 'a b'", "tool.toml:3: 'a b' is not a tool's name"),
        ("name = 5", "tool.toml:1: 'name' must be a string, got 5"),
        ("name = '" + "a" * 65 + "'", "tool.toml:1: 'name' may have 64 characters, got 65"),
        ("version = '" + "1" * 65 + "'", "tool.toml:1: 'version' may have 64 characters, got 65"),
        ("[annotations]\nreadonly = true", "tool.toml:2: unknown key 'readonly' in [annotations]"),
        ("[annotations]\nreadOnlyHint = 'yes'", "tool.toml:2: 'readOnlyHint' must be true"),
        ("tools = []", "tool.toml:1: a manifest describes 1 to 200 tools"),
        ("tools = 5", "tool.toml:1: 'tools' must be an array of tables, got 5"),
        ("abi = 'json'\n[[tools]]\nname = 'x'", "tool.toml:1: unknown key 'abi'"),
        ("[[tools]]\nabi = 'json'\ninput = { type = 'object' }", "tool.toml:1: every one of"),
        ("[[tools]]\nname = ''", "tool.toml:2: every one of several tools needs a name"),
        ("[[tools]]\nname = 'a b'", "tool.toml:2: every one of several tools needs a name"),
        ("[[tools]]\nname = 'a'\n[[tools]]\nname = 'a'", "tool.toml:1: two tools have the same"),
        ("[[tools]]\nname = 'a'\nversion = '1'", "tool.toml:3: unknown key 'version' in [tools.0]"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    assert complaint(lambda: toml(text)).message.startswith(message)


def test_an_unknown_key_is_answered_with_the_nearest_one() -> None:
    error = complaint(lambda: toml("discription = ''"))

    assert (error.code, error.hint) == ("config.unknown_key", "did you mean 'description'?")


def test_a_manifest_describes_a_bounded_number_of_tools() -> None:
    def document(count: int) -> dict[str, Any]:
        return {"tools": [{"name": f"t{number}"} for number in range(count)]}

    assert len(manifest_from_values(document(MAX_TOOLS), file="a").tools) == MAX_TOOLS
    complaint(lambda: manifest_from_values(document(MAX_TOOLS + 1), file="a"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"name": "a", "name": "b"}', "a key stands there twice"),
        (b'{"input": {"a": 1, "a": 2}}', "a key stands there twice"),
        (b'{"name": NaN}', "NaN is not JSON"),
        (b'{"name": Infinity}', "Infinity is not JSON"),
        (b'{"name": -Infinity}', "-Infinity is not JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"name": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
    ids=lambda data: repr(data)[:30],
)
def test_what_is_not_strict_json_is_refused(data: bytes, why: str) -> None:
    error = complaint(lambda: in_section(data))

    assert error.code == "config.syntax"
    assert error.message.startswith("a.wasm: the manifest is not valid JSON: ")
    assert why in error.message


@pytest.mark.parametrize("data", [b"[]", b"5", b"null", b'"x"'])
def test_a_manifest_is_an_object(data: bytes) -> None:
    error = complaint(lambda: in_section(data))

    assert error.message == "a.wasm: the manifest must be an object"


def test_a_huge_manifest_is_refused_before_it_is_parsed() -> None:
    padding = b" " * MAX_DOCUMENT_BYTES

    assert in_section(b"{}" + padding[2:]).name is None
    error = complaint(lambda: in_section(b"{}" + padding))
    assert error.code == "config.too_large"


@pytest.mark.parametrize(
    "key", ["name", "argv", "workspace", "files", "result", "requires", "annotations"]
)
def test_a_manifest_of_any_depth_is_refused_with_a_config_error(key: str) -> None:
    for depth in range(3, 1100, 1 if IS_THOROUGH else 5):
        data = b'{"abi":"argv","input":{"type":"object"},"%b":%b}' % (
            key.encode(),
            b"[" * depth + b"]" * depth,
        )
        with pytest.raises(ConfigError):
            in_section(data)


# What the lockfile will keep of it


UNKEEPABLE = {
    "a date under $schema": '"$schema" = 1979-05-27',
    "a date in a definition": '[input."$defs".a]\ndefault = 1979-05-27',
    "a number that is none": '[input."$defs".a]\ndefault = nan',
    "a number nobody could write down": f'[input."$defs".a]\ndefault = 0x{"f" * 5000}',
}


@pytest.mark.parametrize("case", UNKEEPABLE)
def test_a_manifest_that_json_cannot_hold_is_refused(case: str) -> None:
    text = f'abi = "json"\n[input]\ntype = "object"\n{UNKEEPABLE[case]}'

    try:
        source = toml(text).source
    except ConfigError:
        return

    assert json.loads(json.dumps(source, allow_nan=False)) == source


SURROGATES: dict[str, dict[str, Any]] = {
    "version": {"version": "\ud800"},
    "an argument": {"abi": "argv", "argv": ["\ud800"]},
    "stdin": {"abi": "argv", "stdin": "\ud800"},
    "the workspace": {"workspace": "/\ud800"},
    "a file's path": {"files": [{"path": "\ud800", "value": ""}]},
    "a file's value": {"files": [{"path": "a", "value": "\ud800"}]},
    "a result's file": {"abi": "argv", "result": {"type": "text", "file": "\ud800"}},
    "a definition": {"input": {"type": "object", "$defs": {"a": {"title": "\ud800"}}}},
    "the dialect": {"input": {"type": "object", "$schema": "\ud800"}},
}


@pytest.mark.parametrize("case", SURROGATES)
def test_a_manifest_that_is_not_unicode_is_refused(case: str) -> None:
    document = {"abi": "json", "input": INPUT, **SURROGATES[case]}
    data = json.dumps(document).encode()

    with pytest.raises(ConfigError):
        in_section(data)


# Text


@pytest.mark.parametrize("key", ["purpose", "description"])
def test_text_for_the_model_hides_nothing(key: str) -> None:
    error = complaint(lambda: values(**{key: "Adds.\u202e"}))

    assert error.message == f"a.wasm: {key!r} contains the hidden character U+202E"


def test_a_title_hides_nothing() -> None:
    error = complaint(lambda: values(annotations={"title": "\u200bAdd"}))

    assert "'title' contains the hidden character U+200B" in error.message


@pytest.mark.parametrize(("key", "limit"), [("purpose", 512), ("description", MAX_DESCRIPTION)])
def test_text_for_the_model_has_a_longest_length(key: str, limit: int) -> None:
    values(**{key: "x" * limit})

    assert (
        f"may have {limit} characters"
        in complaint(lambda: values(**{key: "x" * (limit + 1)})).message
    )


def test_an_empty_title_is_no_title() -> None:
    assert values(annotations={"title": ""}).tools[0].annotations == Annotations()


# Abi


@pytest.mark.parametrize(
    "key", ["input", "output", "argv", "stdin", "workspace", "files", "result"]
)
def test_a_key_for_commands_has_no_effect_on_a_component_and_is_refused(key: str) -> None:
    error = complaint(lambda: manifest_from_values({key: "x"}, file="a"))

    assert error.message == f"a: {key!r} has no effect here"
    assert error.hint is not None
    assert "abi" in error.hint


@pytest.mark.parametrize(("key", "value"), [("argv", []), ("stdin", "x")])
def test_a_key_for_command_lines_has_no_effect_on_json_and_is_refused(key: str, value: Any) -> None:
    error = complaint(lambda: values(**{key: value}))

    assert f"{key!r} has no effect here" in error.message
    assert error.hint == 'with abi = "json" both streams carry JSON'


@pytest.mark.parametrize("abi", ["json", "argv"])
def test_a_command_needs_an_input_schema(abi: str) -> None:
    error = complaint(lambda: manifest_from_values({"abi": abi}, file="a"))

    assert error.message == "a: a command needs an input schema"


def test_a_json_command_answers_with_json() -> None:
    assert values().tools[0].results == (ResultMapping(kind="json"),)


def test_a_command_line_answers_with_text_unless_it_says_otherwise() -> None:
    assert argv().results == (ResultMapping(kind="text"),)
    assert argv(result="text").results == (ResultMapping(kind="text"),)
    assert argv(result="json").results == (ResultMapping(kind="json"),)


def test_an_output_schema_promises_json() -> None:
    output = {"type": "object"}

    assert values(output=output).tools[0].output == output
    assert argv(result="json", output=output).output == output
    assert argv(result={"type": "json"}, output=output).output == output
    assert argv(result=[{"type": "json", "file": "a"}], output=output).output == output
    error = complaint(lambda: argv(result="text", output=output))
    assert error.message == "a.wasm: 'output' needs result = \"json\""


@pytest.mark.parametrize(
    ("key", "schema", "why"),
    [
        ("input", {"type": "string"}, 'the root must have "type": "object"'),
        ("input", {"type": "object", "pattern": "a+"}, "the keyword 'pattern' is not allowed"),
        ("output", {"type": "array"}, 'the root must have "type": "object"'),
        ("input", {"type": "object", "minProperties": 1 << 70}, "expected a count"),
        (
            "input",
            {"type": "object", "properties": {"a": {"maximum": 10**400}}},
            "expected a number",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_schema_that_is_not_safe_is_refused(key: str, schema: Any, why: str) -> None:
    error = complaint(lambda: values(**{key: schema}))

    assert error.code == "config.schema"
    assert error.message.startswith(f"a.wasm: {key!r}: ")
    assert why in error.message


def test_a_schema_is_a_table() -> None:
    assert "'input' must be a table" in complaint(lambda: values(input="x")).message


# Command lines


@pytest.mark.parametrize(
    "item", ["", "--", "-v", "{width}", "--size={width}x{width}", "{nothing", "}", "{}", "{1}"]
)
def test_an_argument_is_text_with_places_for_parameters(item: str) -> None:
    assert argv(item).argv == (Argument(template=item),)


def test_an_argument_may_depend_on_a_boolean_parameter() -> None:
    assert argv({"value": "--wide", "when": "wide"}).argv == (
        Argument(template="--wide", when="wide"),
    )


@pytest.mark.parametrize(
    "item",
    [
        5, None, True, ["--a"], {}, {"value": "a"}, {"when": "wide"}, {"value": 5, "when": "wide"},
        {"value": "a", "when": 5}, {"value": "a", "when": "wide", "else": "b"},
    ],
    ids=repr,
)  # fmt: skip
def test_an_argument_is_text_or_a_value_with_a_condition(item: Any) -> None:
    error = complaint(lambda: argv("-v", item))

    assert "expected a string or { value, when }" in error.message
    assert error.hint == 'argv = ["--width={width}", { value = "--wide", when = "wide" }]'


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("{height}", "{height} is not a parameter of the input schema"),
        ("--a={width}{height}", "{height} is not a parameter"),
        ({"value": "{height}", "when": "wide"}, "{height} is not a parameter"),
        ({"value": "x", "when": "height"}, "{height} is not a parameter"),
        ({"value": "x", "when": "width"}, "'width' must be a boolean parameter"),
        ({"value": "x", "when": ""}, ""),
        ("a\0b", "an argument cannot contain a NUL byte"),
    ],
    ids=repr,
)
def test_an_argument_that_nothing_could_fill_is_refused(item: Any, why: str) -> None:
    assert why in complaint(lambda: argv(item)).message


def test_a_command_line_without_parameters_in_its_schema_has_no_places() -> None:
    complaint(lambda: argv("{width}", input={"type": "object"}))
    assert argv("-v", input={"type": "object"}).argv == (Argument(template="-v"),)


def test_a_mistake_in_a_command_line_is_named_with_its_own_line() -> None:
    text = 'abi = "argv"\ninput = { type = "object" }\nargv = [\n"-v",\n"{width}",\n]'

    assert complaint(lambda: toml(text)).message.startswith("tool.toml:5: {width}")


@pytest.mark.parametrize("template", ["", "{text}", "{text}\n{width}", "plain"])
def test_standard_input_is_a_template(template: str) -> None:
    assert argv(stdin=template).stdin == template


def test_standard_input_that_nothing_could_fill_is_refused() -> None:
    assert "{height} is not a parameter" in complaint(lambda: argv(stdin="{height}")).message
    assert "may have 4096 characters" in complaint(lambda: argv(stdin="x" * 4097)).message


# Wants


@pytest.mark.parametrize("key", ["requires", "optional"])
def test_a_want_is_a_capability_and_a_reason(key: str) -> None:
    tool = values(**{key: [{"capability": "env=LANG", "reason": "dates"}]}).tools[0]

    assert getattr(tool, key) == (
        Want(capability=EnvironmentVariable(variable="LANG"), reason="dates"),
    )


@pytest.mark.parametrize("key", ["requires", "optional"])
@pytest.mark.parametrize(
    ("want", "why"),
    [
        ({"reason": "r"}, "needs a capability"),
        ({"capability": "", "reason": "r"}, "needs a capability"),
        ({"capability": "clock"}, "needs a reason"),
        ({"capability": "clock", "reason": ""}, "needs a reason"),
        ({"capability": "clock", "reason": "a\u200b"}, "hidden character U+200B"),
        ({"capability": "clock", "reason": "x" * 513}, "may have 512 characters"),
        ({"capability": "clock", "reason": "r", "scope": "x"}, "unknown key 'scope'"),
        ({"capability": 5, "reason": "r"}, "'capability' must be a string"),
        ({"capability": "clocks", "reason": "r"}, "unknown capability 'clocks'"),
        ({"capability": "env=LANG=C", "reason": "r"}, "their values are the operator's"),
        ({"capability": "fs.read=/x:/y", "reason": "r"}, "names the guest directory only"),
        ({"capability": "fs.read=/%ff", "reason": "r"}, "is not a capability"),
        ("clock", "expected a table, got 'clock'"),
    ],
    ids=str,
)
def test_a_want_that_is_not_plainly_written_is_refused(key: str, want: Any, why: str) -> None:
    assert why in complaint(lambda: values(**{key: [want]})).message


def test_a_bad_capability_keeps_its_code_and_hint() -> None:
    error = complaint(lambda: values(requires=[{"capability": "clocks", "reason": "r"}]))

    assert (error.code, error.hint) == ("config.bad_capability", "did you mean 'clock'?")


# Anything at all

KEYS = (
    "name", "version", "purpose", "description", "abi", "input", "output", "argv", "stdin",
    "workspace", "files", "result", "annotations", "requires", "optional", "tools",
)  # fmt: skip
likely = st.one_of(
    json_values(5),
    st.sampled_from(
        (
            "json", "argv", "text", INPUT, ["{width}"], [{"capability": "clock"}], "/box",
            [{"path": "a", "value": "{text}"}], [{"type": "json"}, {"type": "text", "file": "*"}],
        )
    ),
)  # fmt: skip
documents = st.dictionaries(st.sampled_from(KEYS), likely, max_size=6)


@patient
@given(documents)
@example({"abi": "json", "input": {"type": "object", "minProperties": 10**400}})
def test_any_values_are_a_manifest_or_a_config_error(document: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(manifest_from_values(document, file="a.wasm"), Manifest)


@patient
@given(documents)
def test_json_text_and_its_values_mean_the_same(document: dict[str, Any]) -> None:
    def outcome(action: Any) -> object:
        try:
            return action()
        except ConfigError as error:
            return (error.code, error.message, error.hint)

    data = json.dumps(document).encode()

    from_text = outcome(lambda: in_section(data))

    assert from_text == outcome(lambda: manifest_from_values(json.loads(data), file="a.wasm"))


@patient
@given(st.binary(max_size=60) | readable_text(60).map(str.encode))
def test_any_bytes_are_a_manifest_or_a_config_error(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        in_section(data)


@patient
@given(readable_text(80))
def test_any_text_is_a_manifest_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        toml(text)
