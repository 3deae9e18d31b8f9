"""Audits as SARIF: valid by the standard's own schema, whatever was found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sarif_schema import sarif_validator

from hatchway.audit import sarif
from hatchway.audit.finding import AXES, Evidence, Finding, Rule
from hatchway.audit.grade import NOTHING_KNOWN
from hatchway.audit.places import Places
from hatchway.audit.report import Report
from hatchway.audit.rules import RULES, RULES_VERSION
from hatchway.audit.sarif import SCHEMA, sarif_of
from hatchway.policy.overrides import Override

if TYPE_CHECKING:
    from hatchway.audit.finding import Severity

VALIDATOR = sarif_validator()
DIGEST = "sha256:" + "9c5ce17655c9a000" * 4

UNDECLARED = Rule(
    id="HW-XYZ-001",
    title="Asks for what it does not declare",
    severity="high",
    confidence="medium",
    axis="capabilities",
    detects="Imports, with what the manifest requires.",
    why="A reader of documents that opens sockets can send them away.",
    remediation='Add `{ capability = "…", reason = "…" }` to `requires`.',
    cwe=(22, 272),
    owasp=("MCP02",),
    check=lambda _: (),
    limits="Whether an imported function is ever called.",
)
UNREADABLE = replace(UNDECLARED, id="HW-XYZ-002", title="?!", severity="critical", limits="")

CONNECT = Evidence(kind="import", detail="wasi:sockets/tcp@0.2.3#connect: connects", offset=450)
HINT = Evidence(kind="manifest", detail="false", field=("annotations", "openWorldHint"))

PLACES = Places(
    tool="pdf",
    artifact_file="tools/a pdf.wasm",
    manifest_file="tools/a pdf.tool.toml",
    manifest_lines={("annotations", "openWorldHint"): 12},
)
BARE = Places(tool="pdf", artifact_file="pdf.wasm")


def found(about: str, *evidence: Evidence, rule: Rule = UNDECLARED) -> Finding:
    return Finding(
        rule=rule,
        tool="pdf",
        message=f"It {about}.",
        about=about,
        severity=rule.severity,
        confidence=rule.confidence,
        evidence=evidence,
        remediation="Declare it.",
    )


def report(*findings: Finding) -> Report:
    return Report(
        tool="pdf",
        digest=DIGEST,
        kind="module",
        grade="C",
        score=75,
        blocked=False,
        axes={**dict.fromkeys(AXES, 100), "capabilities": 75},
        findings=findings,
        rules="1",
    )


def run_of(*audited: tuple[Report, Places]) -> Any:
    """The one run, after the whole log was held against the schema."""
    log = json.loads(json.dumps(sarif_of(audited, version="1.2.3")))
    VALIDATOR.validate(log)
    [run] = log["runs"]
    return run


def at(uri: str, **region: int) -> dict[str, Any]:
    file = {"uri": uri, "uriBaseId": "%SRCROOT%"}
    return {"artifactLocation": file, "region": region}


def described(run: Any, rule: Rule) -> Any:
    [entry] = [entry for entry in run["tool"]["driver"]["rules"] if entry["id"] == rule.id]
    return entry


def result_of(finding: Finding, places: Places = PLACES) -> Any:
    [result] = run_of((report(finding), places))["results"]
    return result


# Whole


def test_a_log_is_what_the_standard_calls_for() -> None:
    finding = found("opens sockets", CONNECT, HINT)

    log = sarif_of([(report(finding), PLACES)], version="1.2.3")

    VALIDATOR.validate(log)
    log["runs"][0]["tool"]["driver"]["rules"] = ["…"]
    number = sum(rule.check is not None for rule in RULES)
    assert log == {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Hatchway", "version": "1.2.3", "rules": ["…"]}},
                "automationDetails": {"id": "hatchway/audit/"},
                "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "What was audited."}}},
                "columnKind": "unicodeCodePoints",
                "artifacts": [
                    {
                        "location": {"uri": "tools/a%20pdf.wasm", "uriBaseId": "%SRCROOT%"},
                        "mimeType": "application/wasm",
                        "roles": ["analysisTarget"],
                        "hashes": {"sha-256": DIGEST.removeprefix("sha256:")},
                    }
                ],
                "results": [
                    {
                        "ruleId": "HW-XYZ-001",
                        "ruleIndex": number,
                        "level": "error",
                        "message": {"text": "It opens sockets.\nWhat to do: Declare it."},
                        "locations": [
                            {"physicalLocation": at("tools/a%20pdf.tool.toml", startLine=12)}
                        ],
                        "partialFingerprints": {
                            "hatchway/v1": finding.fingerprint,
                            "primaryLocationLineHash": f"{finding.fingerprint[:16]}:1",
                        },
                        "properties": {
                            "tool": "pdf",
                            "finding": finding.id,
                            "severity": "high",
                            "confidence": "medium",
                            "grade": "C",
                            "evidence": [
                                {
                                    "kind": "import",
                                    "detail": "wasi:sockets/tcp@0.2.3#connect: connects",
                                    "offset": 450,
                                },
                                {
                                    "kind": "manifest",
                                    "detail": "false",
                                    "field": "annotations.openWorldHint",
                                },
                            ],
                        },
                        "relatedLocations": [
                            {
                                "id": 0,
                                "message": {
                                    "text": "import: wasi:sockets/tcp@0.2.3#connect: connects"
                                },
                                "physicalLocation": at("tools/a%20pdf.wasm", byteOffset=450),
                                "logicalLocations": [
                                    {
                                        "fullyQualifiedName": "wasi:sockets/tcp@0.2.3#connect",
                                        "kind": "function",
                                    }
                                ],
                            },
                            {
                                "id": 1,
                                "message": {"text": "manifest: false"},
                                "physicalLocation": at("tools/a%20pdf.tool.toml", startLine=12),
                            },
                        ],
                    }
                ],
                "properties": {
                    "rules": RULES_VERSION,
                    "tools": [
                        {
                            "tool": "pdf",
                            "digest": DIGEST,
                            "grade": "C",
                            "score": 75,
                            "blocked": False,
                            "axes": {**dict.fromkeys(AXES, 100), "capabilities": 75},
                        }
                    ],
                    "grade": "C",
                },
            }
        ],
    }


def test_a_rule_is_described_with_its_severity_and_where_to_read_on() -> None:
    run = run_of((report(found("opens sockets")), PLACES))

    assert described(run, UNDECLARED) == {
        "id": "HW-XYZ-001",
        "name": "AsksForWhatItDoesNotDeclare",
        "shortDescription": {"text": "Asks for what it does not declare"},
        "fullDescription": {"text": "Imports, with what the manifest requires."},
        "help": {
            "text": "A reader of documents that opens sockets can send them away.\n\n"
            'Add `{ capability = "…", reason = "…" }` to `requires`.',
            "markdown": "## What is compared\n\nImports, with what the manifest requires.\n\n"
            "## Why it matters\n\n"
            "A reader of documents that opens sockets can send them away.\n\n"
            "## What to do\n\n"
            'Add `{ capability = "…", reason = "…" }` to `requires`.\n\n'
            "## What it cannot see\n\nWhether an imported function is ever called.",
        },
        "defaultConfiguration": {"level": "error"},
        "properties": {
            "tags": ["security", "external/cwe/cwe-022", "external/cwe/cwe-272", "owasp-mcp/MCP02"],
            "precision": "medium",
            "security-severity": "8.0",
            "axis": "capabilities",
        },
    }


def test_every_rule_that_looks_for_something_is_described_once() -> None:
    run = run_of()

    ids = [entry["id"] for entry in run["tool"]["driver"]["rules"]]
    assert ids == [rule.id for rule in RULES if rule.check is not None]
    assert run["results"] == []
    assert "grade" not in run["properties"]


def test_a_title_without_words_still_has_a_name() -> None:
    run = run_of((report(found("is cut", rule=UNREADABLE)), PLACES))

    assert described(run, UNREADABLE)["name"] == "Rule"


# Results


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        ("critical", "error"),
        ("high", "error"),
        ("medium", "warning"),
        ("low", "note"),
        ("info", "note"),
    ],
)
def test_a_level_follows_the_findings_own_severity(severity: Any, level: str) -> None:
    assert result_of(replace(found("asks"), severity=severity))["level"] == level


def test_two_findings_on_one_line_stay_two_alerts() -> None:
    one, other = found("opens sockets", HINT), found("reads files", HINT)

    results = run_of((report(one, other), PLACES))["results"]

    assert results[0]["locations"] == results[1]["locations"]
    hashes = {item["partialFingerprints"]["primaryLocationLineHash"] for item in results}
    assert len(hashes) == 2


def test_without_any_text_the_binary_is_shown_and_its_bytes_are_related() -> None:
    result = result_of(found("opens sockets", CONNECT), BARE)

    assert result["locations"] == [{"physicalLocation": at("pdf.wasm", startLine=1)}]
    region = result["relatedLocations"][0]["physicalLocation"]["region"]
    assert region == {"byteOffset": 450}


def test_an_import_is_named_even_where_nobody_knows_its_bytes() -> None:
    result = result_of(found("asks", Evidence(kind="import", detail="env.f")), BARE)

    [related] = result["relatedLocations"]
    assert related["logicalLocations"][0]["fullyQualifiedName"] == "env.f"
    assert "region" not in related["physicalLocation"]


def test_words_about_imports_are_no_name_of_one() -> None:
    words = Evidence(kind="import", detail="built for another host, first seen: a.a")

    [related] = result_of(found("cannot run here", words), BARE)["relatedLocations"]

    assert "logicalLocations" not in related


def test_evidence_about_a_file_as_a_whole_adds_no_location() -> None:
    whole = Evidence(kind="binary", detail="no producers section")

    assert "relatedLocations" not in result_of(found("hides its origin", whole), BARE)


def test_a_finding_points_at_a_bounded_number_of_places() -> None:
    many = [replace(CONNECT, offset=offset) for offset in range(50)]

    assert len(result_of(found("asks", *many))["relatedLocations"]) == sarif.MOST_LOCATIONS


@pytest.mark.parametrize("file", ["/srv/tools/pdf.wasm", "../pdf.wasm"])
def test_a_file_outside_of_what_was_audited_is_not_relative_to_it(file: str) -> None:
    run = run_of((report(found("asks")), replace(BARE, artifact_file=file)))

    assert "uriBaseId" not in run["artifacts"][0]["location"]


def test_a_decision_to_live_with_a_finding_is_a_suppression() -> None:
    decision = Override(
        finding="HW-XYZ-001:0000000000000000", reason="a test key", until=date(2027, 1, 31)
    )
    lived_with, standing = replace(found("a key"), override=decision), found("asks")

    results = run_of((report(lived_with, standing), PLACES))["results"]

    assert [item["suppressions"] for item in results] == [
        [
            {
                "kind": "external",
                "status": "accepted",
                "justification": "a test key (until 2027-01-31)",
            }
        ],
        [],
    ]


def test_without_decisions_nothing_is_said_about_suppressions() -> None:
    assert "suppressions" not in result_of(found("asks"))


def test_what_an_artifact_says_can_be_no_link_and_no_placeholder() -> None:
    evil = found("says [click](https://evil.example) {0}\x1b[2J", replace(HINT, detail="[a](0){1}"))

    result = result_of(evil)

    assert result["message"]["text"] == (
        "It says [click] (https://evil.example) {{0}}\\x1b[2J.\nWhat to do: Declare it."
    )
    assert result["relatedLocations"][0]["message"]["text"] == "manifest: [a] (0){{1}}"


# Bounds


def test_too_many_findings_leave_the_gravest_and_say_how_many_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 3)
    severities: list[Severity] = ["low", "critical", "info", "high", "low"]
    findings = [
        replace(found(f"asks {number}"), severity=severity)
        for number, severity in enumerate(severities)
    ]

    run = run_of((report(*findings), PLACES))

    kept = [item["properties"]["severity"] for item in run["results"]]
    assert kept == ["low", "critical", "high"]
    [invocation] = run["invocations"]
    [notification] = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("2 of the least severe findings")


def test_a_rule_has_a_bounded_number_of_tags() -> None:
    rule = replace(UNDECLARED, cwe=tuple(range(1, 40)))

    run = run_of((report(found("asks", rule=rule)), PLACES))

    assert len(described(run, rule)["properties"]["tags"]) == sarif.MOST_TAGS


def test_what_cannot_be_read_is_reported_too() -> None:
    cut = found("ends too early", Evidence(kind="binary", detail="cut"), rule=UNREADABLE)
    unreadable = replace(
        report(cut),
        kind=None,
        grade=NOTHING_KNOWN.letter,
        score=NOTHING_KNOWN.score,
        blocked=True,
        axes=NOTHING_KNOWN.axes,
    )

    run = run_of((unreadable, BARE), (report(), PLACES))

    assert run["properties"]["grade"] == "F"
    assert len(run["artifacts"]) == 2
