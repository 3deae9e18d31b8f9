"""`hatchway call`: one call, as an MCP client would get it."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.options import Json, application
from hatchway.cli.output import complain, plural, print_json, print_line, say, write_bytes
from hatchway.core.call import (
    Cancellation,
    Outcome,
    Principal,
    ResourceContent,
    TextContent,
    ToolCall,
)
from hatchway.core.errors import CallError, ConfigError, UnknownToolError
from hatchway.core.untrusted import printable
from hatchway.policy.document import LOCAL_TENANT
from hatchway.runtime.arguments import MAX_TEXT_BYTES, parse_arguments

if TYPE_CHECKING:
    from hatchway.core.call import Denial
    from hatchway.runtime.catalog import Catalog
    from hatchway.runtime.runtime import Runtime

_SHOWN_DENIALS = 8
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+|/", re.ASCII)
"""An interpreter that misses a module can try dozens of paths."""

OPERATOR = Principal(tenant=LOCAL_TENANT, subject="operator", door="cli")

Tool = Annotated[
    str, typer.Argument(metavar="NAME[.FUNCTION]", help="The tool, as `hatchway list` shows it.")
]
Arguments = Annotated[
    str | None,
    typer.Argument(metavar="[JSON|-]", help="The arguments; - reads them from standard input."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the first content block here."),
]


def call(
    context: typer.Context,
    tool: Tool,
    arguments: Arguments = None,
    output: Output = None,
    json: Json = False,
) -> int:
    """Call a tool once, in a fresh sandbox, as an MCP client would."""
    opened = application(context)
    try:
        parsed = parse_arguments(_text(arguments))
        runtime = opened.runtime(tool.partition(".")[0], tell=say)
        request = ToolCall(
            call_id=runtime.new_call_id(),
            principal=OPERATOR,
            tool=resolved(runtime.catalog, tool),
            arguments=parsed,
        )
        outcome = interruptible(runtime, request)
    except CallError as error:
        if json:
            print_json(Outcome(is_error=True, error=error).to_json())
        raise
    owner = request.tool.partition(".")[0]
    way = f"hatchway grant {owner}"
    return report(outcome, way, json=json, output=output)


def interruptible(runtime: Runtime, call: ToolCall) -> Outcome:
    """The outcome of `call`, which Ctrl-C withdraws.

    Python would raise the interrupt wherever it happens to run, and while a guest runs that
    is inside wasmtime's callback, where nothing can be raised. A flag can be set there.

    Raises:
        KeyboardInterrupt: After the guest was stopped and the event written.
    """
    cancellation = Cancellation()
    before = signal.signal(signal.SIGINT, lambda *_: cancellation.request())
    try:
        outcome = runtime.call(call, cancellation)
    finally:
        signal.signal(signal.SIGINT, before)
    if cancellation.is_requested:
        raise KeyboardInterrupt
    return outcome


def report(outcome: Outcome, way: str, *, json: bool, output: Path | None = None) -> int:
    """Print an outcome, and give the status to exit with."""
    if output is not None:
        _save(outcome, output)
    elif not json:
        _print_content(outcome)
    if json:
        print_json(outcome.to_json())
    say_denials(outcome.denials, way, is_code=outcome.code is not None)
    if outcome.error is not None:
        complain(outcome.error)
        return outcome.error.exit_status
    return 1 if outcome.is_error else 0


def say_denials(denials: tuple[Denial, ...], way: str, *, is_code: bool = False) -> None:
    """What the guest was denied, and what could be done about it.

    Args:
        denials: In order.
        way: How power is given where this was asked: a command or an option.
        is_code: Whether generated code asked for it, in an interpreter.
    """
    # Where the grant is known it is shown first: a dozen paths of an interpreter would hide it.
    shown = sorted(denials, key=lambda denial: not denial.wanted)[:_SHOWN_DENIALS]
    for denial in shown:
        say(f"denied: {denial.capability} {denial.attempted} ({denial.function})")
    if (more := len(denials) - _SHOWN_DENIALS) > 0:
        say(f"denied: {more} more, all of which --json shows")
    steps = (_next_step(denial, way, is_code=is_code) for denial in shown)
    for step in dict.fromkeys(step for step in steps if step):
        say(f"  hint: {step}")


def _next_step(denial: Denial, way: str, *, is_code: bool) -> str:
    """What would allow it: the directory inside is known, the one outside is the operator's."""
    if denial.wanted:
        return f"{way} {shlex.quote(denial.wanted)}"
    kind = denial.capability.partition(".")[0]
    if kind == "fs":
        guest = denial.attempted.rpartition("/")[0] or "/"
        if not _PLAIN_PATH.fullmatch(guest):
            guest = "GUEST_DIRECTORY"  # the guest chose these words; nobody shall paste them
        return f"{way} {denial.capability}=DIRECTORY:{guest}"
    if denial.capability == "net.http":
        return ""  # no grant would allow it, and the event says which rule forbids it
    if kind == "net" and is_code:
        # The broker reads along with a tool that speaks HTTP, and only passes a socket's bytes on.
        what = "code may call a tool that has net.http"
        return f"{what}: {way} tool=NAME; or use a socket of its own: {way} net.socket=HOST:PORT"
    if kind == "net":
        return f"{way} {denial.capability}=HOST:PORT"
    return f"nothing grants {kind}"


def resolved(catalog: Catalog, name: str) -> str:
    """The tool that `name` means: itself, or the only one of that policy entry.

    Raises:
        UnknownToolError: It means several.
    """
    if name in catalog.entries:
        return name
    matching = [tool for tool, entry in catalog.entries.items() if entry.tool.owner == name]
    if len(matching) > 1:
        message = f"{name!r} offers {plural(len(matching), 'tool')}"
        raise UnknownToolError(message, hint=f"name one of {', '.join(matching)}")
    return matching[0] if matching else name


def _text(arguments: str | None) -> str:
    if arguments is None:
        return "{}"
    if arguments != "-":
        return arguments
    return sys.stdin.read(MAX_TEXT_BYTES + 1)


def _save(outcome: Outcome, file: Path) -> None:
    if not outcome.content:
        say("the tool gave no content to write")
        return
    block = outcome.content[0]
    data = block.text.encode() if isinstance(block, TextContent) else block.data
    try:
        file.write_bytes(data)
    except OSError as error:
        message = f"cannot write {str(file)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {plural(len(data), 'byte')} to {file}")


def _print_content(outcome: Outcome) -> None:
    if outcome.error is not None:
        if outcome.stdout:
            write_bytes(outcome.stdout)
        if outcome.stderr:
            say(outcome.stderr[-4096:].decode("utf-8", "replace").rstrip())
        return
    for index, block in enumerate(outcome.content):
        if isinstance(block, TextContent):
            print_line(block.text.removesuffix("\n"))
            continue
        words = [block.media_type, plural(len(block.data), "byte")]
        if isinstance(block, ResourceContent):
            words.append(printable(block.uri, limit=1000))
        how = "--json has it" if index else "save it with --output FILE"
        print_line(f"[{', '.join(words)}; {how}]")
