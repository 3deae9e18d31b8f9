"""A working directory with artifacts, and commands run in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from components import ECHO, opening
from guests import wasm
from terminal import Terminal
from workbench import ECHO_JSON, ECHO_MANIFEST

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two artifacts in it."""
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    (directory / "echo.wasm").write_bytes(wasm(ECHO_JSON))
    (directory / "echo.tool.toml").write_text(ECHO_MANIFEST)
    (directory / "text.wasm").write_bytes(wasm(ECHO))
    (directory / "nosy.wasm").write_bytes(wasm(opening("etc/passwd")))
    return directory


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], here: Path) -> Terminal:
    return Terminal(capsys)
