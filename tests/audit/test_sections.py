"""Custom sections: what is said in them, and what happens when it is not what it should be."""

from __future__ import annotations

import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient
from wasm_bytes import component, custom, leb, many, module, name, section

from hatchway.audit.artifact import Artifact, Producer
from hatchway.audit.reading import read_artifact
from hatchway.audit.section_dependencies import MAX_JSON_BYTES, MAX_PACKAGES, Dependency
from hatchway.audit.sections import (
    TargetFeature,
    dependencies_in,
    licence_of,
    name_of,
    revision_of,
    signatures_in,
    source_of,
    target_features_in,
    text_of,
    unreadable_in,
    world_sections_in,
)


def with_section(title: str, payload: bytes) -> Artifact:
    return read_artifact(module(custom(title, payload)))


def is_unreadable(artifact: Artifact) -> bool:
    return bool(unreadable_in(artifact))


def test_producers_are_the_tools_that_made_it() -> None:
    payload = many(
        name("language") + many(name("Rust") + name("")),
        name("processed-by") + many(name("rustc") + name("1.90"), name("wasm-opt") + name("120")),
    )

    found = with_section("producers", payload)

    assert found.producers == (
        Producer(field="language", name="Rust", version=""),
        Producer(field="processed-by", name="rustc", version="1.90"),
        Producer(field="processed-by", name="wasm-opt", version="120"),
    )
    assert not is_unreadable(found)


def test_target_features_say_what_a_compiler_used() -> None:
    inner = section(1, module(custom("target_features", many(b"+" + name("atomics")))))
    more = section(
        1, module(custom("target_features", many(b"-" + name("gc"), b"+" + name("atomics"))))
    )

    assert tuple(target_features_in(read_artifact(component(inner, more)))) == (
        TargetFeature(prefix="+", name="atomics"),
        TargetFeature(prefix="-", name="gc"),
    )


def test_an_artifact_may_say_its_own_name() -> None:
    payload = b"\1\3\1\0\0" + section(0, name("tool"))

    assert name_of(with_section("name", payload)) == "tool"
    assert name_of(read_artifact(component(custom("component-name", payload)))) == "tool"
    assert name_of(read_artifact(component(custom("name", payload)))) is None
    assert name_of(with_section("name", b"\1\1\0")) is None
    assert name_of(read_artifact(module())) is None


@pytest.mark.parametrize(
    ("title", "read"),
    [("licenses", licence_of), ("source", source_of), ("revision", revision_of)],
)
def test_metadata_is_told_as_it_is_written(title: str, read: object) -> None:
    found = with_section(title, "Apache-2.0 é".encode())

    assert read(found) == "Apache-2.0 é"  # type: ignore[operator]  # a function of an artifact
    assert read(read_artifact(module())) is None  # type: ignore[operator]


def test_links_have_a_length_before_them() -> None:
    link = with_section("sourceMappingURL", name("https://example.com/x.map"))

    assert text_of(link, "sourceMappingURL") == "https://example.com/x.map"
    assert text_of(with_section("sourceMappingURL", b"https"), "sourceMappingURL") is None


def test_a_section_that_is_no_text_has_none() -> None:
    assert text_of(with_section("producers", b"\0"), "producers") is None


PACKAGES = [
    {"name": "app", "version": "0.1.0", "source": "local", "root": True, "dependencies": [1]},
    {"name": "serde", "version": "1.0.2", "source": "crates.io"},
]


def dependencies(value: object) -> Artifact:
    return with_section(".dep-v0", zlib.compress(json.dumps(value).encode()))


def test_dependencies_are_the_packages_it_was_built_from() -> None:
    assert dependencies_in(dependencies({"packages": PACKAGES})) == (
        Dependency(name="app", version="0.1.0", source="local"),
        Dependency(name="serde", version="1.0.2", source="crates.io"),
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"packages": {}},
        {"packages": [1]},
        {"packages": [{"name": "a", "version": "1"}]},
        {"packages": [{"name": "a", "version": 1, "source": "local"}]},
        {"packages": [{"name": "a" * 257, "version": "1", "source": "local"}]},
        {"packages": PACKAGES * MAX_PACKAGES},
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_list_of_dependencies_that_is_none_is_unreadable(value: object) -> None:
    found = dependencies(value)

    assert (dependencies_in(found), is_unreadable(found)) == ((), True)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no zlib",
        zlib.compress(b"{}")[:-1],
        zlib.compress(b"no json"),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b"9" * 100_000),
        zlib.compress(b"\xff"),
    ],
    ids=["empty", "no zlib", "cut", "no json", "deep", "many digits", "no text"],
)
def test_what_is_not_compressed_json_is_unreadable(payload: bytes) -> None:
    found = with_section(".dep-v0", payload)

    assert (dependencies_in(found), is_unreadable(found)) == ((), True)


def test_a_list_of_dependencies_that_would_fill_the_memory_does_not() -> None:
    found = with_section(".dep-v0", zlib.compress(b" " * (20 * MAX_JSON_BYTES)))

    tracemalloc.start()
    assert dependencies_in(found) == ()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 4 * MAX_JSON_BYTES
    assert is_unreadable(found)


def signature(*signed: bytes) -> bytes:
    records = (leb(len(record)) + record for record in signed)
    return b"\1\1\1" + many(*records)


def signed(key_id: bytes, *, algorithm: int = 1) -> bytes:
    one = name(key_id) + bytes([algorithm]) + name(b"s" * 64)
    return b"\2" + b"h" * 64 + many(leb(len(one)) + one)


def test_a_signature_is_told_and_never_called_verified() -> None:
    payload = signature(signed(b"\x01\xff"), signed(b"", algorithm=9))
    found = read_artifact(module(custom("other"), custom("signature", payload)))

    assert [
        (item["format"], item["algorithm"], item["key_id"], item["parts"], item["is_verified"])
        for item in signatures_in(found)
    ] == [
        ("wasmsign2", "ed25519", "01ff", 2, False),
        ("wasmsign2", "unknown (9)", "", 2, False),
    ]
    assert not is_unreadable(found)


def test_a_signature_of_an_unknown_kind_is_told_as_such() -> None:
    found = with_section("signature", b"\2whatever")

    assert signatures_in(found) == [{"format": "unknown", "offset": 20, "is_verified": False}]
    assert is_unreadable(found)
    assert signatures_in(read_artifact(module())) == []


def test_a_module_that_waits_to_be_wrapped_says_so() -> None:
    sections = (custom("component-type:acme"), custom("component-type"), custom("component-types"))

    assert world_sections_in(read_artifact(module(*sections))) == (
        "component-type:acme",
        "component-type",
    )


@pytest.mark.parametrize(
    ("title", "payload"),
    [
        ("producers", b"\1"),
        ("producers", b"\0\0"),
        ("producers", leb(0xFFFFFFFF)),
        ("target_features", b"\1+"),
        ("target_features", b"\0\0"),
        ("name", b"\0\5\1a"),
        ("name", b"\0\3\1ab"),
        ("component-name", b"\0"),
        ("licenses", b"\xff"),
        ("source", b"x" * 5000),
        ("external_debug_info", b"\1ab"),
        ("sourceMappingURL", b""),
        ("signature", b"\1\1\1\1\5"),
    ],
)
def test_a_known_section_that_is_damaged_is_reported(title: str, payload: bytes) -> None:
    (reported,) = unreadable_in(with_section(title, payload))

    assert reported.name == title


def test_a_section_nobody_knows_is_never_unreadable() -> None:
    assert not is_unreadable(with_section("anything", b"\xff"))


@patient
@given(
    st.sampled_from(("producers", "target_features", "name", ".dep-v0", "signature", "licenses")),
    st.binary(max_size=40),
)
def test_any_bytes_in_a_known_section_are_read_or_reported(title: str, payload: bytes) -> None:
    found = with_section(title, payload)

    said = [*found.producers, *target_features_in(found), *dependencies_in(found)]

    assert not (said and is_unreadable(found))
    assert name_of(found) is None or not is_unreadable(found)
