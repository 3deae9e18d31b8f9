"""Whom the operator trusts for what, and whether an artifact meets that.

Where an artifact comes from decides which rule applies. Who signed it decides whether the rule
is met. A registry, a directory or a web server is never a reason to trust anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from hatchway.core.untrusted import harmless, printable
from hatchway.policy.public_keys import fingerprint_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from hatchway.policy.origins import Pattern

Mode: TypeAlias = Literal["enforce", "report"]
Require: TypeAlias = Literal["all", "any"]
ManifestPlace: TypeAlias = Literal["inside", "beside"]

GRADES = ("A", "B", "C", "D", "F")
"""From the best to the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySigner:
    """Whoever holds the private half of a key.

    Attributes:
        spki: The public half, as SubjectPublicKeyInfo in DER.
    """

    spki: bytes

    def __str__(self) -> str:
        return f"key:{fingerprint_of(self.spki)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySigner:
    """Somebody to whom an issuer gave a certificate for a moment. Both are compared whole.

    Attributes:
        identity: An address, or the URL of a workflow.
        issuer: The URL of who vouches for it.
    """

    identity: str
    issuer: str

    def __str__(self) -> str:
        return f"identity:{self.identity}@{self.issuer}"


Signer: TypeAlias = KeySigner | IdentitySigner


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedSigner:
    """Somebody a rule names.

    Attributes:
        until: The last day on which a signature of theirs counts; None for no such day.
    """

    signer: Signer
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRule:
    """Who must have signed what comes from some places.

    Attributes:
        match: The pattern, as it is written.
        pattern: The same, understood.
        signers: At least one.
        require: Whether all of them must have signed, or one is enough.
        manifest: Where the manifest may stand. A signature covers only what is inside.
        minimum_grade: The worst grade of the audit that is taken.
        until: The last day on which the rule allows anything; None for no such day.
        line: Of the document.
    """

    match: str
    pattern: Pattern
    signers: tuple[AllowedSigner, ...]
    require: Require = "all"
    manifest: ManifestPlace = "inside"
    minimum_grade: str | None = None
    until: date | None = None
    line: int | None = None

    @property
    def name(self) -> str:
        """How messages name it."""
        place = "" if self.line is None else f" on line {self.line}"
        return f"[[trust.rules]]{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The `[trust]` table. Without one nothing is asked of anybody.

    Attributes:
        mode: What follows from a no: `enforce` refuses, `report` records.
        rules: As soon as there is one, what none of them matches is refused.
        revoked: Digests and signers that are never accepted, as they are written.
        revoked_signers: Those of them whose signatures can be checked: identities, and keys
            that some rule names.
        minimum_grade: The worst grade that is taken from anywhere.
    """

    mode: Mode = "enforce"
    rules: tuple[TrustRule, ...] = ()
    revoked: frozenset[str] = frozenset()
    revoked_signers: tuple[Signer, ...] = ()
    minimum_grade: str | None = None

    def rule_for(self, origin: str | None) -> TrustRule | None:
        """The most specific rule that matches a place; None when none does."""
        matching = [
            rule for rule in self.rules if origin is not None and rule.pattern.matches(origin)
        ]
        return max(matching, key=lambda rule: rule.pattern.specificity, default=None)

    def looked_for(self, origin: str | None) -> tuple[Signer, ...]:
        """Everybody whose signature on what comes from a place makes a difference."""
        rule = self.rule_for(origin)
        asked = () if rule is None else tuple(each.signer for each in rule.signers)
        return tuple(dict.fromkeys((*asked, *self.revoked_signers)))


NOTHING_ASKED = Trust()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """What was found when the signatures over one artifact were checked.

    Attributes:
        digest: Of the artifact.
        signers: Those that were looked for and whose signatures over exactly this artifact hold.
        strangers: How many signatures are by somebody whom no rule names.
        invalid: What is wrong with each of the others, in words.
        cover_manifest: The manifest is the one inside the artifact, or there is none.
    """

    digest: str
    signers: frozenset[Signer] = frozenset()
    strangers: int = 0
    invalid: tuple[str, ...] = ()
    cover_manifest: bool = True


Outcome: TypeAlias = Literal[
    "not_asked",
    "trusted",
    "revoked",
    "no_rule",
    "rule_over",
    "unsigned",
    "invalid",
    "wrong_signer",
    "signer_over",
    "manifest_beside",
    "grade",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an artifact from a place is trusted, and why.

    Attributes:
        message: The end of a sentence that begins with the name of the tool.
        mode: What follows from a no.
        signers: Whose signatures the rule asks for and were found, as `str` spells them.
    """

    outcome: Outcome
    digest: str
    message: str
    mode: Mode
    signers: tuple[str, ...] = ()

    @property
    def is_trusted(self) -> bool:
        """Whether nothing speaks against it."""
        return self.outcome in ("not_asked", "trusted")

    @property
    def is_final(self) -> bool:
        """Whether no mode and no override changes it."""
        return self.outcome == "revoked"

    @property
    def refuses(self) -> bool:
        """Whether it may not be used, unless somebody overrides that."""
        return self.is_final or (not self.is_trusted and self.mode == "enforce")


def trusted(
    source: str,
    origin: str | None,
    signatures: Signatures,
    grade: str | None,
    today: date,
    trust: Trust,
) -> Verdict:
    """Whether an artifact may be used.

    Args:
        source: Where it comes from, as the policy spells it.
        origin: The same place in its one spelling; None when it has none.
        signatures: What is known about who signed it.
        grade: The audit's; None when there is none.
        today: For the last days of rules and signers.
        trust: What the operator asks for.
    """
    verdict = signed_as_asked(source, origin, signatures, today, trust)
    return graded_as_asked(verdict, origin, grade, trust) if verdict.is_trusted else verdict


def graded_as_asked(
    verdict: Verdict, origin: str | None, grade: str | None, trust: Trust
) -> Verdict:
    """The rest of `trusted`: `verdict`, unless the audit's grade is worse than is asked for."""
    rule = trust.rule_for(origin)
    asked = [("[trust]", trust.minimum_grade)]
    asked += [] if rule is None else [(rule.name, rule.minimum_grade)]
    for name, minimum in asked:
        if minimum is not None and not is_at_least(grade, minimum):
            has = "no grade" if grade is None else f"the grade {grade}"
            message = f"has {has}, and {name} asks for {minimum} or better"
            return replace(verdict, outcome="grade", message=message)
    return verdict


def is_at_least(grade: str | None, minimum: str) -> bool:
    """Whether `grade` is `minimum` or better. No grade is no better than any."""
    return grade in GRADES and GRADES.index(grade) <= GRADES.index(minimum)


def signed_as_asked(
    source: str, origin: str | None, signatures: Signatures, today: date, trust: Trust
) -> Verdict:
    """The part of `trusted` that an audit can know before it has a grade."""
    if revoked := _revoked(signatures, trust.revoked):
        return _verdict("revoked", signatures, revoked, trust)
    if not trust.rules:
        return _verdict("not_asked", signatures, "is not asked to be signed", trust)
    comes = f"comes from {printable(source)}"
    rule = trust.rule_for(origin)
    if rule is None:
        return _verdict("no_rule", signatures, f"{comes}, {_unmatched(origin)}", trust)
    if rule.until is not None and rule.until < today:
        message = f"{comes}, and {rule.name}, which is about that place, ended on {rule.until}"
        return _verdict("rule_over", signatures, message, trust)
    return _under(rule, comes, signatures, today, trust)


def _revoked(signatures: Signatures, revoked: frozenset[str]) -> str | None:
    if signatures.digest in revoked:
        return f"is {signatures.digest}, which [trust] revokes"
    for signer in sorted(str(each) for each in signatures.signers):
        if signer in revoked:
            return f"is signed by {printable(signer)}, whom [trust] revokes"
    return None


def _unmatched(origin: str | None) -> str:
    if origin is None:
        return "which is not spelled in the one way that rules are compared with"
    return "which no [[trust.rules]] is about"


def _under(
    rule: TrustRule, comes: str, signatures: Signatures, today: date, trust: Trust
) -> Verdict:
    """The verdict of the one rule that applies."""
    has_signed = [each for each in rule.signers if each.signer in signatures.signers]
    counting = [each for each in has_signed if each.until is None or today <= each.until]
    by = _spelled(each.signer for each in counting)
    enough = len(rule.signers) if rule.require == "all" else 1
    if len(counting) < enough:
        over = [each for each in has_signed if each not in counting]
        outcome, found = _shortcoming(over, len(counting), signatures)
        word = " and " if rule.require == "all" else " or "
        wanted = word.join(_shown(_spelled(each.signer for each in rule.signers)))
        message = f"{comes}, which {rule.name} asks to be signed by {wanted}; {found}"
    elif rule.manifest == "inside" and not signatures.cover_manifest:
        outcome = "manifest_beside"
        message = (
            f"{comes} with a manifest that is not the one inside it, and {rule.name} asks for "
            "that one, because a signature covers nothing else"
        )
    else:
        outcome = "trusted"
        message = f"is signed by {' and '.join(_shown(by))}, as {rule.name} asks"
    return _verdict(outcome, signatures, message, trust, by)


def _shortcoming(
    over: list[AllowedSigner], counting: int, signatures: Signatures
) -> tuple[Outcome, str]:
    """Why what was found is not enough: the kind, and the words for it."""
    invalid = len(signatures.invalid)
    others = len(signatures.signers) - counting - len(over) + signatures.strangers
    carries: list[tuple[int, Outcome, str]] = [
        (len(over), "signer_over", _over(over)),
        (invalid, "invalid", f"{_count(invalid)} that cannot be right ({_first(signatures)})"),
        (others, "wrong_signer", f"{_count(others)} by somebody else"),
        (counting, "unsigned", f"{_count(counting)} of these, and others are missing"),
    ]
    there = [(outcome, words) for number, outcome, words in carries if number]
    if not there:
        return "unsigned", "it carries no signature"
    return there[0][0], f"it carries {', '.join(words for _, words in there)}"


def _over(over: list[AllowedSigner]) -> str:
    return ", ".join(f"one by {each.signer}, which counted until {each.until}" for each in over)


def _first(signatures: Signatures) -> str:
    return harmless(signatures.invalid[0], limit=300) if signatures.invalid else ""


def _count(number: int) -> str:
    return f"{number} signature{'' if number == 1 else 's'}"


def _spelled(signers: Iterable[Signer]) -> tuple[str, ...]:
    return tuple(sorted(str(signer) for signer in signers))


def _shown(signers: Iterable[str]) -> list[str]:
    return [printable(signer, limit=300) for signer in signers]


def _verdict(
    outcome: Outcome,
    signatures: Signatures,
    message: str,
    trust: Trust,
    signers: tuple[str, ...] = (),
) -> Verdict:
    return Verdict(
        outcome=outcome,
        digest=signatures.digest,
        message=message,
        mode=trust.mode,
        signers=signers,
    )
