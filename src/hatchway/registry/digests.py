"""Naming bytes by their content, with the one algorithm that is used here."""

from __future__ import annotations

import hashlib
import re

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
"""Matched whole. Another algorithm, or another spelling of the same digest, is none."""


def digest_of(content: bytes) -> str:
    """The name of `content`: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_digest(text: object) -> bool:
    """Whether `text` is a digest as they are spelled here."""
    return isinstance(text, str) and DIGEST.fullmatch(text) is not None


def require_digest(content: bytes, expected: str, *, what: str) -> bytes:
    """`content`, if it is what `expected` names.

    Raises:
        RegistryError: `registry.digest_mismatch`.
    """
    found = digest_of(content)
    if found != expected:
        message = f"{what} must be {printable(expected, limit=80)}, and what came is {found}"
        hint = "the source, or something on the way, hands out other bytes: do not use them"
        raise RegistryError(message, code="registry.digest_mismatch", hint=hint)
    return content
