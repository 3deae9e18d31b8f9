"""Keyless signatures, checked by sigstore-python against a Sigstore of our own, offline."""

from __future__ import annotations

import json
import socket
import sys
from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import assume, example, given
from hypothesis import strategies as st
from private_sigstore import BEGIN, IDENTITY, ISSUER, LIFETIME, PrivateSigstore
from strategies import json_values, patient

from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.policy.trust import IdentitySigner
from hatchway.provenance.bundle import CertificateMaterial, read_bundle, sign_artifact
from hatchway.provenance.keyless import KeylessSignature, KeylessVerifier, names_in
from hatchway.provenance.keys import Message, generate_key
from hatchway.provenance.signer import MAX_NAME, identity_signer
from hatchway.provenance.statement import SLSA_PROVENANCE, Statement, statement_bytes

WASM = b"\0asm\1\0\0\0" + b"code" * 100
ARTIFACT = Message(WASM)
SIGSTORE = PrivateSigstore()
SIGNER = identity_signer(IDENTITY, ISSUER)
BETWEEN = (BEGIN, BEGIN + LIFETIME)


def statement(artifact: Message = ARTIFACT, kind: str = SLSA_PROVENANCE) -> bytes:
    return statement_bytes(
        name="grep", digest=artifact.digest, predicate_type=kind, predicate={"from": "here"}
    )


SIGNED = {"bytes": SIGSTORE.sign(WASM), "statement": SIGSTORE.attest(statement())}


def check(
    document: Any,
    *,
    artifact: bytes = WASM,
    signer: IdentitySigner = SIGNER,
    sigstore: PrivateSigstore = SIGSTORE,
) -> KeylessSignature:
    bundle = read_bundle(json.dumps(document).encode())
    return KeylessVerifier(sigstore.trust_root).check(bundle, signer, Message(artifact))


def refusal(document: Any, **options: Any) -> AdmissionError:
    with pytest.raises(AdmissionError) as raised:
        check(document, **options)
    return raised.value


def copy_of(document: Any) -> Any:
    return json.loads(json.dumps(document))


# What verifies


def test_a_signature_of_the_bytes_by_an_identity_verifies_and_has_a_time() -> None:
    assert check(SIGNED["bytes"]) == KeylessSignature(statement=None, signed_between=BETWEEN)


def test_a_statement_by_an_identity_verifies_and_is_read() -> None:
    expected = Statement(
        predicate_type=SLSA_PROVENANCE, predicate={"from": "here"}, subjects=(ARTIFACT.digest,)
    )

    assert check(SIGNED["statement"]) == KeylessSignature(
        statement=expected, signed_between=BETWEEN
    )


def test_an_address_is_an_identity_too() -> None:
    signed = SIGSTORE.sign(WASM, identity="ada@acme.example")

    assert check(signed, signer=identity_signer("ada@acme.example", ISSUER)).statement is None


def test_nothing_is_fetched_and_nothing_is_written_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        message = "a connection was made"
        raise AssertionError(message)

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setenv("HOME", "/nonexistent")

    check(SIGNED["bytes"])
    # The packaged root knows nothing of ours, and says so without asking anybody.
    bundle = read_bundle(json.dumps(SIGNED["bytes"]).encode())
    with pytest.raises(AdmissionError, match="it is not a signature by identity:"):
        KeylessVerifier().check(bundle, SIGNER, ARTIFACT)


def test_a_verifier_checks_many_bundles() -> None:
    verifier = KeylessVerifier(SIGSTORE.trust_root)
    bundles = [read_bundle(json.dumps(document).encode()) for document in SIGNED.values()]

    found = [verifier.check(bundle, SIGNER, ARTIFACT).signed_between for bundle in bundles]

    assert found == [BETWEEN, BETWEEN]


# Attacks on who signed


@pytest.mark.parametrize("what", SIGNED)
@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        ("https://github.com/evil/tools/.github/workflows/release.yml@refs/heads/main", ISSUER),
        (IDENTITY.replace("refs/heads/main", "refs/heads/dev"), ISSUER),
        (IDENTITY[:-1], ISSUER),
        (IDENTITY.upper(), ISSUER),
        (IDENTITY, "https://token.actions.example.evil"),
        (IDENTITY, ISSUER + "/"),
        (IDENTITY, "https://accounts.example"),
    ],
)
def test_identity_and_issuer_are_compared_as_they_stand(
    what: str, identity: str, issuer: str
) -> None:
    error = refusal(SIGNED[what], signer=identity_signer(identity, issuer))

    assert error.code == "admission.bad_signature"


@pytest.mark.parametrize("what", SIGNED)
def test_another_sigstore_vouches_for_nobody(what: str) -> None:
    error = refusal(SIGNED[what], sigstore=PrivateSigstore())

    assert error.code == "admission.bad_signature"
    assert error.message.startswith(f"it is not a signature by {SIGNER}: ")


BAD_NAMES = {
    "no identity": ("", ISSUER),
    "no issuer": (IDENTITY, ""),
    "neither": ("", ""),
    "any identity": ("*", ISSUER),
    "a pattern": ("https://github.com/acme/*", ISSUER),
    "any issuer": (IDENTITY, "https://*"),
    "an issuer without encryption": (IDENTITY, "http://token.actions.example"),
    "an issuer that is a word": (IDENTITY, "github"),
    "an issuer with a user": (IDENTITY, "https://me@token.actions.example"),
    "a blank": (IDENTITY + " ", ISSUER),
    "a line feed": (IDENTITY + "\n", ISSUER),
    "a look-alike": (IDENTITY.replace("a", "а"), ISSUER),
    "an endless name": ("x" * (MAX_NAME + 1), ISSUER),
}


@pytest.mark.parametrize("what", BAD_NAMES)
def test_a_name_that_is_empty_or_could_mean_several_is_nobodys(what: str) -> None:
    identity, issuer = BAD_NAMES[what]

    with pytest.raises(ConfigError, match="in ASCII and without blanks or") as made:
        identity_signer(identity, issuer)
    # Also when the value was made by somebody who did not ask.
    with pytest.raises(ConfigError, match="in ASCII and without blanks or") as checked:
        check(SIGNED["bytes"], signer=IdentitySigner(identity=identity, issuer=issuer))

    assert made.value.code == checked.value.code == "config.bad_identity"


@patient
@given(
    st.text("ab@:/.é *\n", max_size=8),
    st.sampled_from(("https://", "http://", "")),
    st.text("ab@:/.é *\n", max_size=8),
)
def test_no_two_signers_have_the_same_spelling(identity: str, scheme: str, rest: str) -> None:
    try:
        signer = identity_signer(identity, scheme + rest)
    except ConfigError:
        return

    first, _, last = str(signer).removeprefix("identity:").rpartition("@")
    assert (first, last) == (identity, scheme + rest)


def test_a_bundle_of_a_key_is_by_no_identity() -> None:
    bundle = read_bundle(sign_artifact(generate_key("ecdsa-p256"), ARTIFACT))

    with pytest.raises(AdmissionError, match="signed with a key") as raised:
        KeylessVerifier(SIGSTORE.trust_root).check(bundle, SIGNER, ARTIFACT)

    assert (raised.value.code, raised.value.hint) == ("admission.bad_signature", "use --key")


# Attacks on what was signed


@pytest.mark.parametrize("what", SIGNED)
@pytest.mark.parametrize("artifact", [b"", WASM[:-1], b"\0asm\x0d\0\1\0" + WASM[8:]])
def test_a_bundle_is_not_replayed_for_another_artifact(what: str, artifact: bytes) -> None:
    assert refusal(SIGNED[what], artifact=artifact).code == "admission.wrong_artifact"


def test_a_lying_digest_does_not_help() -> None:
    lying = copy_of(SIGNED["bytes"])
    lying["messageSignature"]["messageDigest"]["digest"] = b64encode(Message(b"x").sha256).decode()

    assert refusal(lying, artifact=b"x").code == "admission.bad_signature"


def test_a_statement_that_may_say_no_does_not_count_whoever_signed_it() -> None:
    signed = SIGSTORE.attest(statement(kind="https://in-toto.io/attestation/vulns"))

    error = refusal(signed)

    assert error.code == "admission.bad_bundle"
    assert "does not count" in error.message


def test_a_statement_of_one_bundle_does_not_fit_into_another() -> None:
    mixed = copy_of(SIGNED["statement"])
    mixed["dsseEnvelope"]["payload"] = b64encode(statement(Message(b"x"))).decode()

    assert refusal(mixed, artifact=b"x").code == "admission.bad_signature"


def test_log_entries_of_another_signature_do_not_count() -> None:
    mixed = copy_of(SIGNED["bytes"])
    other = SIGSTORE.sign(WASM)["verificationMaterial"]["tlogEntries"]
    mixed["verificationMaterial"]["tlogEntries"] = other

    assert refusal(mixed).code == "admission.bad_signature"


@pytest.mark.parametrize("entries", [[], None, [{}], "none", SIGNED["bytes"]])
def test_without_an_entry_in_the_log_there_is_no_signature(entries: Any) -> None:
    bundle = copy_of(SIGNED["bytes"])
    bundle["verificationMaterial"]["tlogEntries"] = entries

    assert refusal(bundle).code == "admission.bad_signature"


def test_a_time_outside_the_certificate_is_no_time() -> None:
    for seconds in ("0", "1", str(int((BEGIN + 2 * LIFETIME).timestamp()))):
        bundle = copy_of(SIGNED["bytes"])
        bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = seconds

        assert refusal(bundle).code == "admission.bad_signature"


@patient
@given(
    st.sampled_from(sorted(SIGNED)),
    st.sampled_from(
        ["logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise",
         "inclusionProof", "canonicalizedBody"]
    ),
    json_values(),
)  # fmt: skip
def test_whatever_stands_in_a_log_entry_the_answer_is_ours(what: str, key: str, value: Any) -> None:
    bundle = copy_of(SIGNED[what])
    bundle["verificationMaterial"]["tlogEntries"][0][key] = value

    assert refusal(bundle).code == "admission.bad_signature"


def certificate_in(document: Any) -> CertificateMaterial:
    material = read_bundle(json.dumps(document).encode()).material
    assert isinstance(material, CertificateMaterial)
    return material


@patient
@given(st.binary(min_size=1, max_size=40), st.integers(0, 700))
@example(b"\x01", 12)  # a version that there is not
def test_whatever_a_certificate_holds_the_answer_is_ours(data: bytes, place: int) -> None:
    bundle = copy_of(SIGNED["bytes"])
    raw = bytearray(certificate_in(bundle).certificate)
    raw[place : place + len(data)] = data
    assume(bytes(raw) != certificate_in(bundle).certificate)
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = b64encode(raw).decode()

    assert refusal(bundle).code == "admission.bad_signature"
    assert all(isinstance(name, str) for name in names_or_none(certificate_in(bundle)))


def names_or_none(material: CertificateMaterial) -> tuple[str, ...]:
    """The names in a certificate; none in one that is refused as such."""
    try:
        return names_in(material)
    except AdmissionError as error:
        if error.code != "admission.bad_bundle":
            raise
        return ()


def test_a_certificate_names_its_subject_before_anything_is_checked() -> None:
    assert names_in(certificate_in(SIGNED["bytes"])) == (IDENTITY,)


@pytest.mark.parametrize(
    "certificate",
    [b"", b"certificate", SIGSTORE.authority.public_bytes(Encoding.DER)],
    ids=["nothing", "words", "without a name"],
)
def test_a_certificate_that_names_nobody_is_refused(certificate: bytes) -> None:
    with pytest.raises(AdmissionError, match="the certificate cannot be read") as raised:
        names_in(CertificateMaterial(certificate=certificate))

    assert raised.value.code == "admission.bad_bundle"


# Trust roots, and the library itself


@pytest.mark.parametrize(
    "root",
    [b"", b"{}", b"[]", b"\xff", SIGSTORE.trust_root[:-9],
     SIGSTORE.trust_root.replace(b"version=0.1", b"version=9.9"),
     json.dumps({**json.loads(SIGSTORE.trust_root), "certificateAuthorities": []}).encode(),
     json.dumps({**json.loads(SIGSTORE.trust_root), "tlogs": []}).encode()],
    ids=["nothing", "empty", "list", "latin", "cut", "version", "no authority", "no log"],
)  # fmt: skip
def test_a_trust_root_that_cannot_be_used_is_the_operators_problem(root: bytes) -> None:
    bundle = read_bundle(json.dumps(SIGNED["bytes"]).encode())

    with pytest.raises(ConfigError, match="the trust root cannot be used") as raised:
        KeylessVerifier(root).check(bundle, SIGNER, ARTIFACT)

    assert raised.value.code == "config.bad_trust_root"


def test_without_sigstore_python_the_answer_is_no_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.verify", None)

    with pytest.raises(ConfigError, match="which is not installed") as raised:
        check(SIGNED["bytes"])

    assert raised.value.code == "config.no_sigstore"
    assert raised.value.hint == "pip install 'hatchway[sigstore]'"
