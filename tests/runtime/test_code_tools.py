"""An interpreter becomes one tool, and what a call of it brings along is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.call import Outcome, TextContent
from hatchway.core.code import CodeException, CodeResult
from hatchway.core.errors import AdmissionError, InvalidArgumentsError
from hatchway.core.redaction import Redactor
from hatchway.core.sandbox import FunctionInvocation
from hatchway.core.secret import Secret
from hatchway.core.surface import Surface
from hatchway.core.wit import OptionType, Primitive, RecordType, ResultType, WitFunction
from hatchway.runtime.arguments import invocation_of
from hatchway.runtime.code_tools import CODE_INPUT, CODE_OUTPUT, EVERYTHING
from hatchway.runtime.redacting import outcome_without
from hatchway.runtime.toolset import tools_of
from hatchway.runtime.validation import Validator

if TYPE_CHECKING:
    from hatchway.core.tool import Tool

STRING = Primitive("string")
RUN = WitFunction(
    name="run",
    interface="hatchway:exec/code@0.1.0",
    parameters=(("code", STRING), ("inputs", STRING)),
    result=ResultType(
        OptionType(STRING),
        RecordType((("kind", STRING), ("message", STRING), ("traceback", STRING))),
    ),
)


def component(*functions: WitFunction) -> Surface:
    return Surface(kind="component", imports=(), exports=(), functions=functions, is_command=False)


def python() -> Tool:
    (tool,) = tools_of("python", "sha256:0", component(RUN), None).tools
    return tool


def brought(**arguments: Any) -> FunctionInvocation:
    assert Validator(CODE_INPUT).is_valid(arguments)
    invocation = invocation_of(python(), arguments)
    assert isinstance(invocation, FunctionInvocation)
    return invocation


def test_an_interpreter_has_the_name_of_its_entry_and_our_schemas() -> None:
    tool = python()

    assert (tool.name, tool.runs_code) == ("python", True)
    assert (tool.input_schema, tool.output_schema) == (CODE_INPUT, CODE_OUTPUT)
    assert tool.manifest.description.startswith("Runs python code. ")


@pytest.mark.parametrize(
    "function",
    [
        replace(RUN, parameters=(("code", STRING),)),
        replace(RUN, parameters=(("code", STRING), ("inputs", Primitive("u8")))),
        replace(RUN, result=STRING),
        replace(RUN, result=None),
    ],
)
def test_what_only_calls_itself_an_interpreter_is_not_offered(function: WitFunction) -> None:
    with pytest.raises(AdmissionError, match=r"its type is not that of hatchway:exec/code\.run"):
        tools_of("python", "sha256:0", component(function), None)


def test_a_function_of_the_same_name_is_an_ordinary_tool() -> None:
    other = replace(RUN, interface="local:exec/code@0.1.0")

    (tool,) = tools_of("python", "sha256:0", component(other), None).tools

    assert (tool.name, tool.runs_code) == ("python.run", False)


def test_code_inputs_and_files_reach_the_sandbox() -> None:
    invocation = brought(
        code="x", inputs={"x": [1, "é"]}, files={"a": "é", "b/c": {"base64": "AAE="}}
    )

    assert invocation == FunctionInvocation(
        function="hatchway:exec/code@0.1.0#run",
        arguments={"code": "x", "inputs": '{"x":[1,"é"]}'},
        files={"a": "é".encode(), "b/c": b"\0\1"},
        wanted=EVERYTHING,
    )


def test_without_inputs_there_are_no_variables() -> None:
    assert brought(code="1").arguments == {"code": "1", "inputs": "{}"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"code": "\ud800"},
        {"code": "1", "inputs": {"a": "\ud800"}},
        {"code": "1", "files": {"a": "\ud800"}},
        {"code": "1", "files": {"\ud800": ""}},
        {"code": "1", "files": {"a": {"base64": "é"}}},
        {"code": "1", "files": {"é" * 513: ""}},
    ],
)
def test_what_cannot_be_bytes_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentsError):
        brought(**arguments)


@given(st.text(st.sampled_from("ab./\0 ")))
def test_a_file_is_named_below_the_workspace_or_refused(name: str) -> None:
    try:
        files = brought(code="1", files={name: ""}).files
    except InvalidArgumentsError:
        return

    assert list(files) == [name]
    assert not name.startswith("/")
    assert "\0" not in name
    assert {"", ".", ".."}.isdisjoint(name.split("/"))


def test_a_secret_leaves_in_no_part_of_what_code_came_to() -> None:
    redactor = Redactor([("API_KEY", Secret("s3cr3t-value-123"))])
    said = "x s3cr3t-value-123 y"
    outcome = Outcome(
        content=(TextContent(text=said),),
        structured={"value": said},
        code=CodeResult(
            value={"deep": [said]},
            exception=CodeException(kind=said, message=said, traceback=said, line=1),
            files={said: said.encode()},
        ),
    )

    found: set[str] = set()
    clean = outcome_without(redactor, outcome, found)

    assert found == {"API_KEY"}
    assert "s3cr3t" not in repr(clean)
    assert clean.code is not None
    assert clean.code.exception is not None
    assert clean.code.exception.line == 1
