"""The one formula: what findings make of a grade."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.audit.finding import AXES, SEVERITIES, Axis, Evidence, Finding, Rule, Severity
from hatchway.audit.grade import DEDUCTIONS, NOTHING_KNOWN, Letter, grade_of, letter_of
from hatchway.policy.overrides import Override

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

ACCEPTED = Override(finding="HW-TST-001:0000000000000000", reason="known", until=date(2027, 1, 31))


def finding(
    severity: Severity, rule: str = "HW-TST-001", axis: Axis = "isolation", about: str = "it"
) -> Finding:
    return Finding(
        rule=Rule(
            id=rule,
            title="A test",
            severity="critical",
            confidence="high",
            axis=axis,
            detects="",
            why="",
            remediation="",
        ),
        tool="tool",
        message="It is so.",
        about=about,
        severity=severity,
        confidence="high",
        evidence=(Evidence(kind="binary", detail="here"),),
        remediation="Change it.",
    )


def findings() -> SearchStrategy[list[Finding]]:
    axes: list[Axis] = list(AXES)
    each = st.builds(
        lambda severity, number: finding(
            severity, rule=f"HW-TST-{number:03}", axis=axes[number % len(axes)]
        ),
        st.sampled_from(SEVERITIES),
        st.integers(0, 8),
    )
    return st.lists(each, max_size=12)


def overridden(item: Finding) -> Finding:
    return Finding(
        rule=item.rule,
        tool=item.tool,
        message=item.message,
        about=item.about,
        severity=item.severity,
        confidence=item.confidence,
        evidence=item.evidence,
        remediation=item.remediation,
        override=ACCEPTED,
    )


def test_nothing_found_is_full_marks() -> None:
    grade = grade_of([])

    assert (grade.letter, grade.score, grade.blocked) == ("A", 100, False)
    assert grade.axes == dict.fromkeys(AXES, 100)


@pytest.mark.parametrize(
    ("severity", "score", "letter"),
    [("info", 100, "A"), ("low", 97, "A"), ("medium", 92, "A"), ("high", 75, "C")],
)
def test_a_finding_takes_away_what_its_severity_weighs(
    severity: Severity, score: int, letter: Letter
) -> None:
    grade = grade_of([finding(severity)])

    assert (grade.score, grade.letter, grade.blocked) == (score, letter, False)


def test_a_critical_finding_blocks_and_leaves_39_at_most() -> None:
    grade = grade_of([finding("critical")])

    assert (grade.score, grade.letter, grade.blocked) == (39, "F", True)
    assert grade.axes == {**dict.fromkeys(AXES, 100), "isolation": 39}


def test_only_the_axis_of_a_finding_is_lowered() -> None:
    grade = grade_of([finding("high", axis="text"), finding("low", rule="HW-TST-002")])

    assert grade.axes == {**dict.fromkeys(AXES, 100), "text": 75, "isolation": 97}
    assert grade.score == 75


def test_repeats_of_one_rule_weigh_no_more_than_two() -> None:
    assert grade_of([finding("high")] * 9).score == 50
    assert grade_of([finding("medium")] * 9).score == 84
    assert grade_of([finding("high"), *[finding("low")] * 30]).score == 50


def test_different_rules_add_up_down_to_nothing() -> None:
    different = [finding("high", rule=f"HW-TST-{number:03}") for number in range(5)]

    assert grade_of(different[:3]).score == 25
    assert grade_of(different).score == 0


def test_letters_begin_where_they_are_said_to() -> None:
    edges = {100: "A", 90: "A", 89: "B", 80: "B", 79: "C", 70: "C", 69: "D", 60: "D", 59: "F"}

    assert {score: letter_of(score) for score in edges} == edges
    assert letter_of(0) == "F"


def test_every_severity_has_its_weight_and_a_graver_one_never_less() -> None:
    assert set(DEDUCTIONS) == set(get_args(Severity)) == set(SEVERITIES)
    alone = [grade_of([finding(severity)]).score for severity in SEVERITIES]
    assert alone == sorted(alone, reverse=True)


def test_what_cannot_be_read_has_nothing_on_any_axis() -> None:
    assert NOTHING_KNOWN.axes == dict.fromkeys(AXES, 0)
    assert (NOTHING_KNOWN.letter, NOTHING_KNOWN.blocked) == ("F", True)


@patient
@given(findings(), findings())
def test_more_findings_never_raise_anything(some: list[Finding], more: list[Finding]) -> None:
    before, after = grade_of(some), grade_of([*some, *more])

    assert all(after.axes[axis] <= before.axes[axis] for axis in AXES)
    assert after.score <= before.score
    assert after.letter >= before.letter
    assert after.blocked >= before.blocked


@patient
@given(findings(), st.randoms())
def test_the_order_of_findings_does_not_matter(some: list[Finding], random: object) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random of hypothesis

    assert grade_of(shuffled) == grade_of(some)


@patient
@given(findings(), st.integers(0, 11))
def test_an_override_removes_exactly_the_effect_of_its_finding(
    some: list[Finding], number: int
) -> None:
    decided = [overridden(item) if index == number else item for index, item in enumerate(some)]
    without = [item for index, item in enumerate(some) if index != number]

    assert grade_of(decided) == grade_of(without)


@patient
@given(findings())
def test_the_score_is_the_lowest_axis_and_only_criticals_block(some: list[Finding]) -> None:
    grade = grade_of(some)

    assert grade.score == min(grade.axes.values())
    assert grade.letter == letter_of(grade.score)
    assert grade.blocked == any(item.severity == "critical" for item in some)
    assert not grade.blocked or grade.letter == "F"
