"""What holds for every value of `core`."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil

import pytest

import hatchway.core

MODULES = [
    importlib.import_module(f"hatchway.core.{module.name}")
    for module in pkgutil.iter_modules(hatchway.core.__path__)
]
VALUES = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value)
    },
    key=lambda value: value.__name__,
)


def test_there_are_values_to_check() -> None:
    assert {"Grant", "Limits", "Principal", "Tool"} <= {value.__name__ for value in VALUES}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_a_value_is_frozen_and_has_no_room_for_more(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]  # no public way
    assert "__slots__" in vars(value)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_module_of_words_says_what_it_is_about(module: object) -> None:
    assert module.__doc__
