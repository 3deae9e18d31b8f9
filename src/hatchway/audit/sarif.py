"""Audits as SARIF 2.1.0, which code hosts and editors show as alerts.

One run, in the same order every time and without any time in it. The shape follows the OASIS
standard (version 2.1.0 plus errata 01); the bounds are those of GitHub's code scanning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hatchway.audit.finding import SEVERITIES
from hatchway.audit.places import Place, anchor_of, place_of
from hatchway.audit.report import spell_field
from hatchway.audit.rules import RULES, RULES_VERSION
from hatchway.core.untrusted import harmless, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatchway.audit.finding import Evidence, Finding, Rule, Severity
    from hatchway.audit.places import Places
    from hatchway.audit.report import Report
    from hatchway.audit.unaudited import Unaudited

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

MOST_RESULTS = 25_000
"""In one run. A file with more of them is refused as a whole."""

MOST_LOCATIONS = 20
MOST_TAGS = 20
"""For one rule. A file with more of them is refused as a whole."""

_ROOT = "%SRCROOT%"

_LEVELS: dict[Severity, str] = {
    "info": "note",
    "low": "note",
    "medium": "warning",
    "high": "error",
    "critical": "error",
}

_SECURITY_SEVERITY: dict[Severity, str] = {
    "info": "0.0",
    "low": "2.0",
    "medium": "5.5",
    "high": "8.0",
    "critical": "9.5",
}
"""Above 9.0 is shown as critical, from 7.0 as high, from 4.0 as medium, from 0.1 as low."""


def sarif_of(
    audited: Sequence[tuple[Report, Places]],
    *,
    version: str,
    unaudited: Sequence[Unaudited] = (),
) -> dict[str, Any]:
    """The reports as one SARIF log, in plain JSON values.

    Args:
        audited: Each report with its files.
        version: Of Hatchway.
        unaudited: What could not be audited.
    """
    found = [(finding, report, places) for report, places in audited for finding in report.findings]
    kept = _gravest(found)
    rules = _rules(finding for finding, _, _ in kept)
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    has_suppressions = any(finding.override is not None for finding, _, _ in kept)
    results = [
        _result(finding, report, places, numbers[finding.rule.id], suppressible=has_suppressions)
        for finding, report, places in kept
    ]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "Hatchway",
                "version": version,
                "rules": [_described(rule) for rule in rules],
            }
        },
        "automationDetails": {"id": "hatchway/audit/"},
        "originalUriBaseIds": {_ROOT: {"description": _message("What was audited.")}},
        "columnKind": "unicodeCodePoints",
        "artifacts": _artifacts(audited),
        "results": results,
        "properties": _properties([report for report, _ in audited], is_whole=not unaudited),
    }
    left_out = len(found) - len(kept)
    if left_out or unaudited:
        run["invocations"] = [_incomplete(left_out, unaudited)]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


# The run


def _gravest(
    found: list[tuple[Finding, Report, Places]],
) -> list[tuple[Finding, Report, Places]]:
    """All of them, or the most severe ones, in the order they came in."""
    if len(found) <= MOST_RESULTS:
        return found
    by_weight = sorted(
        range(len(found)), key=lambda index: -SEVERITIES.index(found[index][0].severity)
    )
    return [found[index] for index in sorted(by_weight[:MOST_RESULTS])]


def _rules(findings: Iterable[Finding]) -> list[Rule]:
    """Every rule that can find something, and those of `findings` that are not among them."""
    rules = {rule.id: rule for rule in RULES if rule.check is not None}
    for finding in findings:
        rules.setdefault(finding.rule.id, finding.rule)
    return list(rules.values())


def _artifacts(audited: Iterable[tuple[Report, Places]]) -> list[dict[str, Any]]:
    digests = {places.artifact_file: report.digest for report, places in audited}
    return [
        {
            "location": _location(Place(file=file)),
            "mimeType": "application/wasm",
            "roles": ["analysisTarget"],
            "hashes": {"sha-256": digest.removeprefix("sha256:")},
        }
        for file, digest in sorted(digests.items())
    ]


def _properties(reports: Sequence[Report], *, is_whole: bool) -> dict[str, Any]:
    tools = [
        {
            "tool": printable(report.tool),
            "digest": report.digest,
            "grade": report.grade,
            "score": report.score,
            "blocked": report.blocked,
            "axes": dict(report.axes),
        }
        for report in reports
    ]
    properties: dict[str, Any] = {"rules": RULES_VERSION, "tools": tools}
    if not is_whole:
        properties["grade"] = "F"  # what nobody could look at is as bad as what looks worst
    elif reports:
        properties["grade"] = max(report.grade for report in reports)
    return properties


def _incomplete(left_out: int, unaudited: Sequence[Unaudited]) -> dict[str, Any]:
    """What is not in the log: findings that are too many, and files that stopped their audit."""
    notifications = [_stopped(item) for item in unaudited[:MOST_RESULTS]]
    if left_out:
        text = (
            f"{left_out} of the least severe findings are left out; the JSON report has them all."
        )
        notifications.append({"level": "warning", "message": _message(text)})
    return {
        "executionSuccessful": not unaudited,
        "toolExecutionNotifications": notifications,
    }


def _stopped(item: Unaudited) -> dict[str, Any]:
    return {
        "level": "error",
        "descriptor": {"id": item.code},
        "message": _message(item.message),
        "locations": [{"physicalLocation": _physical(Place(file=item.file))}],
    }


# Rules


def _described(rule: Rule) -> dict[str, Any]:
    tags = ["security", *(f"external/cwe/cwe-{number:03}" for number in rule.cwe)]
    tags += [f"owasp-mcp/{risk}" for risk in rule.owasp]
    return {
        "id": rule.id,
        "name": _identifier(rule.title),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.detects},
        "help": {
            "text": f"{rule.why}\n\n{rule.remediation}",
            "markdown": _help(rule),
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "tags": tags[:MOST_TAGS],
            "precision": rule.confidence,
            "security-severity": _SECURITY_SEVERITY[rule.severity],
            "axis": rule.axis,
        },
    }


def _identifier(title: str) -> str:
    """A title as one word, the way the standard wants names: `UnknownHostFunctions`."""
    words = re.findall(r"[^\W_]{2,}", title)
    return "".join(word.capitalize() for word in words) or "Rule"


def _help(rule: Rule) -> str:
    parts = {
        "What is compared": rule.detects,
        "Why it matters": rule.why,
        "What to do": rule.remediation,
        "What it cannot see": rule.limits,
    }
    return "\n\n".join(f"## {heading}\n\n{text}" for heading, text in parts.items() if text)


# Results


def _result(
    finding: Finding, report: Report, places: Places, number: int, *, suppressible: bool
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": _message(f"{finding.message}\nWhat to do: {finding.remediation}"),
        "locations": [{"physicalLocation": _physical(anchor_of(finding.evidence, places))}],
        "partialFingerprints": {
            "hatchway/v1": finding.fingerprint,
            # What code scanning goes by. Left to itself it would hash the line, and two findings
            # on one line would become one alert.
            "primaryLocationLineHash": f"{finding.fingerprint[:16]}:1",
        },
        "properties": {
            "tool": printable(finding.tool),
            "finding": finding.id,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "grade": report.grade,
            "evidence": [_evidence(item) for item in finding.evidence],
        },
    }
    if related := _related(finding.evidence, places):
        result["relatedLocations"] = related
    if suppressible:
        result["suppressions"] = _suppressions(finding)
    return result


def _related(evidence: Iterable[Evidence], places: Places) -> list[dict[str, Any]]:
    """Everything narrower than a whole file that the evidence points at."""
    related: list[dict[str, Any]] = []
    for item in evidence:
        place = place_of(item, places)
        is_whole = (place.line, place.offset) == (None, None)
        if len(related) == MOST_LOCATIONS or (is_whole and item.kind != "import"):
            continue
        location = {
            "id": len(related),
            "message": _message(f"{item.kind}: {item.detail}"),
            "physicalLocation": _physical(place),
        }
        # What a function is good for may follow its name.
        name = item.detail.partition(": ")[0]
        if item.kind == "import" and name and " " not in name:
            location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "function"}]
        related.append(location)
    return related


def _physical(place: Place) -> dict[str, Any]:
    """A file with the part of it that is meant: lines of a text, or bytes of a binary."""
    region = {"startLine": place.line, "byteOffset": place.offset}
    known = {key: value for key, value in region.items() if value is not None}
    return {"artifactLocation": _location(place), **({"region": known} if known else {})}


def _location(place: Place) -> dict[str, str]:
    """Relative to what was audited, as far as the path stays inside."""
    is_inside = not place.file.startswith(("/", "../"))
    return {"uri": place.uri, **({"uriBaseId": _ROOT} if is_inside else {})}


def _suppressions(finding: Finding) -> list[dict[str, str]]:
    """The decision to live with it. Where one result says so, all have to say."""
    override = finding.override
    if override is None:
        return []
    reason = f"{harmless(override.reason)} (until {override.until.isoformat()})"
    return [{"kind": "external", "status": "accepted", "justification": reason}]


def _evidence(item: Evidence) -> dict[str, Any]:
    field = None if item.field is None else harmless(spell_field(item.field), limit=400)
    shown = {"kind": item.kind, "detail": item.detail, "offset": item.offset, "field": field}
    return {key: value for key, value in shown.items() if value is not None}


def _message(text: str) -> dict[str, str]:
    """Plain text in which nothing is a link or a placeholder.

    A message may hold links as in Markdown (3.11.6), and an artifact may have had a hand in this
    one. Braces stand for arguments unless they are doubled (3.11.5).
    """
    lines = (harmless(line) for line in text.split("\n"))
    without_links = "\n".join(lines).replace("](", "] (")
    return {"text": without_links.replace("{", "{{").replace("}", "}}")}
