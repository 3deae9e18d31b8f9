"""A Sigstore of our own: certificate authority, certificate log and transparency log, offline.

It makes trust roots and keyless bundles that sigstore-python accepts, so that a test can ask
what happens when everything but one thing is right. The log has one entry at a time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import struct
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hatchway.provenance.bundle import MEDIA_TYPE, pre_authentication
from hatchway.provenance.canonical import canonical_json
from hatchway.provenance.statement import PAYLOAD_TYPE

IDENTITY = "https://github.com/acme/tools/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.example"
BEGIN = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
LIFETIME = dt.timedelta(minutes=10)

_ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_SCT_OID = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ORIGIN = "log.private.example"


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_der(key)).digest()


def _signed(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


@dataclass
class PrivateSigstore:
    """One instance; two of them trust nothing of each other."""

    authority_key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    certificate_log: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    log: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "private")])
        public = self.authority_key.public_key()
        usage = _usage(is_authority=True)
        self.authority = (
            x509.CertificateBuilder(name, name, public, x509.random_serial_number())
            .not_valid_before(BEGIN - dt.timedelta(days=300))
            .not_valid_after(BEGIN + dt.timedelta(days=3000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False
            )
            .sign(self.authority_key, hashes.SHA256())
        )

    @property
    def trust_root(self) -> bytes:
        """Its `trusted_root.json`."""
        start = {"start": "2020-01-01T00:00:00Z"}
        authority = {
            "subject": {"organization": "private", "commonName": "private"},
            "uri": "https://ca.private.example",
            "certChain": {
                "certificates": [{"rawBytes": base64(self.authority.public_bytes(Encoding.DER))}]
            },
            "validFor": start,
        }
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_instance(self.log, start)],
            "certificateAuthorities": [authority],
            "ctlogs": [_instance(self.certificate_log, start)],
        }
        return json.dumps(document).encode()

    def sign(self, artifact: bytes, *, identity: str = IDENTITY, issuer: str = ISSUER) -> Any:
        """The document of a bundle in which `identity` signed the bytes of `artifact`."""
        key = _new_key()
        certificate = self._certificate(key, identity, issuer)
        signature, digest = _signed(key, artifact), hashlib.sha256(artifact).digest()
        body = {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
                "signature": {
                    "content": base64(signature),
                    "publicKey": {"content": base64(certificate.public_bytes(Encoding.PEM))},
                },
            },
        }
        content = {
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": base64(digest)},
                "signature": base64(signature),
            }
        }
        return self._bundle(certificate, body, content)

    def attest(self, payload: bytes, *, identity: str = IDENTITY, issuer: str = ISSUER) -> Any:
        """The document of a bundle in which `identity` signed a statement."""
        key = _new_key()
        certificate = self._certificate(key, identity, issuer)
        signature = _signed(key, pre_authentication(payload).data)
        hashed = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        verifier = base64(certificate.public_bytes(Encoding.PEM))
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": hashed,
                "payloadHash": hashed,
                "signatures": [{"signature": base64(signature), "verifier": verifier}],
            },
        }
        content = {
            "dsseEnvelope": {
                "payload": base64(payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64(signature)}],
            }
        }
        return self._bundle(certificate, body, content)

    # How

    def _bundle(self, certificate: x509.Certificate, body: Any, content: Any) -> Any:
        material = {
            "certificate": {"rawBytes": base64(certificate.public_bytes(Encoding.DER))},
            "tlogEntries": [self._entry(body)],
        }
        return {"mediaType": MEDIA_TYPE, "verificationMaterial": material, **content}

    def _certificate(
        self, key: ec.EllipticCurvePrivateKey, identity: str, issuer: str
    ) -> x509.Certificate:
        public = key.public_key()
        name: x509.GeneralName = x509.UniformResourceIdentifier(identity)
        if "://" not in identity:
            name = x509.RFC822Name(identity)
        builder = (
            x509.CertificateBuilder(
                self.authority.subject, x509.Name([]), public, x509.random_serial_number()
            )
            .not_valid_before(BEGIN)
            .not_valid_after(BEGIN + LIFETIME)
            .add_extension(_usage(is_authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority_key.public_key()),
                critical=False,
            )
            .add_extension(x509.UnrecognizedExtension(_ISSUER_OID, issuer.encode()), critical=False)
        )
        draft = builder.sign(self.authority_key, hashes.SHA256())
        receipt = self._receipt(draft.tbs_certificate_bytes)
        listed = x509.UnrecognizedExtension(_SCT_OID, receipt)
        return builder.add_extension(listed, critical=False).sign(
            self.authority_key, hashes.SHA256()
        )

    def _receipt(self, draft: bytes) -> bytes:
        """The certificate log's promise to list it (RFC 6962, sections 3.2 and 3.3)."""
        time = int(BEGIN.timestamp() * 1000)
        entry = _key_id(self.authority_key) + len(draft).to_bytes(3, "big") + draft
        promised = struct.pack("!BBQH", 0, 0, time, 1) + entry + struct.pack("!H", 0)
        signature = _signed(self.certificate_log, promised)
        receipt = (
            struct.pack(
                "!B32sQHBBH", 0, _key_id(self.certificate_log), time, 0, 4, 3, len(signature)
            )
            + signature
        )
        listed = struct.pack("!HH", len(receipt) + 2, len(receipt)) + receipt
        assert len(listed) < 128
        return bytes((0x04, len(listed))) + listed

    def _entry(self, body: Any) -> Any:
        """The transparency log's only entry, with its proof and its promise."""
        text = canonical_json(body)
        root = hashlib.sha256(b"\0" + text).digest()
        note = f"{_ORIGIN}\n1\n{base64(root)}\n"
        signature = base64(_key_id(self.log)[:4] + _signed(self.log, note.encode()))
        time = int((BEGIN + LIFETIME / 2).timestamp())
        promised = {
            "body": base64(text),
            "integratedTime": time,
            "logID": _key_id(self.log).hex(),
            "logIndex": 0,
        }
        return {
            "logIndex": "0",
            "logId": {"keyId": base64(_key_id(self.log))},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(time),
            "inclusionPromise": {
                "signedEntryTimestamp": base64(_signed(self.log, canonical_json(promised)))
            },
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": base64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n— {_ORIGIN} {signature}\n"},
            },
            "canonicalizedBody": base64(text),
        }


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _instance(key: ec.EllipticCurvePrivateKey, valid: Any) -> Any:
    return {
        "baseUrl": "https://log.private.example",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64(_der(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": valid,
        },
        "logId": {"keyId": base64(_key_id(key))},
    }
