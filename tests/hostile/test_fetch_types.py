"""Guests that import `hatchway:egress/fetch` as something that it is not."""

from __future__ import annotations

import pytest
from fetch_guests import component
from guests import sandbox, wasm

from hatchway.core.errors import AdmissionError
from hatchway.engine.fetch.module import SIGNATURES
from hatchway.registry.store import digest_of


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_a_function_with_another_signature_does_not_link(name: str) -> None:
    artifact = wasm(f"""(module
      (import "hatchway_fetch_0_1" "{name}" (func (param i64) (result i32)))
      (func (export "_start")))""")

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"


@pytest.mark.parametrize("name", ["connect", "fetch", "", "open "])
def test_there_are_no_other_functions(name: str) -> None:
    artifact = wasm(f"""(module
      (import "hatchway_fetch_0_1" "{name}" (func (param i32 i32 i32) (result i32)))
      (func (export "_start")))""")

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"


@pytest.mark.parametrize("version", ["0.0.1", "0.2.0", "1.0.0", "0.1.0-rc.1"])
def test_other_versions_do_not_link(version: str) -> None:
    artifact = wasm(component(version))

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"


@pytest.mark.claim("isolation.memory")
@pytest.mark.parametrize(
    ("was", "other"),
    [
        ('(field "body" (list u8))', '(field "body" string)'),
        ('(field "redirects" u8)', '(field "redirects" u16)'),
        ('(field "url" string)', '(field "url" (list u8))'),
        ('(field "url" string)', '(field "address" string)'),
        ('(list (tuple string string))', '(list (tuple string (list u8)))'),
        ('(field "status" u16)', '(field "status" string)'),
        ('(case "denied") ', ''),
        ('(case "unreachable" string)', '(case "unreachable" u64)'),
    ],
)  # fmt: skip
def test_a_component_that_means_other_types_is_never_run(was: str, other: str) -> None:
    text = component()
    assert was in text
    artifact = wasm(text.replace(was, other))

    with pytest.raises(AdmissionError, match=r"`hatchway:egress/fetch@0\.1\.0#fetch`") as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"
