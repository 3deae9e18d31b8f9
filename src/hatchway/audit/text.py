"""An audit for somebody who reads it in a terminal, whether to worry first.

Lines are at most 100 characters long and mean the same without colour. What an artifact chose
is printable in findings already; every line is made harmless once more.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from hatchway.audit.capabilities import capabilities_of
from hatchway.audit.finding import AXES, SEVERITIES
from hatchway.audit.grade import letter_of
from hatchway.audit.places import place_of
from hatchway.audit.report import spell_field
from hatchway.core.untrusted import harmless, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatchway.audit.finding import Evidence, Finding, Rule
    from hatchway.audit.places import Places
    from hatchway.audit.report import Report
    from hatchway.audit.subject import Subject
    from hatchway.audit.unaudited import Unaudited
    from hatchway.policy.overrides import Override

WIDTH = 100
MOST_EVIDENCE = 5
"""Pieces of evidence shown with one finding, unless everything is wanted."""

_COMMAND = re.compile(r"^(?P<space>\s*):(?=:)|#(?=#(?:vso)?\[)")
_BAR = 20
_INDENT = " " * 10


def report_text(
    report: Report, places: Places, subject: Subject | None, *, verbose: bool = False
) -> list[str]:
    """The report as lines.

    Args:
        report: What was found.
        places: Where evidence stands.
        subject: What was audited; None when it could not be read.
        verbose: Also findings of severity info, and all of their evidence.
    """
    lines = [*_header(report, places, subject), "", *_axes(report)]
    if subject is not None:
        lines += ["", *_wrapped("can ask for  ", _asks_for(subject))]
    lines += _findings(report, places, verbose=verbose)
    lines += _overrides(report)
    return [_plain(line) for line in lines]


def summary_text(
    audited: Sequence[tuple[Report, Places]], unaudited: Sequence[Unaudited] = ()
) -> list[str]:
    """One line for each of several tools, the worst first; before them what is not among them."""
    titles = "  ".join(f"{severity:>8}" for severity in reversed(SEVERITIES))
    lines = [*_unaudited(unaudited), _worries([report for report, _ in audited])]
    if audited:
        lines += ["", f"grade  worst       {titles}  tool"]
    for report, places in sorted(audited, key=lambda pair: (not pair[0].blocked, pair[0].score)):
        worst = next((finding.rule.id for finding in report.standing), "-")
        counts = Counter(finding.severity for finding in report.standing)
        numbers = "  ".join(f"{counts[severity]:>8}" for severity in reversed(SEVERITIES))
        tool = printable(f"{report.tool} ({places.artifact_file})", limit=200)
        lines += _wrapped(f"{report.grade:<5}  {worst:<10}  {numbers}  ", tool)
    return [_plain(line) for line in lines]


def _unaudited(unaudited: Sequence[Unaudited]) -> list[str]:
    lines = []
    for item in unaudited:
        lines += _wrapped("not audited  ", printable(item.file, limit=400))
        lines += _wrapped(_INDENT, f"{item.code}: {harmless(item.message)}", indent=_INDENT)
    return [*lines, ""] if lines else []


# The verdict


def _header(report: Report, places: Places, subject: Subject | None) -> list[str]:
    blocked = ", blocked" if report.blocked else ""
    name = printable(report.tool, limit=64)
    verdict = f"{_verdict(report)} {_counted(report)}".strip()
    size = "" if subject is None else f", {subject.artifact.size} bytes"
    return [
        *_wrapped("", f"{name}: grade {report.grade}, score {report.score}{blocked}"),
        *_wrapped("", verdict),
        *_wrapped("", printable(places.artifact_file, limit=400)),
        *_wrapped("", f"{report.kind or 'not readable'}{size}, {report.digest}"),
    ]


def _verdict(report: Report) -> str:
    counts = Counter(finding.severity for finding in report.standing)
    if report.kind is None:
        return "It cannot be read strictly, so nothing is known about it and it is never admitted."
    if report.blocked:
        return "It is not admitted: fix what is critical, or override it by its id with a reason."
    if counts["high"]:
        return "Read what is high before you grant it anything."
    if counts["medium"]:
        return "Nothing grave, but look at what is medium."
    return "Nothing here asks for a decision."


def _counted(report: Report) -> str:
    """How many findings of each severity, and how many somebody lives with."""
    counts = Counter(finding.severity for finding in report.standing)
    parts = [f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES)]
    shown = [part for part in parts if not part.startswith("0 ")]
    if report.overridden:
        shown.append(f"{len(report.overridden)} overridden")
    return f"({', '.join(shown)})" if shown else ""


def _worries(reports: Sequence[Report]) -> str:
    blocked = sum(report.blocked for report in reports)
    high = sum(
        not report.blocked and any(finding.severity == "high" for finding in report.standing)
        for report in reports
    )
    rest = len(reports) - blocked - high
    return f"{_plural(len(reports), 'artifact')}: {blocked} blocked, {high} high, {rest} neither"


def _axes(report: Report) -> list[str]:
    lines = []
    for axis, meaning in AXES.items():
        score = report.axes[axis]
        bar = "#" * round(score * _BAR / 100)
        lines.append(f"{axis:<12}  {score:>3} {letter_of(score)}  {bar:.<{_BAR}}  {meaning}")
    return lines


def _asks_for(subject: Subject) -> str:
    asked = capabilities_of(subject.artifact.imports)
    parts = [f"{name} ({_plural(len(functions), 'function')})" for name, functions in asked.items()]
    return printable(", ".join(parts), limit=1000) or "nothing"


# Findings


def _findings(report: Report, places: Places, *, verbose: bool) -> list[str]:
    lines: list[str] = []
    explained: set[str] = set()
    hidden = 0
    for finding in report.standing:
        if finding.severity == "info" and not verbose:
            hidden += 1
            continue
        lines += ["", *_finding(finding, places, verbose=verbose)]
        lines += _wrapped(f"{_INDENT}fix: ", finding.remediation)
        if finding.rule.id not in explained:
            lines.append(f"{_INDENT}why: hatchway audit --explain {finding.rule.id}")
        explained.add(finding.rule.id)
    if hidden:
        lines += ["", f"{_plural(hidden, 'finding')} of severity info not shown (--verbose)"]
    return lines


def _finding(finding: Finding, places: Places, *, verbose: bool) -> list[str]:
    start = f"{finding.severity.upper():<8}  {finding.id}  "
    lines = _wrapped(start, finding.message, indent=_INDENT)
    shown = finding.evidence if verbose else finding.evidence[:MOST_EVIDENCE]
    for item in shown:
        lines += _wrapped(f"{_INDENT}", _spelled(item, places), indent=f"{_INDENT}  ")
    if more := len(finding.evidence) - len(shown):
        lines.append(f"{_INDENT}and {more} more (--verbose)")
    return lines


def _spelled(item: Evidence, places: Places) -> str:
    """One piece of evidence, behind its place."""
    place = place_of(item, places)
    path = "" if item.field is None else f" {harmless(spell_field(item.field), limit=160)}"
    if place.line is not None:
        return f"{printable(place.file, limit=160)}:{place.line}{path}: {item.detail}"
    offset = "" if place.offset is None else f" at byte {place.offset:#x}"
    return f"{item.kind}{path}{offset}: {item.detail}"


# Overrides


def _overrides(report: Report) -> list[str]:
    lines: list[str] = []
    for finding in report.overridden:
        assert finding.override is not None, "that is what makes it overridden"
        until = finding.override.until.isoformat()
        start = f"{finding.severity.upper():<8}  {finding.id}  overridden until {until}: "
        lines += ["", *_wrapped(start, finding.override.reason, indent=_INDENT)]
        lines += _wrapped(_INDENT, finding.message)
    lines += _without_effect("expired", report.expired)
    lines += _without_effect("reaches too far ahead", report.too_long)
    lines += _without_effect("matches nothing that can be overridden", report.unmatched)
    return lines


def _without_effect(why: str, overrides: Iterable[Override]) -> list[str]:
    lines: list[str] = []
    for item in overrides:
        start = f"override  {item.finding}  {why} (until {item.until.isoformat()}): "
        lines += ["", *_wrapped(start, item.reason, indent=_INDENT)]
    return lines


# Rules


def explain_text(rule: Rule) -> list[str]:
    """What a rule looks for, why, and what to do, as lines."""
    references = ", ".join([*(f"CWE-{number}" for number in rule.cwe), *rule.owasp])
    lines = [
        *_wrapped(f"{rule.id}  ", rule.title),
        f"{rule.severity} at most, confidence {rule.confidence}, lowers {rule.axis}",
    ]
    lines += _wrapped("", references) if references else []
    parts = {
        "What is compared": rule.detects,
        "Why it matters": rule.why,
        "What to do": rule.remediation,
        "What it cannot see": rule.limits,
        "Why it cannot occur here": rule.impossible or "",
    }
    for heading, text in parts.items():
        if text:
            lines += ["", heading, *_paragraphs(text)]
    return [harmless(line) for line in lines]


def _paragraphs(text: str) -> list[str]:
    """Markdown, wrapped: paragraphs stay apart, and so do the items of a list."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if lines:
            lines.append("")
        for item in re.split(r"\n(?=\s*[*-] )", paragraph):
            words = " ".join(item.split())
            lines += _wrapped("  ", words, indent="    " if words[:2] in {"* ", "- "} else "  ")
    return lines


# Lines


def _plain(line: str) -> str:
    """A line that is no command to whoever collects the output.

    Runners of CI obey lines that begin with ``::``, and ``##[`` and ``##vso[`` anywhere.
    """
    return _COMMAND.sub(_spelled_out, harmless(line))


def _spelled_out(found: re.Match[str]) -> str:
    return f"{found['space'] or ''}\\x{ord(found[0][-1]):02x}"


def _wrapped(start: str, text: str, *, indent: str | None = None) -> list[str]:
    """`start` and `text` in lines that fit; later ones begin below the text, or at `indent`."""
    return textwrap.wrap(
        harmless(start + text),
        WIDTH,
        subsequent_indent=" " * len(start) if indent is None else indent,
        break_on_hyphens=False,
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
