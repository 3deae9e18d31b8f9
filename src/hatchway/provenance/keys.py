"""Signing keys: ECDSA over P-256 with SHA-256, and Ed25519. Nothing else.

Private keys are PKCS#8, public keys SubjectPublicKeyInfo, both as PEM. A key is known by the
SHA-256 of its DER form, which is what cosign writes into a bundle as a hint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.public_keys import fingerprint_of, parse_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from hatchway.core.secret import Secret

Algorithm: TypeAlias = Literal["ecdsa-p256", "ed25519"]

MAX_KEY_BYTES = 16 << 10
"""Of a key file; the largest that is accepted has some five hundred."""
MAX_PASSPHRASE_BYTES = 1023
"""What OpenSSL takes."""

_ED25519_BYTES = 44
"""Of its SubjectPublicKeyInfo; that of a P-256 key has 91."""

_PEM = re.compile(
    rb"\s*-----BEGIN ([A-Z0-9 ]{1,64})-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\s*"
)
_ELSEWHERE = "make one with: hatchway keygen"
_ADVICE = {
    "ENCRYPTED SIGSTORE PRIVATE KEY": "cosign's own encrypted format is not read; "
    "make a key with hatchway keygen, and give it to cosign with: cosign import-key-pair",
    "ENCRYPTED COSIGN PRIVATE KEY": "cosign's own encrypted format is not read; "
    "make a key with hatchway keygen, and give it to cosign with: cosign import-key-pair",
    "EC PRIVATE KEY": "rewrite it with: openssl pkcs8 -topk8 -in OLD.key -out NEW.key",
    "RSA PRIVATE KEY": f"RSA keys are not accepted; {_ELSEWHERE}",
    "RSA PUBLIC KEY": f"RSA keys are not accepted; {_ELSEWHERE}",
    "CERTIFICATE": "this is a certificate; give the public key that is in it",
    "PUBLIC KEY": "this is a public key; the private key is needed here",
    "PRIVATE KEY": "this is a private key; give the public key, and keep this one to yourself",
    "ENCRYPTED PRIVATE KEY": "this is a private key; give the public key, and keep this one "
    "to yourself",
}


class Message:
    """Bytes that are signed, and their SHA-256, which is taken once and cannot differ.

    Attributes:
        data: All of them.
        sha256: Of `data`.
    """

    __slots__ = ("data", "sha256")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sha256 = hashlib.sha256(data).digest()

    @property
    def digest(self) -> str:
        """`sha256:` and hexadecimal digits: an artifact's only name."""
        return f"sha256:{self.sha256.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that signatures are checked with.

    Attributes:
        algorithm: What it signs with.
        der: Its SubjectPublicKeyInfo, in the one encoding that DER has for it.
    """

    algorithm: Algorithm
    der: bytes

    @property
    def line(self) -> str:
        """`der` in base64: how a policy names whom it trusts."""
        return base64.b64encode(self.der).decode()

    @property
    def hint(self) -> str:
        """The SHA-256 of `der` in base64: how a Sigstore bundle names a key."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode()

    @property
    def key_id(self) -> str:
        """`SHA256:` and the hint without its padding: how policy, lock and messages name it."""
        return fingerprint_of(self.der)

    @property
    def fingerprint(self) -> str:
        """Its first eight bytes, to read aloud. Too short to decide anything by."""
        digits = hashlib.sha256(self.der).hexdigest()[:16]
        return " ".join(digits[start : start + 4] for start in range(0, 16, 4))

    def to_pem(self) -> bytes:
        """The contents of a `.pub` file."""
        text = self.line
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return "\n".join(
            ["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----\n"]
        ).encode()

    def verifies(self, signature: bytes, message: Message) -> bool:
        """Whether this key's owner signed exactly `message`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        key = load_der_public_key(self.der)
        assert isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey)
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(signature, message.data)
            else:
                key.verify(signature, message.sha256, ECDSA(Prehashed(SHA256())))
        except InvalidSignature:
            return False
        return True


class PrivateKey:
    """A key that signs. It shows nothing of itself but its public half."""

    __slots__ = ("_key", "public")

    def __init__(self, key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
        self._key = key
        self.public = _public(key.public_key())

    def __repr__(self) -> str:
        return f"PrivateKey(… of {self.public.key_id})"

    def sign(self, message: Message) -> bytes:
        """The signature of `message`; DER for ECDSA."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message.data)
        return self._key.sign(message.sha256, ECDSA(Prehashed(SHA256())))

    def to_pem(self, passphrase: Secret | None) -> bytes:
        """The contents of a `.key` file; None leaves it readable for whoever has the file.

        Raises:
            ConfigError: `config.bad_passphrase`; it is empty or too long.
        """
        from cryptography.hazmat.primitives import serialization

        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            protection = serialization.BestAvailableEncryption(_passphrase_bytes(passphrase))
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        )


def generate_key(algorithm: Algorithm) -> PrivateKey:
    """A new key."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm == "ed25519":
        return PrivateKey(ed25519.Ed25519PrivateKey.generate())
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


def read_public_key(data: bytes, *, file: str) -> PublicKey:
    """The public key in the contents of a `.pub` file.

    Raises:
        ConfigError: `config.bad_key`; it is anything but one P-256 or Ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    _, der = _block(data, file, "PUBLIC KEY")
    try:
        return _public(load_der_public_key(der))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(file, f"there is no public key in it: {_first_line(error)}") from error
    except _OtherKeyError as error:
        raise _bad(file, str(error), hint=_ELSEWHERE) from error


def key_from_policy(spki: bytes) -> PublicKey:
    """The key that a policy names by its SubjectPublicKeyInfo, which it has checked."""
    return PublicKey(algorithm="ed25519" if len(spki) == _ED25519_BYTES else "ecdsa-p256", der=spki)


def is_encrypted(data: bytes, *, file: str) -> bool:
    """Whether the contents of a `.key` file need a passphrase.

    Raises:
        ConfigError: `config.bad_key`; they are no private key that is read here.
    """
    label, _ = _block(data, file, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
    return label != "PRIVATE KEY"


def read_private_key(data: bytes, passphrase: Secret | None, *, file: str) -> PrivateKey:
    """The private key in the contents of a `.key` file.

    Raises:
        ConfigError: `config.bad_key`, or `config.bad_passphrase` when it is missing, wrong, or
            given for a key that has none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    encrypted = is_encrypted(data, file=file)
    _, der = _block(data, file, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
    if encrypted and passphrase is None:
        raise _bad_passphrase(f"{_shown(file)} needs a passphrase", "--passphrase-file FILE")
    if not encrypted and passphrase is not None:
        raise _bad_passphrase(f"{_shown(file)} has no passphrase, and one was given", None)
    secret = None if passphrase is None else _passphrase_bytes(passphrase)
    try:
        key = load_der_private_key(der, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            message = f"{_shown(file)} cannot be opened with this passphrase"
            raise _bad_passphrase(message, None) from error
        raise _bad(file, f"there is no private key in it: {_first_line(error)}") from error
    try:
        _public(key.public_key())
    except _OtherKeyError as error:
        raise _bad(file, str(error), hint=_ELSEWHERE) from error
    return PrivateKey(key)  # type: ignore[arg-type]  # `_public` takes no other kind


class _OtherKeyError(Exception):
    """A key of a kind that is not accepted."""


def _public(key: Any) -> PublicKey:
    """`key` as a value of ours, if it is of a kind we accept."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, Ed25519PublicKey):
        algorithm: Algorithm = "ed25519"
    elif isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        algorithm = "ecdsa-p256"
    else:
        found = type(key).__name__.removesuffix("PublicKey").lstrip("_")
        if isinstance(key, EllipticCurvePublicKey):
            found = f"the curve {key.curve.name}"
        message = f"expected a P-256 or Ed25519 key, got {found}"
        raise _OtherKeyError(message)
    # Written anew: a key that can be encoded in two ways still has one name.
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        parse_key(base64.b64encode(der).decode())
    except ValueError as error:  # a point under which anybody can sign
        raise _OtherKeyError(str(error)) from error
    return PublicKey(algorithm=algorithm, der=der)


def _block(data: bytes, file: str, *labels: str) -> tuple[str, bytes]:
    """The label and contents of the one PEM block that a key file is."""
    if len(data) > MAX_KEY_BYTES:
        raise _bad(file, f"it is larger than {MAX_KEY_BYTES} bytes")
    found = _PEM.fullmatch(data)
    if found is None:
        raise _bad(file, "it is not exactly one PEM block")
    label = found[1].decode()
    if label not in labels:
        raise _bad(file, f"it holds {label!r}", hint=_ADVICE.get(label, _ELSEWHERE))
    try:
        return label, base64.b64decode(b"".join(found[2].split()), validate=True)
    except binascii.Error as error:
        raise _bad(file, "its base64 is damaged") from error


def _passphrase_bytes(passphrase: Secret) -> bytes:
    found = passphrase.reveal().encode("utf-8", "surrogateescape")
    if not 0 < len(found) <= MAX_PASSPHRASE_BYTES:
        message = f"a passphrase has 1 to {MAX_PASSPHRASE_BYTES} bytes, got {len(found)}"
        raise _bad_passphrase(message, None)
    return found


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0], limit=80)


def _shown(file: str) -> str:
    return repr(printable(file))


def _bad(file: str, why: str, *, hint: str | None = None) -> ConfigError:
    message = f"{_shown(file)} is not a key that can be used: {why}"
    return ConfigError(message, code="config.bad_key", hint=hint)


def _bad_passphrase(message: str, hint: str | None) -> ConfigError:
    return ConfigError(message, code="config.bad_passphrase", hint=hint)
