"""The outline of real modules and components, and of damaged ones."""

from __future__ import annotations

import random
from functools import cache

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient
from wasmtime import component as wit

from hatchway.audit.binary import MalformedError
from hatchway.audit.outline import CustomSection, Outline, outline

MODULE = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "env" "table" (table 1 2 funcref))
  (import "env" "memory" (memory 1 2))
  (import "env" "global" (global (mut i64)))
  (@custom "hatchway" "{}")
  (memory (export "memory2") 1)
  (func (export "_start") (drop (i32.const 1)))
  (data (i32.const 0) "hello"))"""

EVERY_KIND_OF_MODULE_IMPORT = """(module
  (type $f (func))
  (import "a" "function" (func (type $f)))
  (import "a" "table" (table 1 funcref))
  (import "a" "table with a bound" (table 1 2 externref))
  (import "a" "table of references" (table 1 (ref null $f)))
  (import "a" "table of 64 bits" (table i64 1 2 funcref))
  (import "a" "memory" (memory 1))
  (import "a" "memory with a bound" (memory 1 65536))
  (import "a" "memory of 64 bits" (memory i64 1 0x1000000000000))
  (import "a" "shared memory" (memory 1 2 shared))
  (import "a" "memory of small pages" (memory 1 2 (pagesize 1)))
  (import "a" "global" (global i32))
  (import "a" "variable" (global (mut f64)))
  (import "a" "global reference" (global (ref $f)))
  (import "a" "global any" (global anyref))
  (import "a" "tag" (tag (type $f)))
  (import "a" "the last one" (func (type $f))))"""

EVERY_KIND_OF_COMPONENT_IMPORT = """(component
  (import "function" (func (param "x" u32)))
  (import "wasi:cli/environment@0.2.3" (instance (export "get" (func))))
  (import "component" (component (import "inner" (func))))
  (import "module" (core module (import "x" "y" (func))))
  (import "resource" (type (sub resource)))
  (type $t u32)
  (import "type" (type (eq $t)))
  (import "the-last-one" (func)))"""

COMPONENT = """(component
  (import "wasi:cli/environment@0.2.3" (instance (export "get" (func))))
  (import "log" (func (param "text" string)))
  (@custom "hatchway" "{}")
  (core module $m
    (@custom "hatchway" "inside")
    (import "inner" "f" (func))
    (func (export "go")))
  (component (@custom "hatchway" "inside") (import "inner" (func))))"""


@cache
def binary(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


@cache
def engine() -> wasmtime.Engine:
    return wasmtime.Engine()


def complaint(artifact: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as raised:
        outline(artifact)
    return raised.value


def custom(name: bytes, payload: bytes) -> bytes:
    """A custom section; everything in it is short."""
    return bytes([0, len(name) + 1 + len(payload), len(name)]) + name + payload


EMPTY_MODULE = b"\0asm\1\0\0\0"
EMPTY_COMPONENT = b"\0asm\x0d\0\1\0"


def test_an_empty_module_asks_for_nothing() -> None:
    assert outline(EMPTY_MODULE) == Outline(kind="module", imports=(), customs=())


def test_an_empty_component_asks_for_nothing() -> None:
    assert outline(EMPTY_COMPONENT) == Outline(kind="component", imports=(), customs=())


def test_a_modules_imports_are_pairs_of_names_in_order() -> None:
    assert outline(binary(MODULE)).imports == (
        ("wasi_snapshot_preview1", "fd_write"),
        ("env", "table"),
        ("env", "memory"),
        ("env", "global"),
    )


def test_every_kind_of_thing_a_module_can_import_is_stepped_over() -> None:
    names = [name for _, name in outline(binary(EVERY_KIND_OF_MODULE_IMPORT)).imports]

    assert len(names) == 16
    assert names[-1] == "the last one"


def test_every_kind_of_thing_a_component_can_import_is_stepped_over() -> None:
    assert outline(binary(EVERY_KIND_OF_COMPONENT_IMPORT)).imports == (
        ("function", ""),
        ("wasi:cli/environment@0.2.3", ""),
        ("component", ""),
        ("module", ""),
        ("resource", ""),
        ("type", ""),
        ("the-last-one", ""),
    )


def test_what_is_inside_a_component_is_not_its_own() -> None:
    found = outline(binary(COMPONENT))

    assert found.kind == "component"
    assert [name for name, _ in found.imports] == ["wasi:cli/environment@0.2.3", "log"]
    assert [s.payload for s in found.customs if s.name == "hatchway"] == [b"{}"]


def test_custom_sections_are_kept_in_order_with_their_bytes() -> None:
    artifact = EMPTY_MODULE + custom(b"b", b"\x01") + custom(b"a", b"") + custom(b"b", b"\x02")

    assert outline(artifact).customs == (
        CustomSection(name="b", payload=b"\x01"),
        CustomSection(name="a", payload=b""),
        CustomSection(name="b", payload=b"\x02"),
    )


def test_bytes_in_the_data_that_look_like_a_section_are_none() -> None:
    text = '(module (memory 1) (data (i32.const 0) "\\00\\0a\\08hatchway{}"))'

    assert outline(binary(text)).customs == ()


# In agreement with wasmtime

names = st.text(st.characters(codec="utf-8"), max_size=6)


def quoted(name: str) -> str:
    return '"' + "".join(f"\\{byte:02x}" for byte in name.encode()) + '"'


KINDS = (
    "(func)", "(func (param i32 f64) (result i64))", "(memory 1)", "(memory 0 9)",
    "(table 1 funcref)", "(table 0 100000 externref)", "(global i32)", "(global (mut f32))",
    "(memory i64 1)",
)  # fmt: skip
imports = st.lists(st.tuples(names, names, st.sampled_from(KINDS)), max_size=5)


def only_one_memory(chosen: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    memories = [item for item in chosen if "memory" in item[2]]
    return [item for item in chosen if item not in memories[1:]]


@patient
@pytest.mark.oracle
@given(imports.map(only_one_memory))
def test_a_modules_imports_are_those_that_wasmtime_finds(
    chosen: list[tuple[str, str, str]],
) -> None:
    forms = "".join(f"(import {quoted(m)} {quoted(n)} {kind})" for m, n, kind in chosen)
    artifact = bytes(wasmtime.wat2wasm(f"(module {forms})"))

    module = wasmtime.Module(engine(), artifact)

    assert list(outline(artifact).imports) == [(item.module, item.name) for item in module.imports]


@pytest.mark.oracle
def test_a_components_imports_are_those_that_wasmtime_finds() -> None:
    component = wit.Component(engine(), binary(COMPONENT))

    assert {name for name, _ in outline(binary(COMPONENT)).imports} == set(
        component.type.imports(engine())
    )


# What is no WebAssembly


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0as", b"MZ\x90\0", b"\x7fELF", b"#!/bin/sh\n", b"\0ASM\1\0\0\0", b"{}"]
)
def test_what_does_not_start_like_webassembly_is_none(data: bytes) -> None:
    error = complaint(data)

    assert (error.code, error.hint) == ("admission.not_wasm", None)


@pytest.mark.parametrize("data", [b"(module)", b"\n  (component)"])
def test_text_is_told_that_it_must_be_assembled(data: bytes) -> None:
    assert complaint(data).hint == "text (.wat) must be assembled first"


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"\0asm", "missing"),
        (b"\0asm\1\0", "0100"),
        (b"\0asm\2\0\0\0", "02000000"),
        (b"\0asm\x0c\0\1\0", "0c000100"),
        (b"\0asm\1\0\1\0", "01000100"),
    ],
)
def test_another_version_of_webassembly_is_malformed(data: bytes, version: str) -> None:
    error = complaint(data)

    assert error.code == "admission.malformed"
    assert error.message == f"unknown WebAssembly version {version}"


@pytest.mark.parametrize(
    ("start", "last"), [(EMPTY_MODULE, 13), (EMPTY_COMPONENT, 12)], ids=["module", "component"]
)
def test_a_section_that_does_not_exist_is_malformed(start: bytes, last: int) -> None:
    assert f"unknown section {last + 1}" in complaint(start + bytes([last + 1, 0])).message
    assert outline(start + bytes([last, 0])).imports == ()


def section(identifier: int, content: bytes) -> bytes:
    return bytes([identifier, len(content)]) + content


A_B = b"\x01a\x01b"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "ends in the middle"),
        (b"\x01", "1 items are announced in 0 bytes"),
        (b"\x05" + A_B, "5 items are announced in 4 bytes"),
        (b"\x01" + A_B, "ends in the middle"),
        (b"\x01" + A_B + b"\x05", "unknown kind of import 0x5"),
        (b"\x01" + A_B + b"\xff", "unknown kind of import 0xff"),
        (b"\x01" + A_B + b"\x00", "ends in the middle"),
        (b"\x01" + A_B + b"\x00\x00\x00", "longer than what it lists"),
        (b"\x00\x00", "longer than what it lists"),
        (b"\x01" + A_B + b"\x02\x00" + b"\x80" * 10 + b"\x00", "too many bytes"),
        (b"\x01" + A_B + b"\x03\x64", "ends in the middle"),
        (b"\x01" + A_B + b"\x02\x01\x00", "ends in the middle"),
        (b"\x01\x01\xff\x01b\x00\x00", "a name is not UTF-8"),
    ],
)
def test_a_list_of_a_modules_imports_that_is_not_well_formed_is_malformed(
    content: bytes, why: str
) -> None:
    assert why in complaint(EMPTY_MODULE + section(2, content)).message


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x01\x03\x01a\x01\x00", "unknown form of name 0x3"),
        (b"\x01\x00\x01a\x06\x00", "unknown kind of import 0x6"),
        (b"\x01\x00\x01a\x01", "ends in the middle"),
        (b"\x01\x00\x01a\x01\x00\x00", "longer than what it lists"),
        (b"\x02\x00\x01a\x01\x00", "ends in the middle"),
        (b"\x01\x02\x01a\x05\x01\x00", "5 items are announced in 2 bytes"),
    ],
)
def test_a_list_of_a_components_imports_that_is_not_well_formed_is_malformed(
    content: bytes, why: str
) -> None:
    assert why in complaint(EMPTY_COMPONENT + section(10, content)).message


@pytest.mark.parametrize(
    ("item", "what"),
    [
        (b"\x00\x01a\x00\x11\x00", "core module"),
        (b"\x01\x01a\x01\x00", "function, under the older form of name"),
        (b"\x00\x01a\x02\x00\x05", "value equal to another"),
        (b"\x00\x01a\x02\x01\x79", "value of a type"),
        (b"\x00\x01a\x03\x00\x05", "type equal to another"),
        (b"\x00\x01a\x03\x01", "resource"),
        (b"\x00\x01a\x04\x00", "component"),
        (b"\x00\x01a\x05\x00", "instance"),
        (b"\x02\x01a\x01\x00\x01x\x01\x00", "function, with an attribute after its name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_component_import_is_stepped_over_whatever_it_is(item: bytes, what: str) -> None:
    content = b"\x02" + item + b"\x00\x01z\x01\x00"

    assert outline(EMPTY_COMPONENT + section(10, content)).imports == (("a", ""), ("z", "")), what


def test_the_name_of_a_custom_section_must_be_a_name() -> None:
    assert "a name is not UTF-8" in complaint(EMPTY_MODULE + custom(b"\xff", b"")).message
    assert "announced" in complaint(EMPTY_MODULE + b"\0\x01\x05").message


# Damage

WHOLE = {
    "module": MODULE,
    "module with every import": EVERY_KIND_OF_MODULE_IMPORT,
    "component": COMPONENT,
    "component with every import": EVERY_KIND_OF_COMPONENT_IMPORT,
}


def ends_of_sections(artifact: bytes) -> set[int]:
    """The lengths at which an artifact may end without anything being cut."""
    ends, at = {8}, 8
    while at < len(artifact):
        size, shift, at = 0, 0, at + 1
        while artifact[at] & 0x80:
            size |= (artifact[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
        at += 1 + (size | artifact[at] << shift)
        ends.add(at)
    return ends


@pytest.mark.parametrize("kind", WHOLE)
def test_an_artifact_that_ends_inside_a_section_is_malformed(kind: str) -> None:
    artifact = binary(WHOLE[kind])
    ends = ends_of_sections(artifact)

    for length in range(len(artifact)):
        if length not in ends:
            complaint(artifact[:length])
    for length in ends:
        outline(artifact[:length])


@pytest.mark.parametrize("kind", WHOLE)
def test_a_changed_byte_is_noticed_or_makes_another_outline(kind: str) -> None:
    artifact = binary(WHOLE[kind])
    chosen = random.Random(5)  # noqa: S311 - the same damage in every run
    noticed = 0

    for _ in range(2000):
        at = chosen.randrange(len(artifact))
        damaged = artifact[:at] + chosen.randbytes(1) + artifact[at + 1 :]
        try:
            found = outline(damaged)
        except MalformedError:
            noticed += 1
            continue
        assert isinstance(found, Outline)
    assert noticed


@patient
@given(st.sampled_from((EMPTY_MODULE, EMPTY_COMPONENT)), st.binary(max_size=60))
def test_any_bytes_after_the_preamble_have_an_outline_or_are_malformed(
    start: bytes, rest: bytes
) -> None:
    try:
        assert isinstance(outline(start + rest), Outline)
    except MalformedError as error:
        assert error.code == "admission.malformed"  # noqa: PT017 - either outcome is right


def test_very_many_sections_are_refused_before_a_value_is_made_for_each() -> None:
    empty_section = b"\0\x01\0"

    complaint(EMPTY_MODULE + empty_section * 200_000)
