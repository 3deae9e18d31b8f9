"""From bytes to an artifact: what is taken in, and what is refused at the door."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specimens import COMPONENTS, MODULES, assembled
from strategies import patient
from wasm_bytes import COMPONENT, MODULE, component, custom, module, name, section, sections_of

from hatchway.audit import binary as binary_reading
from hatchway.audit.artifact import Artifact, CustomSection, Producer
from hatchway.audit.binary import MalformedError
from hatchway.audit.reading import read_artifact


def complaint(binary: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as raised:
        read_artifact(binary)
    return raised.value


@pytest.mark.parametrize("binary", [MODULE, COMPONENT], ids=["module", "component"])
def test_an_empty_artifact_asks_for_nothing(binary: bytes) -> None:
    found = read_artifact(binary)

    assert (found.imports, found.type_only, found.exports, found.customs) == ((), (), (), ())
    assert (found.surface.imports, found.surface.exports) == ((), ())


def test_an_artifact_is_named_by_its_digest() -> None:
    found = read_artifact(MODULE)

    assert found.digest == f"sha256:{hashlib.sha256(MODULE).hexdigest()}"
    assert found.size == len(MODULE)


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
    ("start", "last"), [(MODULE, 13), (COMPONENT, 11)], ids=["module", "component"]
)
def test_a_section_that_does_not_exist_is_malformed(start: bytes, last: int) -> None:
    empty = section(last, b"\0")

    assert f"unknown section {last + 1}" in complaint(start + bytes([last + 1, 0])).message
    assert read_artifact(start + empty).imports == ()


@pytest.mark.parametrize("start", [MODULE, COMPONENT], ids=["module", "component"])
def test_custom_sections_are_kept_in_order_with_their_bytes(start: bytes) -> None:
    binary = start + custom("b", b"\x01") + custom("a") + custom("b", b"\x02")

    assert [(item.name, item.payload) for item in read_artifact(binary).customs] == [
        ("b", b"\x01"),
        ("a", b""),
        ("b", b"\x02"),
    ]


@pytest.mark.parametrize("start", [MODULE, COMPONENT], ids=["module", "component"])
def test_the_name_of_a_custom_section_must_be_a_name(start: bytes) -> None:
    assert "a name is not UTF-8" in complaint(start + custom(b"\xff")).message
    assert "announced" in complaint(start + b"\0\x01\x05").message


@pytest.mark.parametrize("start", [MODULE, COMPONENT], ids=["module", "component"])
def test_very_many_sections_are_refused(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_reading, "MAX_KEPT", 20_000)

    error = complaint(start + b"\0\x01\0" * 20_001)

    assert "more than 20000 things" in error.message


def test_bytes_in_the_data_that_look_like_a_section_are_none() -> None:
    text = '(module (memory 1) (data (i32.const 0) "\\00\\0a\\08hatchway{}"))'

    assert read_artifact(assembled(text)).customs == ()


def test_custom_sections_inside_are_told_from_those_at_top_level() -> None:
    inner = module(custom("in a module", b"1"))
    nested = component(custom("in a component", b"2"), section(1, inner))
    binary = component(section(4, nested), custom("hatchway", b"3"), section(1, inner))

    found = read_artifact(binary)

    assert [item.name for item in found.customs] == ["hatchway"]
    assert [item.name for item in found.inner_customs] == ["in a component"]
    assert [item.name for item in found.all_customs] == [
        "hatchway", "in a component", "in a module", "in a module",
    ]  # fmt: skip
    for item in found.all_customs:
        assert binary[item.offset : item.offset + 1] == item.payload


def test_the_offset_of_a_custom_section_is_that_of_its_payload() -> None:
    binary = module(custom("x", b"payload"))

    assert read_artifact(binary).customs == (
        CustomSection(name="x", payload=b"payload", offset=binary.index(b"payload")),
    )


def test_producers_of_a_component_and_its_modules_are_listed_once() -> None:
    def made_by(tool: str) -> bytes:
        return custom("producers", b"\1" + name("processed-by") + b"\1" + name(tool) + name("1"))

    inner = section(1, module(made_by("clang"), made_by("wit-component")))
    found = read_artifact(component(made_by("wit-component"), inner))

    assert found.producers == tuple(
        Producer(field="processed-by", name=tool, version="1")
        for tool in ("wit-component", "clang")
    )


def whole_lengths(binary: bytes) -> set[int]:
    """The lengths at which nothing would be cut."""
    ends = [8]
    for identifier, content in sections_of(binary):
        ends.append(ends[-1] + len(section(identifier, content)))
    return set(ends)


@pytest.mark.parametrize("text", [*MODULES.values(), *COMPONENTS.values()], ids=[*MODULES, *(
    f"component: {title}" for title in COMPONENTS)])  # fmt: skip
def test_an_artifact_that_ends_inside_a_section_is_malformed(text: str) -> None:
    binary = assembled(text)
    ends = whole_lengths(binary)

    for length in range(8, len(binary)):
        if length not in ends:
            complaint(binary[:length])


@patient
@given(st.sampled_from((MODULE, COMPONENT)), st.binary(max_size=60))
def test_any_bytes_after_the_preamble_are_an_artifact_or_malformed(
    start: bytes, rest: bytes
) -> None:
    try:
        assert isinstance(read_artifact(start + rest), Artifact)
    except MalformedError as error:
        assert error.code == "admission.malformed"  # noqa: PT017 - either outcome is right


sections = st.lists(st.tuples(st.integers(0, 14), st.binary(max_size=12)), max_size=6)


@patient
@given(st.sampled_from((MODULE, COMPONENT)), sections)
def test_any_sections_are_an_artifact_or_malformed(
    start: bytes, chosen: list[tuple[int, bytes]]
) -> None:
    binary = start + b"".join(section(identifier, content) for identifier, content in chosen)

    try:
        assert isinstance(read_artifact(binary), Artifact)
    except MalformedError as error:
        assert error.code == "admission.malformed"  # noqa: PT017 - either outcome is right
