"""`hatchway run`: run a file once, recording nothing but its events."""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.cli.call import OPERATOR, interruptible, report, say_denials
from hatchway.cli.options import (
    Allow,
    CompilerOption,
    IsolationOption,
    Json,
    LimitOption,
    application,
    compiler_named,
    grantable,
    isolation_named,
    limits,
)
from hatchway.cli.output import complain, print_json, say, write_bytes
from hatchway.core.call import Outcome, ToolCall
from hatchway.core.capability import ToolUse
from hatchway.core.errors import (
    CallError,
    ConfigError,
    InvalidArgumentsError,
    UnknownToolError,
)
from hatchway.runtime.arguments import MAX_TEXT_BYTES, parse_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.capability import Capability
    from hatchway.core.tool import Tool

File = Annotated[str, typer.Argument(metavar="FILE", help="The .wasm file to run.")]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- ARGV…]",
        help="The program's command line; for a function of a component, its JSON arguments.",
    ),
]
Function = Annotated[
    str | None,
    typer.Option("--function", "-f", metavar="NAME", help="Call this function of a component."),
]


def run_file(
    context: typer.Context,
    file: File,
    words: Words = None,
    function: Function = None,
    *,
    allow: Allow = None,
    limit: LimitOption = None,
    compiler: CompilerOption = None,
    isolation: IsolationOption = None,
    json: Json = False,
) -> int:
    """Run a WebAssembly file once, with what --allow grants and nothing else."""
    opened = application(context)
    granted, bounds = grantable(allow), limits(limit)
    _require_no_tools(granted, file)
    opened.witness.on_failure = say
    runtime, tools = opened.one_off.runtime(
        file, granted, bounds, compiler_named(compiler), isolation_named(isolation)
    )
    try:
        tool = _chosen(tools, function)
        arguments = _arguments(tool, words or [])
        request = ToolCall(
            call_id=runtime.new_call_id(), principal=OPERATOR, tool=tool.name, arguments=arguments
        )
        outcome = interruptible(runtime, request)
    except CallError as error:
        if json:
            print_json(Outcome(is_error=True, error=error).to_json())
        raise
    if json or _takes_json(tool):
        return report(outcome, "--allow", json=json)
    return _pass_on(outcome)


def _takes_json(tool: Tool) -> bool:
    """Whether it is a function, of a component or of a plug-in, and no program."""
    return tool.function is not None or tool.manifest.function is not None


def _require_no_tools(granted: list[Capability], file: str) -> None:
    for capability in granted:
        if isinstance(capability, ToolUse):
            message = f"{str(capability)!r}: a file that is run by itself has no other tools"
            hint = f"hatchway add {file} --allow {capability}, and then hatchway call"
            raise ConfigError(message, code="config.unknown_tool", hint=hint)


def _chosen(tools: Mapping[str, Tool], function: str | None) -> Tool:
    names = {_function_of(tool): tool for tool in tools.values() if _takes_json(tool)}
    if function is None and len(tools) == 1:
        return next(iter(tools.values()))
    if function in names:
        return names[function]
    known = ", ".join(names) or "none; it is a command"
    message = (
        "there are several functions"
        if function is None
        else (f"there is no function {function!r}")
    )
    raise UnknownToolError(message, hint=f"--function NAME; known: {known}")


def _function_of(tool: Tool) -> str:
    return tool.name.partition(".")[2] if tool.function is None else tool.function.name


def _arguments(tool: Tool, words: list[str]) -> dict[str, Any]:
    if not _takes_json(tool):
        is_closed = sys.stdin is None or sys.stdin.isatty()
        stdin = b"" if is_closed else sys.stdin.buffer.read(MAX_TEXT_BYTES)
        return {"args": words, "stdin": base64.b64encode(stdin).decode("ascii")}
    if len(words) > 1:
        message = "a function takes one JSON object"
        raise InvalidArgumentsError(message, hint="hatchway run FILE -- '{\"name\": 1}'")
    return parse_arguments(words[0] if words else "{}")


def _pass_on(outcome: Outcome) -> int:
    """A program's own output, byte for byte."""
    write_bytes(outcome.stdout)
    if outcome.stderr:
        say(outcome.stderr.decode("utf-8", "replace").rstrip("\n"))
    say_denials(outcome.denials, "--allow")
    if outcome.error is not None:
        complain(outcome.error)
        return outcome.error.exit_status
    return 0
