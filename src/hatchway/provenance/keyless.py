"""Keyless signatures: a certificate of ten minutes says who signed, and a log that it was then.

All of it is sigstore-python's work, which is an extra: `hatchway[sigstore]`. It is imported here
and nowhere else, and only when there is a certificate to check. Nothing is fetched: certificates
and logs are checked against a trust root that is given, or that came with sigstore-python.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.core.untrusted import printable
from hatchway.provenance.bundle import CertificateMaterial, Envelope, require_digest
from hatchway.provenance.signer import identity_signer
from hatchway.provenance.statement import PAYLOAD_TYPE, read_statement

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

    from hatchway.policy.trust import IdentitySigner
    from hatchway.provenance.bundle import Bundle
    from hatchway.provenance.keys import Message
    from hatchway.provenance.statement import Statement

MAX_TRUST_ROOT_BYTES = 1 << 20

_PACKAGED = ("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json")
"""Where sigstore-python keeps the root of the public instance that it was released with. Its own
`production(offline=True)` would prefer a copy in the home directory, which any program of this
user may have written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeylessSignature:
    """What an identity signed, and when.

    Attributes:
        statement: What it signed about the artifact; None for a signature of its bytes.
        signed_between: The lifetime of its certificate. A trusted log or timestamp authority
            vouches that the signature was made within it.
    """

    statement: Statement | None
    signed_between: tuple[datetime, datetime]


class KeylessVerifier:
    """Checks signatures of identities against one trust root, offline."""

    def __init__(self, trust_root: bytes | None = None) -> None:
        """Nothing is loaded before the first check.

        Args:
            trust_root: A `trusted_root.json`; by default the one that came with sigstore-python.
        """
        self._trust_root = trust_root
        self._verifier: Verifier | None = None

    def check(self, bundle: Bundle, signer: IdentitySigner, artifact: Message) -> KeylessSignature:
        """What `signer` signed about `artifact`.

        Raises:
            AdmissionError: `admission.bad_signature` or `admission.wrong_artifact`; this identity
                did not sign this artifact. `admission.bad_bundle` when what it signed does not
                count.
            ConfigError: `config.bad_identity`, `config.no_sigstore` or `config.bad_trust_root`.
        """
        material = bundle.material
        if not isinstance(material, CertificateMaterial):
            message = "the bundle was signed with a key, and not by an identity"
            raise AdmissionError(message, code="admission.bad_signature", hint="use --key")
        # Asked again, whoever made the value: to sigstore-python an empty issuer means any.
        signer = identity_signer(signer.identity, signer.issuer)
        verifier = self._loaded()
        content = bundle.content
        if not isinstance(content, Envelope):
            require_digest(content, artifact)
        payload = _verified(verifier, bundle, signer, artifact)
        statement = None
        if payload is not None:
            # sigstore-python leaves it to its caller what a statement is about.
            statement = read_statement(payload, digest=artifact.digest)
        certificate = _certificate(material)
        between = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        return KeylessSignature(statement=statement, signed_between=between)

    def _loaded(self) -> Verifier:
        if self._verifier is None:
            self._verifier = _verifier(self._trust_root)
        return self._verifier


def names_in(material: CertificateMaterial) -> tuple[str, ...]:
    """The addresses and URLs that a certificate names. Nothing about it has been checked.

    Raises:
        AdmissionError: `admission.bad_bundle`; it is no certificate.
    """
    from cryptography import x509

    try:
        extensions = _certificate(material).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (
        ValueError,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise _no_certificate(error) from error
    addresses = found.get_values_for_type(x509.RFC822Name)
    return (*addresses, *found.get_values_for_type(x509.UniformResourceIdentifier))


def _certificate(material: CertificateMaterial) -> Certificate:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(material.certificate)
    except (ValueError, x509.InvalidVersion) as error:
        raise _no_certificate(error) from error


def _verifier(trust_root: bytes | None) -> Verifier:
    try:
        from sigstore.errors import Error
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier
        from sigstore_models.trustroot.v1 import TrustedRoot as Document
    except ImportError as error:
        message = "checking an identity needs sigstore-python, which is not installed"
        hint = "pip install 'hatchway[sigstore]'"
        raise ConfigError(message, code="config.no_sigstore", hint=hint) from error
    if trust_root is None:
        trust_root = resources.files("sigstore").joinpath(*_PACKAGED).read_bytes()
    try:
        return Verifier(trusted_root=TrustedRoot(Document.from_json(trust_root)))
    except (Error, ValueError) as error:
        why = printable(str(error).partition("\n")[0], limit=120)
        message = f"the trust root cannot be used: {why}"
        raise ConfigError(message, code="config.bad_trust_root") from error


def _verified(
    verifier: Verifier, bundle: Bundle, signer: IdentitySigner, artifact: Message
) -> bytes | None:
    """The payload of an envelope, or None for a signature of the artifact's bytes."""
    from sigstore.hashes import Hashed
    from sigstore.models import Bundle as Foreign
    from sigstore.verify.policy import Identity
    from sigstore_models.common.v1 import HashAlgorithm

    policy = Identity(identity=signer.identity, issuer=signer.issuer)
    try:
        # Written anew from what we read, so that both readers see the same document.
        foreign = Foreign.from_json(json.dumps(bundle.document))
        if isinstance(bundle.content, Envelope):
            kind, payload = verifier.verify_dsse(foreign, policy)
            assert (kind, payload) == (PAYLOAD_TYPE, bundle.content.payload)
            return payload
        hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=artifact.sha256)
        verifier.verify_artifact(hashed, foreign, policy)
    except Exception as error:
        # Foreign code over hostile bytes: whatever it raises, the answer is no.
        why = printable(str(error).partition("\n")[0], limit=200) or type(error).__name__
        message = f"it is not a signature by {signer}: {why}"
        raise AdmissionError(message, code="admission.bad_signature") from error
    return None


def _no_certificate(error: Exception) -> AdmissionError:
    why = printable(str(error).partition("\n")[0], limit=120)
    message = f"the certificate cannot be read: {why}"
    return AdmissionError(message, code="admission.bad_bundle")
