"""What is found about where an artifact comes from."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, get_args

import pytest
from guests import wasm

from hatchway.audit.evaluate import audit
from hatchway.audit.reading import read_artifact
from hatchway.audit.rules import (
    prv_001_unsigned,
    prv_002_wrong_signature,
    prv_003_unpinned,
    prv_004_drift,
    prv_005_origin,
)
from hatchway.audit.signing import finding_of
from hatchway.audit.subject import Subject
from hatchway.policy.document import ToolPolicy
from hatchway.policy.overrides import Override
from hatchway.policy.trust import Mode, Outcome, Verdict

if TYPE_CHECKING:
    from hatchway.audit.finding import Found, Rule

DIGEST = "sha256:" + "ab" * 32


def subject(wat: str = "(module)", *, source: str | None = None, **more: Any) -> Subject:
    data = wasm(wat)
    entry = None if source is None else ToolPolicy(name="render", source=source)
    return Subject(name="render", artifact=read_artifact(data), data=data, entry=entry, **more)


def found_by(rule: Rule, looked_at: Subject) -> list[Found]:
    assert rule.check is not None
    return list(rule.check(looked_at))


@pytest.mark.parametrize(
    "source",
    [
        "oci:registry.example.com/render:latest",
        "https://example.com/render.wasm",
        "HTTPS://example.com/render.wasm",
        "npm:render@1.2.3",
        "pypi:render",
        "https://example.com/sha256/render.wasm",
        "oci:registry.example.com/render@sha256:abc",
        f"oci:registry.example.com/render@{DIGEST}0",
    ],
)
def test_a_remote_source_without_a_digest_can_change(source: str) -> None:
    (found,) = found_by(prv_003_unpinned.RULE, subject(source=source))

    assert found.about == "source"
    assert found.evidence[0].field == ("tools", "render", "source")
    pins = "hatchway.lock" if source.startswith("oci") else "@sha256:"
    assert pins in str(found.remediation)


@pytest.mark.parametrize(
    "source",
    [
        "./render.wasm",
        "/opt/render.wasm",
        "file:render.wasm",
        f"oci:registry.example.com/render@{DIGEST}",
        f"https://example.com/render.wasm@{DIGEST}",
    ],
)
def test_a_file_or_a_digest_cannot(source: str) -> None:
    assert found_by(prv_003_unpinned.RULE, subject(source=source, is_pinned=True)) == []


def test_bytes_that_the_lockfile_does_not_have_are_not_approved() -> None:
    (found,) = found_by(prv_003_unpinned.RULE, subject(source="./a.wasm", is_pinned=False))

    assert found.about == "lockfile"
    assert found.remediation == "Look at what changed, then: hatchway add ./a.wasm --name render"


def test_without_a_policy_nothing_needs_to_be_pinned() -> None:
    assert found_by(prv_003_unpinned.RULE, subject(is_pinned=False)) == []


def test_a_hostile_source_is_spelled_out() -> None:
    (found,) = found_by(prv_003_unpinned.RULE, subject(source="oci:a\x1b[2J"))

    assert "\x1b" not in found.message + str(found.remediation) + found.evidence[0].detail


def test_the_toolchain_alone_does_not_tell_the_origin() -> None:
    looked_at = subject(
        '(module (@custom "producers" "\\01\\0cprocessed-by\\01\\05rustc\\061.86.0"))'
    )

    (found,) = found_by(prv_005_origin.RULE, looked_at)

    assert found.severity is None
    assert "missing: source, revision, licences, parts" in found.message


def test_with_source_and_revision_the_rest_is_information() -> None:
    looked_at = subject('(module (@custom "source" "https://a") (@custom "revision" "1"))')

    (found,) = found_by(prv_005_origin.RULE, looked_at)

    assert found.severity == "info"
    assert "missing: producers, licences, parts" in found.message


def verdict(outcome: Outcome, mode: Mode = "enforce") -> Verdict:
    return Verdict(outcome=outcome, digest=DIGEST, message="comes from there", mode=mode)


UNSIGNED: tuple[Outcome, ...] = ("no_rule", "rule_over", "unsigned", "manifest_beside")
WRONG: tuple[Outcome, ...] = ("invalid", "wrong_signer", "signer_over", "revoked")


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_every_verdict_about_signatures_is_found_by_one_rule_at_most(outcome: Outcome) -> None:
    looked_at = subject(trust=verdict(outcome))

    unsigned, wrong = (
        found_by(each.RULE, looked_at) for each in (prv_001_unsigned, prv_002_wrong_signature)
    )

    assert (bool(unsigned), bool(wrong)) == (outcome in UNSIGNED, outcome in WRONG)
    for found in (*unsigned, *wrong):
        assert found.message == "It comes from there."
        assert DIGEST in found.about
        assert found.severity is None


def test_where_nobody_looked_nothing_is_found_about_signatures() -> None:
    for rule in (prv_001_unsigned.RULE, prv_002_wrong_signature.RULE):
        assert found_by(rule, subject()) == []


@pytest.mark.parametrize("outcome", WRONG)
def test_a_report_does_not_block_by_its_weight_but_a_revocation_does(outcome: Outcome) -> None:
    looked_at = subject(trust=verdict(outcome, "report"))

    (found,) = found_by(prv_002_wrong_signature.RULE, looked_at)

    assert found.severity == (None if outcome == "revoked" else "high")
    assert ("This is a report" in found.message) == (outcome != "revoked")


def test_the_id_of_a_finding_about_signatures_is_known_without_an_audit() -> None:
    asked = verdict("unsigned")

    report = audit(subject(trust=asked), today=date(2026, 11, 20))

    (found,) = [each for each in report.findings if each.rule.id == "HW-PRV-001"]
    assert found.id == finding_of(asked, "render")
    assert finding_of(verdict("grade"), "render") is None
    assert report.trust is asked


@pytest.mark.parametrize(("outcome", "blocked"), [("wrong_signer", False), ("revoked", True)])
def test_only_what_is_revoked_cannot_be_overridden(outcome: Outcome, blocked: bool) -> None:
    asked = verdict(outcome)
    decision = Override(
        finding=str(finding_of(asked, "render")), reason="known", until=date(2026, 12, 1)
    )

    report = audit(subject(trust=asked), overrides=[decision], today=date(2026, 11, 20))

    assert report.blocked is blocked
    assert report.unmatched == ((decision,) if blocked else ())


def test_what_differs_from_what_was_approved_is_one_finding() -> None:
    looked_at = subject(source="./a.wasm", drift=("it asks for more\x1b", "it says something else"))

    (found,) = found_by(prv_004_drift.RULE, looked_at)

    assert found.message == "It is not what was approved: it asks for more\x1b, and 1 more."
    assert [each.detail for each in found.evidence] == [
        "hatchway.lock: it asks for more\x1b",
        "hatchway.lock: it says something else",
    ]
    assert found.remediation == "Look at what changed: hatchway update render"
    assert found.is_final
    assert "\x1b" not in audit(looked_at, today=date(2026, 11, 20)).findings[0].message


@pytest.mark.parametrize("drift", [None, ()])
def test_what_is_as_approved_or_was_never_approved_is_no_finding(
    drift: tuple[str, ...] | None,
) -> None:
    assert found_by(prv_004_drift.RULE, subject(drift=drift)) == []


def test_a_change_without_a_policy_names_the_artifact() -> None:
    (found,) = found_by(prv_004_drift.RULE, subject(drift=("it asks for more",)))

    assert found.message == "It is not what was approved: it asks for more."
    assert found.remediation == "Look at what changed: hatchway update render"
