"""`hatchway exec`: run generated code once, in a fresh sandbox."""

from __future__ import annotations

import json as json_text
import signal
import sys
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.cli.call import say_denials
from hatchway.cli.made_files import save
from hatchway.cli.options import (
    Allow,
    Chosen,
    CompilerOption,
    IsolationOption,
    Json,
    LimitOption,
    compiler_named,
    isolation_named,
    limits,
)
from hatchway.cli.options import spelled_limits as spelled
from hatchway.cli.output import complain, plural, print_json, say, write_bytes
from hatchway.cli.terminals import safe_for_terminal, say_lines
from hatchway.core.call import Cancellation, Outcome
from hatchway.core.code import CodeResult
from hatchway.core.errors import CallError, ConfigError, InvalidArgumentsError
from hatchway.core.json_text import decode
from hatchway.core.untrusted import printable
from hatchway.runtime.arguments import MAX_TEXT_BYTES, parse_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LANGUAGES = {".py": "python", ".js": "javascript", ".mjs": "javascript"}

File = Annotated[
    str | None,
    typer.Argument(metavar="[FILE|-]", help="The code; - or nothing reads it from stdin."),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="LANGUAGE",
        help="python or javascript. By default what the file's name says, else python.",
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME=JSON", help="A variable of the code. May be repeated."),
]
InputsFile = Annotated[
    Path | None,
    typer.Option(
        "--inputs", metavar="FILE", help="A JSON object, each member of which is a variable."
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="HOST[:NAME]",
        help="Copy this file into the code's working directory. May be repeated.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write the files that the code makes here."),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Let --out replace files that are there."),
]


def exec_code(
    context: typer.Context,
    file: File = None,
    *,
    lang: Language = None,
    allow: Allow = None,
    limit: LimitOption = None,
    inputs: Inputs = None,
    inputs_file: InputsFile = None,
    files: Files = None,
    out: Out = None,
    overwrite: Overwrite = False,
    compiler: CompilerOption = None,
    isolation: IsolationOption = None,
    json: Json = False,
) -> int:
    """Run Python or JavaScript once, with what --allow grants and nothing else.

    What the code prints goes to stdout, then the value of its last expression as JSON.
    """
    from hatchway.compose.asked import Asked
    from hatchway.compose.running import Workplace

    chosen = context.find_object(Chosen)
    language = lang or _LANGUAGES.get(Path(file or "-").suffix.lower(), "python")
    variables = _variables(inputs, inputs_file)
    brought = dict(_brought(text) for text in files or [])
    limits(limit)  # refuses what is misspelt, in the words of every other command
    asked = Asked(
        allow=tuple(allow or ()),
        limits=spelled(limit),
        compiler=compiler_named(compiler),
        isolation=isolation_named(isolation),
        place="the command line",
    )
    place = Workplace(asked, config=None if chosen is None else chosen.config, door="cli", tell=say)
    place.witness.on_failure = say
    try:
        code = _code(file)
        place.prepare(language)
        outcome = _interruptible(
            lambda cancellation: place.run(language, code, variables, brought, cancellation)
        )
    except CallError as error:
        if json:
            print_json(Outcome(is_error=True, error=error).to_json())
        raise
    finally:
        place.close()
    return _report(outcome, partial(save, directory=out, overwrite=overwrite), json=json)


def _report(outcome: Outcome, keep: Callable[[Mapping[str, bytes]], None], *, json: bool) -> int:
    result = outcome.code or CodeResult()
    if json:
        print_json(_whole(outcome, result))
    else:
        _print(outcome, result)
    keep(result.files)
    say_denials(outcome.denials, "--allow", is_code=True)
    if outcome.error is not None:
        complain(outcome.error)
        return outcome.error.exit_status
    return 1 if outcome.is_error else 0


def _whole(outcome: Outcome, result: CodeResult) -> dict[str, Any]:
    """The shape of `call --json`, with everything that a client would get shortened."""
    shape = outcome.to_json()
    shape["structured"] = {
        **(outcome.structured or {}),
        "value": result.value,
        "stdout": outcome.stdout.decode("utf-8", "replace"),
        "stderr": outcome.stderr.decode("utf-8", "replace"),
        "exception": None,
    }
    if (exception := result.exception) is not None:
        shape["structured"]["exception"] = {
            "kind": exception.kind,
            "message": exception.message,
            "traceback": exception.traceback,
            "line": exception.line,
        }
    return shape


def _print(outcome: Outcome, result: CodeResult) -> None:
    """What the code printed, byte for byte, and then its value on a line of its own."""
    printed = outcome.stdout
    if result.value is not None:
        # A REPL would begin a new line as well.
        gap = b"\n" if printed and not printed.endswith(b"\n") else b""
        value = json_text.dumps(result.value, ensure_ascii=False)
        printed += gap + value.encode("utf-8", "backslashreplace") + b"\n"
    write_bytes(safe_for_terminal(printed) if sys.stdout.isatty() else printed)
    say_lines(outcome.stderr.decode("utf-8", "replace"))
    if result.exception is not None:
        said = f"{result.exception.kind}: {result.exception.message}"
        traceback = result.exception.traceback
        say_lines(traceback if traceback.strip() else said)


def _interruptible(run: Callable[[Cancellation], Outcome]) -> Outcome:
    """The outcome of a run, which Ctrl-C withdraws; see `hatchway.cli.call.interruptible`."""
    cancellation = Cancellation()
    before = signal.signal(signal.SIGINT, lambda *_: cancellation.request())
    try:
        outcome = run(cancellation)
    finally:
        signal.signal(signal.SIGINT, before)
    if cancellation.is_requested:
        raise KeyboardInterrupt
    return outcome


# Arguments


def _code(file: str | None) -> str:
    if file is not None and file != "-":
        data = _read(Path(file))
    elif sys.stdin is None or (file is None and sys.stdin.isatty()):
        message = "there is no code to run"
        hint = "hatchway exec FILE, or: echo 'print(1)' | hatchway exec"
        raise InvalidArgumentsError(message, hint=hint)
    else:
        data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        message = f"the code is not UTF-8: {error.reason} at byte {error.start}"
        raise InvalidArgumentsError(message) from error


def _variables(inputs: list[str] | None, file: Path | None) -> dict[str, Any]:
    variables = {} if file is None else _object_in(file)
    for text in inputs or []:
        name, has_value, value = text.partition("=")
        if not (name and has_value):
            message = f"--input {text!r}: expected NAME=JSON"
            raise ConfigError(message, code="config.usage", hint="--input 'rows=[1, 2]'")
        try:
            variables[name] = decode(value)
        except (ValueError, RecursionError) as error:
            message = f"--input {printable(text, limit=60)}: the value is not JSON"
            hint = f"""a text is quoted for JSON: --input '{name}="…"'"""
            raise ConfigError(message, code="config.usage", hint=hint) from error
    return variables


def _object_in(file: Path) -> dict[str, Any]:
    try:
        return parse_arguments(_read(file).decode())
    except (InvalidArgumentsError, UnicodeDecodeError) as error:
        message = f"--inputs {str(file)!r}: it is not a JSON object"
        raise ConfigError(message, code="config.usage") from error


def _brought(text: str) -> tuple[str, bytes]:
    """One `--file`: its name inside, and what it holds."""
    host, _, name = text.partition(":")
    return name or PurePosixPath(host).name, _read(Path(host))


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        message = f"cannot read {str(file)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unreadable") from error
    if len(data) > MAX_TEXT_BYTES:
        message = f"{str(file)!r} has more than {plural(MAX_TEXT_BYTES, 'byte')}"
        hint = "grant its directory instead: --allow fs.read=DIRECTORY:/data"
        raise ConfigError(message, code="config.too_large", hint=hint)
    return data
