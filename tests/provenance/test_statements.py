"""in-toto statements: about one digest, of a known type, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.core.errors import AdmissionError
from hatchway.provenance.capability_statement import (
    MAX_ITEMS,
    CapabilityStatement,
    capabilities_stated,
)
from hatchway.provenance.statement import (
    ACCEPTED,
    CAPABILITIES,
    MAX_SUBJECTS,
    SLSA_PROVENANCE,
    STATEMENT_TYPE,
    Statement,
    read_statement,
    statement_bytes,
)

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64
SUBJECT = {"name": "grep", "digest": {"sha256": DIGEST.removeprefix("sha256:")}}
DOCUMENT = {
    "_type": STATEMENT_TYPE,
    "subject": [SUBJECT],
    "predicateType": SLSA_PROVENANCE,
    "predicate": {"builder": "x"},
}
STATED = CapabilityStatement(
    tool="grep",
    kind="module",
    capabilities={"stdio": ("wasi_snapshot_preview1.fd_write",)},
    imports=("wasi_snapshot_preview1.fd_write",),
    tools={"grep": DIGEST},
    grade="A",
    rules="1",
)


def read(document: Any, digest: str = DIGEST) -> Statement:
    return read_statement(json.dumps(document).encode(), digest=digest)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in DOCUMENT.items() if name != key}


def refusal(document: Any, digest: str = DIGEST) -> AdmissionError:
    with pytest.raises(AdmissionError) as raised:
        read(document, digest)
    return raised.value


# Statements


@pytest.mark.parametrize("kind", sorted(ACCEPTED))
def test_a_statement_is_read_back_as_it_was_written(kind: str) -> None:
    payload = statement_bytes(
        name="grep", digest=DIGEST, predicate_type=kind, predicate={"a": [1, None]}
    )

    statement = read_statement(payload, digest=DIGEST)

    assert statement == Statement(
        predicate_type=kind, predicate={"a": [1, None]}, subjects=(DIGEST,)
    )


def test_what_cosign_writes_for_a_plain_signature_is_read() -> None:
    digest = DIGEST.removeprefix("sha256:")
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"digest": {"sha256": digest}, "annotations": {}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }

    assert read(document).subjects == (DIGEST,)
    assert read({**without("predicate")}).predicate == {}


def test_a_statement_about_another_artifact_is_no_statement_about_this_one() -> None:
    error = refusal(DOCUMENT, OTHER)

    assert error.code == "admission.wrong_artifact"
    assert error.message == f"the signed statement is about {DIGEST}, and not about {OTHER}"


def test_a_statement_may_be_about_several_artifacts_if_this_is_one_of_them() -> None:
    other = {"name": "sed", "digest": {"sha256": "f" * 64}}
    commit = {"name": "source", "digest": {"gitCommit": "abc"}}
    several = {**DOCUMENT, "subject": [commit, other, SUBJECT]}

    assert read(several).subjects == (OTHER, DIGEST)
    assert refusal(several, "sha256:" + "1" * 64).message.startswith(
        "the signed statement is about 2 artifacts, and not about"
    )


def test_a_subject_that_is_named_by_another_hash_only_is_not_this_artifact() -> None:
    digest = DIGEST.removeprefix("sha256:")

    error = refusal({**DOCUMENT, "subject": [{"digest": {"sha512": digest, "sha1": digest}}]})

    assert error.code == "admission.wrong_artifact"
    assert "about 0 artifacts" in error.message


@pytest.mark.parametrize(
    "kind",
    [
        "https://in-toto.io/attestation/vulns",
        "https://slsa.dev/verification_summary/v1",
        "https://slsa.dev/provenance/v1 ",
        "https://HATCHWAY.invalid/attestations/capabilities/v1",
        "",
        None,
        ["https://slsa.dev/provenance/v1"],
    ],
)
def test_a_statement_of_a_type_that_may_say_no_does_not_count(kind: Any) -> None:
    error = refusal({**DOCUMENT, "predicateType": kind})

    assert error.code == "admission.bad_bundle"
    assert "does not count" in error.message


SUBJECTS_REFUSED: dict[str, Any] = {
    "none": [],
    "not a list": SUBJECT,
    "too many": [SUBJECT] * (MAX_SUBJECTS + 1),
    "not an object": ["grep"],
    "no digest": [{"name": "grep"}],
    "an empty digest": [{"digest": {}}],
    "a digest that is text": [{"digest": DIGEST}],
    "a digest with its name": [{"digest": {"sha256": DIGEST}}],
    "capital letters": [{"digest": {"sha256": "A" * 64}}],
    "a digest in a list": [{"digest": {"sha256": ["a" * 64]}}],
    "a line feed": [{"digest": {"sha256": "a" * 64 + "\n"}}],
    "a name that is a number": [{**SUBJECT, "name": 7}],
    "an endless name": [{**SUBJECT, "name": "n" * 513}],
    "an unknown key": [{**SUBJECT, "sha256": "a" * 64}],
}


@pytest.mark.parametrize("what", SUBJECTS_REFUSED)
def test_subjects_that_are_not_named_in_one_way_are_refused(what: str) -> None:
    error = refusal({**DOCUMENT, "subject": SUBJECTS_REFUSED[what]})

    assert error.code == "admission.bad_bundle"


@pytest.mark.parametrize(
    "document",
    [
        [],
        "statement",
        {},
        without("_type"),
        without("subject"),
        without("predicateType"),
        {**DOCUMENT, "_type": "https://in-toto.io/Statement/v0.1"},
        {**DOCUMENT, "predicate": "all well"},
        {**DOCUMENT, "more": 1},
    ],
)
def test_what_is_no_statement_of_version_one_is_refused(document: Any) -> None:
    assert refusal(document).code == "admission.bad_bundle"


def test_a_statement_in_which_a_key_stands_twice_is_refused() -> None:
    text = json.dumps(DOCUMENT).replace('"predicateType"', '"subject": [], "predicateType"')

    with pytest.raises(AdmissionError, match="a key stands twice"):
        read_statement(text.encode(), digest=DIGEST)


@patient
@given(st.binary(max_size=80) | json_values().map(lambda value: json.dumps(value).encode()))
def test_any_payload_is_a_statement_or_our_error(payload: bytes) -> None:
    with pytest.raises(AdmissionError):
        read_statement(payload, digest=DIGEST)


@patient
@given(st.sampled_from(sorted(DOCUMENT)), json_values(), st.sampled_from([*sorted(SUBJECT), "uri"]))
def test_any_value_anywhere_is_a_statement_or_our_error(key: str, value: Any, inner: str) -> None:
    for document in (
        {**DOCUMENT, key: value},
        {**DOCUMENT, "subject": [{**SUBJECT, inner: value}]},
    ):
        try:
            found = read(document)
        except AdmissionError:
            continue
        assert DIGEST in found.subjects
        assert found.predicate_type in ACCEPTED


# Capabilities


def stated(predicate: Any) -> CapabilityStatement | None:
    return capabilities_stated(
        Statement(predicate_type=CAPABILITIES, predicate=predicate, subjects=(DIGEST,))
    )


def test_a_statement_of_capabilities_is_read_back_as_it_was_written() -> None:
    statement = read_statement(STATED.to_statement(digest=DIGEST), digest=DIGEST)

    assert capabilities_stated(statement) == STATED


def test_a_whole_statement_of_capabilities_has_this_text() -> None:
    digest = DIGEST.removeprefix("sha256:")

    assert STATED.to_statement(digest=DIGEST).decode() == (
        '{"_type":"https://in-toto.io/Statement/v1",'
        '"predicate":{"capabilities":{"stdio":["wasi_snapshot_preview1.fd_write"]},"grade":"A",'
        '"imports":["wasi_snapshot_preview1.fd_write"],"kind":"module","rules":"1","tool":"grep",'
        f'"tools":{{"grep":"{DIGEST}"}}}},'
        '"predicateType":"https://hatchway.invalid/attestations/capabilities/v1",'
        f'"subject":[{{"digest":{{"sha256":"{digest}"}},"name":"grep"}}]}}'
    )


def test_other_statements_say_nothing_of_capabilities() -> None:
    assert capabilities_stated(read({**DOCUMENT, "predicate": STATED.to_json()})) is None


def test_a_statement_of_capabilities_is_about_one_artifact() -> None:
    document = {**DOCUMENT, "predicateType": CAPABILITIES, "subject": [SUBJECT, SUBJECT]}

    assert refusal(document).message.endswith("a statement of capabilities is about one artifact")


@pytest.mark.parametrize(
    "changed",
    [
        {"tool": 7},
        {"tool": "n" * 513},
        {"tool": "half a character: \ud83d"},
        {"kind": "program"},
        {"kind": ["module"]},
        {"imports": "fd_write"},
        {"imports": ["b", "a"]},
        {"imports": ["a", "a"]},
        {"imports": [1]},
        {"imports": [f"{number:05}" for number in range(MAX_ITEMS + 1)]},
        {"capabilities": ["stdio"]},
        {"capabilities": {"stdio": "fd_write"}},
        {"capabilities": {"n" * 513: []}},
        {"tools": {"grep": "sha256:abc"}},
        {"tools": {"grep": None}},
        {"tools": {f"t{number}": DIGEST for number in range(MAX_ITEMS + 1)}},
        {"grade": None},
        {"rules": 1},
        {"network": False},
    ],
    ids=range(19),
)
def test_capabilities_in_another_shape_than_their_type_promises_are_refused(changed: Any) -> None:
    with pytest.raises(AdmissionError, match="keys and values of its type") as raised:
        stated({**STATED.to_json(), **changed})

    assert raised.value.code == "admission.bad_bundle"


@patient
@given(st.sampled_from(sorted(STATED.to_json())), json_values())
def test_any_value_in_a_predicate_is_a_statement_or_our_error(key: str, value: Any) -> None:
    try:
        found = stated({**STATED.to_json(), key: value})
    except AdmissionError:
        return
    assert found is not None
    assert found.to_json()[key] == value
