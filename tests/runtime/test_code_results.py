"""What a client reads of a run of code, whatever the interpreter reported."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.call import Execution, MediaContent, Outcome, ResourceContent, TextContent
from hatchway.core.code import CodeException
from hatchway.core.errors import DeadlineExceededError, InvalidOutputError
from hatchway.core.manifest import ToolManifest
from hatchway.core.tool import Tool
from hatchway.core.wit import OptionType, Primitive, RecordType, ResultType, WitFunction
from hatchway.runtime.code_results import MAX_TEXT, code_outcome_of
from hatchway.runtime.code_tools import CODE_INPUT, CODE_OUTPUT

STRING = Primitive("string")
PNG = b"\x89PNG\r\n\x1a\n"


def interpreter() -> Tool:
    function = WitFunction(
        name="run",
        interface="hatchway:exec/code@0.1.0",
        parameters=(("code", STRING), ("inputs", STRING)),
        result=ResultType(
            OptionType(STRING),
            RecordType((("kind", STRING), ("message", STRING), ("traceback", STRING))),
        ),
    )
    return Tool(
        name="python",
        owner="python",
        digest="sha256:0",
        manifest=ToolManifest(name=None),
        input_schema=CODE_INPUT,
        output_schema=CODE_OUTPUT,
        function=function,
    )


def answer(**fields: Any) -> Outcome:
    outcome = code_outcome_of(interpreter(), Execution(**fields))
    jsonschema.validate(outcome.structured, CODE_OUTPUT)
    return outcome


def texts(outcome: Outcome) -> list[str]:
    return [block.text for block in outcome.content if isinstance(block, TextContent)]


def failure(kind: str = "E", message: str = "m", traceback: str = "") -> dict[str, str]:
    return {"kind": kind, "message": message, "traceback": traceback}


def test_each_part_of_an_answer_is_a_block_with_its_name() -> None:
    outcome = answer(value='{"a": [1, null]}', stdout=b"out\n", stderr=b"err\xff")

    assert texts(outcome) == ["stdout:\nout\n", "stderr:\nerr�", 'value:\n{"a": [1, null]}']
    assert outcome.structured == {
        "value": {"a": [1, None]},
        "stdout": "out\n",
        "stderr": "err�",
        "files": [],
    }
    assert not outcome.is_error


def test_code_that_says_nothing_is_said_to_say_nothing() -> None:
    assert texts(answer(value=None)) == ["(The code gave no value and printed nothing.)"]


def test_images_and_other_files_come_as_what_they_are() -> None:
    outcome = answer(files={"a.png": PNG, "b c.csv": b"1,2", "x.bin": b"\0"})

    _, image, table, data = outcome.content
    assert image == MediaContent(kind="image", data=PNG, media_type="image/png")
    assert table == ResourceContent(
        uri="hatchway:///python/b%20c.csv", media_type="text/csv", data=b"1,2"
    )
    assert isinstance(data, ResourceContent)
    assert data.media_type == "application/octet-stream"
    assert texts(outcome) == [
        "files:\n- a.png (image/png, 8 bytes)\n- b c.csv (text/csv, 3 bytes)\n"
        "- x.bin (application/octet-stream, 1 bytes)"
    ]


def test_a_value_that_is_an_image_is_shown_as_one() -> None:
    url = "data:image/png;base64,iVBORw0KGgo="

    outcome = answer(value=json.dumps(url))

    assert outcome.content[1] == MediaContent(kind="image", data=PNG, media_type="image/png")
    assert texts(outcome) == ["value:\n(image/png, 8 bytes, shown as an image)"]
    assert outcome.structured is not None
    assert outcome.structured["value"] == "(image/png, 8 bytes, shown as an image)"
    assert outcome.code is not None
    assert outcome.code.value == url


def test_an_exception_is_an_error_with_the_traceback_to_repair_from() -> None:
    traceback = 'Traceback …\n  File "code.py", line 12, in <module>\nValueError: bad\n'

    outcome = answer(failed=True, value=failure("ValueError", "bad", traceback), stdout=b"so far")

    assert outcome.is_error
    assert outcome.error is None
    assert texts(outcome) == ["stdout:\nso far", traceback.rstrip()]
    assert outcome.structured is not None
    assert outcome.structured["exception"]["line"] == 12
    assert outcome.code is not None
    assert outcome.code.exception == CodeException(
        kind="ValueError", message="bad", traceback=traceback, line=12
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (failure("KeyError", "", ""), "KeyError"),
        (failure("KeyError", "x", ""), "KeyError: x"),
        (failure("TypeError", "x", "at code.js:3:1\n"), "at code.js:3:1\nTypeError: x"),
    ],
)
def test_an_exception_is_named_whatever_its_traceback_says(
    said: dict[str, str], shown: str
) -> None:
    assert texts(answer(failed=True, value=said)) == [shown]


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        ('File "code.py", line 1, in f\n  File "code.py", line 7', 7),
        ("Error: x\n    at f (code.js:3:9)\n    at code.js:8:1", 3),
        ('File "other.py", line 9', None),
        ('File "code.py", line 99999999999999', None),
        ('File "code.py", line 0', None),
        ("", None),
    ],
)
def test_the_line_is_the_innermost_one_of_the_code(traceback: str, line: int | None) -> None:
    outcome = answer(failed=True, value=failure(traceback=traceback))

    assert outcome.code is not None
    assert outcome.code.exception is not None
    assert outcome.code.exception.line == line


def test_a_stop_says_which_and_keeps_what_was_printed() -> None:
    stop = DeadlineExceededError("the guest did not finish within 2 s")

    outcome = answer(stop=stop, stdout=b"so far")

    assert outcome.error is stop
    assert outcome.is_error
    assert texts(outcome) == [
        "stdout:\nso far",
        "The code was stopped: the guest did not finish within 2 s (guest.deadline_exceeded)",
    ]
    assert outcome.structured is not None
    assert outcome.structured["error"]["code"] == "guest.deadline_exceeded"


@pytest.mark.parametrize(
    "value",
    ["", "{", "NaN", "1e999", '"\\ud800"', "[" * 65 + "]" * 65, "[" * 100_000, "1" * 5000],
)
def test_a_value_that_is_no_json_is_an_error_of_the_guest(value: str) -> None:
    outcome = answer(value=value)

    assert isinstance(outcome.error, InvalidOutputError)
    assert "the value of the code is not JSON" in outcome.error.message


def test_a_file_with_a_boundless_name_is_an_error_of_the_guest() -> None:
    outcome = answer(files={"é" * 600: b""})

    assert isinstance(outcome.error, InvalidOutputError)
    assert outcome.code is not None
    assert outcome.code.files == {}


def test_the_middle_of_a_long_text_is_left_out_for_a_client_only() -> None:
    printed = b"a" * MAX_TEXT + b"b" * MAX_TEXT

    outcome = answer(value='"' + "v" * 3 * MAX_TEXT + '"', stdout=printed)

    stdout, value = texts(outcome)
    assert len(stdout) < MAX_TEXT + 100
    assert len(value) < MAX_TEXT + 100
    assert f"… {MAX_TEXT} characters left out …" in stdout
    assert stdout.startswith("stdout:\naaa")
    assert stdout.endswith("bbb")
    assert outcome.stdout == printed
    assert outcome.code is not None
    assert len(outcome.code.value) == 3 * MAX_TEXT


@given(st.text(), st.text(), st.text(), st.binary(), st.dictionaries(st.text(), st.binary()))
def test_whatever_code_says_of_its_failure_can_be_shown(
    kind: str, message: str, traceback: str, printed: bytes, files: dict[str, bytes]
) -> None:
    outcome = answer(
        failed=True, value=failure(kind, message, traceback), stdout=printed, files=files
    )

    json.dumps(outcome.to_json()).encode()
    assert outcome.is_error
