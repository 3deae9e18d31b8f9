"""Signers, rules and trust policies for tests, and `[trust]` tables as people write them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from hatchway.policy.origins import parse_pattern
from hatchway.policy.trust import (
    AllowedSigner,
    IdentitySigner,
    KeySigner,
    Signatures,
    Trust,
    TrustRule,
)

if TYPE_CHECKING:
    from datetime import date

    from hatchway.policy.trust import Signer

BASE = "/srv/project"
DIGEST = "sha256:" + "0" * 64
OTHER_DIGEST = "sha256:" + "1" * 64

# The public keys of RFC 8032, section 7.1, tests 1 and 2.
ADA = KeySigner(
    spki=bytes.fromhex(
        "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
)
BEA = KeySigner(
    spki=bytes.fromhex(
        "302a300506032b65700321003d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
)
CI = IdentitySigner(
    identity="https://github.com/acme/x/.github/workflows/release.yml@refs/heads/main",
    issuer="https://token.actions.githubusercontent.com",
)
SIGNERS: tuple[Signer, ...] = (ADA, BEA, CI)


def rule(match: str = "*", *signers: Signer | AllowedSigner, **more: Any) -> TrustRule:
    """A rule; Ada's, if nobody is named."""
    return TrustRule(
        match=match,
        pattern=parse_pattern(match, base=BASE),
        signers=tuple(
            each if isinstance(each, AllowedSigner) else AllowedSigner(signer=each)
            for each in signers or (ADA,)
        ),
        **more,
    )


def until(signer: Signer, day: date) -> AllowedSigner:
    """A signer whose signatures count no longer than that."""
    return AllowedSigner(signer=signer, until=day)


def trust(*rules: TrustRule, revoked: tuple[str, ...] = (), **more: Any) -> Trust:
    """A trust policy."""
    return Trust(rules=rules, revoked=frozenset(revoked), **more)


def signed(*signers: Signer, **more: Any) -> Signatures:
    """What is found on an artifact that these have signed."""
    return Signatures(**{"digest": DIGEST, "signers": frozenset(signers), **more})


def key_line(signer: KeySigner) -> str:
    """A key as a policy writes it."""
    return base64.b64encode(signer.spki).decode()


def trust_table(*lines: str, match: str = "*", signers: str | None = None) -> str:
    """A `[trust]` table with one rule, and `lines` at the end of that rule."""
    named = f'[{{ key = "{key_line(ADA)}" }}]' if signers is None else signers
    more = "\n".join(lines)
    return f'[[trust.rules]]\nmatch = "{match}"\nsigners = {named}\n{more}\n'
