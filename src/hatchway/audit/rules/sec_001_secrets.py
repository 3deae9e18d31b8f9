"""HW-SEC-001: secrets in the data of the binary."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hatchway.audit.claims import MAX_SHOWN
from hatchway.audit.data_text import data_extents, places_of, words_in
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.secret_shapes import SHAPES, secret_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """One finding for each secret: whoever lives with one has not seen the next."""
    extents = data_extents(subject.artifact)
    words = words_in(subject.data, extents)
    found: dict[tuple[str, str], list[Evidence]] = {}
    for shape in SHAPES:
        for start in shape.starts:
            places = places_of(subject.data, start, extents) if shape.has_spaces else None
            for at in places or words.places_of(start):
                secret = secret_at(shape, subject.data, at)
                if secret is not None:
                    name = (shape.kind, hashlib.sha256(secret).hexdigest())
                    found.setdefault(name, []).append(_evidence(start, secret, at))
    for (kind, digest), evidence in found.items():
        yield Found(
            message=f"Its data contains {len(evidence)} of this kind of secret: {kind}.",
            about=f"{kind} {digest}",
            evidence=tuple(evidence[:MAX_SHOWN]),
        )


def _evidence(start: bytes, secret: bytes, at: int) -> Evidence:
    """The place, and nothing of the secret but how its kind begins."""
    detail = f"{start.decode()}… ({len(secret)} characters)"
    return Evidence(kind="binary", detail=detail, offset=at)


RULE = Rule(
    id="HW-SEC-001",
    title="Secret in the binary",
    severity="critical",
    confidence="high",
    axis="secrets",
    detects=(
        "Data segments are searched for private keys in PEM with a body, keys of AWS, Google, "
        "Stripe, OpenAI and Anthropic, tokens of GitHub, GitLab and Slack, and JSON Web Tokens "
        "with a valid header. A hit needs the whole shape, a boundary on both sides and enough "
        "entropy; placeholders do not count. Evidence never shows the secret."
    ),
    why=(
        "Everybody who can download the artifact has the secret, and so has every guest that "
        "reads its own memory."
    ),
    remediation=(
        "Revoke the secret at its issuer, remove it from the source, and publish a new build. "
        "Taking it out of the next version does not take it back."
    ),
    cwe=(798, 321),
    owasp=("MCP01",),
    check=check,
    limits=(
        "Passwords without a shape, and secrets that are encoded, compressed or split, are not "
        "recognised."
    ),
)
