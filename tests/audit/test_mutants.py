"""Thousands of damaged binaries for each parser: nothing crashes, and wasmtime is not ahead.

Whatever wasmtime accepts is accepted here, with the same surface: no import can be spelled
so that an engine sees it and the audit does not.
"""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import replace
from functools import cache
from random import Random

import pytest
import wasmtime
from mutants import damaged, mutant
from specimens import components, modules
from strategies import often
from wasm_bytes import leb, many, name
from wasmtime import component as wit

from hatchway.audit.artifact import Artifact, CustomSection
from hatchway.audit.features import TURNED_OFF
from hatchway.audit.reading import read_artifact
from hatchway.audit.sections import (
    dependencies_in,
    licence_of,
    name_of,
    producers_in,
    signatures_in,
    target_features_in,
    text_of,
    unreadable_in,
    world_sections_in,
)
from hatchway.core.errors import AdmissionError
from hatchway.engine.describe import describe_component, describe_module
from hatchway.engine.settings import EngineSettings, base_config

CHUNKS = range(often(20, gate=5))
PER_CHUNK = 500


@cache
def any_engine() -> wasmtime.Engine:
    """One that accepts nearly everything, so that more is compared."""
    return wasmtime.Engine()


@cache
def our_engine() -> wasmtime.Engine:
    return wasmtime.Engine(base_config(EngineSettings(), "cranelift"))


def read(binary: bytes) -> Artifact | AdmissionError:
    """The artifact, or the refusal; anything else is a failure of ours."""
    try:
        return read_artifact(binary)
    except AdmissionError as refusal:
        return refusal


@pytest.mark.claim("audit.static")
@pytest.mark.oracle
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_damaged_module_is_malformed_or_what_wasmtime_takes_it_for(chunk: int) -> None:
    random = Random(chunk)  # noqa: S311 - the same damage in every run

    for _ in range(PER_CHUNK):
        binary = mutant(random, modules())
        found = read(binary)
        try:
            surface = describe_module(wasmtime.Module(any_engine(), binary))
        except (wasmtime.WasmtimeError, UnicodeDecodeError):
            continue

        assert isinstance(found, Artifact), (found, binary.hex())
        assert found.surface == surface, binary.hex()


@pytest.mark.claim("audit.static")
@pytest.mark.oracle
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_damaged_component_is_malformed_or_what_wasmtime_takes_it_for(chunk: int) -> None:
    random = Random(chunk)  # noqa: S311 - the same damage in every run

    for _ in range(PER_CHUNK):
        binary = mutant(random, components())
        found = read(binary)
        try:
            compiled = wit.Component(any_engine(), binary)
        except wasmtime.WasmtimeError:
            continue

        assert isinstance(found, Artifact), (found, binary.hex())
        assert found.surface == describe_component(any_engine(), compiled), binary.hex()


@pytest.mark.oracle
@pytest.mark.parametrize("chunk", CHUNKS[:4])
def test_whatever_our_engine_accepts_needs_nothing_that_is_turned_off(chunk: int) -> None:
    random = Random(chunk)  # noqa: S311 - the same damage in every run

    for _ in range(PER_CHUNK):
        binary = mutant(random, modules())
        with contextlib.suppress(wasmtime.WasmtimeError):
            wasmtime.Module.validate(our_engine(), binary)
            assert not read_artifact(binary).features & TURNED_OFF, binary.hex()


PRODUCERS = many(name("language") + many(name("Rust") + name("1.90")))
SECTIONS: dict[str, tuple[bytes, ...]] = {
    "producers": (PRODUCERS,),
    "target_features": (many(b"+" + name("simd128"), b"-" + name("atomics")),),
    "name": (b"\0\5\4main\1\4\1\0\1f",),
    ".dep-v0": tuple(
        zlib.compress(text)
        for text in (
            b'{"packages":[{"name":"a","version":"1","source":"local"}]}',
            b'{"packages":[]}',
        )
    ),
    "signature": (b"\1\1\1\1" + leb(44) + b"\1" + b"h" * 32 + b"\1\11\2id\1\4sigs",),
    "licenses": (b"Apache-2.0",),
    "sourceMappingURL": (name("https://example.com/x.map"),),
}  # fmt: skip


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("title", SECTIONS)
def test_a_damaged_custom_section_is_read_or_reported_as_unreadable(title: str, chunk: int) -> None:
    random = Random(chunk)  # noqa: S311 - the same damage in every run
    whole = read_artifact(modules()[-1])

    for _ in range(PER_CHUNK):
        payload = damaged(random, random.choice(SECTIONS[title]))
        artifact = with_section(whole, CustomSection(name=title, payload=payload))
        said = (
            producers_in(artifact.customs),
            target_features_in(artifact),
            name_of(artifact),
            dependencies_in(artifact),
            licence_of(artifact),
            text_of(artifact, title),
        )
        is_signed = any(item["format"] != "unknown" for item in signatures_in(artifact))
        if unreadable_in(artifact):
            assert not any(said)
            assert not is_signed
        assert world_sections_in(artifact) == ()


def with_section(artifact: Artifact, section: CustomSection) -> Artifact:
    return replace(artifact, customs=(section,))
