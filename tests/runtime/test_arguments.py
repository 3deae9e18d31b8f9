"""Arguments from a client: bounded, checked, and never more than what the manifest maps."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.core.errors import InvalidArgumentsError
from hatchway.core.json_text import MAX_DEPTH
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.core.surface import Surface
from hatchway.core.wit import Primitive, WitFunction
from hatchway.policy.manifest import manifest_from_values
from hatchway.runtime.arguments import (
    MAX_COMMAND_LINE_BYTES,
    MAX_TEXT_BYTES,
    MAX_VALUES,
    invocation_of,
    parse_arguments,
    require_bounded,
    require_valid,
)
from hatchway.runtime.toolset import binary_safe, tools_of
from hatchway.runtime.validation import Validator

DIGEST = "sha256:" + "0" * 64
COMMAND = Surface(kind="module", imports=(), is_command=True, exports=("_start",))
INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "more": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "wide": {"type": "boolean"},
        "files": {"type": "array", "items": {"type": "string"}},
        "table": {"type": "object"},
        "data": {"type": "string", "contentEncoding": "base64"},
    },
}


def complaint(action: Any) -> InvalidArgumentsError:
    with pytest.raises(InvalidArgumentsError) as raised:
        action()
    assert raised.value.message.isprintable()
    return raised.value


# Parsing


@patient
@given(st.dictionaries(st.text(max_size=5), json_values(), max_size=4))
def test_a_json_object_is_parsed_from_text(arguments: dict[str, Any]) -> None:
    text = json.dumps(arguments)

    assert parse_arguments(text) == arguments


@patient
@given(st.text(max_size=40) | json_values().map(json.dumps))
def test_any_text_is_an_object_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_arguments(text), dict)
    except InvalidArgumentsError as error:
        assert error.code == "call.invalid_arguments"  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", '{"a": 1} x', "\ufeff{}", "nul"])
def test_what_is_not_json_is_refused_with_an_example(text: str) -> None:
    error = complaint(lambda: parse_arguments(text))

    assert error.message.startswith("the arguments are not valid JSON: ")
    assert error.hint == 'for example \'{"text": "hello"}\''


@pytest.mark.parametrize("text", ["[]", "null", "5", '"x"', "[1" + ", 1" * 1000 + "]"])
def test_what_is_not_an_object_is_refused_with_few_words(text: str) -> None:
    error = complaint(lambda: parse_arguments(text))

    assert error.message.startswith("the arguments must be a JSON object, got ")
    assert len(error.message) < 200


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_json_does_not_have_is_refused(constant: str) -> None:
    complaint(lambda: parse_arguments(f'{{"a": {constant}}}'))


def test_arguments_have_a_largest_size() -> None:
    padding = " " * (MAX_TEXT_BYTES - 2)

    assert parse_arguments("{}" + padding) == {}
    assert (
        f"more than {MAX_TEXT_BYTES} bytes"
        in complaint(lambda: parse_arguments("{}" + padding + " ")).message
    )


def test_text_of_any_depth_is_refused_or_bounded_and_never_crashes_the_reader() -> None:
    for depth in range(1, 1100):
        for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            try:
                require_bounded(parse_arguments(text))
            except InvalidArgumentsError:
                continue
            assert depth <= MAX_DEPTH


# Bounds


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for number in range(depth):
        value = {"a": value} if number % 2 else [value]
    return {"a": value}


def test_arguments_have_a_greatest_depth() -> None:
    require_bounded(nested(MAX_DEPTH - 2))
    assert (
        f"nest deeper than {MAX_DEPTH}"
        in complaint(lambda: require_bounded(nested(MAX_DEPTH))).message
    )


def test_arguments_have_a_greatest_number_of_values() -> None:
    require_bounded({"a": [0] * (MAX_VALUES - 1)})
    assert (
        f"more than {MAX_VALUES} values"
        in complaint(lambda: require_bounded({"a": [0] * MAX_VALUES})).message
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"a": "x" * (MAX_TEXT_BYTES + 1)},
        {"x" * (MAX_TEXT_BYTES + 1): 1},
        {"a": ["x" * 1000] * (MAX_TEXT_BYTES // 1000 + 1)},
        {"a": [{"b": "x" * (MAX_TEXT_BYTES + 1)}]},
    ],
    ids=["a value", "a key", "many values", "inside"],
)
def test_arguments_have_a_greatest_amount_of_text(arguments: dict[str, Any]) -> None:
    assert "bytes of text" in complaint(lambda: require_bounded(arguments)).message


@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_has_a_greatest_number_of_digits(sign: int) -> None:
    require_bounded({"a": sign * ((1 << 128) - 1)})
    assert "too many digits" in complaint(lambda: require_bounded({"a": [sign << 128]})).message


@patient
@given(st.dictionaries(st.text(max_size=5), json_values(), max_size=4))
def test_ordinary_arguments_are_within_bounds(arguments: dict[str, Any]) -> None:
    require_bounded(arguments)


# Schema


def test_arguments_that_fit_the_schema_pass() -> None:
    require_valid(Validator(INPUT), {"text": "x", "files": ["a"]})


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        ({"text": 5}, "text", "the arguments do not fit: at text: 5 is not of type 'string'"),
        (
            {"files": ["a", 1]},
            "files[1]",
            "the arguments do not fit: at files[1]: 1 is not of type 'string'",
        ),
        ([], "", "the arguments do not fit: [] is not of type 'object'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_their_place(
    arguments: Any, path: str, message: str
) -> None:
    error = complaint(lambda: require_valid(Validator(INPUT), arguments))

    assert (error.message, error.details) == (message, {"path": path})


def test_a_complaint_about_hostile_arguments_is_short_and_harmless() -> None:
    schema = {"additionalProperties": {"additionalProperties": {"type": "string"}}}
    hostile = {"\x1b]0;" + "x" * 5000: {"\u202e\n": 1}}

    error = complaint(lambda: require_valid(Validator(schema), hostile))

    assert len(error.message) < 600
    assert str(error.details["path"]).isprintable()


# What the guest receives


def tool(**keys: Any) -> Any:
    """The only tool of a command with this manifest."""
    manifest = manifest_from_values({"input": INPUT, **keys}, file="m")
    return tools_of("prog", DIGEST, COMMAND, manifest).tools[0]


def raw_tool() -> Any:
    """The tool of a command without a manifest."""
    return tools_of("prog", DIGEST, COMMAND, None).tools[0]


def invoked(tool: Any, **arguments: Any) -> CommandInvocation:
    invocation = invocation_of(tool, arguments)
    assert isinstance(invocation, CommandInvocation)
    assert invocation.arguments[0] == b"prog"
    return invocation


def line(*argv: Any, **arguments: Any) -> list[bytes]:
    """The command line after the program's name."""
    return list(invoked(tool(abi="argv", argv=list(argv)), **arguments).arguments[1:])


def stdin(template: str, **arguments: Any) -> bytes:
    return invoked(tool(abi="argv", stdin=template), **arguments).stdin


def test_a_function_is_called_by_its_qualified_name_with_the_arguments_as_they_are() -> None:
    function = WitFunction(
        name="go", interface="a:b/c", parameters=(("n", Primitive("u8")),), result=None
    )
    surface = Surface(kind="component", imports=(), is_command=False, functions=(function,))
    component_tool = tools_of("prog", DIGEST, surface, None).tools[0]

    assert invocation_of(component_tool, {"n": 1}) == FunctionInvocation(
        function="a:b/c#go", arguments={"n": 1}
    )


def test_a_json_command_reads_its_arguments_from_standard_input() -> None:
    invocation = invoked(tool(abi="json"), text="é", count=1)

    assert invocation == CommandInvocation(
        arguments=(b"prog",), stdin='{"text":"é","count":1}'.encode()
    )


@patient
@given(
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values(), max_size=4)
)
def test_a_json_command_reads_exactly_what_the_client_sent(arguments: dict[str, Any]) -> None:
    try:
        invocation = invocation_of(tool(abi="json"), arguments)
    except InvalidArgumentsError as error:
        assert "lone surrogate" in error.message  # noqa: PT017 - nothing else may be refused
        return

    assert isinstance(invocation, CommandInvocation)
    assert json.loads(invocation.stdin) == arguments


def test_a_command_without_a_manifest_takes_a_command_line_and_standard_input() -> None:
    assert invoked(raw_tool(), args=["-a", "b c"], stdin="é") == CommandInvocation(
        arguments=(b"prog", b"-a", b"b c"), stdin="é".encode()
    )
    assert invoked(raw_tool()) == CommandInvocation(arguments=(b"prog",))


def test_a_pipe_may_carry_any_bytes() -> None:
    data = bytes(range(256))

    assert invoked(binary_safe(raw_tool()), stdin=base64.b64encode(data).decode()).stdin == data
    assert complaint(lambda: invoked(binary_safe(raw_tool()), stdin="?")).message == (
        "stdin is not base64"
    )


# Command lines


@pytest.mark.parametrize(
    ("argv", "arguments", "expected"),
    [
        ([], {}, []),
        (["-v", "--", "x"], {}, [b"-v", b"--", b"x"]),
        (["{text}"], {"text": "a b;$(c)'\"\n"}, [b"a b;$(c)'\"\n"]),
        (["--t={text}"], {"text": "-x"}, [b"--t=-x"]),
        (["--t={text}", "-n{count}"], {"text": "a", "count": -5}, [b"--t=a", b"-n-5"]),
        (["{text}{more}"], {"text": "a", "more": "-b"}, [b"a-b"]),
        (["{text}"], {}, []),
        (["--t={text}{more}"], {"text": "a"}, []),
        (["{text}"], {"text": None}, []),
        (["{files}"], {"files": ["a", "b"]}, [b"a", b"b"]),
        (["{files}"], {"files": []}, []),
        (["--", "{files}"], {"files": ["-a", "--b"]}, [b"--", b"-a", b"--b"]),
        (["--", "{text}"], {"text": "-rf"}, [b"--", b"-rf"]),
        ([{"value": "--wide", "when": "wide"}], {"wide": True}, [b"--wide"]),
        ([{"value": "--wide", "when": "wide"}], {"wide": False}, []),
        ([{"value": "--wide", "when": "wide"}], {}, []),
        ([{"value": "-{text}", "when": "wide"}], {"wide": True}, []),
        (["{wide}", "{count}", "{ratio}"], {"wide": False, "count": 7, "ratio": 0.5},
         [b"false", b"7", b"0.5"]),
        (["{wide}"], {"wide": True}, [b"true"]),
        (["{text}"], {"text": "{more}", "more": "x"}, [b"{more}"]),
        (["{text}"], {"text": r"\1\g<0>"}, [rb"\1\g<0>"]),
        (["{text}"], {"text": ""}, [b""]),
        (["{0} {} {text"], {}, [b"{0} {} {text"]),
        (["{text}"], {"text": "é😀"}, ["é😀".encode()]),
    ],
)  # fmt: skip
def test_a_command_line_is_made_of_typed_values(
    argv: list[Any], arguments: dict[str, Any], expected: list[bytes]
) -> None:
    assert line(*argv, **arguments) == expected


@pytest.mark.parametrize(
    ("argv", "arguments"),
    [
        (["{text}"], {"text": "-rf"}),
        (["{text}"], {"text": "--output=/etc/passwd"}),
        (["{text}"], {"text": "-"}),
        (["{text}{more}"], {"text": "", "more": "-x"}),
        (["{text}.txt"], {"text": "-x"}),
        (["{count}"], {"count": -5}),
        (["{ratio}"], {"ratio": -0.5}),
        (["{files}"], {"files": ["a", "-b"]}),
        ([{"value": "--", "when": "wide"}, "{text}"], {"text": "-x"}),
        ([{"value": "--", "when": "wide"}, "{text}"], {"text": "-x", "wide": False}),
        (["{text}", "--"], {"text": "-x"}),
        (["--{text}", "{more}"], {"text": "", "more": "-x"}),
    ],
)
def test_a_value_cannot_become_an_option_nobody_meant_to_allow(
    argv: list[Any], arguments: dict[str, Any]
) -> None:
    assert "must not start with '-'" in complaint(lambda: line(*argv, **arguments)).message


pieces = st.sampled_from(("{text}", "{more}", "{count}", "x", "=", "--o="))
templates = st.lists(
    st.lists(pieces, min_size=1, max_size=3).map("".join) | st.sampled_from(("{files}", "--")),
    max_size=4,
)
words = st.text(st.sampled_from("-ab="), max_size=3)


@patient
@given(
    templates,
    st.fixed_dictionaries(
        {},
        optional={
            "text": words,
            "more": words,
            "count": st.integers(-5, 5),
            "files": st.lists(words, max_size=3),
        },
    ),
)
@example(["{text}{more}"], {"text": "", "more": "-a"})
def test_before_a_double_dash_only_the_author_writes_options(
    argv: list[str], arguments: dict[str, Any]
) -> None:
    try:
        found = line(*argv, **arguments)
    except InvalidArgumentsError:
        return

    literal = [element for element in argv if element.startswith("-")]
    for word in found:
        if word == b"--":
            return
        if word.startswith(b"-"):
            assert any(word.startswith(text.partition("{")[0].encode()) for text in literal)


@pytest.mark.parametrize(
    ("argv", "arguments"),
    [
        (["{text}"], {"text": "a\0b"}),
        (["--t={text}"], {"text": "\0"}),
        (["{files}"], {"files": ["a", "\0"]}),
    ],
)
def test_no_word_of_a_command_line_contains_a_nul(argv: list[Any], arguments: Any) -> None:
    assert "contains a NUL character" in complaint(lambda: line(*argv, **arguments)).message


def test_no_word_of_a_raw_command_line_contains_a_nul() -> None:
    assert complaint(lambda: invoked(raw_tool(), args=["a\0"])).message == (
        "args contains a NUL character"
    )


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_nothing_that_is_not_unicode_reaches_a_guest(text: str) -> None:
    attempts = [
        lambda: line("{text}", text=text),
        lambda: stdin("{text}", text=text),
        lambda: stdin("x{text}", text=text),
        lambda: invoked(raw_tool(), args=[text]),
        lambda: invoked(raw_tool(), stdin=text),
        lambda: invoked(tool(abi="json"), text=text),
    ]

    for attempt in attempts:
        assert "lone surrogate" in complaint(attempt).message


@pytest.mark.parametrize(
    ("argv", "arguments"),
    [
        (["{table}"], {"table": {}}),
        (["x{files}"], {"files": ["a"]}),
        (["{files}"], {"files": [["a"]]}),
    ],
)
def test_only_text_numbers_and_booleans_can_be_part_of_a_command_line(
    argv: list[Any], arguments: Any
) -> None:
    error = complaint(lambda: line(*argv, **arguments))

    assert "cannot be part of a command line" in error.message
    assert error.details == {"path": next(iter(arguments))}


def test_a_command_line_has_a_longest_length() -> None:
    assert line("{text}", text="x" * MAX_COMMAND_LINE_BYTES)
    error = complaint(lambda: line("x{text}", text="x" * MAX_COMMAND_LINE_BYTES))
    assert f"more than {MAX_COMMAND_LINE_BYTES} bytes" in error.message


def test_the_words_of_a_command_line_count_together() -> None:
    many = ["x" * 1000] * (MAX_COMMAND_LINE_BYTES // 1000 + 1)

    complaint(lambda: line("{files}", files=many))


# Standard input


@pytest.mark.parametrize(
    ("template", "arguments", "expected"),
    [
        ("", {}, b""),
        ("plain", {}, b"plain"),
        ("{text}", {"text": "é"}, "é".encode()),
        ("{text}", {}, b""),
        ("{text}", {"text": None}, b""),
        ("{text}\n{more}", {"text": "a"}, b"a\n"),
        ("n={count} w={wide}", {"count": 3, "wide": True}, b"n=3 w=true"),
        ("{count}", {"count": 3}, b"3"),
        ("{table}", {"table": {"é": [1]}}, '{"é":[1]}'.encode()),
        ("{files}", {"files": ["a"]}, b'["a"]'),
        ("{wide}", {"wide": False}, b"false"),
        ("{data}", {"data": "AP8="}, b"\x00\xff"),
        ("x{data}", {"data": "AP8="}, b"xAP8="),
        ("{text}", {"text": "-x\0"}, b"-x\0"),
    ],
)
def test_standard_input_is_a_template_or_one_whole_parameter(
    template: str, arguments: dict[str, Any], expected: bytes
) -> None:
    assert stdin(template, **arguments) == expected


def test_a_command_line_program_reads_nothing_unless_its_manifest_says_so() -> None:
    assert invoked(tool(abi="argv"), text="x").stdin == b""


@pytest.mark.parametrize("text", ["=", "AP8", "é", "AP8=\n"])
def test_a_parameter_that_should_be_base64_and_is_not_is_refused(text: str) -> None:
    error = complaint(lambda: stdin("{data}", data=text))

    assert (error.message, error.details) == ("data is not base64", {"path": "data"})


def test_a_list_cannot_be_a_part_of_standard_input() -> None:
    complaint(lambda: stdin("x{files}", files=["a"]))


def test_a_short_template_cannot_make_a_long_text_of_one_argument() -> None:
    text = "x" * (MAX_TEXT_BYTES // 8)

    assert len(stdin("{text}" * 8, text=text)) == MAX_TEXT_BYTES
    error = complaint(lambda: stdin("{text}" * 600, text=text))
    assert error.message == f"stdin has more than {MAX_TEXT_BYTES} bytes"
    error = complaint(lambda: line("-" + "{text}" * 100_000, text="x" * MAX_COMMAND_LINE_BYTES))
    assert error.message == f"the command line has more than {MAX_COMMAND_LINE_BYTES} bytes"


def test_a_command_line_that_grows_too_long_is_not_made_to_its_end() -> None:
    elements = ["-{text}"] * 100_000

    complaint(lambda: line(*elements, text="x" * (MAX_COMMAND_LINE_BYTES // 2)))


# Files


def filled(*values: str, abi: str = "argv", **arguments: Any) -> list[bytes | None]:
    """What files of these templates hold; None for one that is left out."""
    files = [{"path": f"in/{index}", "value": value} for index, value in enumerate(values)]
    found = invoked(tool(abi=abi, files=files), **arguments).files
    assert list(found) == [f"in/{i}" for i in range(len(values)) if f"in/{i}" in found]
    return [found.get(f"in/{index}") for index in range(len(values))]


@pytest.mark.parametrize("abi", ["json", "argv"])
@pytest.mark.parametrize(
    ("value", "arguments", "expected"),
    [
        ("", {}, b""),
        ("plain é", {}, "plain é".encode()),
        ("{text}", {"text": "é\n"}, "é\n".encode()),
        ("{text}", {"text": ""}, b""),
        ("{text}", {}, None),
        ("{text}", {"text": None}, None),
        ("<{text}|{more}>", {"text": "a", "more": "b"}, b"<a|b>"),
        ("<{text}|{more}>", {"text": "a"}, None),
        ("<{text}|{more}>", {"text": "a", "more": None}, None),
        ("n={count} w={wide}", {"count": 3, "wide": False}, b"n=3 w=false"),
        ("{wide}", {"wide": False}, b"false"),
        ("{count}", {"count": 0}, b"0"),
        ("{table}", {"table": {"é": [1]}}, '{"é":[1]}'.encode()),
        ("{files}", {"files": []}, b"[]"),
        ("{data}", {"data": "AP8="}, b"\x00\xff"),
        ("{data}", {"data": ""}, b""),
        ("x{data}", {"data": "AP8="}, b"xAP8="),
        ("{text}", {"text": "{more}", "more": "x"}, b"{more}"),
        ("{text}", {"text": "-rf\0"}, b"-rf\0"),
    ],
)
def test_a_file_holds_a_template_or_one_whole_parameter(
    abi: str, value: str, arguments: dict[str, Any], expected: bytes | None
) -> None:
    assert filled(value, abi=abi, **arguments) == [expected]


def test_a_file_is_left_out_without_the_others() -> None:
    assert filled("{text}", "{more}", "{count}", text="a", count=1) == [b"a", None, b"1"]


@pytest.mark.parametrize("value", ["{text}", "x{text}"])
def test_a_file_that_is_not_unicode_is_refused(value: str) -> None:
    assert "lone surrogate" in complaint(lambda: filled(value, text="\ud800")).message


@pytest.mark.parametrize("text", ["=", "AP8", "é", "AP8=\n"])
def test_a_file_that_should_be_base64_and_is_not_is_refused(text: str) -> None:
    error = complaint(lambda: filled("{data}", data=text))

    assert (error.message, error.details) == ("data is not base64", {"path": "data"})


def test_a_list_cannot_be_a_part_of_a_file() -> None:
    complaint(lambda: filled("x{files}", files=["a"]))


def test_the_files_of_a_call_have_a_largest_size_together() -> None:
    half = "x" * (MAX_TEXT_BYTES // 2)

    assert filled("{text}", "{text}", text=half) == [half.encode()] * 2
    error = complaint(lambda: filled("{text}", "{text}", "x", text=half))
    assert error.message == f"the files of the call have more than {MAX_TEXT_BYTES} bytes"
    error = complaint(lambda: filled("{text}" * 600, text=half))
    assert error.message == f"in/0 has more than {MAX_TEXT_BYTES} bytes"


def test_a_file_of_many_bytes_a_character_is_measured_in_bytes() -> None:
    complaint(lambda: filled("{text}", text="é" * (MAX_TEXT_BYTES // 2 + 1)))


def test_a_complaint_about_a_file_shows_its_path_harmlessly() -> None:
    files = [{"path": "\x1b[2J" + "x" * 200, "value": "{text}" * 600}]

    error = complaint(lambda: invoked(tool(abi="argv", files=files), text="x" * (1 << 20)))

    assert error.message.startswith("\\x1b[2Jxxx")
    assert len(error.message) < 150


def test_every_file_of_the_results_is_wanted_back_and_standard_output_is_none() -> None:
    results = [
        {"type": "json", "file": "b.json"},
        {"type": "text"},
        {"type": "image", "media_type": "image/png", "file": "*.png"},
    ]

    assert invoked(tool(abi="argv", result=results)).wanted == ("b.json", "*.png")
    assert invoked(tool(abi="argv")).wanted == ()
    assert invoked(raw_tool()).wanted == ()


@patient
@given(st.text(st.characters(codec="utf-8")), st.binary(), json_values())
def test_a_file_holds_exactly_what_the_client_sent(text: str, data: bytes, table: Any) -> None:
    encoded = base64.b64encode(data).decode()

    try:
        found = filled("{text}", "{data}", "{table}", text=text, data=encoded, table={"a": table})
    except InvalidArgumentsError as error:
        assert "lone surrogate" in error.message  # noqa: PT017 - nothing else may be refused
        return

    assert found[:2] == [text.encode(), data]
    assert found[2] is not None
    assert json.loads(found[2]) == {"a": table}
