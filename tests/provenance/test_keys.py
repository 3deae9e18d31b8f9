"""Keys: two kinds, one name each, and words for everything else."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.policy.public_keys import parse_key
from hatchway.provenance.keys import (
    MAX_KEY_BYTES,
    Algorithm,
    Message,
    PrivateKey,
    PublicKey,
    generate_key,
    is_encrypted,
    key_from_policy,
    read_private_key,
    read_public_key,
)

ALGORITHMS = get_args(Algorithm)
KEYS = {algorithm: generate_key(algorithm) for algorithm in ALGORITHMS}
PASSPHRASE = Secret("correct horse")

COSIGN = b"""\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExRRST79+PsrRBnGAI4cMu6Omz2Jh
fwlMW+gIutNKVRaMyS4rQKvgngc5p8UbLj55pVHhIoAxi/SRgURZI0J3Xw==
-----END PUBLIC KEY-----
"""
COSIGN_HINT = "TLMsSDfG3ajPsWge+z/vX5T/zluXnmvbkTkwLIV68Tk="
"""The key of sigstore-conformance's cases with a managed key, and cosign's hint for it."""


def public(data: bytes) -> PublicKey:
    return read_public_key(data, file="k.pub")


def private(data: bytes, passphrase: Secret | None = None) -> PrivateKey:
    return read_private_key(data, passphrase, file="k.key")


def pem(label: str, der: bytes) -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


# Names


def test_a_key_has_the_hint_that_cosign_gives_it() -> None:
    key = public(COSIGN)

    assert key.hint == COSIGN_HINT
    assert key.key_id == "SHA256:" + COSIGN_HINT.rstrip("=")
    assert key.fingerprint == "4cb3 2c48 37c6 dda8"
    assert key.to_pem() == COSIGN


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_line_of_a_key_is_what_a_policy_reads(algorithm: Algorithm) -> None:
    key = KEYS[algorithm].public

    assert key_from_policy(parse_key(key.line)) == key


def test_a_key_that_is_encoded_in_another_way_has_the_same_name() -> None:
    # A point may be written whole, or as one coordinate and a sign.
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    short = b"\x30\x39" + algorithm + b"\x03\x22\x00" + point

    assert public(pem("PUBLIC KEY", short)) == PrivateKey(key).public


def test_a_private_key_shows_only_whose_it_is() -> None:
    key = KEYS["ed25519"]

    assert repr(key) == f"PrivateKey(… of {key.public.key_id})"
    assert str(key) == repr(key)


# Signing


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", [b"", b"x", b"\0asm" * 100_000], ids=["none", "one", "many"])
def test_what_was_signed_verifies_and_nothing_else(algorithm: Algorithm, data: bytes) -> None:
    key = KEYS[algorithm]

    signature = key.sign(Message(data))

    assert key.public.verifies(signature, Message(data))
    assert not key.public.verifies(signature, Message(data + b"\0"))
    assert not key.public.verifies(signature[:-1], Message(data))
    assert not generate_key(algorithm).public.verifies(signature, Message(data))


@patient
@given(st.sampled_from(ALGORITHMS), st.binary(max_size=80))
def test_no_made_up_signature_verifies(algorithm: Algorithm, signature: bytes) -> None:
    assert not KEYS[algorithm].public.verifies(signature, Message(b"artifact"))


def test_a_message_knows_its_own_hash() -> None:
    message = Message(b"abc")

    assert message.sha256 == hashlib.sha256(b"abc").digest()
    assert message.digest == "sha256:" + hashlib.sha256(b"abc").hexdigest()


# Files, as bytes


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
def test_a_key_is_read_back_as_it_was_written(
    algorithm: Algorithm, passphrase: Secret | None
) -> None:
    key = KEYS[algorithm]

    content = key.to_pem(passphrase)

    assert is_encrypted(content, file="k.key") == (passphrase is not None)
    assert private(content, passphrase).public == key.public
    assert public(key.public.to_pem()) == key.public


@pytest.mark.parametrize(
    ("written", "given_", "complaint"),
    [
        (PASSPHRASE, None, "needs a passphrase"),
        (PASSPHRASE, Secret("wrong horse"), "cannot be opened with this passphrase"),
        (PASSPHRASE, Secret(""), "a passphrase has 1 to 1023 bytes, got 0"),
        (None, PASSPHRASE, "has no passphrase, and one was given"),
    ],
)
def test_a_passphrase_must_be_there_be_right_and_be_needed(
    written: Secret | None, given_: Secret | None, complaint: str
) -> None:
    content = KEYS["ed25519"].to_pem(written)

    with pytest.raises(ConfigError, match=complaint) as raised:
        private(content, given_)

    assert raised.value.code == "config.bad_passphrase"


@pytest.mark.parametrize("text", ["", "é" * 512])
def test_a_key_is_not_written_with_a_passphrase_that_openssl_cannot_take(text: str) -> None:
    with pytest.raises(ConfigError, match="1 to 1023 bytes") as raised:
        KEYS["ed25519"].to_pem(Secret(text))

    assert raised.value.code == "config.bad_passphrase"


def test_damaged_encryption_is_refused_like_a_wrong_passphrase() -> None:
    with pytest.raises(ConfigError, match="cannot be opened") as raised:
        private(pem("ENCRYPTED PRIVATE KEY", b"\x30\x00"), PASSPHRASE)

    assert raised.value.code == "config.bad_passphrase"


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHERS: dict[str, Any] = {
    "RSA": RSA,
    "the curve secp384r1": ec.generate_private_key(ec.SECP384R1()),
    "the curve secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_key_of_another_kind_is_refused_and_named(what: str) -> None:
    key = OTHERS[what]
    halves = (
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"p")),
    )

    for read in (
        lambda: public(halves[0]),
        lambda: private(halves[1]),
        lambda: private(halves[2], Secret("p")),
    ):
        with pytest.raises(ConfigError, match=f"expected a P-256 or Ed25519 key, got {what}"):
            read()


def test_a_key_for_which_anybody_can_sign_is_refused() -> None:
    # The neutral point of Ed25519, in the place of a key.
    der = bytes.fromhex("302a300506032b6570032100") + b"\1" + bytes(31)

    with pytest.raises(ConfigError, match="anybody could sign"):
        public(pem("PUBLIC KEY", der))


WRONG_LABELS = {
    "ENCRYPTED SIGSTORE PRIVATE KEY": "cosign import-key-pair",
    "ENCRYPTED COSIGN PRIVATE KEY": "cosign import-key-pair",
    "EC PRIVATE KEY": "openssl pkcs8",
    "RSA PRIVATE KEY": "RSA keys are not accepted",
    "CERTIFICATE": "this is a certificate",
    "PUBLIC KEY": "the private key is needed here",
    "OPENSSH PRIVATE KEY": "hatchway keygen",
}


@pytest.mark.parametrize("label", WRONG_LABELS)
def test_what_is_no_private_key_is_named_with_what_to_do(label: str) -> None:
    with pytest.raises(ConfigError, match=f"it holds '{label}'") as raised:
        private(pem(label, b"whatever"))

    assert raised.value.code == "config.bad_key"
    assert raised.value.hint is not None
    assert WRONG_LABELS[label] in raised.value.hint


def test_a_private_key_is_not_taken_where_a_public_one_belongs() -> None:
    for passphrase in (None, PASSPHRASE):
        with pytest.raises(ConfigError) as raised:
            public(KEYS["ed25519"].to_pem(passphrase))

        assert raised.value.hint is not None
        assert "keep this one to yourself" in raised.value.hint


WHOLE = KEYS["ecdsa-p256"].public.to_pem()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not exactly one PEM block"),
        (WHOLE[:-30], "not exactly one PEM block"),
        (WHOLE + WHOLE, "not exactly one PEM block"),
        (WHOLE + b"and more", "not exactly one PEM block"),
        (b"a comment\n" + WHOLE, "not exactly one PEM block"),
        (WHOLE.replace(b"END PUBLIC", b"END SECRET"), "not exactly one PEM block"),
        (WHOLE.replace(b"MFkw", b"MF=w"), "base64 is damaged"),
        (pem("PUBLIC KEY", b""), "not exactly one PEM block"),
        (pem("PUBLIC KEY", b"\x30\x03\x02\x01\x00"), "there is no public key in it"),
        (pem("PUBLIC KEY", KEYS["ed25519"].public.der + b"\0"), "there is no public key in it"),
        (pem("PUBLIC KEY", KEYS["ecdsa-p256"].public.der[:-1] + b"\1"), "there is no public key"),
        (b" " * (MAX_KEY_BYTES + 1), "larger than 16384 bytes"),
    ],
)
def test_a_damaged_public_key_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        public(data)

    assert raised.value.code == "config.bad_key"


def test_a_damaged_private_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no private key in it") as raised:
        private(pem("PRIVATE KEY", b"\x30\x03\x02\x01\x00"))

    assert raised.value.code == "config.bad_key"


def test_carriage_returns_and_blanks_around_a_key_do_no_harm() -> None:
    data = b"\n" + WHOLE.replace(b"\n", b"\r\n") + b"\n\n"

    assert public(data).to_pem() == WHOLE


@patient
@given(
    st.binary(max_size=200)
    | st.binary(max_size=120).map(lambda der: pem("PUBLIC KEY", der))
    | st.binary(max_size=120).map(lambda der: pem("PRIVATE KEY", der))
    | st.binary(max_size=120).map(lambda der: pem("ENCRYPTED PRIVATE KEY", der))
)
def test_whatever_a_key_file_holds_it_is_a_key_or_our_error(data: bytes) -> None:
    for read in (
        lambda: public(data),
        lambda: private(data),
        lambda: private(data, PASSPHRASE),
    ):
        with pytest.raises(ConfigError, match=re.compile(r"k\.(key|pub)")):
            read()
