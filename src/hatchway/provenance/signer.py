"""Who signs, as values of the policy: the holder of a key, or an identity with its issuer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.trust import IdentitySigner, KeySigner

if TYPE_CHECKING:
    from hatchway.provenance.keys import PublicKey

MAX_NAME = 2048
"""Characters of an identity or an issuer."""

_IDENTITY = re.compile(r"[!-)+-~]+")
_ISSUER = re.compile(r"https://[!-)+-?A-~]+")
"""ASCII without blanks and `*`; an issuer without `@` too, which ends the identity before it."""


def signer_of(key: PublicKey) -> KeySigner:
    """The signer that a key stands for."""
    return KeySigner(spki=key.der)


def identity_signer(identity: str, issuer: str) -> IdentitySigner:
    """The signer of that identity, as that issuer knows it.

    Both are needed, and both are compared as they stand: without an issuer, whoever runs one
    could be anybody.

    Raises:
        ConfigError: `config.bad_identity`; one of them is empty or could mean more than one.
    """
    _require("an identity", identity, _IDENTITY)
    _require("an issuer", issuer, _ISSUER)
    return IdentitySigner(identity=identity, issuer=issuer)


def _require(what: str, text: str, pattern: re.Pattern[str]) -> None:
    if len(text) <= MAX_NAME and pattern.fullmatch(text):
        return
    kind = "an https URL without '@'" if pattern is _ISSUER else "the whole of it"
    message = f"{what} is {kind}, in ASCII and without blanks or '*'; got {printable(text)!r}"
    hint = "nothing is compared by pattern; name each signer by itself"
    raise ConfigError(message, code="config.bad_identity", hint=hint)
