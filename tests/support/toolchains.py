"""Compilers that the tests use where a machine has them, and what they fetch, kept between runs."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatchway.sdk.languages import language

if TYPE_CHECKING:
    from hatchway.sdk.language import Built


def use_kept_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of the tests' own environment are found, and caches of builds are shared."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    kept = Path(tempfile.gettempdir()) / f"hatchway-tests-{os.getuid()}" / "builds"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Path(os.environ["XDG_CACHE_HOME"]) / "hatchway"
    place.mkdir(parents=True, exist_ok=True)
    (place / "builds").symlink_to(kept)


def require(name: str) -> None:
    """Skip, with what to install, where a language cannot be built."""
    if problem := language(name).missing():
        pytest.skip(problem)


def new_project(name: str, directory: Path) -> Path:
    """A fresh project in a language, called `words`."""
    for path, text in language(name).template("words").items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return directory


def build(name: str, project: Path) -> Built:
    """What the project builds into."""
    return language(name).build(project, lambda _words: None)


def program(directory: Path, name: str, text: str) -> Path:
    """A program that a test puts on the PATH."""
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file
