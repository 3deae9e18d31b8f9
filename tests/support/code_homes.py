"""Homes in which interpreters are there already, built and compiled.

A process loads an interpreter once for all homes of the same name, as a program does.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from interpreters import built, engine, lend, prepared
from workbench import Workbench

from hatchway.compose import open_application
from hatchway.runtime.settings import directories

if TYPE_CHECKING:
    import pytest

_HOMES: list[tempfile.TemporaryDirectory[str]] = []


def move_in(patch: pytest.MonkeyPatch, *languages: str) -> Path:
    """Make the home of all tests of this process the one of this test; where it is."""
    home = _home()
    patch.setenv("HOME", str(home))
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    for language in languages or ("python",):
        _lent(language)
    return home


def code_bench(directory: Path) -> Workbench:
    """A workbench whose engine has the interpreters' compiled code already."""
    return Workbench(directory, replace(open_application(start=directory), engine=engine()))


@cache
def _home() -> Path:
    _HOMES.append(tempfile.TemporaryDirectory(prefix="hatchway-home-"))
    return Path(_HOMES[-1].name)


@cache
def _lent(language: str) -> None:
    prepared(language)
    own, shared = directories(), built(language).parents[1]
    lend(language, own)
    if not own.compiled.exists():
        own.cache.mkdir(parents=True, exist_ok=True)
        own.compiled.symlink_to(shared / "compiled")
        own.compiled_key.hardlink_to(shared / "compiled.key")
