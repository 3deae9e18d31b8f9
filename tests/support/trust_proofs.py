"""For every key of `[trust]`, two policies under which somebody else is trusted."""

from __future__ import annotations

from datetime import date

from trust_words import ADA, BASE, BEA, CI, DIGEST, key_line

from hatchway.policy.document import parse_policy
from hatchway.policy.origins import origin_of
from hatchway.policy.trust import Signatures, trusted

TODAY = date(2026, 11, 20)
YESTERDAY = "2026-11-19"
WHOLE_KEY = f'key = "{key_line(ADA)}"'
IDENTITY, ISSUER = f'identity = "{CI.identity}"', f'issuer = "{CI.issuer}"'


def trust_outcome(text: str) -> object:
    """What is said of artifacts that some have signed, in every combination that matters."""
    asked = parse_policy(text, file="hatchway.toml", base=BASE).trust
    origin = origin_of("./g.wasm", base=BASE)
    found = [
        Signatures(digest=DIGEST, signers=frozenset(signers), cover_manifest=covered)
        for signers in ((), (ADA,), (BEA,), (ADA, BEA), (CI,))
        for covered in (True, False)
    ]
    verdicts = [trusted("./g.wasm", origin, each, "B", TODAY, asked) for each in found]
    return [(verdict.outcome, verdict.refuses) for verdict in verdicts]


def table(*lines: str) -> str:
    """A policy with these lines under `[trust]`, and one rule."""
    return "\n".join(("version = 1", "[trust]", *lines, rule()))


def rule(*lines: str, match: str = "*", signer: str = WHOLE_KEY) -> str:
    """A rule that asks for one signer."""
    return "\n".join(
        ("[[trust.rules]]", f'match = "{match}"', f"signers = [{{ {signer} }}]", *lines, "")
    )


def two(*lines: str) -> str:
    """A policy whose one rule names two signers."""
    both = f'{WHOLE_KEY} }}, {{ key = "{key_line(BEA)}"'
    return f"version = 1\n{rule(*lines, signer=both)}"


def policy(text: str = "") -> str:
    """A policy with these tables."""
    return f"version = 1\n{text}"


TRUST_PROOFS: dict[str, tuple[str, str]] = {
    "trust": (policy(), table()),
    "trust.mode": (table(), table('mode = "report"')),
    "trust.minimum_grade": (table(), table('minimum_grade = "A"')),
    "trust.revoked": (table(), table(f'revoked = ["{DIGEST}"]')),
    "trust.rules": (policy("[trust]\n"), table()),
    "trust.rules.match": (policy(rule()), policy(rule(match="pypi:*"))),
    "trust.rules.require": (two(), two('require = "any"')),
    "trust.rules.signers": (policy(rule()), two()),
    "trust.rules.manifest": (policy(rule()), policy(rule('manifest = "beside"'))),
    "trust.rules.minimum_grade": (policy(rule()), policy(rule('minimum_grade = "A"'))),
    "trust.rules.until": (policy(rule()), policy(rule(f"until = {YESTERDAY}"))),
    "trust.rules.signers.key": (
        policy(rule()),
        policy(rule(signer=f'key = "{key_line(BEA)}"')),
    ),
    "trust.rules.signers.identity": (
        policy(rule(signer=f"{IDENTITY}, {ISSUER}")),
        policy(rule(signer=f'identity = "ada@example.com", {ISSUER}')),
    ),
    "trust.rules.signers.issuer": (
        policy(rule(signer=f"{IDENTITY}, {ISSUER}")),
        policy(rule(signer=f'{IDENTITY}, issuer = "https://issuer.example"')),
    ),
    "trust.rules.signers.until": (
        policy(rule()),
        policy(rule(signer=f"{WHOLE_KEY}, until = {YESTERDAY}")),
    ),
}
