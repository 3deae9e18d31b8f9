"""Who signed an artifact, of those that somebody trusts.

The answer names parties and gives what a trust policy needs to decide about them; whether one
is enough, revoked or expired is not decided here. A bundle that cannot be used costs one line
of explanation, and takes nothing away from the others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.core.untrusted import harmless
from hatchway.policy.trust import Signatures
from hatchway.provenance.bundle import CertificateMaterial, check_with_key, read_bundle
from hatchway.provenance.keyless import KeylessVerifier, names_in
from hatchway.provenance.keys import Message
from hatchway.provenance.signer import signer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hatchway.policy.trust import IdentitySigner, Signer
    from hatchway.provenance.bundle import Bundle, KeyMaterial
    from hatchway.provenance.keys import PublicKey
    from hatchway.provenance.statement import Statement

MAX_BUNDLES = 32
"""That are looked at for one artifact."""
MAX_TRUSTED = 64
"""Keys and identities that one artifact is checked against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature that holds, over one artifact, by somebody trusted.

    Attributes:
        signer: By whom.
        bundle: `sha256:` and the hash of the bundle's text, by which it can be revoked or named.
        statement: What was signed about the artifact; None for a signature of its bytes.
        signed_between: The first and last moment at which it can have been made. None for a
            key: its bundle has no time that anybody vouches for, so whoever has the key today
            can sign as of last year.
    """

    signer: Signer
    bundle: str
    statement: Statement | None
    signed_between: tuple[datetime, datetime] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one bundle is not a signature by anybody trusted.

    Attributes:
        bundle: As of a signature.
        code: Of the error that says so.
        reason: In words, safe to print.
        by_stranger: It names a key or an identity that is not trusted, so nobody looked further.
    """

    bundle: str
    code: str
    reason: str
    by_stranger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Who of the trusted parties signed one artifact.

    Attributes:
        digest: Of the artifact.
        signatures: Those that hold, in the order of their bundles.
        refusals: One for each bundle that holds for nobody trusted.
        unread: How many bundles more there were than are looked at.
    """

    digest: str
    signatures: tuple[Signature, ...]
    refusals: tuple[Refusal, ...]
    unread: int

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Everybody who signed, once each, however often they did."""
        found = {str(signature.signer): signature.signer for signature in self.signatures}
        return tuple(found[name] for name in sorted(found))

    def for_policy(self, *, covers_manifest: bool) -> Signatures:
        """The same as a trust policy asks for it.

        Args:
            covers_manifest: The manifest stands inside the artifact, or there is none.
        """
        strangers = [refusal for refusal in self.refusals if refusal.by_stranger]
        return Signatures(
            digest=self.digest,
            signers=frozenset(self.signers),
            strangers=len(strangers),
            invalid=tuple(item.reason for item in self.refusals if item not in strangers),
            cover_manifest=covers_manifest,
        )


def verified_signers(
    bundles: Iterable[bytes],
    *,
    artifact: bytes,
    keys: Sequence[PublicKey] = (),
    identities: Sequence[IdentitySigner] = (),
    keyless: KeylessVerifier | None = None,
) -> Verification:
    """Who of those that are trusted signed all of `artifact`.

    Nobody trusted means nobody signed. At most `MAX_BUNDLES` are looked at, the first ones.

    Args:
        bundles: The texts of bundles, from anywhere; nothing of them is believed.
        artifact: What has to be signed: its bytes, not a digest that somebody computed.
        keys: Trusted keys.
        identities: Trusted identities, each with its issuer.
        keyless: What checks identities; by default against the packaged trust root.

    Raises:
        ConfigError: `config.bad_identity`; more parties are trusted than `MAX_TRUSTED`.
    """
    if len(keys) + len(identities) > MAX_TRUSTED:
        message = f"at most {MAX_TRUSTED} signers are checked for one artifact"
        raise ConfigError(message, code="config.bad_identity")
    trusted = _Trusted(
        keys=tuple(keys), identities=tuple(identities), keyless=keyless or KeylessVerifier()
    )
    content = Message(artifact)
    # The same text twice is one bundle.
    named = {f"sha256:{hashlib.sha256(data).hexdigest()}": data for data in bundles}
    signatures: list[Signature] = []
    refusals: list[Refusal] = []
    for name, data in list(named.items())[:MAX_BUNDLES]:
        found = trusted.look(name, data, content)
        if isinstance(found, Signature):
            signatures.append(found)
        else:
            refusals.append(found)
    return Verification(
        digest=content.digest,
        signatures=tuple(signatures),
        refusals=tuple(refusals),
        unread=max(0, len(named) - MAX_BUNDLES),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trusted:
    """Whom somebody trusts, and what checks it."""

    keys: tuple[PublicKey, ...]
    identities: tuple[IdentitySigner, ...]
    keyless: KeylessVerifier

    def look(self, name: str, data: bytes, artifact: Message) -> Signature | Refusal:
        """The signature in one bundle, if it is by one of them and over `artifact`."""
        try:
            bundle = read_bundle(data)
            if isinstance(bundle.material, CertificateMaterial):
                return self._by_identity(name, bundle, bundle.material, artifact)
            return self._by_key(name, bundle, bundle.material, artifact)
        except HatchwayError as error:
            return Refusal(bundle=name, code=error.code, reason=harmless(error.message))

    def _by_key(
        self, name: str, bundle: Bundle, material: KeyMaterial, artifact: Message
    ) -> Signature | Refusal:
        failures: list[AdmissionError] = []
        for key in self.keys:
            try:
                statement = check_with_key(bundle, key, artifact)
            except AdmissionError as error:
                if error.code != "admission.bad_signature":
                    raise
                if material.hint == key.hint:
                    failures.append(error)
                continue
            return Signature(
                signer=signer_of(key), bundle=name, statement=statement, signed_between=None
            )
        if failures:
            raise failures[0]
        return _stranger(name, f"none of the {len(self.keys)} trusted keys made its signature")

    def _by_identity(
        self, name: str, bundle: Bundle, material: CertificateMaterial, artifact: Message
    ) -> Signature | Refusal:
        # A certificate is much work to check, so only for somebody whom it names at all.
        named = names_in(material)
        failures: list[AdmissionError] = []
        for signer in self.identities:
            if signer.identity not in named:
                continue
            try:
                checked = self.keyless.check(bundle, signer, artifact)
            except AdmissionError as error:
                failures.append(error)
                continue
            return Signature(
                signer=signer,
                bundle=name,
                statement=checked.statement,
                signed_between=checked.signed_between,
            )
        if failures:
            raise failures[0]
        return _stranger(
            name, f"its certificate names none of the {len(self.identities)} trusted identities"
        )


def _stranger(name: str, reason: str) -> Refusal:
    return Refusal(bundle=name, code="admission.bad_signature", reason=reason, by_stranger=True)
