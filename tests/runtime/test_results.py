"""From what a guest left behind to what a client reads."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.core.call import (
    Denial,
    Execution,
    Gated,
    MediaContent,
    Outcome,
    ResourceContent,
    TextContent,
    Usage,
)
from hatchway.core.errors import (
    FuelExhaustedError,
    GuestExitedError,
    GuestTrappedError,
    InvalidArgumentsError,
)
from hatchway.core.surface import Surface
from hatchway.core.wit import OptionType, Primitive, RecordType, ResultType, WitFunction, WitType
from hatchway.policy.manifest import manifest_from_values
from hatchway.runtime.results import (
    MAX_FILES,
    MAX_PATH_BYTES,
    MAX_STDERR_BYTES,
    outcome_of,
    refusal,
)
from hatchway.runtime.toolset import tools_of
from hatchway.runtime.validation import Validator

DIGEST = "sha256:" + "0" * 64
COMMAND = Surface(kind="module", imports=(), is_command=True, exports=("_start",))
TEXT = Primitive("string")


def command(result: Any) -> Any:
    """A command whose standard output is this kind of result."""
    values = {"abi": "argv", "input": {"type": "object"}, "result": result}
    return tools_of("prog", DIGEST, COMMAND, manifest_from_values(values, file="m")).tools[0]


def function(result: WitType | None) -> Any:
    """A component function with this type of result."""
    found = WitFunction(name="f", interface=None, parameters=(), result=result)
    surface = Surface(kind="component", imports=(), is_command=False, functions=(found,))
    return tools_of("prog", DIGEST, surface, None).tools[0]


def printed(stdout: bytes, result: Any = "json") -> Outcome:
    """The outcome of a command that printed this."""
    return outcome_of(command(result), Execution(stdout=stdout), None)


def texts(outcome: Outcome) -> list[str]:
    assert all(isinstance(block, TextContent) for block in outcome.content)
    return [block.text for block in outcome.content if isinstance(block, TextContent)]


# Commands


def test_text_is_passed_on_as_it_was_printed() -> None:
    outcome = printed("zwei\nZeilen é".encode(), "text")

    assert texts(outcome) == ["zwei\nZeilen é"]
    assert (outcome.structured, outcome.is_error) == (None, False)


def test_bytes_that_are_not_text_are_replaced_and_not_refused() -> None:
    assert texts(printed(b"a\xffb", "text")) == ["a\ufffdb"]


@pytest.mark.parametrize(("kind", "media_type"), [("image", "image/png"), ("audio", "audio/wav")])
def test_media_are_passed_on_byte_for_byte_under_the_manifests_type(
    kind: str, media_type: str
) -> None:
    outcome = printed(b"\x89PNG\xff", {"type": kind, "media_type": media_type})

    assert outcome.content == (
        MediaContent(kind=kind, data=b"\x89PNG\xff", media_type=media_type),  # type: ignore[arg-type]  # one of the two
    )
    assert outcome.structured is None


def test_a_json_object_is_structured_and_shown_as_text_too() -> None:
    outcome = printed(b'{"b": 1, "a": "\xc3\xa9"}\n')

    assert outcome.structured == {"b": 1, "a": "é"}
    assert texts(outcome) == ['{"b": 1, "a": "é"}']


@pytest.mark.parametrize("answer", [b"5", b"null", b'"x"', b"[1]", b"true"])
def test_json_that_is_no_object_is_wrapped_in_one(answer: bytes) -> None:
    assert printed(answer).structured == {"result": json.loads(answer)}


@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"hello", b"\xff", b'{"a": NaN}', b"Infinity", b"1e999", b"-1e999", b"1 2"],
)
def test_what_is_not_json_is_the_tools_failure(answer: bytes) -> None:
    outcome = printed(answer)

    assert outcome.is_error
    assert outcome.error is not None
    assert outcome.error.code == "guest.invalid_output"
    assert texts(outcome) == [outcome.error.message]
    assert outcome.structured is None


def test_json_of_any_depth_is_an_answer_or_the_tools_failure() -> None:
    for depth in range(1, 1100):
        for answer in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
            assert isinstance(printed(answer), Outcome)


@patient
@given(json_values().map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30))
@example(b'"\\ud800"')
@example(b'{"\\udc80": 1}')
@example(b"[1e400]")
def test_whatever_a_command_prints_the_client_reads_strict_json_in_unicode(stdout: bytes) -> None:
    outcome = printed(stdout)

    for text in texts(outcome):
        text.encode()
    if outcome.structured is not None:
        shown = json.dumps(outcome.structured, allow_nan=False, ensure_ascii=False)
        shown.encode()
        assert json.loads(texts(outcome)[0]) == outcome.structured


def test_an_answer_is_checked_against_what_the_tool_promised() -> None:
    output = Validator({"type": "object", "required": ["a"]})
    tool = command("json")

    assert not outcome_of(tool, Execution(stdout=b'{"a": 1}'), output).is_error
    broken = outcome_of(tool, Execution(stdout=b'{"b": 1}'), output)
    assert broken.error is not None
    assert broken.error.message == (
        "the tool's answer does not fit its own output schema: 'a' is a required property"
    )


def test_a_complaint_about_a_hostile_answer_is_short_and_harmless() -> None:
    output = Validator({"properties": {"a": {"type": "integer"}}})
    answer = json.dumps({"a": "\x1b]0;" + "x" * 5000}).encode()

    outcome = outcome_of(command("json"), Execution(stdout=answer), output)

    assert outcome.error is not None
    assert len(outcome.error.message) < 400
    assert outcome.error.message.isprintable()


# Files


PNG = {"type": "image", "media_type": "image/png"}
ANYTHING = {"type": "resource", "media_type": "application/octet-stream"}


def left(files: dict[str, bytes], *results: Any, stdout: bytes = b"out") -> Outcome:
    """The outcome of a command that left these files behind."""
    return outcome_of(command(list(results)), Execution(stdout=stdout, files=files), None)


def failure(outcome: Outcome) -> str:
    """The message of a call whose answer cannot be used."""
    assert outcome.is_error
    assert outcome.error is not None
    assert outcome.error.code == "guest.invalid_output"
    assert outcome.error.message.isprintable()
    assert texts(outcome) == [outcome.error.message]
    assert outcome.structured is None
    return outcome.error.message


def uris(outcome: Outcome) -> list[str]:
    return [block.uri for block in outcome.content if isinstance(block, ResourceContent)]


def test_files_and_standard_output_become_content_in_the_order_of_the_manifest() -> None:
    outcome = left(
        {"a.json": b'{"a": 1}', "b.png": b"\x89PNG", "c.txt": b"c\xff", "d.csv": b"x,y\n"},
        {"type": "resource", "media_type": "text/csv", "file": "d.csv"},
        {"type": "text", "file": "c.txt"},
        {"type": "text"},
        {**PNG, "file": "b.png"},
        {"type": "json", "file": "a.json"},
    )

    assert outcome.content == (
        ResourceContent(uri="hatchway:///prog/d.csv", media_type="text/csv", data=b"x,y\n"),
        TextContent(text="c\ufffd"),
        TextContent(text="out"),
        MediaContent(kind="image", data=b"\x89PNG", media_type="image/png"),
        TextContent(text='{"a": 1}'),
    )
    assert (outcome.structured, outcome.is_error) == ({"a": 1}, False)


def test_standard_output_that_nothing_maps_is_not_shown() -> None:
    assert texts(left({"a": b"x"}, {"type": "text", "file": "a"}, stdout=b"log")) == ["x"]


def test_standard_output_may_be_a_resource() -> None:
    assert left({}, ANYTHING).content == (
        ResourceContent(uri="hatchway:///prog", media_type="application/octet-stream", data=b"out"),
    )


@pytest.mark.parametrize("mapping", [PNG, ANYTHING, {"type": "text"}, {"type": "json"}], ids=str)
def test_a_file_that_was_promised_and_is_not_there_is_the_tools_failure(mapping: Any) -> None:
    outcome = left({"out.PNG": b"", "x/out.png": b""}, {**mapping, "file": "out.png"})

    assert failure(outcome) == "the tool did not write out.png"


def test_a_missing_file_is_named_harmlessly() -> None:
    message = failure(left({}, {"type": "text", "file": "\x1bc\u202e" + "x" * 200}))

    assert message == "the tool did not write \\x1bc\\u202e" + "x" * 117 + "…"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["a.png", "b.png", "c"]),
        ("*.png", ["a.png", "b.png"]),
        ("[ab].png", ["a.png", "b.png"]),
        ("[!a].png", ["b.png"]),
        ("?", ["c"]),
        ("*/*", ["d/a.png"]),
        ("d/*", ["d/a.png"]),
        ("*/*/*", ["d/e/f.png"]),
        ("d/?/*.png", ["d/e/f.png"]),
        ("*.PNG", []),
        ("*[*]*", []),
        ("x*", []),
    ],
)
def test_a_pattern_stands_for_the_files_it_matches_in_their_order(
    pattern: str, found: list[str]
) -> None:
    files = dict.fromkeys(["a.png", "b.png", "c", "d/a.png", "d/e/f.png"], b"x")

    outcome = left(files, {**ANYTHING, "file": pattern})

    assert not outcome.is_error
    assert uris(outcome) == [f"hatchway:///prog/{path}" for path in found]


def test_a_file_is_shown_once_and_rather_for_itself_than_in_a_pattern() -> None:
    outcome = left(
        {"a.png": b"a", "b.png": b"b", "c.txt": b"c", "*.png": b"star"},
        {**PNG, "file": "*.png"},
        {**ANYTHING, "file": "a.png"},
        {**ANYTHING, "file": "*"},
    )

    shown = [block.data for block in outcome.content if not isinstance(block, TextContent)]
    assert shown == [b"b", b"star", b"a", b"c"]


@pytest.mark.parametrize("answer", [b"", b"{", b"hello", b"\xff", b'{"a": NaN}', b"1e999", b"1 2"])
def test_a_file_that_should_be_json_and_is_not_is_the_tools_failure(answer: bytes) -> None:
    outcome = left({"a.json": answer}, {"type": "text"}, {"type": "json", "file": "a.json"})

    assert failure(outcome).startswith("the tool did not answer with JSON in a.json: ")


def test_json_in_a_file_is_checked_against_what_the_tool_promised() -> None:
    output = Validator({"type": "object", "required": ["a"]})
    tool = command({"type": "json", "file": "a.json"})

    kept = outcome_of(tool, Execution(files={"a.json": b'{"a": 1}'}), output)
    broken = outcome_of(tool, Execution(stdout=b'{"a": 1}', files={"a.json": b"{}"}), output)

    assert kept.structured == {"a": 1}
    assert "does not fit its own output schema" in failure(broken)


def test_a_program_that_failed_shows_none_of_its_files() -> None:
    stop = GuestExitedError("the guest exited with status 2", details={"exit_code": 2})
    execution = Execution(stderr=b"bad", failed=True, stop=stop, files={"a": b"half"})

    outcome = outcome_of(command([{**ANYTHING, "file": "*"}]), execution, None)

    assert texts(outcome) == ["the guest exited with status 2\nbad"]
    assert outcome.is_error


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("\x1b]0;owned\x07", "hatchway:///prog/%1B%5D0%3Bowned%07"),
        ("a b%20?q#f", "hatchway:///prog/a%20b%2520%3Fq%23f"),
        ("é\u202e", "hatchway:///prog/%C3%A9%E2%80%AE"),
        ("\udcff", "hatchway:///prog/%ED%B3%BF"),
        ("https://e.org", None),
        ("javascript:x", "hatchway:///prog/javascript%3Ax"),
        ("\n", "hatchway:///prog/%0A"),
    ],
    ids=ascii,
)
def test_the_host_mints_the_uri_of_a_resource_whatever_the_guest_calls_it(
    path: str, uri: str | None
) -> None:
    assert uris(left({path: b"x"}, {**ANYTHING, "file": "*"})) == ([uri] if uri else [])


@patient
@given(st.lists(st.text(st.characters(exclude_characters="/"), min_size=1, max_size=9), min_size=1))
def test_a_uri_names_the_tool_and_the_file_and_nothing_else(names: list[str]) -> None:
    path, pattern = "/".join(names[:8]), "/".join(["*"] * len(names[:8]))

    (uri,) = uris(left({path: b"x"}, {**ANYTHING, "file": pattern}))

    assert uri.isascii()
    assert uri.isprintable()
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("hatchway", "", "", "")
    assert unquote_to_bytes(parts.path) == b"/prog/" + path.encode("utf-8", "surrogatepass")


def test_a_resource_has_a_longest_path() -> None:
    longest = "x" * MAX_PATH_BYTES

    assert len(uris(left({longest: b""}, {**ANYTHING, "file": "*"}))) == 1
    for path in (longest + "x", "é" * (MAX_PATH_BYTES // 2 + 1), "x" * 65536):
        message = failure(left({path: b""}, {**ANYTHING, "file": "*"}))
        assert message == f"the tool wrote a file whose path has more than {MAX_PATH_BYTES} bytes"


def test_an_answer_has_a_greatest_number_of_files() -> None:
    def many(count: int) -> Outcome:
        return left({str(n): b"" for n in range(count)}, {**PNG, "file": "*"})

    assert len(many(MAX_FILES).content) == MAX_FILES
    assert failure(many(MAX_FILES + 1)) == "the tool wrote more than 256 files for its answer"


@patient
@given(
    st.dictionaries(
        st.lists(st.text(st.sampled_from("ab.*[]"), min_size=1, max_size=3), min_size=1, max_size=2)
        .map("/".join)
        .filter(lambda path: not {".", ".."} & set(path.split("/"))),
        st.binary(max_size=4),
        max_size=5,
    ),
    st.lists(st.sampled_from(["*", "a*", "*/*", "[ab]", "a", "b", "a/b"]), min_size=1, unique=True),
)
def test_no_file_is_shown_twice(files: dict[str, bytes], patterns: list[str]) -> None:
    outcome = left(files, *({**ANYTHING, "file": pattern} for pattern in patterns))

    if outcome.error is None:
        assert len(set(uris(outcome))) == len(outcome.content) <= len(files)
    else:
        assert failure(outcome).startswith("the tool did not write ")


# Component functions


@pytest.mark.parametrize(
    ("kind", "value", "text", "structured"),
    [
        (TEXT, "hi", "hi", {"result": "hi"}),
        (Primitive("u8"), 5, "5", {"result": 5}),
        (Primitive("bool"), True, "true", {"result": True}),
        (RecordType((("a", TEXT),)), {"a": "é"}, '{"a": "é"}', {"a": "é"}),
        (ResultType(ok=TEXT, err=TEXT), "hi", "hi", {"result": "hi"}),
        (ResultType(ok=RecordType((("a", TEXT),)), err=None), {"a": "x"}, '{"a": "x"}', {"a": "x"}),
    ],
    ids=["text", "number", "boolean", "record", "ok text", "ok record"],
)
def test_a_functions_result_is_structured_and_shown_as_text(
    kind: WitType, value: Any, text: str, structured: dict[str, Any]
) -> None:
    outcome = outcome_of(function(kind), Execution(value=value), None)

    assert texts(outcome) == [text]
    assert (outcome.structured, outcome.is_error) == (structured, False)


@pytest.mark.parametrize("kind", [None, ResultType(ok=None, err=TEXT)])
def test_a_function_without_a_result_answers_nothing(kind: WitType | None) -> None:
    outcome = outcome_of(function(kind), Execution(), None)

    assert outcome == Outcome()


def test_an_option_without_a_value_is_an_answer_and_not_a_failure() -> None:
    outcome = outcome_of(function(OptionType(TEXT)), Execution(value=None), None)

    assert outcome.structured == {"result": None}
    assert not outcome.is_error


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no such file", "no such file"),
        ({"code": 7}, '{"code": 7}'),
        (None, "the tool failed without saying why"),
    ],
)
def test_a_function_that_reports_an_error_is_a_failed_call_without_structure(
    value: Any, text: str
) -> None:
    outcome = outcome_of(
        function(ResultType(ok=TEXT, err=TEXT)), Execution(value=value, failed=True), None
    )

    assert texts(outcome) == [text]
    assert (outcome.structured, outcome.is_error, outcome.error) == (None, True, None)


# What stopped a guest


def test_a_guest_that_was_stopped_answers_with_the_reason_alone() -> None:
    stop = FuelExhaustedError("the guest used all its fuel", hint="raise it")

    outcome = outcome_of(
        command("text"), Execution(stdout=b"half an ans", stderr=b"noise", stop=stop), None
    )

    assert texts(outcome) == ["the guest used all its fuel"]
    assert (outcome.error, outcome.is_error, outcome.structured) == (stop, True, None)
    assert (outcome.stdout, outcome.stderr) == (b"half an ans", b"noise")


def test_a_trap_says_nothing_of_what_the_guest_wrote() -> None:
    stop = GuestTrappedError("the guest trapped: unreachable")

    outcome = outcome_of(command("text"), Execution(stderr=b"secret", stop=stop), None)

    assert texts(outcome) == ["the guest trapped: unreachable"]


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [
        (b"out", b"err", "\nerr"),
        (b"out", b"", "\nout"),
        (b"", b"", ""),
        (b"", b"\xff", "\n\ufffd"),
        (b"", b"x" * 9000 + b"end", "\n" + "x" * (MAX_STDERR_BYTES - 3) + "end"),
    ],
    ids=["stderr", "stdout", "nothing", "no text", "much"],
)
def test_a_program_that_exits_with_a_status_says_why_in_its_own_words(
    stdout: bytes, stderr: bytes, said: str
) -> None:
    stop = GuestExitedError("the guest exited with status 2", details={"exit_code": 2})

    outcome = outcome_of(command("text"), Execution(stdout=stdout, stderr=stderr, stop=stop), None)

    assert texts(outcome) == ["the guest exited with status 2" + said]


def test_an_outcome_keeps_what_was_measured_and_denied() -> None:
    usage, gated = Usage(wall_us=1, fuel=2), Gated(env=3)
    denial = Denial(capability="fs.read", attempted="/x", function="f")
    execution = Execution(stdout=b"x", usage=usage, gated=gated, denials=(denial,))

    outcome = outcome_of(command("text"), execution, None)

    assert (outcome.usage, outcome.gated, outcome.denials) == (usage, gated, (denial,))


def test_a_refused_call_answers_with_the_message_and_never_with_the_hint() -> None:
    error = InvalidArgumentsError("no such parameter", hint="hatchway grant x y")

    outcome = refusal(error)

    assert texts(outcome) == ["no such parameter"]
    assert (outcome.is_error, outcome.error) == (True, error)
    assert "hatchway" not in json.dumps(outcome.to_json())
