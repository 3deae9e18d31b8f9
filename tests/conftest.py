"""What every test may rely on: no home, no leftovers, and events that fit their schema."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from wasmtime import _ffi as ffi

from hatchway.core import events as event_words
from hatchway.core.events import SCHEMA
from hatchway.engine import compiling
from hatchway.engine.settings import EngineSettings
from hatchway.telemetry import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(autouse=True)
def _own_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a home of its own, and nothing it does can reach the real one."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))


@pytest.fixture(autouse=True)
def _small_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are never freed, and a full-sized one reserves half a terabyte of addresses."""
    small = functools.partial(EngineSettings, concurrent_calls=4)
    monkeypatch.setattr("hatchway.engine.sandbox.EngineSettings", small)


@pytest.fixture(autouse=True)
def _nothing_compiles_in_this_process(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Compiling belongs into a child with limits, whichever door it is asked for at.

    A test that asks wasmtime itself for a second opinion says so with the marker `oracle`.
    """
    if request.node.get_closest_marker("oracle") is not None:
        return

    def refused(*_arguments: object) -> None:
        message = "something compiles in this process"
        raise AssertionError(message)

    for function in ("wasmtime_module_new", "wasmtime_component_new", "wasmtime_module_validate"):
        monkeypatch.setattr(ffi, function, refused)


@pytest.fixture(autouse=True)
def _compile_children_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """They start with an empty environment, so coverage cannot find its own way into them."""
    if settings := os.environ.get("COVERAGE_PROCESS_CONFIG"):
        name = "COVERAGE_PROCESS_CONFIG"
        start = (
            f"import os; os.environ[{name!r}] = {settings!r}\n"
            f"import coverage; coverage.process_startup(); del os.environ[{name!r}]\n"
        )
        monkeypatch.setattr(compiling, "_BOOTSTRAP", start + compiling._BOOTSTRAP)


@pytest.fixture(autouse=True)
def _every_event_fits_the_schema(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever event any test emits is checked against the one schema."""
    misfits: list[str] = []

    def checked(event: event_words.Event, *, version: str) -> dict[str, Any]:
        record = event_words.to_ocsf(event, version=version)
        misfits.extend(error.message for error in _VALIDATOR.iter_errors(record))
        return record

    monkeypatch.setattr(log, "to_ocsf", checked)
    yield
    assert misfits == []
