"""Manifests inside artifacts: one section, nothing else changed."""

from __future__ import annotations

from typing import Any

from components import ECHO
from guests import wasm
from hypothesis import given
from strategies import json_values, patient
from workbench import ECHO_JSON, ECHO_MANIFEST

from hatchway.audit.reading import read_artifact
from hatchway.core.manifest import Manifest
from hatchway.policy.manifest import manifest_values, parse_manifest_toml
from hatchway.sdk.packing import SECTION, packed

MODULE = wasm(ECHO_JSON)
COMPONENT = wasm(ECHO)


def test_what_was_packed_is_read_back_as_it_was_written() -> None:
    manifest = parse_manifest_toml(ECHO_MANIFEST, file="tool.toml")

    made = packed(MODULE, manifest)

    section = read_artifact(made).customs[-1]
    assert section.name == SECTION
    assert manifest_values(section.payload, file="a.wasm") == manifest.source


def test_everything_else_keeps_its_bytes() -> None:
    manifest = parse_manifest_toml(ECHO_MANIFEST, file="tool.toml")

    assert packed(MODULE, manifest).startswith(MODULE)
    assert packed(COMPONENT, manifest).startswith(COMPONENT)
    assert read_artifact(packed(COMPONENT, manifest)).surface == read_artifact(COMPONENT).surface


@patient
@given(json_values(3))
def test_a_manifest_of_any_size_and_text_is_one_section(value: Any) -> None:
    manifest = Manifest(name=None, version=None, tools=(), source={"input": value, "x": "y" * 300})

    customs = read_artifact(packed(MODULE, manifest)).customs

    assert [section.name for section in customs].count(SECTION) == 1


def test_the_order_of_keys_does_not_change_the_bytes() -> None:
    one = Manifest(name=None, version=None, tools=(), source={"a": 1, "b": {"c": 2, "d": 3}})
    other = Manifest(name=None, version=None, tools=(), source={"b": {"d": 3, "c": 2}, "a": 1})

    assert packed(MODULE, one) == packed(MODULE, other)
