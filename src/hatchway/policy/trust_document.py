"""The `[trust]` table of `hatchway.toml`, read strictly.

Nothing in it can mean "anybody": a rule names its signers, a signer is one key or one identity
together with its issuer, and none of them has a wildcard.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, cast, get_args

from hatchway.core.untrusted import printable, shown
from hatchway.policy.origins import EXAMPLES, parse_pattern
from hatchway.policy.public_keys import parse_key
from hatchway.policy.tool_text import hidden_character
from hatchway.policy.trust import (
    GRADES,
    AllowedSigner,
    IdentitySigner,
    KeySigner,
    ManifestPlace,
    Mode,
    Require,
    Signer,
    Trust,
    TrustRule,
)

if TYPE_CHECKING:
    from hatchway.policy.origins import Pattern
    from hatchway.policy.reading import Table

_IDENTITY = re.compile(r"[!-)+-~]+", re.ASCII)
_ISSUER = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[!-)+->A-~]*)?", re.ASCII)
"""Visible ASCII without `*`: what an identity is made of, and an issuer."""

_REVOKED = re.compile(
    r"sha256:[0-9a-f]{64}"
    r"|key:SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]"
    rf"|identity:{_IDENTITY.pattern}@{_ISSUER.pattern}",
    re.ASCII,
)
_EXAMPLE_SIGNER = '{ key = "MCow…" } or { identity = "…", issuer = "https://…" }'
_MAX_TEXT = 2048
_MAX_SIGNERS = 32
_MAX_REVOKED = 2 * _MAX_TEXT + len("identity:@")


def trust_in(root: Table, *, base: str) -> Trust:
    """What the document asks for before it trusts anything.

    Raises:
        ConfigError: With file and line.
    """
    table = root.table("trust")
    table.only("mode", "minimum_grade", "revoked", "rules")
    rules = tuple(_rule(item, base) for item in table.tables("rules"))
    _refuse_ties(table, rules)
    revoked = frozenset(_revoked(table))
    return Trust(
        mode=cast("Mode", table.choice("mode", get_args(Mode), "enforce")),
        rules=rules,
        revoked=revoked,
        revoked_signers=_revoked_signers(table, revoked, rules),
        minimum_grade=_minimum_grade(table),
    )


def _minimum_grade(table: Table) -> str | None:
    # F is what everything reaches: asking for it would only look like asking.
    return table.choice("minimum_grade", GRADES[:-1])


def _revoked(table: Table) -> list[str]:
    found = table.texts("revoked")
    for index, text in enumerate(found):
        if len(text) > _MAX_REVOKED or not _REVOKED.fullmatch(text):
            message = f"{shown(text)} is no digest, key or identity that could be revoked"
            hint = '"sha256:…", "key:SHA256:…" or "identity:WHO@https://ISSUER"'
            raise table.error(message, "revoked", index, hint=hint)
    return found


def _revoked_signers(
    table: Table, revoked: frozenset[str], rules: tuple[TrustRule, ...]
) -> tuple[Signer, ...]:
    named = {str(each.signer): each.signer for rule in rules for each in rule.signers}
    for text in revoked:
        if text.startswith("identity:"):
            identity, _, issuer = text.removeprefix("identity:").rpartition("@")
            named[text] = IdentitySigner(identity=identity, issuer=issuer)
    found = tuple(named[text] for text in sorted(revoked) if text in named)
    if len(found) > _MAX_SIGNERS:
        message = f"{_MAX_SIGNERS} signers may be revoked at once, got {len(found)}"
        raise table.error(message, "revoked", hint="take those out that no rule names any more")
    return found


def _rule(item: Table, base: str) -> TrustRule:
    item.only("match", "require", "signers", "manifest", "minimum_grade", "until")
    match = item.text("match", limit=_MAX_TEXT)
    if not match:
        raise item.error("a rule needs 'match': what it is about", "match", hint=EXAMPLES)
    return TrustRule(
        match=match,
        pattern=_pattern(item, match, base),
        signers=_signers(item),
        require=cast("Require", item.choice("require", get_args(Require), "all")),
        manifest=cast("ManifestPlace", item.choice("manifest", get_args(ManifestPlace), "inside")),
        minimum_grade=_minimum_grade(item),
        until=_until(item),
        line=item.line(),
    )


def _pattern(item: Table, match: str, base: str) -> Pattern:
    if not match.isprintable() or hidden_character(match) is not None:
        message = f"'match' has characters that nobody sees: {shown(match)}"
        raise item.error(message, "match", hint=EXAMPLES)
    try:
        return parse_pattern(match, base=base)
    except ValueError as error:
        message = f"{printable(match)!r} is no pattern: {error}"
        raise item.error(message, "match", hint=EXAMPLES) from error


def _refuse_ties(table: Table, rules: tuple[TrustRule, ...]) -> None:
    """Two patterns match one place equally well only when they are the same."""
    seen: dict[Pattern, TrustRule] = {}
    for index, rule in enumerate(rules):
        if rule.pattern in seen:
            first = seen[rule.pattern]
            message = f"{printable(rule.match)!r} is matched by {first.name} already"
            raise table.error(message, "rules", index, "match", code="config.contradiction")
        seen[rule.pattern] = rule


def _signers(item: Table) -> tuple[AllowedSigner, ...]:
    tables = item.tables("signers")
    if not tables:
        message = "a rule needs 'signers': without one it would mean anybody"
        raise item.error(message, "signers", hint=f"signers = [{_EXAMPLE_SIGNER}]")
    if len(tables) > _MAX_SIGNERS:
        message = f"a rule may name {_MAX_SIGNERS} signers, got {len(tables)}"
        raise item.error(message, "signers")
    found: dict[Signer, AllowedSigner] = {}
    for index, table in enumerate(tables):
        table.only("key", "identity", "issuer", "until")
        signer = _signer(table)
        if signer in found:
            message = f"{printable(str(signer))} is named twice"
            raise item.error(message, "signers", index, code="config.contradiction")
        found[signer] = AllowedSigner(signer=signer, until=_until(table))
    return tuple(found.values())


def _signer(table: Table) -> Signer:
    has_identity = "identity" in table or "issuer" in table
    if ("key" in table) == has_identity:
        message = "a signer is either a key, or an identity with its issuer"
        raise table.error(message, hint=_EXAMPLE_SIGNER)
    if has_identity:
        return IdentitySigner(identity=_identity(table), issuer=_issuer(table))
    text = table.text("key", limit=_MAX_TEXT) or ""
    try:
        return KeySigner(spki=parse_key(text))
    except ValueError as error:
        hint = "the line that `hatchway keygen` prints"
        raise table.error(f"'key': {error}", "key", hint=hint) from error


def _identity(table: Table) -> str:
    identity = table.text("identity", limit=_MAX_TEXT) or ""
    if not _IDENTITY.fullmatch(identity):
        message = f"'identity' is one identity, whole, without '*' or blanks; got {shown(identity)}"
        raise table.error(message, "identity", hint=_EXAMPLE_SIGNER)
    return identity


def _issuer(table: Table) -> str:
    issuer = table.text("issuer", limit=_MAX_TEXT) or ""
    if not _ISSUER.fullmatch(issuer):
        message = f"'issuer' is one https URL, whole, without '*', '?' or '@'; got {shown(issuer)}"
        raise table.error(message, "issuer", hint=_EXAMPLE_SIGNER)
    return issuer


def _until(item: Table) -> date | None:
    if "until" not in item:
        return None
    value = item.values["until"]
    # A date with a time of day is a date to Python too; a day is what is meant here.
    if type(value) is not date:
        message = (
            f"'until' is the last day it counts, a TOML date without quotes; got {shown(value)}"
        )
        raise item.error(message, "until", hint="until = 2027-12-31")
    return value
