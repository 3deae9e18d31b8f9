"""An interpreter as a tool: what a model is told of it, and what a call of it brings along."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import InvalidArgumentsError
from hatchway.core.json_text import encoder
from hatchway.core.sandbox import FunctionInvocation
from hatchway.core.tool import CODE_INTERFACE, RUN
from hatchway.core.untrusted import printable
from hatchway.core.wit import OptionType, Primitive, RecordType, ResultType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatchway.core.tool import Tool
    from hatchway.core.wit import WitFunction

MAX_NAME_BYTES = 1024
MAX_FOLDERS = 4
"""How deep a file may lie in the workspace and still come back."""

EVERYTHING = tuple("/".join("*" * depth) for depth in range(1, MAX_FOLDERS + 2))
"""Patterns of every file that comes back."""

_ANY_FILE = {
    "anyOf": [
        {"type": "string", "description": "Its text."},
        {
            "type": "object",
            "properties": {"base64": {"type": "string", "contentEncoding": "base64"}},
            "required": ["base64"],
            "additionalProperties": False,
            "description": "Its bytes.",
        },
    ]
}

CODE_INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "code": {
            "type": "string",
            "description": "The code, run from top to bottom. The value of its last expression "
            "is the result.",
        },
        "inputs": {
            "type": "object",
            "description": "Each member is a variable of that name in the code.",
        },
        "files": {
            "type": "object",
            "additionalProperties": _ANY_FILE,
            "description": "What lies in the working directory when the code starts, by name.",
        },
    },
    "required": ["code"],
    "additionalProperties": False,
}
"""The arguments of every interpreter."""

_TEXT = {"type": "string"}
_FAILURE = {
    "type": "object",
    "properties": {
        "kind": _TEXT,
        "message": _TEXT,
        "traceback": _TEXT,
        "line": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "required": ["kind", "message", "traceback", "line"],
    "additionalProperties": False,
}
_STOP = {
    "type": "object",
    "properties": {"code": _TEXT, "message": _TEXT},
    "required": ["code", "message"],
    "additionalProperties": False,
}
_MADE = {
    "type": "object",
    "properties": {"name": _TEXT, "media_type": _TEXT, "bytes": {"type": "integer"}},
    "required": ["name", "media_type", "bytes"],
    "additionalProperties": False,
}

CODE_OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "value": {"description": "What the last expression gave; null when there was nothing."},
        "stdout": {**_TEXT, "description": "What the code printed."},
        "stderr": _TEXT,
        "files": {
            "type": "array",
            "items": _MADE,
            "description": "The files that the code made or changed; they are in the content.",
        },
        "exception": {**_FAILURE, "description": "Why the code did not come to its end."},
        "error": {**_STOP, "description": "Why the code was stopped."},
    },
    "required": ["value", "stdout", "stderr", "files"],
    "additionalProperties": False,
}
"""The structured result of every interpreter."""

_HOW = (
    "The value of the last expression is the result, and what is printed comes back too. "
    "`inputs` are variables; `files` lie in the working directory, and files that the code "
    "makes there come back (PNG, JPEG, GIF, WebP and SVG as images). Every run starts afresh: "
    "nothing of an earlier one is there. The language's own library is there, and nothing can be "
    "installed. It runs in a sandbox: no network, no processes and no files but those, unless "
    "the operator granted more; other tools are reached through `tools` where they were granted. "
    "Time, memory and output are limited, and an error says which limit was hit."
)


def description_of(said: str, owner: str) -> str:
    """What a model is told of an interpreter.

    Args:
        said: What its author says of it, which may be nothing.
        owner: The entry it was admitted as.
    """
    return f"{said or f'Runs {owner} code.'} {_HOW}"


_STRING = Primitive("string")
_PARAMETERS = (("code", _STRING), ("inputs", _STRING))
_RESULT = ResultType(
    OptionType(_STRING),
    RecordType((("kind", _STRING), ("message", _STRING), ("traceback", _STRING))),
)


def is_interpreter(function: WitFunction) -> bool:
    """Whether `function` says of itself that it runs code."""
    return function.name == RUN and (function.interface or "").startswith(CODE_INTERFACE)


def fits_interface(function: WitFunction) -> bool:
    """Whether its types are those of `sdk/guest/exec.wit`, and not only its name."""
    return function.parameters == _PARAMETERS and function.result == _RESULT


_encode = encoder(compact=True)


def code_invocation(tool: Tool, arguments: Mapping[str, Any]) -> FunctionInvocation:
    """What the sandbox is to run for `arguments`, which fit the schema of an interpreter.

    Raises:
        InvalidArgumentsError: A file cannot be put into the workspace.
    """
    assert tool.function is not None
    inputs = arguments.get("inputs", {})
    return FunctionInvocation(
        function=tool.function.qualified_name,
        arguments={
            "code": _sound(arguments["code"], "code"),
            "inputs": _sound(inputs if isinstance(inputs, str) else _encode(inputs), "inputs"),
        },
        files=dict(_files(arguments.get("files", {}))),
        wanted=EVERYTHING,
    )


def _files(files: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    for name, value in files.items():
        if isinstance(value, str):
            yield _placed(name), _sound(value, name).encode()
        else:
            yield _placed(name), _decoded(name, value["base64"])


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        message = f"the file {printable(name, limit=120)} is not base64"
        raise InvalidArgumentsError(message, details={"path": "files"}) from None


def _placed(name: str) -> str:
    """The name of a file, which can be nowhere but in the workspace.

    Raises:
        InvalidArgumentsError: It could be elsewhere, or would never come back.
    """
    _sound(name, "files")
    parts = name.split("/")
    fits = len(name.encode()) <= MAX_NAME_BYTES and len(parts) <= MAX_FOLDERS + 1
    if fits and "\0" not in name and not {"", ".", ".."}.intersection(parts):
        return name
    message = (
        f"{printable(name, limit=120)!r} is no name for a file of the workspace: a relative path "
        f"without '..', at most {MAX_FOLDERS} directories deep"
    )
    raise InvalidArgumentsError(message, details={"path": "files"})


def _sound(text: str, place: str) -> str:
    """`text`, if it can be encoded at all."""
    try:
        text.encode()
    except UnicodeEncodeError:
        message = f"{printable(place, limit=60)} contains a lone surrogate"
        raise InvalidArgumentsError(message, details={"path": place}) from None
    return text
