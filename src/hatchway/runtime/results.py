"""From what the sandbox reports to what the client reads."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hatchway.core.call import Content, MediaContent, Outcome, ResourceContent, TextContent
from hatchway.core.errors import (
    CallError,
    GuestExitedError,
    InvalidOutputError,
    ScratchExceededError,
)
from hatchway.core.json_text import decode, encoder, require_shallow
from hatchway.core.untrusted import printable
from hatchway.core.wit import ResultType
from hatchway.runtime.code_results import code_outcome_of
from hatchway.runtime.plain_json import plain
from hatchway.runtime.plugin_results import plugin_answer
from hatchway.runtime.wit_schema import is_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatchway.core.call import Execution
    from hatchway.core.manifest import ResultMapping
    from hatchway.core.tool import Tool
    from hatchway.runtime.validation import Validator

MAX_STDERR_BYTES = 4096
"""How much of the end of stderr a client is shown when a command fails."""

MAX_FILES = 256
"""Files that one answer may hold. A guest can make many, and each is a block of its own."""
MAX_PATH_BYTES = 1024
"""The longest path of such a file."""


def outcome_of(tool: Tool, execution: Execution, output: Validator | None) -> Outcome:
    """The answer to a call that ran as `execution`.

    Args:
        tool: Whose call it was.
        execution: What came of it.
        output: Checks a command's JSON against the schema its manifest promises.
    """
    content: tuple[Content, ...]
    structured: Mapping[str, Any] | None = None
    if tool.runs_code:
        return code_outcome_of(tool, execution)
    has_failed = execution.failed
    error = execution.stop
    if error is None:
        try:
            if tool.manifest.abi == "hyper-mcp" and not has_failed:
                content, structured, has_failed = plugin_answer(tool, execution.stdout)
                if structured is not None:
                    _require_promised(structured, output)
            else:
                content, structured = _answer(tool, execution, output)
        except InvalidOutputError as wrong:
            error = wrong
    if error is not None:
        content = (TextContent(text=_why(execution, error)),)
    return Outcome(
        content=content,
        structured=structured,
        is_error=has_failed or error is not None,
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
    if not isinstance(error, GuestExitedError | ScratchExceededError):
        return error.message
    # The program's own words about why it failed.
    said = (execution.stderr or execution.stdout)[-MAX_STDERR_BYTES:]
    return error.message + ("\n" + said.decode("utf-8", "replace") if said else "")


def _answer(
    tool: Tool, execution: Execution, output: Validator | None
) -> tuple[tuple[Content, ...], Mapping[str, Any] | None]:
    if tool.function is not None:
        return _function_answer(tool, execution)
    if execution.failed:
        return (TextContent(text=_text(execution.value)),), None
    content: list[Content] = []
    structured: Mapping[str, Any] | None = None
    for mapping, path, data in _outputs(tool.manifest.results, execution):
        if mapping.kind == "json":
            structured = _object(_parsed(data, path))
            _require_promised(structured, output)
            content.append(TextContent(text=_dumped(structured)))
        else:
            content.append(_block(tool, mapping, path, data))
    return tuple(content), structured


def _outputs(
    mappings: tuple[ResultMapping, ...], execution: Execution
) -> Iterator[tuple[ResultMapping, str | None, bytes]]:
    """What each mapping takes: the path, which stdout has not, and the bytes.

    A file is shown once. One that is named for itself is no part of a pattern, and what one
    pattern took is no part of the next.
    """
    if len(execution.files) > MAX_FILES:
        message = f"the tool wrote more than {MAX_FILES} files for its answer"
        raise InvalidOutputError(message)
    shown = {mapping.file for mapping in mappings if not mapping.is_pattern}
    for mapping in mappings:
        if mapping.file is None:
            yield mapping, None, execution.stdout
            continue
        paths = _named(mapping, execution.files, shown)
        shown.update(paths)
        for path in paths:
            yield mapping, path, execution.files[path]


def _named(mapping: ResultMapping, files: Mapping[str, bytes], shown: set[str | None]) -> list[str]:
    """The paths of the files that a mapping stands for."""
    assert mapping.file is not None
    if mapping.is_pattern:
        return [path for path in files if path not in shown and _matches(path, mapping.file)]
    if mapping.file not in files:
        message = f"the tool did not write {printable(mapping.file, limit=120)}"
        raise InvalidOutputError(message)
    return [mapping.file]


def _matches(path: str, pattern: str) -> bool:
    names, parts = path.split("/"), pattern.split("/")
    return len(names) == len(parts) and all(map(fnmatchcase, names, parts))


def _block(tool: Tool, mapping: ResultMapping, path: str | None, data: bytes) -> Content:
    if mapping.kind == "text":
        return TextContent(text=data.decode("utf-8", "replace"))
    media_type = mapping.media_type or ""
    if mapping.kind == "resource":
        return ResourceContent(uri=_uri(tool.name, path), media_type=media_type, data=data)
    assert mapping.kind != "json"
    return MediaContent(kind=mapping.kind, data=data, media_type=media_type)


def _uri(tool: str, path: str | None) -> str:
    """A name for what a tool gave back: nobody answers to it, and it tells nothing of the host."""
    if path is None:
        return f"hatchway:///{quote(tool)}"
    name = path.encode("utf-8", "surrogatepass")
    if len(name) > MAX_PATH_BYTES:
        message = f"the tool wrote a file whose path has more than {MAX_PATH_BYTES} bytes"
        raise InvalidOutputError(message)
    return f"hatchway:///{quote(tool)}/{quote(name)}"


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
    style = tool.manifest.json
    if style == "plain":
        value = plain(result, value)
    structured = value if is_object(result, style) else {"result": value}
    return (TextContent(text=_text(value)),), structured


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _dumped(value)


_dumped = encoder(compact=False)


def _parsed(data: bytes, path: str | None) -> Any:
    try:
        text = data.decode()
        answer = decode(text)
        if "\\u" in text:
            _dumped(answer).encode()  # an escape may stand for half a character
        require_shallow(answer)
    except (ValueError, RecursionError) as error:
        where = "" if path is None else f" in {printable(path, limit=120)}"
        message = f"the tool did not answer with JSON{where}: {printable(str(error), limit=120)}"
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
