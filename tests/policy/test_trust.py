"""Who must have signed what, decided from values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trust_words import (
    ADA,
    BASE,
    BEA,
    CI,
    DIGEST,
    OTHER_DIGEST,
    SIGNERS,
    rule,
    signed,
    trust,
    until,
)

from hatchway.policy.origins import origin_of
from hatchway.policy.trust import (
    GRADES,
    NOTHING_ASKED,
    AllowedSigner,
    Signatures,
    Trust,
    TrustRule,
    Verdict,
    is_at_least,
    trusted,
)

if TYPE_CHECKING:
    from hatchway.policy.trust import Signer

TODAY = date(2026, 11, 20)
YESTERDAY = TODAY - timedelta(days=1)
ACME = "oci://ghcr.io/acme/render"


def verdict(
    asked: Trust, found: Signatures, source: str = ACME, grade: str | None = "A"
) -> Verdict:
    return trusted(source, origin_of(source, base=BASE), found, grade, TODAY, asked)


def test_without_rules_nobody_is_asked_to_sign() -> None:
    found = verdict(NOTHING_ASKED, signed())

    assert (found.outcome, found.is_trusted, found.refuses) == ("not_asked", True, False)


def test_a_signer_of_the_rule_is_enough() -> None:
    found = verdict(trust(rule()), signed(ADA))

    assert found.outcome == "trusted"
    assert found.signers == (str(ADA),)
    assert found.message == f"is signed by {ADA}, as [[trust.rules]] asks"


@pytest.mark.claim("trust.default-deny")
def test_what_no_rule_is_about_is_refused() -> None:
    found = verdict(trust(rule("oci://quay.io/*")), signed(*SIGNERS))

    assert (found.outcome, found.refuses) == ("no_rule", True)
    assert found.message == f"comes from {ACME}, which no [[trust.rules]] is about"


@pytest.mark.claim("trust.default-deny")
def test_a_place_that_is_spelled_in_a_second_way_is_nobodys() -> None:
    found = verdict(trust(rule("*")), signed(*SIGNERS), source="oci://GHCR.io/acme/render")

    assert found.outcome == "no_rule"
    assert "not spelled in the one way" in found.message


OUTCOMES = {
    "no signature": (trust(rule()), signed(), "unsigned"),
    "one of two": (trust(rule("*", ADA, BEA)), signed(ADA), "unsigned"),
    "another": (trust(rule()), signed(BEA), "wrong_signer"),
    "strangers": (trust(rule()), signed(strangers=2), "wrong_signer"),
    "damaged": (trust(rule()), signed(invalid=("it is not JSON",)), "invalid"),
    "damaged and another": (trust(rule()), signed(BEA, invalid=("no",)), "invalid"),
    "a key whose last day is over": (
        trust(rule("*", until(ADA, YESTERDAY))),
        signed(ADA),
        "signer_over",
    ),
    "a rule that is over": (trust(rule(until=YESTERDAY)), signed(ADA), "rule_over"),
    "its manifest beside it": (trust(rule()), signed(ADA, cover_manifest=False), "manifest_beside"),
    "a revoked digest": (trust(rule(), revoked=(DIGEST,)), signed(ADA), "revoked"),
    "a revoked signer": (trust(rule(), revoked=(str(ADA),)), signed(ADA), "revoked"),
    "a revoked digest without rules": (trust(revoked=(DIGEST,)), signed(), "revoked"),
    "a bad grade": (trust(rule(minimum_grade="A")), signed(ADA), "grade"),
    "a bad grade without rules": (trust(minimum_grade="A"), signed(), "grade"),
}


@pytest.mark.parametrize("what", OUTCOMES)
def test_what_falls_short_is_refused_with_the_reason(what: str) -> None:
    asked, found, outcome = OUTCOMES[what]

    decided = verdict(asked, found, grade="B")

    assert (decided.outcome, decided.refuses) == (outcome, True)


ASKS = "comes from {acme}, which [[trust.rules]] asks to be signed by {ada}"
SENTENCES = {
    "no signature": f"{ASKS}; it carries no signature",
    "one of two": f"{ASKS} and {{bea}}; it carries 1 signature of these, and others are missing",
    "strangers": f"{ASKS}; it carries 2 signatures by somebody else",
    "damaged and another": f"{ASKS}; it carries 1 signature that cannot be right (no), "
    "1 signature by somebody else",
    "a key whose last day is over": f"{ASKS}; it carries one by {{ada}}, which counted until "
    "2026-11-19",
    "a rule that is over": "comes from {acme}, and [[trust.rules]], which is about that place, "
    "ended on 2026-11-19",
    "its manifest beside it": "comes from {acme} with a manifest that is not the one inside it, "
    "and [[trust.rules]] asks for that one, because a signature covers nothing else",
    "a revoked digest": "is {digest}, which [trust] revokes",
    "a revoked signer": "is signed by {ada}, whom [trust] revokes",
    "a bad grade": "has the grade B, and [[trust.rules]] asks for A or better",
    "a bad grade without rules": "has the grade B, and [trust] asks for A or better",
}


@pytest.mark.parametrize("what", SENTENCES)
def test_the_reason_is_a_sentence_that_says_what_was_asked_and_what_was_found(what: str) -> None:
    asked, found, _ = OUTCOMES[what]

    said = verdict(asked, found, grade="B").message

    assert said == SENTENCES[what].format(
        acme=ACME, ada=min(ADA, BEA, key=str) if what == "one of two" else ADA,
        bea=max(ADA, BEA, key=str), digest=DIGEST,
    )  # fmt: skip


def test_a_rule_is_named_by_its_line() -> None:
    found = verdict(trust(rule(line=14)), signed())

    assert "which [[trust.rules]] on line 14 asks to be signed by" in found.message


def test_any_of_several_signers_is_enough_where_the_rule_says_so() -> None:
    asked = trust(rule("*", ADA, BEA, require="any"))

    assert verdict(asked, signed(BEA)).is_trusted
    assert " or " in verdict(asked, signed()).message


def test_of_any_one_may_be_over() -> None:
    asked = trust(rule("*", until(ADA, YESTERDAY), BEA, require="any"))

    assert verdict(asked, signed(ADA, BEA)).signers == (str(BEA),)
    assert verdict(asked, signed(ADA)).outcome == "signer_over"


def test_all_cannot_be_met_once_one_of_them_is_over() -> None:
    asked = trust(rule("*", until(ADA, YESTERDAY), BEA))

    assert verdict(asked, signed(ADA, BEA)).outcome == "signer_over"


def test_the_last_day_counts() -> None:
    asked = trust(rule("*", until(ADA, TODAY), until=TODAY))

    assert verdict(asked, signed(ADA)).is_trusted


def test_a_manifest_may_lie_beside_it_where_the_rule_says_so() -> None:
    asked = trust(rule(manifest="beside"))

    assert verdict(asked, signed(ADA, cover_manifest=False)).is_trusted


@pytest.mark.claim("trust.default-deny")
def test_the_most_specific_rule_decides_alone() -> None:
    asked = trust(rule("*", BEA), rule("oci://ghcr.io/acme/*", ADA), rule(ACME, CI))

    assert verdict(asked, signed(CI)).is_trusted
    assert verdict(asked, signed(ADA, BEA)).outcome == "wrong_signer"
    assert verdict(asked, signed(ADA), source="oci://ghcr.io/acme/other").is_trusted
    assert verdict(asked, signed(BEA), source="oci://ghcr.io/acme-evil/render").is_trusted


def test_a_rule_that_is_over_does_not_fall_back_to_a_laxer_one() -> None:
    asked = trust(rule("*", BEA), rule(ACME, ADA, until=YESTERDAY))

    assert verdict(asked, signed(ADA, BEA)).outcome == "rule_over"


def test_both_grades_that_are_asked_for_count() -> None:
    asked = trust(rule(minimum_grade="B"), minimum_grade="C")

    assert [verdict(asked, signed(ADA), grade=each).is_trusted for each in ("B", "C", "D")] == [
        True,
        False,
        False,
    ]
    assert "[trust] asks for C" in verdict(asked, signed(ADA), grade="D").message
    assert "has no grade" in verdict(asked, signed(ADA), grade=None).message


@given(st.sampled_from(GRADES), st.sampled_from(GRADES))
def test_grades_are_ordered(one: str, other: str) -> None:
    assert is_at_least(one, other) == (one <= other)
    assert not is_at_least(None, one)
    assert not is_at_least("a", one)


@pytest.mark.claim("trust.revoked")
def test_what_is_revoked_is_refused_in_every_mode() -> None:
    asked = trust(rule(), revoked=(DIGEST,), mode="report")

    found = verdict(asked, signed(ADA))

    assert (found.is_final, found.refuses) == (True, True)


def test_another_artifact_of_the_same_place_is_not_revoked() -> None:
    asked = trust(rule(), revoked=(OTHER_DIGEST, str(BEA), str(CI)))

    assert verdict(asked, signed(ADA)).is_trusted


def test_a_report_refuses_nothing_and_still_says_no() -> None:
    found = verdict(trust(rule(), mode="report"), signed())

    assert (found.outcome, found.is_trusted, found.refuses) == ("unsigned", False, False)


def test_who_is_looked_for_are_the_signers_of_the_rule_and_those_who_are_revoked() -> None:
    asked = trust(rule(ACME, ADA, BEA), revoked_signers=(BEA, CI))

    assert asked.looked_for(ACME) == (ADA, BEA, CI)
    assert asked.looked_for(None) == (BEA, CI)


def test_a_hostile_source_is_spelled_out() -> None:
    found = verdict(trust(rule("oci://quay.io/*")), signed(), source="./a\x1b[2J.wasm")

    assert "\x1b" not in found.message


# Properties

days = st.one_of(st.none(), st.dates(TODAY - timedelta(days=2), TODAY + timedelta(days=2)))
signer_sets = st.frozensets(st.sampled_from(SIGNERS))
allowed = st.builds(AllowedSigner, signer=st.sampled_from(SIGNERS), until=days)
MATCHES = ("*", "oci://*", "oci://ghcr.io/*", "oci://ghcr.io/acme/*", ACME, "./*", "pypi:*")
SOURCES = (ACME, f"{ACME}:1", "oci://ghcr.io/acme/b", "oci://quay.io/a", "a.wasm", "pypi:a", "x:y")
rules = st.builds(
    rule,
    st.sampled_from(MATCHES),
    require=st.sampled_from(["all", "any"]),
    manifest=st.sampled_from(["inside", "beside"]),
    minimum_grade=st.sampled_from([None, "A", "C"]),
    until=days,
).flatmap(
    lambda made: st.builds(
        lambda signers: replace(made, signers=tuple(signers)),
        st.lists(allowed, min_size=1, max_size=3, unique_by=lambda each: each.signer),
    )
)
rule_sets = st.lists(rules, max_size=4, unique_by=lambda each: each.match)
revocations = st.frozensets(st.sampled_from([DIGEST, OTHER_DIGEST, *map(str, SIGNERS)]), max_size=2)
trusts = st.builds(
    Trust,
    rules=rule_sets.map(tuple),
    revoked=revocations,
    minimum_grade=st.sampled_from([None, "B"]),
    mode=st.sampled_from(["enforce", "report"]),
)
founds = st.builds(
    Signatures,
    digest=st.just(DIGEST),
    signers=signer_sets,
    strangers=st.integers(0, 2),
    invalid=st.lists(st.just("damaged"), max_size=1).map(tuple),
    cover_manifest=st.booleans(),
)
sources = st.sampled_from(SOURCES)
grades = st.sampled_from([None, *GRADES])


@given(trusts, founds, sources, grades, st.sampled_from(SIGNERS))
def test_one_more_signature_never_turns_yes_into_no_unless_its_signer_is_revoked(
    asked: Trust, found: Signatures, source: str, grade: str | None, signer: Signer
) -> None:
    before = verdict(asked, found, source, grade)

    more = replace(found, signers=found.signers | {signer})

    if before.is_trusted and str(signer) not in asked.revoked:
        assert verdict(asked, more, source, grade).is_trusted


@given(trusts, founds, sources, grades)
def test_what_is_not_a_signature_changes_no_decision(
    asked: Trust, found: Signatures, source: str, grade: str | None
) -> None:
    bare = replace(found, strangers=0, invalid=())

    one, other = (verdict(asked, each, source, grade) for each in (found, bare))

    assert one.is_trusted == other.is_trusted


@given(trusts, founds, sources, grades)
def test_taking_a_rule_away_grants_only_what_another_rule_grants_by_itself(
    asked: Trust, found: Signatures, source: str, grade: str | None
) -> None:
    if verdict(asked, found, source, grade).is_trusted:
        return
    for gone in asked.rules:
        rest = tuple(each for each in asked.rules if each != gone)
        after = replace(asked, rules=rest)
        if rest and verdict(after, found, source, grade).is_trusted:
            alone = [replace(asked, rules=(each,)) for each in rest]
            assert any(verdict(each, found, source, grade).is_trusted for each in alone)


@given(trusts, founds, sources, grades)
def test_the_order_of_rules_does_not_matter(
    asked: Trust, found: Signatures, source: str, grade: str | None
) -> None:
    decided = {
        verdict(replace(asked, rules=order), found, source, grade)
        for order in permutations(asked.rules)
    }

    assert len(decided) == 1


@given(trusts, founds, sources, grades)
def test_a_revocation_more_never_turns_no_into_yes(
    asked: Trust, found: Signatures, source: str, grade: str | None
) -> None:
    for text in (DIGEST, *map(str, SIGNERS)):
        more = replace(asked, revoked=asked.revoked | {text})
        if verdict(more, found, source, grade).is_trusted:
            assert verdict(asked, found, source, grade).is_trusted


@given(trusts, founds, sources, grades)
def test_every_rule_asks_for_somebody(
    asked: Trust, found: Signatures, source: str, grade: str | None
) -> None:
    """Nothing in a rule stands for anybody: without a signature no rule is ever met."""
    nobody = replace(found, signers=frozenset())

    if asked.rules:
        assert not verdict(asked, nobody, source, grade).is_trusted


@given(trusts, sources)
def test_at_most_one_rule_is_the_most_specific(asked: Trust, source: str) -> None:
    origin = origin_of(source, base=BASE)
    matching: list[TrustRule] = [
        each for each in asked.rules if origin is not None and each.pattern.matches(origin)
    ]

    assert len({each.pattern.specificity for each in matching}) == len(matching)
    assert (asked.rule_for(origin) is None) == (not matching)
