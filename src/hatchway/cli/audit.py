"""`hatchway audit`: what is wrong or odd about an artifact, a tool or a project."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import hatchway
from hatchway.audit.finding import SEVERITIES
from hatchway.audit.rules import RULES
from hatchway.audit.sarif import sarif_of
from hatchway.audit.text import explain_text, report_text, summary_text
from hatchway.cli.options import Json, application
from hatchway.cli.output import say
from hatchway.cli.remove import require_tool
from hatchway.core.errors import AdmissionError, CallError, ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.runtime.auditing import Audited

Level = Literal["info", "low", "medium", "high", "critical"]
Format = Literal["text", "json", "sarif"]

_MOST_PASSED_OVER = 8
"""Directories that are named."""

Target = Annotated[
    str,
    typer.Argument(
        metavar="FILE|DIR|NAME",
        help="A .wasm file, a directory with everything below it, or an installed tool.",
    ),
]
FailOn = Annotated[
    Level | None,
    typer.Option("--fail-on", help="Exit with 1 when a finding is at least this severe."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the report.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the report to a file."),
]
Explain = Annotated[
    str | None,
    typer.Option("--explain", metavar="RULE", help="Say what a rule looks for, and why."),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show findings of severity info as well.")
]


def audit(
    context: typer.Context,
    target: Target = ".",
    format_: FormatOption = "text",
    fail_on: FailOn = None,
    output: Output = None,
    explain: Explain = None,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Audit a file, a project or an installed tool without running or compiling it.

    Exits with 1 when a finding is at least as severe as --fail-on, and with 3 when an
    artifact cannot be read strictly.
    """
    if explain is not None:
        return _explain(explain)
    audited = _audited(application(context), target)
    shown: Format = "json" if json else format_
    text = {"text": _text, "json": _json, "sarif": _sarif}[shown](audited, target, verbose)
    if output is None:
        print(text)
    else:
        _write(output, text)
    return _status(audited, fail_on)


def _audited(opened: Application, target: str) -> list[Audited]:
    path, here = Path(target), Path.cwd()
    if path.is_dir():
        # A repository's files are named from its root, which is where one stands in CI.
        root = here if path.resolve().is_relative_to(here) else path
        below = opened.auditor(root).project(path)
        if below.passed_over:
            say(f"passed over: {_listed(below.passed_over)}; name one to audit it")
        found = list(below.audited)
        if not found:
            message = f"there is no .wasm file and no hatchway.toml below {target!r}"
            raise ConfigError(message, code="config.nothing_to_audit")
        return found
    auditor = opened.auditor(here)
    if path.exists() or "/" in target or target.endswith(".wasm"):
        return [auditor.file(path, among=opened.project)]
    require_tool(dict(opened.project.policy().tools), target)
    return [auditor.installed(opened.project, target)]


def _listed(directories: tuple[str, ...]) -> str:
    shown = ", ".join(printable(name, limit=80) for name in directories[:_MOST_PASSED_OVER])
    more = len(directories) - _MOST_PASSED_OVER
    return f"{shown} and {more} more" if more > 0 else shown


def _text(audited: list[Audited], _target: str, verbose: bool) -> str:
    if len(audited) == 1:
        return "\n".join(_lines(audited[0], verbose))
    lines: list[str] = []
    for item in audited:
        lines += [*_lines(item, verbose), ""]
    return "\n".join([*lines, *summary_text([(item.report, item.places) for item in audited])])


def _lines(item: Audited, verbose: bool) -> list[str]:
    return report_text(item.report, item.places, item.subject, verbose=verbose)


def _json(audited: list[Audited], target: str, _verbose: bool) -> str:
    reports = [
        {"file": printable(item.places.artifact_file, limit=4096), **item.report.to_json()}
        for item in audited
    ]
    document: dict[str, Any] = reports[0]
    if Path(target).is_dir():
        document = {
            "grade": max(item.report.grade for item in audited),
            "score": min(item.report.score for item in audited),
            "blocked": any(item.report.blocked for item in audited),
            "reports": reports,
        }
    return json_text.dumps(document, indent=2, ensure_ascii=False)


def _sarif(audited: list[Audited], _target: str, _verbose: bool) -> str:
    document = sarif_of(
        [(item.report, item.places) for item in audited], version=hatchway.__version__
    )
    return json_text.dumps(document, indent=2, ensure_ascii=False)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        message = f"cannot write {str(file)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {file}")


def _status(audited: list[Audited], fail_on: Level | None) -> int:
    if any(item.subject is None for item in audited):
        return AdmissionError.exit_status
    if fail_on is None:
        return 0
    least = SEVERITIES.index(fail_on)
    failing = [
        finding
        for item in audited
        for finding in item.report.findings
        if finding.override is None and SEVERITIES.index(finding.severity) >= least
    ]
    if not failing:
        return 0
    say(f"{len(failing)} of the findings are {fail_on} or worse")
    return CallError.exit_status


def _explain(wanted: str) -> int:
    rule = next((rule for rule in RULES if wanted.upper().startswith(rule.id)), None)
    if rule is None:
        message = f"there is no rule {printable(wanted)!r}"
        hint = f"{RULES[0].id} to {RULES[-1].id}; see docs/audits"
        raise ConfigError(message, code="config.no_such_rule", hint=hint)
    print("\n".join(explain_text(rule)), file=sys.stdout)
    return 0
