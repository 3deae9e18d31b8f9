"""Python programs become components, or an error with the reason."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from hatchway.core.errors import ConfigError
from hatchway.sdk import componentizing
from hatchway.sdk.componentizing import componentize_python

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("componentize_py")

WORLD = """package example:tool;

world tool {
  export greet: func(name: string) -> string;
}
"""


def test_a_program_that_cannot_be_imported_is_refused_with_its_own_words() -> None:
    with pytest.raises(ConfigError) as refused:
        componentize_python(
            wit={"world.wit": WORLD}, world="tool", app="app", source={"app.py": "import nowhere"}
        )

    assert refused.value.code == "config.build_failed"
    assert "No module named 'nowhere'" in refused.value.message


def test_nothing_of_a_build_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))

    with pytest.raises(ConfigError):
        componentize_python(wit={"world.wit": "?"}, world="tool", app="app", source={})

    assert list(place.iterdir()) == []


def test_without_componentize_py_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(ConfigError) as refused:
        componentize_python(wit={}, world="tool", app="app", source={})

    assert refused.value.code == "config.no_builder"
    assert refused.value.hint == "pip install 'hatchway[python]'"


def test_a_build_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(componentizing, "_WALL_SECONDS", 0.01)

    with pytest.raises(ConfigError, match=r"longer than 0\.01 s"):
        componentize_python(wit={"world.wit": WORLD}, world="tool", app="app", source={})
