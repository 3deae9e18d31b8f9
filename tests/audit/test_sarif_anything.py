"""Whatever an audit finds, its SARIF is valid and the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from sarif_schema import sarif_validator

from hatchway.audit.finding import AXES, Evidence, Finding, Rule
from hatchway.audit.places import Places
from hatchway.audit.report import Report
from hatchway.audit.rules import RULES
from hatchway.audit.sarif import sarif_of
from hatchway.policy.overrides import Override

VALIDATOR = sarif_validator()

ODD = Rule(
    id="HW-XYZ-001",
    title="?!",
    severity="critical",
    confidence="low",
    axis="text",
    detects="[links](0) and {0}",
    why="",
    remediation="",
)


def report(*findings: Finding) -> Report:
    return Report(
        tool="pdf",
        digest="sha256:" + "9c5ce17655c9a000" * 4,
        kind="module",
        grade="C",
        score=75,
        blocked=False,
        axes=dict.fromkeys(AXES, 75),
        findings=findings,
        rules="1",
    )


anything = st.text(max_size=80)
files = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=40).map(
    lambda text: text.encode("utf-8", "replace").decode()
)
fields = st.lists(st.one_of(anything, st.integers(0, 9)), max_size=5).map(tuple)
evidence = st.builds(
    Evidence,
    kind=st.sampled_from(["binary", "import", "manifest", "policy", "text", "engine"]),
    detail=anything,
    offset=st.none() | st.integers(0, 1 << 40),
    field=st.none() | fields,
)
overrides = st.builds(Override, finding=anything, reason=anything, until=st.dates(date(2020, 1, 1)))
findings = st.builds(
    Finding,
    rule=st.sampled_from([ODD, replace(ODD, id="HW-XYZ-002"), *RULES]),
    tool=anything,
    message=anything,
    about=anything,
    severity=st.sampled_from(["info", "low", "medium", "high", "critical"]),
    confidence=st.sampled_from(["low", "medium", "high"]),
    evidence=st.lists(evidence, max_size=4).map(tuple),
    remediation=anything,
    override=st.none() | overrides,
)
places = st.builds(
    Places,
    tool=anything,
    artifact_file=files,
    manifest_file=st.none() | files,
    manifest_lines=st.dictionaries(fields, st.integers(1, 10_000), max_size=3),
    policy_file=st.none() | files,
    policy_lines=st.dictionaries(fields, st.integers(1, 10_000), max_size=3),
)
audits = st.lists(st.tuples(st.lists(findings, max_size=4), places), max_size=3)


@settings(deadline=None)
@given(audits)
def test_a_log_is_valid_and_the_same_every_time(items: list[tuple[list[Finding], Places]]) -> None:
    audited = [(report(*several), where) for several, where in items]

    first = sarif_of(audited, version="1")

    VALIDATOR.validate(first)
    assert json.dumps(first) == json.dumps(sarif_of(audited, version="1"))
    rules = first["runs"][0]["tool"]["driver"]["rules"]
    for result in first["runs"][0]["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert "](" not in result["message"]["text"]
