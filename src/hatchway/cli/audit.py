"""`hatchway audit`: what is wrong or odd about an artifact, a tool or a project."""

from __future__ import annotations

import difflib
import json as json_text
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import hatchway
from hatchway.audit.finding import SEVERITIES
from hatchway.audit.rules import RULES
from hatchway.audit.sarif import sarif_of
from hatchway.audit.text import explain_text, report_text, summary_text
from hatchway.audit.unaudited import Unaudited
from hatchway.cli.options import Json, application
from hatchway.cli.output import complain, print_line, say
from hatchway.cli.remove import require_tool
from hatchway.core.errors import AdmissionError, CallError, ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.runtime.auditing import Audited, AuditedProject

Level = Literal["info", "low", "medium", "high", "critical"]
Format = Literal["text", "json", "sarif"]

_MOST_PASSED_OVER = 8
"""Directories that are named."""

_MOST_SAID = 20
"""Errors that are told one by one; a report has all of them."""

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
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to print the report: text by default.")
]
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
    format_: FormatOption = None,
    fail_on: FailOn = None,
    output: Output = None,
    explain: Explain = None,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Audit a file, a project or an installed tool without running or compiling it.

    Exits with 1 when a finding is at least as severe as --fail-on, with 2 when a policy or a
    manifest cannot be used, and with 3 when an artifact cannot be read strictly.
    """
    if explain is not None:
        return _explain(explain)
    shown = _format(format_, json=json)
    found = _audited(application(context), target)
    text = {"text": _text, "json": _json, "sarif": _sarif}[shown](found, target, verbose)
    if output is None:
        print_line(text)
    else:
        _write(output, text)
    return _status(found, fail_on)


def _format(chosen: Format | None, *, json: bool) -> Format:
    if json and chosen not in (None, "json"):
        message = f"--json and --format {chosen} exclude each other"
        raise ConfigError(message, code="config.usage", hint="hatchway audit --help")
    return "json" if json else chosen or "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was audited, and what could not be.

    Attributes:
        status: What the command exits with because of the latter.
    """

    audited: list[Audited]
    unaudited: list[Unaudited] = field(default_factory=list)
    status: int = 0


def _audited(opened: Application, target: str) -> _Found:
    path, here = Path(target), Path.cwd()
    if path.is_dir():
        # A repository's files are named from its root, which is where one stands in CI.
        root = here if path.resolve().is_relative_to(here) else path
        below = opened.auditor(root).project(path)
        if below.passed_over:
            say(f"passed over: {_listed(below.passed_over)}; name one to audit it")
        if not below.audited and not below.failed:
            message = f"there is no .wasm file and no hatchway.toml below {target!r}"
            raise ConfigError(message, code="config.nothing_to_audit")
        return _below(below)
    auditor = opened.auditor(here)
    if path.exists() or "/" in target or target.endswith(".wasm"):
        return _Found(audited=[auditor.file(path, among=opened.project)])
    require_tool(dict(opened.project.policy().tools), target)
    return _Found(audited=[auditor.installed(opened.project, target)])


def _below(below: AuditedProject) -> _Found:
    """What was found, with a word about everything that could not be audited."""
    for _, error in below.failed[:_MOST_SAID]:
        complain(error)
    if len(below.failed) > _MOST_SAID:
        say(f"and {len(below.failed) - _MOST_SAID} more that could not be audited")
    unaudited = [
        Unaudited(file=file, code=error.code, message=error.message, hint=error.hint)
        for file, error in below.failed
    ]
    status = max((error.exit_status for _, error in below.failed), default=0)
    return _Found(audited=list(below.audited), unaudited=unaudited, status=status)


def _listed(directories: tuple[str, ...]) -> str:
    shown = ", ".join(printable(name, limit=80) for name in directories[:_MOST_PASSED_OVER])
    more = len(directories) - _MOST_PASSED_OVER
    return f"{shown} and {more} more" if more > 0 else shown


def _text(found: _Found, _target: str, verbose: bool) -> str:
    if len(found.audited) == 1 and not found.unaudited:
        return "\n".join(_lines(found.audited[0], verbose))
    lines: list[str] = []
    for item in found.audited:
        lines += [*_lines(item, verbose), ""]
    summary = summary_text([(item.report, item.places) for item in found.audited], found.unaudited)
    return "\n".join([*lines, *summary])


def _lines(item: Audited, verbose: bool) -> list[str]:
    return report_text(item.report, item.places, item.subject, verbose=verbose)


def _json(found: _Found, target: str, _verbose: bool) -> str:
    reports = [
        {"file": printable(item.places.artifact_file, limit=4096), **item.report.to_json()}
        for item in found.audited
    ]
    document: dict[str, Any] = reports[0] if reports else {}
    if Path(target).is_dir():
        # What nobody could look at is as bad as what looks worst.
        is_whole = not found.unaudited
        audited = [item.report for item in found.audited]
        document = {
            "grade": max(report.grade for report in audited) if is_whole else "F",
            "score": min(report.score for report in audited) if is_whole else 0,
            "blocked": not is_whole or any(report.blocked for report in audited),
            "reports": reports,
            "unaudited": [item.to_json() for item in found.unaudited],
        }
    return json_text.dumps(document, indent=2, ensure_ascii=False)


def _sarif(found: _Found, _target: str, _verbose: bool) -> str:
    document = sarif_of(
        [(item.report, item.places) for item in found.audited],
        version=hatchway.__version__,
        unaudited=found.unaudited,
    )
    return json_text.dumps(document, indent=2, ensure_ascii=False)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        message = f"cannot write {str(file)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {file}")


def _status(found: _Found, fail_on: Level | None) -> int:
    unreadable = any(item.subject is None for item in found.audited)
    status = max(found.status, AdmissionError.exit_status if unreadable else 0)
    if fail_on is None:
        return status
    least = SEVERITIES.index(fail_on)
    failing = [
        finding
        for item in found.audited
        for finding in item.report.findings
        if finding.override is None and SEVERITIES.index(finding.severity) >= least
    ]
    if failing and not unreadable:
        say(f"{len(failing)} of the findings are {fail_on} or worse")
    return max(status, CallError.exit_status if failing else 0)


def _explain(wanted: str) -> int:
    """A rule, named as it is or by the id of one of its findings."""
    rules = {rule.id: rule for rule in RULES}
    name = wanted.partition(":")[0].upper()
    if name not in rules:
        message = f"there is no rule {printable(wanted, limit=80)!r}"
        close = difflib.get_close_matches(name[:80], rules, n=3)
        known = f"{min(rules)} to {max(rules)}; see docs/audits"
        hint = f"did you mean {' or '.join(close)}?" if close else known
        raise ConfigError(message, code="config.no_such_rule", hint=hint)
    print_line("\n".join(explain_text(rules[name])))
    return 0
