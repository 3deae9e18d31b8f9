"""Bundles with a key: what was signed verifies, and nothing that was made of it does."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as ForeignEnvelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # it has no __all__
from strategies import json_values, patient

from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.provenance.bundle import (
    MAX_BUNDLE_BYTES,
    MEDIA_TYPE,
    CertificateMaterial,
    check_with_key,
    pre_authentication,
    read_bundle,
    sign_artifact,
    sign_statement,
)
from hatchway.provenance.keys import Algorithm, Message, generate_key
from hatchway.provenance.statement import (
    COSIGN_SIGNATURE,
    SLSA_PROVENANCE,
    Statement,
    statement_bytes,
)

ALGORITHMS = get_args(Algorithm)
KEYS = {algorithm: generate_key(algorithm) for algorithm in ALGORITHMS}
KEY = KEYS["ecdsa-p256"]
WASM = b"\0asm\1\0\0\0" + b"code" * 100
ARTIFACT = Message(WASM)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def statement(artifact: Message = ARTIFACT, kind: str = SLSA_PROVENANCE) -> bytes:
    return statement_bytes(
        name="grep", digest=artifact.digest, predicate_type=kind, predicate={"from": "here"}
    )


def document(data: bytes) -> dict[str, Any]:
    found = json.loads(data)
    assert isinstance(found, dict)
    return found


SIGNED = {
    "bytes": document(sign_artifact(KEY, ARTIFACT)),
    "statement": document(sign_statement(KEY, statement())),
}


def changed(bundle: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy in which the value at a dotted path is another; `…` takes it away."""
    copy = json.loads(json.dumps(bundle))
    at = copy
    *parents, last = path.split(".")
    for name in parents:
        at = at[int(name) if isinstance(at, list) else name]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    assert isinstance(copy, dict)
    return copy


def check(bundle: Any, artifact: bytes = WASM, key: Any = KEY.public) -> Statement | None:
    return check_with_key(read_bundle(json.dumps(bundle).encode()), key, Message(artifact))


def refusal(bundle: Any, artifact: bytes = WASM, key: Any = KEY.public) -> AdmissionError:
    with pytest.raises(AdmissionError) as raised:
        check(bundle, artifact, key)
    return raised.value


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# What verifies


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_of_the_bytes_verifies_with_its_key(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]

    found = check_with_key(read_bundle(sign_artifact(key, ARTIFACT)), key.public, ARTIFACT)

    assert found is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signed_statement_verifies_and_is_read(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]

    found = check_with_key(read_bundle(sign_statement(key, statement())), key.public, ARTIFACT)

    assert found == Statement(
        predicate_type=SLSA_PROVENANCE, predicate={"from": "here"}, subjects=(ARTIFACT.digest,)
    )


def test_a_whole_bundle_has_this_shape() -> None:
    signature = SIGNED["bytes"]["messageSignature"]["signature"]

    assert SIGNED["bytes"] == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": KEY.public.hint}},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(ARTIFACT.sha256)},
            "signature": signature,
        },
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_implementation_of_dsse_verifies_our_statements(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]
    envelope = document(sign_statement(key, statement()))["dsseEnvelope"]
    envelope["signatures"][0]["keyid"] = "ours"
    point = key.public.der[-32:].hex()
    kinds = {
        "ecdsa-p256": ("ecdsa", "ecdsa-sha2-nistp256", key.public.to_pem().decode()),
        "ed25519": ("ed25519", "ed25519", point),
    }
    kind, scheme, value = kinds[algorithm]

    foreign = ForeignEnvelope.from_dict(envelope)
    found = foreign.verify([SSlibKey("ours", kind, scheme, {"public": value})], 1)

    assert list(found) == ["ours"]


@pytest.mark.parametrize("what", SIGNED)
def test_log_entries_and_timestamps_in_a_keys_bundle_change_nothing(what: str) -> None:
    bundle = changed(SIGNED[what], "verificationMaterial.tlogEntries", [{"integratedTime": "1"}])
    bundle = changed(
        bundle, "verificationMaterial.timestampVerificationData", {"rfc3161Timestamps": []}
    )

    check(bundle)
    assert refusal(bundle, WASM + b"\0").code == "admission.wrong_artifact"


@pytest.mark.parametrize(
    "hint", ["", "another key altogether", KEYS["ed25519"].public.hint], ids=["no", "odd", "other"]
)
@pytest.mark.parametrize("what", SIGNED)
def test_a_hint_decides_nothing(hint: str, what: str) -> None:
    check(changed(SIGNED[what], "verificationMaterial.publicKey.hint", hint))
    check(changed(SIGNED[what], "verificationMaterial.publicKey.hint", ...))


# Attacks: the artifact


@pytest.mark.parametrize("what", SIGNED)
@pytest.mark.parametrize(
    "artifact",
    [
        b"",
        WASM[:-1],
        WASM + b"\0",
        # A section that engines skip, and the header of a component for that of a module: the
        # "signature" sections of WebAssembly's own convention leave both unsigned.
        WASM + b"\0\2\1x",
        b"\0asm\x0d\0\1\0" + WASM[8:],
        WASM.replace(b"code", b"evil", 1),
    ],
    ids=["nothing", "cut", "longer", "custom section", "component header", "altered"],
)
def test_a_signature_covers_every_byte_of_its_artifact_and_no_other(
    what: str, artifact: bytes
) -> None:
    assert refusal(SIGNED[what], artifact).code == "admission.wrong_artifact"


def test_a_lying_digest_does_not_help() -> None:
    # The digest of the artifact that is presented, with the signature of another.
    other = Message(b"\0asm\1\0\0\0evil")

    lying = changed(SIGNED["bytes"], "messageSignature.messageDigest.digest", b64(other.sha256))

    assert refusal(lying, other.data).code == "admission.bad_signature"
    assert refusal(lying, WASM).code == "admission.wrong_artifact"


def test_a_digest_of_another_length_is_not_this_artifact() -> None:
    for digest in (b"", ARTIFACT.sha256[:16], ARTIFACT.sha256 * 100):
        lying = changed(SIGNED["bytes"], "messageSignature.messageDigest.digest", b64(digest))

        assert refusal(lying).code == "admission.wrong_artifact"


def test_the_signature_of_a_statement_is_none_of_the_bytes_and_the_other_way_round() -> None:
    payload = statement()
    message = document(sign_artifact(KEY, Message(payload)))
    of_bytes = message["messageSignature"]["signature"]
    of_statement = SIGNED["statement"]["dsseEnvelope"]["signatures"][0]["sig"]

    envelope = changed(SIGNED["statement"], "dsseEnvelope.signatures", [{"sig": of_bytes}])
    message = changed(message, "messageSignature.signature", of_statement)

    assert refusal(envelope).code == "admission.bad_signature"
    assert refusal(message, payload).code == "admission.bad_signature"


def test_no_file_is_signed_whose_signature_would_be_one_of_a_statement() -> None:
    # Whoever gets somebody to sign a chosen file must not have their statement with it.
    with pytest.raises(ConfigError, match="begins with 'DSSEv1 ' is never signed") as raised:
        sign_artifact(KEY, pre_authentication(statement()))

    assert raised.value.code == "config.unsupported"


def test_the_signature_of_a_statement_is_none_of_a_file_that_spells_it_out() -> None:
    encoded = pre_authentication(statement())
    bundle = changed(SIGNED["bytes"], "messageSignature.messageDigest.digest", b64(encoded.sha256))
    of_statement = SIGNED["statement"]["dsseEnvelope"]["signatures"][0]["sig"]

    error = refusal(changed(bundle, "messageSignature.signature", of_statement), encoded.data)

    assert error.code == "admission.wrong_artifact"
    assert "reads like a signed statement" in error.message


# Attacks: the signer


@pytest.mark.parametrize("what", SIGNED)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_other_key_verifies(what: str, algorithm: Algorithm) -> None:
    other = generate_key(algorithm).public

    error = refusal(SIGNED[what], key=other)

    assert error.code == "admission.bad_signature"
    assert error.message == (
        f"the signature is not one of key:{other.key_id}; the bundle names {KEY.public.hint!r}"
    )


@pytest.mark.parametrize("what", SIGNED)
def test_the_hint_of_a_trusted_key_does_not_make_a_signature_its_own(what: str) -> None:
    stranger = generate_key("ecdsa-p256")
    made = {
        "bytes": sign_artifact(stranger, ARTIFACT),
        "statement": sign_statement(stranger, statement()),
    }

    forged = changed(document(made[what]), "verificationMaterial.publicKey.hint", KEY.public.hint)

    error = refusal(forged)
    assert error.code == "admission.bad_signature"
    assert error.message == f"the signature is not one of key:{KEY.public.key_id} over these bytes"


def test_a_bundle_of_an_identity_is_not_checked_with_a_key() -> None:
    material = {"certificate": {"rawBytes": b64(b"certificate")}}
    bundle = changed(SIGNED["bytes"], "verificationMaterial", material)

    error = refusal(bundle)

    assert (error.code, error.hint) == ("admission.bad_signature", "use --identity")
    assert read_bundle(json.dumps(bundle).encode()).material == CertificateMaterial(
        certificate=b"certificate"
    )


# Attacks: the statement


def test_a_statement_about_another_artifact_is_refused() -> None:
    other = statement(Message(b"another"))

    error = refusal(document(sign_statement(KEY, other)))

    assert error.code == "admission.wrong_artifact"


def test_an_altered_statement_is_refused_before_it_is_read() -> None:
    forged = changed(SIGNED["statement"], "dsseEnvelope.payload", b64(b"[" * 100_000))

    assert refusal(forged).code == "admission.bad_signature"


def test_a_statement_that_may_say_no_is_refused_though_its_signature_holds() -> None:
    failed = statement(kind="https://in-toto.io/attestation/test-result/v0.1")

    error = refusal(document(sign_statement(KEY, failed)))

    assert error.code == "admission.bad_bundle"
    assert "does not count" in error.message


def test_a_plain_signature_in_cosigns_form_of_a_statement_counts() -> None:
    bundle = document(sign_statement(KEY, statement(kind=COSIGN_SIGNATURE)))

    found = check(bundle)

    assert found is not None
    assert found.predicate_type == COSIGN_SIGNATURE


@pytest.mark.parametrize(
    "kind",
    ["application/vnd.in-toto+json ", "text/plain", "", None, "application/vnd.in-toto+JSON"],
)
def test_a_payload_of_another_type_is_refused(kind: Any) -> None:
    forged = changed(SIGNED["statement"], "dsseEnvelope.payloadType", kind)

    error = refusal(forged)

    assert error.code == "admission.bad_bundle"
    assert "expected the payload type 'application/vnd.in-toto+json'" in error.message


# Attacks: the signature


def test_the_other_spelling_of_an_ecdsa_signature_is_the_same_signature() -> None:
    # With (r, s) also (r, n - s) verifies. So nobody is known or counted by a signature's bytes.
    signature = base64.b64decode(SIGNED["bytes"]["messageSignature"]["signature"])
    r, s = decode_dss_signature(signature)
    other = encode_dss_signature(r, P256_ORDER - s)

    assert other != signature
    assert check(changed(SIGNED["bytes"], "messageSignature.signature", b64(other))) is None


def test_a_signature_in_any_other_encoding_is_refused() -> None:
    signature = base64.b64decode(SIGNED["bytes"]["messageSignature"]["signature"])
    r, s = decode_dss_signature(signature)
    padded = b"\x30" + bytes((signature[1] + 1,)) + b"\x02" + bytes((signature[3] + 1, 0))
    forged = (
        signature + b"\0",
        signature[:-1],
        padded + signature[4:],
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        encode_dss_signature(r, s + P256_ORDER),
        encode_dss_signature(0, 0),
        encode_dss_signature(P256_ORDER, P256_ORDER),
        b"\0",
    )

    for data in forged:
        bundle = changed(SIGNED["bytes"], "messageSignature.signature", b64(data))
        assert refusal(bundle).code == "admission.bad_signature"


@pytest.mark.parametrize(
    "signatures",
    [
        [],
        None,
        SIGNED["statement"]["dsseEnvelope"]["signatures"] * 2,
        [*SIGNED["statement"]["dsseEnvelope"]["signatures"], {"sig": "AAAA"}],
    ],
    ids=["none", "null", "twice", "one more"],
)
def test_an_envelope_has_exactly_one_signature(signatures: Any) -> None:
    error = refusal(changed(SIGNED["statement"], "dsseEnvelope.signatures", signatures))

    assert error.code == "admission.bad_bundle"
    assert "expected exactly one signature" in error.message


# Attacks: the document


MESSAGE, ENVELOPE = SIGNED["bytes"]["messageSignature"], SIGNED["statement"]["dsseEnvelope"]
CERTIFICATE = {"rawBytes": b64(b"certificate")}
OLD = "application/vnd.dev.sigstore.bundle+json;version=0.2"
DAMAGED = {
    "an old version": (
        "bytes",
        "mediaType",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
    ),
    "a later version": ("bytes", "mediaType", "application/vnd.dev.sigstore.bundle.v0.4+json"),
    "no version": ("bytes", "mediaType", ...),
    "a list of versions": ("bytes", "mediaType", [MEDIA_TYPE]),
    "both kinds of content": ("bytes", "dsseEnvelope", ENVELOPE),
    "no content": ("bytes", "messageSignature", ...),
    "empty content": ("bytes", "messageSignature", {}),
    "something more": ("bytes", "comment", "harmless"),
    "no material": ("bytes", "verificationMaterial", ...),
    "material of nobody": ("bytes", "verificationMaterial.publicKey", ...),
    "a key and a certificate": ("bytes", "verificationMaterial.certificate", CERTIFICATE),
    "a chain": ("bytes", "verificationMaterial.x509CertificateChain", {"certificates": []}),
    "unknown material": ("bytes", "verificationMaterial.password", "x"),
    "material in a list": ("bytes", "verificationMaterial", []),
    "a key inside": ("bytes", "verificationMaterial.publicKey.rawBytes", "AAAA"),
    "a hint of many words": ("bytes", "verificationMaterial.publicKey.hint", "x" * 257),
    "a hint that is a number": ("bytes", "verificationMaterial.publicKey.hint", 1),
    "another hash": ("bytes", "messageSignature.messageDigest.algorithm", "SHA2_512"),
    "a numbered hash": ("bytes", "messageSignature.messageDigest.algorithm", 1),
    "no digest": ("bytes", "messageSignature.messageDigest", ...),
    "an empty digest": ("bytes", "messageSignature.messageDigest", {}),
    "junk in the digest": ("bytes", "messageSignature.messageDigest.digest", "AA AA"),
    "no signature": ("bytes", "messageSignature.signature", ...),
    "an empty signature": ("bytes", "messageSignature.signature", ""),
    "an endless signature": ("bytes", "messageSignature.signature", b64(b"x" * 1025)),
    "a signature in hexadecimal": ("bytes", "messageSignature.signature", "3045zz"),
    "a certificate beside": ("bytes", "messageSignature.certificate", "AAAA"),
    "junk in the payload": ("statement", "dsseEnvelope.payload", ENVELOPE["payload"] + "\n"),
    "no payload": ("statement", "dsseEnvelope.payload", ...),
    "something more in the envelope": ("statement", "dsseEnvelope.headers", {}),
    "something more beside a signature": ("statement", "dsseEnvelope.signatures.0.cert", "AAAA"),
    "a signature without one": ("statement", "dsseEnvelope.signatures", [{"keyid": "x"}]),
    "a signature that is text": ("statement", "dsseEnvelope.signatures", ["AAAA"]),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_bundle_that_says_anything_else_or_in_two_ways_is_refused(what: str) -> None:
    which, path, value = DAMAGED[what]

    error = refusal(changed(SIGNED[which], path, value))

    assert error.code == "admission.bad_bundle"
    assert error.message.startswith("this is not a Sigstore bundle that can be used: ")


@pytest.mark.parametrize("bundle", [[], "bundle", None, 7, {}])
def test_what_is_no_object_is_no_bundle(bundle: Any) -> None:
    assert refusal(bundle).code == "admission.bad_bundle"


TWICE = json.dumps(SIGNED["bytes"]).replace('"mediaType"', '"mediaType": "", "mediaType"').encode()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b" " * MAX_BUNDLE_BYTES + b"{}", "larger than"),
        (b'{"a":' * 20_000, "nests deeper than 32"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nests deeper than 32"),
        (TWICE, "a key stands twice"),
        (sign_artifact(KEY, ARTIFACT) + b"{}", "Extra data"),
        (sign_artifact(KEY, ARTIFACT)[:-3], "delimiter"),
        (b"", "Expecting value"),
    ],
    ids=["huge", "endless nesting", "deep nesting", "twice", "two", "cut", "nothing"],
)  # fmt: skip
def test_a_bundle_is_one_document_of_bounded_size_and_depth(data: bytes, complaint: str) -> None:
    with pytest.raises(AdmissionError, match=complaint) as raised:
        read_bundle(data)

    assert raised.value.code == "admission.bad_bundle"


def test_what_a_bundle_says_is_escaped_before_it_is_repeated() -> None:
    hostile = "\x1b[31mdone\u202e"

    for bundle in (
        changed(SIGNED["bytes"], "mediaType", hostile),
        changed(SIGNED["bytes"], "verificationMaterial", {hostile: 1}),
        changed(SIGNED["statement"], "dsseEnvelope.payloadType", hostile),
        changed(SIGNED["bytes"], "verificationMaterial.publicKey.hint", hostile),
    ):
        error = refusal(bundle, key=generate_key("ed25519").public)
        assert "\x1b" not in error.message
        assert "\u202e" not in error.message


PATHS = [
    (which, path)
    for which, paths in {
        "bytes": ("mediaType", "verificationMaterial", "verificationMaterial.publicKey",
                  "verificationMaterial.publicKey.hint", "messageSignature",
                  "messageSignature.messageDigest", "messageSignature.messageDigest.algorithm",
                  "messageSignature.messageDigest.digest", "messageSignature.signature"),
        "statement": ("dsseEnvelope", "dsseEnvelope.payload", "dsseEnvelope.payloadType",
                      "dsseEnvelope.signatures", "dsseEnvelope.signatures.0.sig"),
    }.items()
    for path in paths
]  # fmt: skip


@patient
@given(st.sampled_from(PATHS), json_values() | st.binary(max_size=80).map(b64))
def test_any_value_anywhere_is_our_error_or_was_not_looked_at(
    place: tuple[str, str], value: Any
) -> None:
    which, path = place

    try:
        check(changed(SIGNED[which], path, value))
    except AdmissionError:
        return
    assert path.startswith("verificationMaterial.publicKey")


@patient
@given(st.sampled_from(sorted(SIGNED)), st.data())
def test_a_bundle_in_which_any_byte_is_another_never_verifies_another_artifact(
    which: str, data: st.DataObject
) -> None:
    text = bytearray(json.dumps(SIGNED[which]).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 255))

    with pytest.raises(AdmissionError):
        check_with_key(read_bundle(bytes(text)), KEY.public, Message(WASM + b"\0"))


@patient
@given(st.binary(max_size=200))
def test_any_bytes_are_a_bundle_or_our_error(data: bytes) -> None:
    with pytest.raises(AdmissionError):
        read_bundle(data)
