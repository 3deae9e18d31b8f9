"""What every test may rely on: no home, no leftovers, and events that fit their schema."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import typer.main
from compiling_once import CompilingOnce, shared_directory
from hypothesis import settings
from wasmtime import _ffi as ffi

from hatchway.core.event_schema import SCHEMA
from hatchway.core.ocsf import to_ocsf
from hatchway.engine import compiling
from hatchway.engine.settings import EngineSettings
from hatchway.telemetry import log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.events import Event

settings.register_profile("gate", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=100, deadline=None)
settings.load_profile("thorough" if "HATCHWAY_THOROUGH" in os.environ else "gate")

_HERE = Path(__file__).parent
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def pytest_collection_finish() -> None:
    """Fifteen thousand tests are looked through by every collection of garbage, unless told."""
    gc.collect()
    gc.freeze()


_NUMBERS = itertools.count()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pytest's own, which goes through the directories of all tests to find a free number."""
    name = re.sub(r"\W", "_", request.node.name)[:25]
    return tmp_path_factory.mktemp(f"{name}_{next(_NUMBERS)}", numbered=False)


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
def _the_command_line_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typer reads the signatures of all commands for every run; one run needs it once."""
    monkeypatch.setattr(typer.main, "get_command", _command)


_command = functools.cache(typer.main.get_command)


_MEASURED = ("engine", "workers")
"""The directories whose subjects are processes. Elsewhere the marker `measured` says so."""


@pytest.fixture(autouse=True)
def _children_are_measured_where_they_are_the_point(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Being measured costs a child as much as half a second, and most show nothing new.

    Compile children start with an empty environment: coverage cannot find its own way in.
    """
    name = "COVERAGE_PROCESS_CONFIG"
    how = os.environ.get(name)
    if how is None:
        return
    is_marked = request.node.get_closest_marker("measured") is not None
    if not is_marked and request.path.relative_to(_HERE).parts[0] not in _MEASURED:
        monkeypatch.delenv(name)
        return
    start = (
        f"import os; os.environ[{name!r}] = {how!r}\n"
        f"import coverage; coverage.process_startup(); del os.environ[{name!r}]\n"
    )
    monkeypatch.setattr(compiling, "_BOOTSTRAP", start + compiling._BOOTSTRAP)


@pytest.fixture(scope="session")
def _compiling_once(tmp_path_factory: pytest.TempPathFactory) -> CompilingOnce:
    return CompilingOnce(shared_directory(tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True)
def _every_guest_is_compiled_once(
    monkeypatch: pytest.MonkeyPatch, _compiling_once: CompilingOnce
) -> None:
    """A child for each guest of each engine of each test was most of what the tests cost.

    The tests that are about compiling ask `hatchway.engine.compiling` itself.
    """
    monkeypatch.setattr("hatchway.engine.supply.compile_artifact", _compiling_once)


@pytest.fixture(autouse=True)
def _every_event_fits_the_schema(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever event any test emits is checked against the one schema."""
    misfits: list[str] = []

    def checked(event: Event, *, version: str) -> dict[str, Any]:
        record = to_ocsf(event, version=version)
        misfits.extend(error.message for error in _VALIDATOR.iter_errors(record))
        return record

    monkeypatch.setattr(log, "to_ocsf", checked)
    yield
    assert misfits == []
