"""`hatchway build`: from a project to an artifact that can be signed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.cli.build_interpreter import build_interpreter, write_artifact
from hatchway.cli.options import Json, application
from hatchway.cli.output import complain, plural, print_json, print_line, say, warn
from hatchway.core.errors import AdmissionError, CallError, ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.runtime.building import BuiltTool

ProjectDirectory = Annotated[
    Path, typer.Argument(metavar="[DIR]", help="The project; by default this directory.")
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="By default DIR/NAME.wasm."),
]

Interpreter = Annotated[
    str | None,
    typer.Option(
        "--interpreter",
        metavar="LANGUAGE",
        help="Build Hatchway's own interpreter of this language, and no project.",
    ),
]
Lock = Annotated[
    Path | None,
    typer.Option(
        "--lock",
        metavar="FILE",
        help="Put these packages into the interpreter: requirements with hashes.",
    ),
]

_SHOWN_FUNCTIONS = 4


def build(
    context: typer.Context,
    directory: ProjectDirectory = Path(),
    output: Output = None,
    interpreter: Interpreter = None,
    lock: Lock = None,
    json: Json = False,
) -> int:
    """Compile a project, put manifest and licence inside, and audit what came of it.

    Exits with 1, and writes nothing, when the audit found something critical.
    """
    if interpreter is not None:
        _require_alone(directory)
        own = application(context).directories
        return build_interpreter(interpreter, lock, output, own, json=json)
    if lock is not None:
        message = "--lock belongs to --interpreter; a project has its own requirements.lock"
        raise ConfigError(message, code="config.usage", hint="hatchway build --help")
    built = built_tool(directory)
    target = output or directory / f"{built.name}.wasm"
    if not built.report.blocked:
        write_artifact(target, built.artifact)
    if json:
        print_json(to_json(built, target))
    else:
        for line in lines(built):
            print_line(line)
    if built.report.blocked:
        worst = next(each for each in built.report.standing if each.severity == "critical")
        message = f"{built.name!r} has a critical finding: {worst.id} {worst.message}"
        hint = f"hatchway audit --explain {worst.rule.id}"
        blocked = AdmissionError(message, code="admission.blocked", hint=hint)
        complain(blocked)
        return CallError.exit_status
    file = shlex.quote(str(target))
    say(f"wrote {file}")
    say(f"next: hatchway test {shlex.quote(str(directory))}, then hatchway sign {file}")
    say(f"to use it yourself: hatchway add {file}")
    return 0


def _require_alone(directory: Path) -> None:
    if directory != Path():
        message = f"an interpreter is no project: what is {str(directory)!r} for?"
        raise ConfigError(message, code="config.usage", hint="hatchway build --help")


def built_tool(directory: Path) -> BuiltTool:
    """What a project builds into, while a person is told what happens.

    Raises:
        HatchwayError: It does not build.
    """
    from hatchway.compose import today
    from hatchway.runtime.building import build_project

    built = build_project(directory.absolute(), say, today())
    for item in built.rejected:
        warn(f"{item.name} is not offered: {item.reason}")
    return built


def lines(built: BuiltTool) -> list[str]:
    """What a person reads about a build."""
    report = built.report
    found = [
        f"{built.name}: {report.kind}, {len(built.artifact)} bytes, {report.digest}",
        f"  tools        {printable(', '.join(tool.name for tool in built.tools), limit=400)}",
        *_asked(built),
        *_capabilities(built),
        f"  licence      {built.manifest.licence or 'not stated'}",
        *(f"  {note}" for note in built.notes),
        f"  grade        {report.grade}, {_findings(built)}",
    ]
    return found + [
        f"    {item.severity} {item.id} {printable(item.message, limit=200)}"
        for item in report.standing
        if item.severity in ("medium", "high", "critical")
    ]


def to_json(built: BuiltTool, target: Path) -> dict[str, Any]:
    """The same for programs."""
    return {
        "file": None if built.report.blocked else str(target),
        "name": built.name,
        "language": built.language,
        "digest": built.report.digest,
        "size": len(built.artifact),
        "tools": [tool.name for tool in built.tools],
        "requires": [_want(want) for want, is_optional in built.wants if not is_optional],
        "optional": [_want(want) for want, is_optional in built.wants if is_optional],
        "capabilities": {name: list(names) for name, names in built.capabilities.items()},
        "licence": built.manifest.licence,
        "notes": list(built.notes),
        "grade": built.report.grade,
        "blocked": built.report.blocked,
        "findings": built.report.to_json()["findings"],
    }


def _want(want: Any) -> dict[str, str]:
    return {"capability": str(want.capability), "reason": want.reason}


def _asked(built: BuiltTool) -> list[str]:
    if not built.wants:
        return ["  will ask for nothing"]
    return [
        f"  will ask for {want.capability}{' (optional)' if is_optional else ''}: "
        f"{printable(want.reason, limit=200)}"
        for want, is_optional in built.wants
    ]


def _capabilities(built: BuiltTool) -> list[str]:
    """What its imports would let it use. The manifest asks, and this is what it could do."""
    if not built.capabilities:
        return ["  can use      nothing"]
    found = []
    for name, functions in built.capabilities.items():
        more = len(functions) - _SHOWN_FUNCTIONS
        shown = ", ".join(map(_bare, functions[:_SHOWN_FUNCTIONS]))
        rest = f" and {more} more" if more > 0 else ""
        found.append(f"  can use      {name} ({printable(shown, limit=200)}{rest})")
    return found


def _bare(function: str) -> str:
    """A function without its interface or module, whose versions have dots as well."""
    return function.rpartition("#")[2].rpartition(".")[2]


def _findings(built: BuiltTool) -> str:
    counts: dict[str, int] = {}
    for item in built.report.standing:
        counts[item.severity] = counts.get(item.severity, 0) + 1
    counted = ", ".join(f"{count} {severity}" for severity, count in counts.items())
    return f"score {built.report.score}, " + (counted or plural(0, "finding"))
