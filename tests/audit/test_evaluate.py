"""From rules and a subject to a report: bounds, order, and what overrides do."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from audit_subjects import subject_with
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.audit.evaluate import MOST_EVIDENCE, MOST_KEPT, audit, malformed_report
from hatchway.audit.finding import AXES, SEVERITIES, Evidence, Finding, Found, Rule, Severity
from hatchway.audit.report import spell_field
from hatchway.audit.rules import RULES_VERSION
from hatchway.policy.overrides import Override

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.report import Report

TODAY = date(2026, 11, 20)
SUBJECT = subject_with()


def found(about: str = "it", **more: object) -> Found:
    facts = {"message": "It is so.", "evidence": (Evidence(kind="binary", detail="here"),)}
    return replace(Found(about=about, **facts), **more)  # type: ignore[arg-type]


def rule_that_finds(
    founds: Iterable[Found], number: int = 1, severity: Severity = "critical"
) -> Rule:
    return Rule(
        id=f"HW-TST-{number:03}",
        title="A test",
        severity=severity,
        confidence="medium",
        axis="isolation",
        detects="",
        why="",
        remediation="Change it.",
        cwe=(20,),
        owasp=("MCP02",),
        check=lambda _: list(founds),
    )


def report_of(*founds: Found, overrides: Iterable[Override] = (), today: date = TODAY) -> Report:
    return audit(SUBJECT, overrides=overrides, today=today, rules=[rule_that_finds(founds)])


def override(finding: str, until: date = TODAY) -> Override:
    return Override(finding=finding, reason="known", until=until)


# Findings


def test_a_finding_takes_from_its_rule_what_was_not_said() -> None:
    (finding,) = report_of(found()).findings

    assert (finding.severity, finding.confidence) == ("critical", "medium")
    assert finding.remediation == "Change it."


def test_a_finding_keeps_what_was_said() -> None:
    said = found(severity="low", confidence="high", remediation="Do this.")

    (finding,) = report_of(said).findings

    assert (finding.severity, finding.confidence) == ("low", "high")
    assert finding.remediation == "Do this."


def test_a_rule_that_finds_more_than_it_says_is_our_bug() -> None:
    rule = rule_that_finds([found(severity="high")], severity="low")

    with pytest.raises(AssertionError, match="HW-TST-001"):
        audit(SUBJECT, today=TODAY, rules=[rule])


def test_a_rule_without_a_check_finds_nothing() -> None:
    rule = replace(rule_that_finds([]), check=None)

    assert audit(SUBJECT, today=TODAY, rules=[rule]).findings == ()


def test_findings_stand_in_one_order_whatever_order_they_were_found_in() -> None:
    founds = [
        found(f"{severity} {n}", severity=severity) for n in (2, 1) for severity in SEVERITIES
    ]
    rules = [rule_that_finds(founds, number=number) for number in (2, 1)]

    orders = []
    for seed in range(5):
        shuffled = list(rules)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - only an order
        findings = audit(SUBJECT, today=TODAY, rules=shuffled).findings
        orders.append([(item.severity, item.rule.id, item.about) for item in findings])

    assert orders == [orders[0]] * 5
    assert orders[0][:4] == [
        ("critical", "HW-TST-001", "critical 1"),
        ("critical", "HW-TST-001", "critical 2"),
        ("critical", "HW-TST-002", "critical 1"),
        ("critical", "HW-TST-002", "critical 2"),
    ]


def test_two_of_one_name_are_one_finding_and_the_graver_one() -> None:
    light = found(severity="low", message="Light.", evidence=(Evidence(kind="text", detail="a"),))
    grave = found(severity="high", message="Grave.", evidence=(Evidence(kind="text", detail="b"),))

    for pair in ((light, grave), (grave, light)):
        (finding,) = report_of(*pair).findings
        assert (finding.severity, finding.message) == ("high", "Grave.")
        assert [item.detail for item in finding.evidence] == ["b", "a"]


def test_what_a_rule_forgot_to_escape_is_escaped() -> None:
    said = found(
        message="It \x1b[2Jclears.",
        remediation="Do\u202e this.",
        evidence=(Evidence(kind="text", detail="\u200b"),),
    )

    (finding,) = report_of(said).findings

    assert finding.message == "It \\x1b[2Jclears."
    assert finding.remediation == "Do\\u202e this."
    assert finding.evidence[0].detail == "\\u200b"


# Bounds


def test_of_many_findings_the_gravest_are_listed_and_the_rest_is_counted() -> None:
    light = [found(f"light {number:03}", severity="low") for number in range(80)]
    grave = [found(f"grave {number:03}", severity="critical") for number in range(3)]

    findings = report_of(*light, *grave).findings

    assert len(findings) == 51
    assert [item.severity for item in findings[:3]] == ["critical"] * 3
    assert findings[-1].message == "33 more findings of HW-TST-001 are not listed."
    assert findings[-1].severity == "low"


def test_a_grave_finding_cannot_hide_behind_many() -> None:
    decoys = [found(f"decoy {number}", severity="low") for number in range(MOST_KEPT)]

    report = report_of(*decoys, found("hidden", severity="critical"), found("more", severity="low"))

    assert report.blocked
    assert (
        report.findings[0].message
        == f"{MOST_KEPT - 48} more findings of HW-TST-001 are not listed."
    )
    assert report.findings[0].severity == "critical"


def test_what_is_not_listed_cannot_be_overridden() -> None:
    many = [found(f"{number:03}") for number in range(60)]
    findings = report_of(*many).findings

    report = report_of(*many, overrides=[override(item.id) for item in findings])

    assert report.blocked
    assert len(report.overridden) == 50
    (unmatched,) = report.unmatched
    (standing,) = report.standing
    assert standing.id == unmatched.finding


def test_evidence_is_bounded() -> None:
    much = found(evidence=tuple(Evidence(kind="text", detail=f"{n}") for n in range(1000)))

    (finding,) = report_of(much, much).findings

    assert len(finding.evidence) == MOST_EVIDENCE


# Overrides


def test_an_overridden_finding_is_shown_and_does_not_weigh() -> None:
    (finding,) = report_of(found()).findings

    report = report_of(found(), overrides=[override(finding.id)])

    assert (report.grade, report.score, report.blocked) == ("A", 100, False)
    assert report.findings == report.overridden
    assert report.standing == ()
    assert report.findings[0].override == override(finding.id)


def test_an_override_is_for_one_finding_and_no_other() -> None:
    (finding,) = report_of(found("this")).findings

    report = report_of(found("this"), found("that"), overrides=[override(finding.id)])

    assert [item.about for item in report.standing] == ["that"]
    assert report.blocked


@pytest.mark.parametrize("days", [0, 1, 366])
def test_an_override_counts_until_the_end_of_its_last_day(days: int) -> None:
    (finding,) = report_of(found()).findings
    decision = override(finding.id, TODAY + timedelta(days=days))

    report = report_of(found(), overrides=[decision])

    assert not report.blocked
    assert (report.expired, report.too_long, report.unmatched) == ((), (), ())


def test_an_expired_override_does_not_count_and_is_named() -> None:
    (finding,) = report_of(found()).findings
    decision = override(finding.id, TODAY - timedelta(days=1))

    report = report_of(found(), overrides=[decision])

    assert report.blocked
    assert (report.expired, report.unmatched) == ((decision,), ())


@pytest.mark.parametrize("until", [TODAY + timedelta(days=367), date.max])
def test_an_override_for_longer_than_a_year_does_not_count_and_is_named(until: date) -> None:
    (finding,) = report_of(found()).findings

    report = report_of(found(), overrides=[override(finding.id, until)])

    assert report.blocked
    assert report.too_long == (override(finding.id, until),)


def test_an_override_of_nothing_is_named() -> None:
    decision = override("HW-TST-001:0000000000000000")

    report = report_of(found(), overrides=[decision])

    assert report.blocked
    assert report.unmatched == (decision,)


def test_an_id_that_two_findings_share_overrides_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody finds such a pair by trying: all fingerprints are made equal here.
    monkeypatch.setattr(Finding, "fingerprint", property(lambda _: "5a0cac0a" * 8))
    twins = (found("one"), found("other"))
    (first, second) = report_of(*twins).findings
    assert first.id == second.id

    report = report_of(*twins, overrides=[override(first.id)])

    assert len(report.standing) == 2
    assert report.unmatched == (override(first.id),)


def test_an_id_stays_when_numbers_places_and_words_change() -> None:
    before = found(message="On page 1.", evidence=(Evidence(kind="binary", detail="a", offset=1),))
    after = found(message="On page 2.", evidence=(Evidence(kind="binary", detail="b", offset=2),))

    assert [item.id for item in report_of(before).findings] == [
        item.id for item in report_of(after).findings
    ]


@patient
@given(st.lists(st.sampled_from("abcdef"), max_size=6), st.lists(st.sampled_from("abcdef")))
def test_overriding_is_the_same_as_not_finding(present: list[str], accepted: list[str]) -> None:
    ids = {item.about: item.id for item in report_of(*map(found, "abcdef")).findings}
    overrides = [override(ids[about]) for about in dict.fromkeys(accepted)]

    decided = report_of(*map(found, present), overrides=overrides)
    clean = report_of(*map(found, set(present) - set(accepted)))

    assert decided.axes == clean.axes
    assert (decided.score, decided.blocked) == (clean.score, clean.blocked)
    assert len(decided.findings) == len(set(present))


# The report


def test_the_report_for_programs_says_everything_and_no_time() -> None:
    place = ("tools", "tool", "allow", 1)
    policy = Evidence(kind="policy", detail="env=X", field=place)
    binary = Evidence(kind="import", detail="a.b", offset=12)
    loud = found("loud", severity="high", evidence=(policy,))
    calm = found("calm", severity="low", evidence=(binary,))
    (accepted, _) = report_of(loud, calm).findings
    overrides = [override(accepted.id), override("HW-TST-001:0000000000000000")]

    shown = report_of(loud, calm, overrides=overrides).to_json()

    axes = {"capabilities": 100, "isolation": 97, "provenance": 100, "secrets": 100, "text": 100}
    both = {
        "rule": "HW-TST-001",
        "title": "A test",
        "confidence": "medium",
        "axis": "isolation",
        "message": "It is so.",
        "cwe": ["CWE-20"],
        "owasp": ["MCP02"],
        "remediation": "Change it.",
    }
    assert shown == {
        "tool": "tool",
        "digest": "sha256:" + "0" * 64,
        "kind": "module",
        "grade": "A",
        "score": 97,
        "blocked": False,
        "axes": {**axes, "format": 100},
        "rules": RULES_VERSION,
        "findings": [
            {
                **both,
                "id": accepted.id,
                "fingerprint": accepted.fingerprint,
                "severity": "high",
                "evidence": [
                    {
                        "kind": "policy",
                        "detail": "env=X",
                        "offset": None,
                        "field": "tools.tool.allow[1]",
                    }
                ],
                "override": {"finding": accepted.id, "reason": "known", "until": "2026-11-20"},
            },
            {
                **both,
                "id": shown["findings"][1]["id"],
                "fingerprint": shown["findings"][1]["fingerprint"],
                "severity": "low",
                "evidence": [{"kind": "import", "detail": "a.b", "offset": 12, "field": None}],
                "override": None,
            },
        ],
        "overrides": {
            "expired": [],
            "too_long": [],
            "unmatched": [
                {"finding": "HW-TST-001:0000000000000000", "reason": "known", "until": "2026-11-20"}
            ],
        },
    }
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("path", "spelled"),
    [
        ((), ""),
        (("requires", 0, "capability"), "requires[0].capability"),
        (("input", "properties", "a b"), 'input.properties["a b"]'),
        (("\x1b", 'a"b\\'), '["\\x1b"]["a\\"b\\\\"]'),
        ((0, "x"), "[0].x"),
    ],
)
def test_a_place_is_spelled_so_that_it_can_be_read_and_hides_nothing(
    path: tuple[str | int, ...], spelled: str
) -> None:
    assert spell_field(path) == spelled


def test_what_cannot_be_read_is_blocked_and_no_override_helps() -> None:
    rule = rule_that_finds([])
    report = malformed_report("tool", "sha256:0", rule=rule, found=found("malformed"))
    decision = override(report.findings[0].id)

    again = malformed_report(
        "tool", "sha256:0", rule=rule, found=found("malformed"), overrides=[decision]
    )

    assert (again.grade, again.score, again.blocked, again.kind) == ("F", 0, True, None)
    assert again.axes == dict.fromkeys(AXES, 0)
    assert again.unmatched == (decision,)
    assert again.standing == report.findings
    assert again.to_json()["kind"] is None
