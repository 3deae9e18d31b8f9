"""in-toto statements: what somebody signed about artifacts that are named by digest.

A statement says of its subjects whatever its predicate type means. A signature under a
predicate type that we do not know proves nothing to us: it may well say that the artifact
failed a test. So only the types below count, and the others are refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import AdmissionError
from hatchway.core.untrusted import printable, shown
from hatchway.provenance.reading import UnreadableError, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

CAPABILITIES = "https://hatchway.invalid/attestations/capabilities/v1"
"""What an artifact can ask for, as its signer saw it. The domain ends in `.invalid`, which
RFC 2606 keeps from ever being registered: a name that nobody can come to own."""
COSIGN_SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
"""What `cosign sign` writes: a plain signature in the form of a statement."""
SLSA_PROVENANCE = "https://slsa.dev/provenance/v1"
"""This identity built it; what GitHub's artifact attestations say."""

ACCEPTED = frozenset({CAPABILITIES, COSIGN_SIGNATURE, SLSA_PROVENANCE})

MAX_STATEMENT_BYTES = 1 << 20
MAX_SUBJECTS = 1024
_MAX_NAME = 512

_HEX = re.compile(r"[0-9a-f]{64}")
_STATEMENT_KEYS = frozenset({"_type", "subject", "predicateType", "predicate"})
_SUBJECT_KEYS = frozenset(
    {"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What was signed, once the signature holds.

    Attributes:
        predicate_type: One of `ACCEPTED`.
        predicate: What it says of its subjects; the signer's words, of any shape.
        subjects: The digests of what it is about, `sha256:…`; subjects without one are left out.
    """

    predicate_type: str
    predicate: Mapping[str, Any]
    subjects: tuple[str, ...]


def statement_bytes(*, name: str, digest: str, predicate_type: str, predicate: Any) -> bytes:
    """A statement about one artifact, to be signed.

    Args:
        name: What people call the artifact; a verifier ignores it.
        digest: `sha256:…`.
        predicate_type: What kind of statement it is.
        predicate: What it says, as plain JSON values.
    """
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def read_statement(payload: bytes, *, digest: str) -> Statement:
    """The statement in a payload whose signature holds, if it is about `digest`.

    Raises:
        AdmissionError: `admission.bad_bundle` when it is malformed or of a type that does not
            count; `admission.wrong_artifact` when it is about something else.
    """
    try:
        document = read_json(payload, limit_bytes=MAX_STATEMENT_BYTES)
        found = _statement(document)
    except ValueError as error:
        message = f"the signed statement cannot be used: {printable(str(error))}"
        raise AdmissionError(message, code="admission.bad_bundle") from error
    if digest not in found.subjects:
        count = len(found.subjects)
        what = printable(found.subjects[0]) if count == 1 else f"{count} artifacts"
        message = f"the signed statement is about {what}, and not about {digest}"
        raise AdmissionError(message, code="admission.wrong_artifact")
    return found


def _statement(document: Any) -> Statement:
    if not isinstance(document, dict) or not document.keys() <= _STATEMENT_KEYS:
        raise UnreadableError(
            f"it does not have exactly the keys {', '.join(sorted(_STATEMENT_KEYS))}"
        )
    if document.get("_type") != STATEMENT_TYPE:
        raise UnreadableError(f"expected a statement of the type {STATEMENT_TYPE}")
    kind = document.get("predicateType")
    if not isinstance(kind, str) or kind not in ACCEPTED:
        raise UnreadableError(f"the predicate type {shown(kind)} does not count")
    predicate = document.get("predicate", {})
    if not isinstance(predicate, dict):
        raise UnreadableError("the predicate is not an object")
    subjects = document.get("subject")
    if not isinstance(subjects, list) or not 0 < len(subjects) <= MAX_SUBJECTS:
        raise UnreadableError(f"expected 1 to {MAX_SUBJECTS} subjects")
    if kind == CAPABILITIES and len(subjects) != 1:
        raise UnreadableError("a statement of capabilities is about one artifact")
    digests = tuple(found for item in subjects if (found := _digest(item)) is not None)
    return Statement(predicate_type=kind, predicate=predicate, subjects=digests)


def _digest(subject: Any) -> str | None:
    """The SHA-256 of one subject; None when it is named by other digests only."""
    if not isinstance(subject, dict) or not subject.keys() <= _SUBJECT_KEYS:
        raise UnreadableError("a subject has keys that are not known")
    name = subject.get("name", "")
    if not isinstance(name, str) or len(name) > _MAX_NAME:
        raise UnreadableError(f"a subject's name is text of at most {_MAX_NAME} characters")
    digests = subject.get("digest")
    if not isinstance(digests, dict) or not digests:
        raise UnreadableError("a subject has no digest")
    if "sha256" not in digests:
        return None
    found = digests["sha256"]
    if not isinstance(found, str) or not _HEX.fullmatch(found):
        raise UnreadableError("a SHA-256 digest is 64 digits, 0 to 9 and a to f")
    return f"sha256:{found}"
