"""Every rule: it finds what it says in one artifact, and nothing in another one."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from audit_examples import EXAMPLES, KEYS, examples_of, policy_in, report_on
from audit_words import RISKS, RUBRIC, WEAKNESSES

from hatchway.audit import rules as rules_package
from hatchway.audit.finding import AXES, SEVERITIES
from hatchway.audit.rules import RULES
from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from hatchway.audit.finding import Rule

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKED = [rule for rule in RULES if rule.check is not None]
IMPOSSIBLE = [rule for rule in RULES if rule.check is None]
GROUPS = ("BIN", "CAP", "POL", "SEC", "TXT", "PRV")

CLASSIFIED = {
    "HW-BIN-001": ("20 1286", "MCP04"), "HW-BIN-002": ("436", "MCP04"),
    "HW-BIN-003": ("1104", "MCP04"), "HW-BIN-004": ("1104", "MCP04"),
    "HW-BIN-005": ("400 770", ""), "HW-BIN-006": ("913", "MCP05"),
    "HW-BIN-007": ("829", "MCP04"), "HW-BIN-008": ("1104", "MCP04"),
    "HW-CAP-001": ("250 272", "MCP02"), "HW-CAP-002": ("250 918", "MCP02 MCP10"),
    "HW-CAP-003": ("250", "MCP02"), "HW-CAP-004": ("200", "MCP10"),
    "HW-CAP-005": ("732", "MCP02"), "HW-CAP-006": ("", ""), "HW-CAP-007": ("250 272", "MCP02"),
    "HW-CAP-008": ("200", "MCP10"),
    "HW-POL-001": ("770 789", ""), "HW-POL-002": ("770", ""), "HW-POL-003": ("400 835", ""),
    "HW-POL-004": ("770", ""), "HW-POL-005": ("918 1327", "MCP02"),
    "HW-POL-006": ("22 552 732", "MCP02"), "HW-POL-007": ("732 668", "MCP10"),
    "HW-POL-008": ("526 200", "MCP01"), "HW-POL-009": ("526 214", "MCP01"),
    "HW-POL-010": ("488 668", "MCP10"), "HW-POL-011": ("778 532", "MCP08"),
    "HW-POL-012": ("653", ""), "HW-POL-013": ("923", "MCP02"),
    "HW-SEC-001": ("798 321", "MCP01"), "HW-SEC-002": ("200", "MCP10"),
    "HW-SEC-003": ("497 615", ""), "HW-TXT-001": ("116 150 451", "MCP03"),
    "HW-TXT-002": ("74 1427", "MCP03 MCP06"), "HW-TXT-003": ("1007 694", "MCP03 MCP09"),
    "HW-TXT-004": ("1287 1427", "MCP03"), "HW-TXT-005": ("451", "MCP03"),
    "HW-PRV-001": ("345 347", "MCP04"), "HW-PRV-002": ("295 347", "MCP04"),
    "HW-PRV-003": ("494 829", "MCP04"), "HW-PRV-004": ("494", "MCP03 MCP04"),
    "HW-PRV-005": ("1104", "MCP04"),
}  # fmt: skip
"""Weaknesses by their numbers, and risks of the OWASP MCP Top 10."""


def named(rule: Rule) -> str:
    return rule.id


# The list


def test_rules_stand_in_the_order_of_the_documentation_and_once_each() -> None:
    ids = [rule.id for rule in RULES]

    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids, key=lambda each: (GROUPS.index(each[3:6]), each))


def test_every_file_of_a_rule_is_registered_and_named_after_it() -> None:
    package = Path(str(rules_package.__file__)).parent
    files = {file.stem[:7] for file in package.glob("*.py") if file.stem != "__init__"}

    assert files == {rule.id[3:].lower().replace("-", "_") for rule in RULES}


def test_every_example_belongs_to_a_rule() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.toml")} == {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_says_all_that_its_page_needs(rule: Rule) -> None:
    words = (rule.title, rule.detects, rule.why, rule.remediation)

    assert re.fullmatch(r"HW-[A-Z]{3}-[0-9]{3}", rule.id)
    assert all(len(text) > 10 for text in words)
    assert all(text.endswith((".", "`.")) for text in words[1:])
    assert rule.severity in SEVERITIES
    assert rule.axis in AXES
    assert (rule.check is None) == (rule.impossible is not None)


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_names_its_weaknesses_and_risks(rule: Rule) -> None:
    weaknesses, risks = CLASSIFIED[rule.id]

    assert set(rule.cwe) == {int(number) for number in weaknesses.split()}
    assert set(rule.owasp) == set(risks.split())


def test_every_number_has_a_name_and_no_name_is_left_over() -> None:
    assert {number for rule in RULES for number in rule.cwe} == WEAKNESSES.keys()
    assert {risk for rule in RULES for risk in rule.owasp} <= RISKS.keys()


def test_each_of_the_six_checks_of_the_rubric_is_made() -> None:
    assert {number for rule in CHECKED for number in rule.rubric} == RUBRIC.keys()
    assert len(RUBRIC) == 6


# The examples


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_example_says_nothing_that_nobody_reads(rule: Rule) -> None:
    tables = examples_of(rule.id)

    assert tables.keys() == ({"shown"} if rule.check is None else {"failing", "passing"})
    for name, example in tables.items():
        assert example.keys() <= KEYS[name]
        assert example["about"].endswith(".")


@pytest.mark.parametrize("rule", CHECKED, ids=named)
def test_a_rule_finds_what_its_failing_example_shows(rule: Rule) -> None:
    report = report_on(examples_of(rule.id)["failing"])

    own = [finding for finding in report.findings if finding.rule is rule]
    assert own
    for finding in own:
        assert finding.message[0].isupper()
        assert finding.evidence
        assert finding.remediation


def test_a_failing_example_shows_the_most_that_its_rule_weighs() -> None:
    less = []
    for rule in CHECKED:
        findings = report_on(examples_of(rule.id)["failing"]).findings
        if rule.severity not in {item.severity for item in findings if item.rule is rule}:
            less.append(rule.id)

    # What weighs most there, no policy of this version can grant.
    assert less == ["HW-POL-005"]


@pytest.mark.parametrize("rule", CHECKED, ids=named)
def test_nothing_grave_is_found_in_a_passing_example(rule: Rule) -> None:
    report = report_on(examples_of(rule.id)["passing"])

    assert [item.id for item in report.findings if item.rule is rule] == []
    assert [item.id for item in report.findings if item.severity in ("high", "critical")] == []
    assert not report.blocked


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_report_is_the_same_every_time(rule: Rule) -> None:
    for example in examples_of(rule.id).values():
        if "wat" in example or "hex" in example:
            assert report_on(example).to_json() == report_on(example).to_json()


@pytest.mark.parametrize("rule", IMPOSSIBLE, ids=named)
def test_what_is_impossible_is_refused_or_has_a_test_that_shows_it(rule: Rule) -> None:
    example = examples_of(rule.id)["shown"]

    assert rule.impossible is not None
    for test in (*re.findall(r"`(test_\w+)`", rule.impossible), *_test_in(example)):
        assert test in names_of_tests(REPOSITORY / "tests/audit/test_impossible.py")
    if "policy" in example:
        with pytest.raises(ConfigError) as raised:
            policy_in(example)
        assert raised.value.code == example["error"]


def _test_in(example: dict[str, str]) -> list[str]:
    return [example["test"].partition("::")[2]] if "test" in example else []


def names_of_tests(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
