"""Who signed: everybody trusted who did, nobody else, whatever else is attached."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from private_sigstore import BEGIN, IDENTITY, ISSUER, LIFETIME, PrivateSigstore
from strategies import json_values, patient

from hatchway.core.errors import ConfigError
from hatchway.policy.trust import Signatures
from hatchway.provenance.bundle import sign_artifact, sign_statement
from hatchway.provenance.keyless import KeylessVerifier
from hatchway.provenance.keys import Message, generate_key
from hatchway.provenance.signer import identity_signer, signer_of
from hatchway.provenance.signers import (
    MAX_BUNDLES,
    MAX_TRUSTED,
    Refusal,
    Verification,
    verified_signers,
)
from hatchway.provenance.statement import COSIGN_SIGNATURE, statement_bytes

WASM = b"\0asm\1\0\0\0code"
ARTIFACT = Message(WASM)
ADA, BOB, EVE = (generate_key("ecdsa-p256"), generate_key("ed25519"), generate_key("ecdsa-p256"))
SIGSTORE = PrivateSigstore()
KEYLESS = KeylessVerifier(SIGSTORE.trust_root)
WORKFLOW = identity_signer(IDENTITY, ISSUER)


def statement(artifact: Message = ARTIFACT, kind: str = COSIGN_SIGNATURE) -> bytes:
    return statement_bytes(name="grep", digest=artifact.digest, predicate_type=kind, predicate={})


BY_ADA, BY_BOB, BY_EVE = (sign_artifact(key, ARTIFACT) for key in (ADA, BOB, EVE))
STATED_BY_ADA = sign_statement(ADA, statement())
BY_WORKFLOW = json.dumps(SIGSTORE.sign(WASM)).encode()
NO_SIGNATURES = [
    b"",
    b"\xff\xfe",
    b"{}",
    b"[" * 100_000,
    b"x" * (2 << 20),
    BY_ADA[:-20],
    sign_artifact(ADA, Message(b"another")),
    sign_statement(ADA, statement(Message(b"another"))),
    sign_statement(ADA, statement(kind="https://in-toto.io/attestation/vulns")),
    BY_EVE,
    json.dumps(SIGSTORE.sign(WASM, identity="eve@evil.example")).encode(),
]


def verified(*bundles: bytes, **trusted: Any) -> Verification:
    trusted = trusted or {"keys": (ADA.public, BOB.public), "identities": (WORKFLOW,)}
    return verified_signers(bundles, artifact=WASM, keyless=KEYLESS, **trusted)


def test_everybody_trusted_who_signed_is_named_once() -> None:
    found = verified(BY_BOB, BY_ADA, STATED_BY_ADA, BY_WORKFLOW, BY_ADA)

    assert found.signers == tuple(
        sorted((signer_of(ADA.public), signer_of(BOB.public), WORKFLOW), key=str)
    )
    assert found.digest == ARTIFACT.digest
    assert [item.statement is not None for item in found.signatures] == [False, False, True, False]
    assert (found.refusals, found.unread) == ((), 0)


def test_only_an_identitys_signature_has_a_time() -> None:
    by_key, by_identity = verified(BY_ADA, BY_WORKFLOW).signatures

    assert by_key.signed_between is None
    assert by_identity.signed_between == (BEGIN, BEGIN + LIFETIME)


def test_a_signature_names_its_bundle_by_digest() -> None:
    (signature,) = verified(BY_ADA).signatures

    assert signature.bundle == Message(BY_ADA).digest


def test_nobody_trusted_means_nobody_signed() -> None:
    found = verified(BY_ADA, BY_WORKFLOW, keys=(), identities=())

    assert found.signers == ()
    assert [item.by_stranger for item in found.refusals] == [True, True]


@pytest.mark.parametrize(
    "trusted",
    [{"keys": (BOB.public,)}, {"identities": (WORKFLOW,)}, {"keys": (EVE.public,)}],
    ids=["bob", "workflow", "eve"],
)
def test_trusting_one_says_nothing_of_another(trusted: Any) -> None:
    assert verified(BY_ADA, STATED_BY_ADA, **trusted).signers == ()


def test_garbage_costs_one_line_each_and_takes_nothing_from_the_others() -> None:
    found = verified(*NO_SIGNATURES, BY_ADA, BY_WORKFLOW)

    assert found.signers == (WORKFLOW, signer_of(ADA.public))
    assert [refusal.code.removeprefix("admission.") for refusal in found.refusals] == [
        *["bad_bundle"] * 6, "wrong_artifact", "wrong_artifact", "bad_bundle",
        "bad_signature", "bad_signature",
    ]  # fmt: skip
    assert [refusal.by_stranger for refusal in found.refusals] == [False] * 9 + [True] * 2


@patient
@given(
    st.lists(
        st.binary(max_size=60) | json_values().map(lambda value: json.dumps(value).encode()),
        max_size=6,
    ),
    st.integers(0, 6),
)
def test_whatever_is_attached_a_good_signature_counts_and_nothing_is_raised(
    garbage: list[bytes], place: int
) -> None:
    found = verified(*garbage[:place], BY_ADA, *garbage[place:])

    assert found.signers == (signer_of(ADA.public),)
    assert len(found.refusals) == len(set(garbage))


def test_a_bundle_for_another_artifact_is_said_to_be_that() -> None:
    (refusal,) = verified(sign_artifact(ADA, Message(b"another"))).refusals

    assert refusal.reason == (
        f"the bundle signs {Message(b'another').digest}, and not {ARTIFACT.digest}"
    )


def test_a_signature_that_borrows_a_trusted_name_is_broken_and_no_strangers() -> None:
    forged = json.loads(BY_EVE)
    forged["verificationMaterial"]["publicKey"]["hint"] = ADA.public.hint
    named = PrivateSigstore().sign(WASM)

    found = verified(json.dumps(forged).encode(), json.dumps(named).encode())

    assert found.signers == ()
    assert [item.code for item in found.refusals] == ["admission.bad_signature"] * 2
    assert [item.by_stranger for item in found.refusals] == [False, False]
    assert "over these bytes" in found.refusals[0].reason
    assert str(WORKFLOW) in found.refusals[1].reason


def test_of_several_identities_the_one_that_signed_is_found() -> None:
    others = (
        identity_signer("ada@acme.example", ISSUER),
        identity_signer(IDENTITY, "https://accounts.example"),
    )

    assert verified(BY_WORKFLOW, identities=(*others, WORKFLOW)).signers == (WORKFLOW,)
    assert verified(BY_WORKFLOW, identities=others).signers == ()


def test_without_sigstore_python_identities_are_refused_and_keys_still_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.verify", None)

    found = verified_signers(
        (BY_WORKFLOW, BY_ADA), artifact=WASM, keys=[ADA.public], identities=[WORKFLOW]
    )

    assert found.signers == (signer_of(ADA.public),)
    assert [item.code for item in found.refusals] == ["config.no_sigstore"]


def test_only_so_many_bundles_are_looked_at() -> None:
    garbage = [str(number).encode() for number in range(MAX_BUNDLES)]

    found = verified(*garbage, BY_ADA, BY_BOB)

    assert (found.signers, len(found.refusals), found.unread) == ((), MAX_BUNDLES, 2)
    # A bundle that is attached many times is one.
    assert verified(*[BY_BOB] * 100, BY_ADA).unread == 0


def test_only_so_many_signers_can_be_trusted_for_one_artifact() -> None:
    with pytest.raises(ConfigError, match="at most 64 signers") as raised:
        verified(BY_ADA, keys=[ADA.public] * MAX_TRUSTED, identities=[WORKFLOW])

    assert raised.value.code == "config.bad_identity"


def test_a_policy_gets_what_it_asks_for() -> None:
    broken = sign_artifact(ADA, Message(b"another"))
    found = verified(BY_ADA, BY_EVE, broken)
    reason = next(item.reason for item in found.refusals if not item.by_stranger)

    assert found.for_policy(covers_manifest=False) == Signatures(
        digest=ARTIFACT.digest,
        signers=frozenset({signer_of(ADA.public)}),
        strangers=1,
        invalid=(reason,),
        cover_manifest=False,
    )


def test_a_reason_can_be_printed() -> None:
    hostile = json.loads(BY_EVE)
    hostile["mediaType"] = "\x1b[31m\n\u202e"

    (refusal,) = verified(json.dumps(hostile).encode()).refusals

    assert isinstance(refusal, Refusal)
    assert refusal.reason.isprintable()
