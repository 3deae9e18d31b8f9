"""What the engine describes of components, where the wheel shows it in a roundabout way."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
import wasmtime
from wasmtime import component as wit

from hatchway.engine import describe
from hatchway.engine.describe import TooLargeError, describe_component
from hatchway.engine.settings import EngineSettings, base_config

if TYPE_CHECKING:
    from hatchway.core.surface import Surface

pytestmark = pytest.mark.oracle


@cache
def engine() -> wasmtime.Engine:
    return wasmtime.Engine(base_config(EngineSettings(), "cranelift"))


def described(text: str) -> Surface:
    component = wit.Component(engine(), bytes(wasmtime.wat2wasm(f"(component {text})")))
    return describe_component(engine(), component)


def test_functions_of_instances_inside_imported_instances_are_imports() -> None:
    surface = described(
        """(import "acme:x/y" (instance
             (export "f" (func))
             (export "inner" (instance
               (export "g" (func))
               (export "innermost" (instance (export "h" (func))))))))"""
    )

    assert surface.imports == (
        "acme:x/y#f",
        "acme:x/y#inner#g",
        "acme:x/y#inner#innermost#h",
    )


def test_an_instance_that_is_imported_for_its_types_has_no_functions() -> None:
    text = '(import "acme:x/y" (instance (export "r" (type (sub resource)))))'

    assert described(text).imports == ()


def test_what_is_no_instance_is_listed_by_its_name() -> None:
    text = '(import "log" (func)) (import "m" (core module)) (import "r" (type (sub resource)))'

    assert described(text).imports == ("log", "m", "r")


def test_instances_that_share_their_parts_are_counted_as_often_as_they_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(describe, "MAX_IMPORTED_PARTS", 30)
    text = '(type $i0 (instance (export "f" (func))))'
    for level in range(1, 5):
        below = f"(alias outer 1 $i{level - 1} (type $t))"
        exports = '(export "a" (instance (type $t))) (export "b" (instance (type $t)))'
        text += f"(type $i{level} (instance {below} {exports}))"

    with pytest.raises(TooLargeError, match="more than 30 imports"):
        described(f'{text} (import "acme:x/y" (instance (type $i4)))')
    assert len(described(f'{text} (import "acme:x/y" (instance (type $i2)))').imports) == 4
