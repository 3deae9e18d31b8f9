"""Where incidents are played again: a working directory, and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], here: Path) -> Terminal:
    return Terminal(capsys)
