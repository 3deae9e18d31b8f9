"""Sigstore bundles of version 0.3: one signature over one artifact, in a file beside it.

Written with a key, and checked with one. What a bundle holds is either a signature of the
artifact's bytes, or a signed in-toto statement (a DSSE envelope) that names the artifact by its
digest. Entries of a transparency log and timestamps may be in a key's bundle too. They are not
looked at: a key's bundle has no time that we trust, and says nothing of when it was signed.

https://github.com/sigstore/protobuf-specs, `sigstore_bundle.proto`, and the DSSE protocol,
https://github.com/secure-systems-lab/dsse.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.core.untrusted import printable, shown
from hatchway.provenance.keys import Message
from hatchway.provenance.reading import UnreadableError, read_base64, read_json
from hatchway.provenance.statement import PAYLOAD_TYPE, read_statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.provenance.keys import PrivateKey, PublicKey
    from hatchway.provenance.statement import Statement

FILE_SUFFIX = ".sigstore.json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MEDIA_TYPES = frozenset({MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"})
"""Both spellings of version 0.3."""

MAX_BUNDLE_BYTES = 1 << 20
MAX_SIGNATURE_BYTES = 1024
_MAX_HINT = 256

_STATEMENT_PREFIX = b"DSSEv1 "
_SIGNERS = frozenset({"publicKey", "certificate"})
_UNCHECKED = frozenset({"tlogEntries", "timestampVerificationData"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMaterial:
    """It was signed with a key that the reader must have.

    Attributes:
        hint: What the bundle says which one. A hint for messages; it decides nothing.
    """

    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMaterial:
    """It was signed with a key of a few minutes, and a certificate says whose.

    Attributes:
        certificate: DER, as the bundle has it; nothing of it has been checked.
    """

    certificate: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSignature:
    """A signature of the artifact's bytes."""

    sha256: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signature of a statement; its payload type is in-toto's, or it is not read."""

    payload: bytes
    signature: bytes


Content: TypeAlias = MessageSignature | Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that could be read. Nothing of it is true before it was checked.

    Attributes:
        document: The whole of it, as plain values.
    """

    material: KeyMaterial | CertificateMaterial
    content: Content
    document: Mapping[str, Any]


# Writing


def sign_artifact(key: PrivateKey, artifact: Message) -> bytes:
    """A bundle that signs the bytes of `artifact`, all of them.

    Raises:
        ConfigError: `config.unsupported`; the artifact reads like the encoding of a statement,
            so that its signature could be passed off as the statement's.
    """
    if _reads_like_a_statement(artifact):
        message = f"a file that begins with {_STATEMENT_PREFIX.decode()!r} is never signed"
        hint = "its signature would also be one of a statement that the file spells out"
        raise ConfigError(message, code="config.unsupported", hint=hint)
    content = {
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": _base64(artifact.sha256)},
            "signature": _base64(key.sign(artifact)),
        }
    }
    return _bundle(key, content)


def sign_statement(key: PrivateKey, statement: bytes) -> bytes:
    """A bundle that signs a statement; `statement_bytes` makes one."""
    content = {
        "dsseEnvelope": {
            "payload": _base64(statement),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _base64(key.sign(pre_authentication(statement)))}],
        }
    }
    return _bundle(key, content)


def pre_authentication(payload: bytes) -> Message:
    """What a DSSE signature is over: the payload with its type and both lengths before it."""
    kind = PAYLOAD_TYPE.encode()
    encoded = b"%d %s %d %s" % (len(kind), kind, len(payload), payload)
    return Message(_STATEMENT_PREFIX + encoded)


def _reads_like_a_statement(artifact: Message) -> bool:
    """Whether a signature of these bytes could be one of a statement as well.

    Sigstore signs both with one key, and nothing but the encoding tells them apart.
    """
    return artifact.data.startswith(_STATEMENT_PREFIX)


def _bundle(key: PrivateKey, content: Mapping[str, Any]) -> bytes:
    material = {"publicKey": {"hint": key.public.hint}}
    document = {"mediaType": MEDIA_TYPE, "verificationMaterial": material, **content}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Reading


def read_bundle(data: bytes) -> Bundle:
    """The bundle in a JSON text.

    Raises:
        AdmissionError: `admission.bad_bundle`; it is no Sigstore bundle of version 0.3, holds
            more than one signature, or says anything in two ways.
    """
    try:
        document = read_json(data, limit_bytes=MAX_BUNDLE_BYTES)
        return _read(document)
    except ValueError as error:
        message = f"this is not a Sigstore bundle that can be used: {printable(str(error))}"
        raise AdmissionError(message, code="admission.bad_bundle") from error


def _read(document: Any) -> Bundle:
    if not isinstance(document, dict):
        raise UnreadableError("it is not an object")
    kind = document.get("mediaType")
    if not isinstance(kind, str) or kind not in MEDIA_TYPES:
        raise UnreadableError(f"expected the media type {MEDIA_TYPE!r}, got {shown(kind)}")
    contents = document.keys() - {"mediaType", "verificationMaterial"}
    content: Content
    if contents == {"messageSignature"}:
        content = _message(document)
    elif contents == {"dsseEnvelope"}:
        content = _envelope(document)
    else:
        raise UnreadableError("expected one of 'messageSignature' and 'dsseEnvelope', nothing else")
    return Bundle(material=_material(document), content=content, document=document)


def _material(document: dict[str, Any]) -> KeyMaterial | CertificateMaterial:
    values = _object(document, "verificationMaterial", optional=_SIGNERS | _UNCHECKED)
    found = values.keys() & _SIGNERS
    if found == {"publicKey"}:
        hint = _object(values, "publicKey", optional=frozenset({"hint"})).get("hint", "")
        if not isinstance(hint, str) or len(hint) > _MAX_HINT:
            raise UnreadableError(f"a hint is text of at most {_MAX_HINT} characters")
        return KeyMaterial(hint=hint)
    if found == {"certificate"}:
        certificate = _object(values, "certificate", "rawBytes")["rawBytes"]
        return CertificateMaterial(certificate=_bytes(certificate, "the certificate"))
    raise UnreadableError("expected one of 'publicKey' and 'certificate' as verification material")


def _message(document: dict[str, Any]) -> MessageSignature:
    values = _object(document, "messageSignature", "messageDigest", "signature")
    digest = _object(values, "messageDigest", "algorithm", "digest")
    if digest["algorithm"] != "SHA2_256":
        raise UnreadableError(f"expected 'SHA2_256', got {shown(digest['algorithm'])}")
    return MessageSignature(
        sha256=_bytes(digest["digest"], "the digest"), signature=_signature(values["signature"])
    )


def _envelope(document: dict[str, Any]) -> Envelope:
    values = _object(document, "dsseEnvelope", "payload", "payloadType", "signatures")
    if values["payloadType"] != PAYLOAD_TYPE:
        found = shown(values["payloadType"])
        raise UnreadableError(f"expected the payload type {PAYLOAD_TYPE!r}, got {found}")
    signatures = values["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise UnreadableError("expected exactly one signature")
    signature = _object(
        {"signatures": signatures[0]}, "signatures", "sig", optional=frozenset({"keyid"})
    )
    return Envelope(
        payload=_bytes(values["payload"], "the payload"), signature=_signature(signature["sig"])
    )


def _object(
    values: dict[str, Any], key: str, *required: str, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The object under `key`, which has all required keys and none that is not known."""
    found = values.get(key)
    if not isinstance(found, dict):
        raise UnreadableError(f"{key!r} is not an object")
    for name in required:
        if name not in found:
            raise UnreadableError(f"{key!r} has no {name!r}")
    for name in found:
        if name not in required and name not in optional:
            raise UnreadableError(f"{key!r} has an unknown key {shown(name)}")
    return found


def _signature(text: Any) -> bytes:
    found = _bytes(text, "the signature")
    if not 0 < len(found) <= MAX_SIGNATURE_BYTES:
        raise UnreadableError(f"a signature has 1 to {MAX_SIGNATURE_BYTES} bytes, got {len(found)}")
    return found


def _bytes(text: Any, what: str) -> bytes:
    try:
        return read_base64(text)
    except ValueError as error:
        raise UnreadableError(f"{what}: {error}") from error


# Checking


def check_with_key(bundle: Bundle, key: PublicKey, artifact: Message) -> Statement | None:
    """What `key` signed about `artifact`: a statement, or None when it signed the bytes.

    Raises:
        AdmissionError: `admission.bad_signature` or `admission.wrong_artifact`; this key's owner
            did not sign this artifact. `admission.bad_bundle` when what was signed does not count.
    """
    if not isinstance(bundle.material, KeyMaterial):
        message = "the bundle was signed by an identity, and not with a key"
        raise AdmissionError(message, code="admission.bad_signature", hint="use --identity")
    content = bundle.content
    if isinstance(content, MessageSignature):
        require_digest(content, artifact)
        if not key.verifies(content.signature, artifact):
            raise _bad_signature(bundle.material, key)
        return None
    # First whose words they are, then what they say.
    if not key.verifies(content.signature, pre_authentication(content.payload)):
        raise _bad_signature(bundle.material, key)
    return read_statement(content.payload, digest=artifact.digest)


def require_digest(content: MessageSignature, artifact: Message) -> None:
    """Refuse a signature of something else, or of what may be a statement.

    Raises:
        AdmissionError: `admission.wrong_artifact`.
    """
    if _reads_like_a_statement(artifact):
        message = "the artifact reads like a signed statement, and is none that is signed as a file"
        raise AdmissionError(message, code="admission.wrong_artifact")
    if content.sha256 != artifact.sha256:
        found = content.sha256[:32].hex()
        message = f"the bundle signs sha256:{found}, and not {artifact.digest}"
        raise AdmissionError(message, code="admission.wrong_artifact")


def _bad_signature(material: KeyMaterial, key: PublicKey) -> AdmissionError:
    if material.hint in ("", key.hint):
        message = f"the signature is not one of key:{key.key_id} over these bytes"
    else:
        named = printable(material.hint, limit=64)
        message = f"the signature is not one of key:{key.key_id}; the bundle names {named!r}"
    return AdmissionError(message, code="admission.bad_signature")
