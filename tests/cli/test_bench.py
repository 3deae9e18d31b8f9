"""`hatchway bench`: the programs that measure, started; what they measure is not tested."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.cli.bench import Table

if TYPE_CHECKING:
    import pytest
    from terminal import Terminal

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_tables_own_program_gets_the_arguments_and_explains_itself() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hatchway", "bench", "exec", "--", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: bench/exec.py")


def test_the_status_of_the_program_is_the_status(terminal: Terminal) -> None:
    assert terminal.run("bench", "engine", "--", "--no-such-option").status == 2


def test_a_table_that_there_is_not_is_refused_with_those_there_are(terminal: Terminal) -> None:
    asked = terminal.run("bench", "speed")

    assert (asked.status, asked.code) == (2, "config.usage")
    assert all(f"'{table}'" in asked.err for table in Table)


def test_an_installation_without_the_programs_says_so(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatchway.cli.bench._programs", lambda: tmp_path)

    asked = terminal.run("bench")

    assert (asked.status, asked.code) == (2, "config.invalid")
    assert asked.hints == ["pip install --force-reinstall hatchway"]


def test_the_wheel_has_the_program_of_every_table_and_what_these_import() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    shipped = {name.removeprefix("bench/") for name in wheel if name.startswith("bench/")}

    there = {file.relative_to(REPOSITORY / "bench") for file in REPOSITORY.glob("bench/**/*.*")}
    missing = {path.as_posix() for path in there if "__pycache__" not in path.parts} - shipped

    assert {f"{table}.py" for table in Table} <= shipped
    # It compares two compilers on a file that somebody names; a table of nothing else.
    assert missing == {"compilers.py"}
