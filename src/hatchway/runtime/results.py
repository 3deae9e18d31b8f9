"""From what the sandbox reports to what the client reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hatchway.core.call import Content, MediaContent, Outcome, TextContent
from hatchway.core.errors import CallError, GuestExitedError, InvalidOutputError
from hatchway.core.untrusted import printable
from hatchway.core.wit import ResultType
from hatchway.runtime.json_text import decode, require_shallow
from hatchway.runtime.wit_schema import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

    from hatchway.core.call import Execution
    from hatchway.core.tool import Tool

MAX_STDERR_BYTES = 4096
"""How much of the end of stderr a client is shown when a command fails."""


def outcome_of(tool: Tool, execution: Execution, output: Validator | None) -> Outcome:
    """The answer to a call that ran as `execution`.

    Args:
        tool: Whose call it was.
        execution: What came of it.
        output: Checks a command's JSON against the schema its manifest promises.
    """
    content: tuple[Content, ...]
    structured: Mapping[str, Any] | None = None
    error = execution.stop
    if error is None:
        try:
            content, structured = _answer(tool, execution, output)
        except InvalidOutputError as wrong:
            error = wrong
    if error is not None:
        content = (TextContent(text=_why(execution, error)),)
    return Outcome(
        content=content,
        structured=structured,
        is_error=execution.failed or error is not None,
        error=error,
        usage=execution.usage,
        denials=execution.denials,
        gated=execution.gated,
        stdout=execution.stdout,
        stderr=execution.stderr,
    )


def refusal(error: CallError) -> Outcome:
    """The answer to a call that never ran."""
    return Outcome(content=(TextContent(text=error.message),), is_error=True, error=error)


def _why(execution: Execution, error: CallError) -> str:
    if not isinstance(error, GuestExitedError):
        return error.message
    # The program's own words about why it failed.
    said = (execution.stderr or execution.stdout)[-MAX_STDERR_BYTES:]
    return error.message + ("\n" + said.decode("utf-8", "replace") if said else "")


def _answer(
    tool: Tool, execution: Execution, output: Validator | None
) -> tuple[tuple[Content, ...], Mapping[str, Any] | None]:
    if tool.function is not None:
        return _function_answer(tool, execution)
    mapping = tool.manifest.result
    if mapping.kind == "json":
        structured = _object(_parsed(execution.stdout))
        _require_promised(structured, output)
        return (TextContent(text=_dumped(structured)),), structured
    if mapping.kind == "text":
        return (TextContent(text=execution.stdout.decode("utf-8", "replace")),), None
    media = MediaContent(
        kind=mapping.kind, data=execution.stdout, media_type=mapping.media_type or ""
    )
    return (media,), None


def _function_answer(
    tool: Tool, execution: Execution
) -> tuple[tuple[Content, ...], Mapping[str, Any] | None]:
    assert tool.function is not None
    value, result = execution.value, tool.function.result
    if execution.failed:
        said = "the tool failed without saying why" if value is None else _text(value)
        return (TextContent(text=said),), None
    if isinstance(result, ResultType):
        result = result.ok
    if result is None:
        return (), None
    structured = value if is_object(result) else {"result": value}
    return (TextContent(text=_text(value)),), structured


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _dumped(value)


# Made once: `json.dumps` and `json.loads` with options make a new one for every call.
_dumped = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def _parsed(stdout: bytes) -> Any:
    try:
        text = stdout.decode()
        answer = decode(text)
        if "\\u" in text:
            _dumped(answer).encode()  # an escape may stand for half a character
        require_shallow(answer)
    except (ValueError, RecursionError) as error:
        message = f"the tool did not answer with JSON: {printable(str(error), limit=120)}"
        raise InvalidOutputError(message) from error
    return answer


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"result": value}


def _require_promised(structured: Mapping[str, Any], output: Validator | None) -> None:
    error = None if output is None else next(output.iter_errors(structured), None)
    if error is not None:
        shown = printable(error.message, limit=200)
        message = f"the tool's answer does not fit its own output schema: {shown}"
        raise InvalidOutputError(message)
