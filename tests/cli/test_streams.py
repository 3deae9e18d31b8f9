"""What becomes of a command whose output goes nowhere, or whose streams are not there."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from strategies import IS_THOROUGH
from workbench import workbench

if TYPE_CHECKING:
    from pathlib import Path

HATCHWAY = f"{sys.executable} -m hatchway"
BUFFERED = ("", "1")
"""What PYTHONUNBUFFERED may be: a write fails when it is made, or when Python ends."""


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell in which a pipe fails if any part of it does."""
    import os

    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


LOST = {
    "list": "list --json",
    "doctor": "doctor",
    "help": "--help",
    "version": "--version",
    "audit": "audit echo.wasm",
    "sarif": "audit echo.wasm --format sarif",
    "explain": "audit --explain HW-CAP-001",
    "inspect": "inspect echo.wasm --json",
}
WAYS = [
    (command, unbuffered)
    for number, command in enumerate(LOST)
    for unbuffered in BUFFERED
    if IS_THOROUGH or number == 0 or unbuffered == BUFFERED[number % 2]
]
"""The first command in both ways, of the others each in one."""


@pytest.mark.parametrize(("command", "unbuffered"), WAYS)
def test_a_full_disk_is_one_line_and_no_success(command: str, unbuffered: str, here: Path) -> None:
    done = shell(f"{HATCHWAY} {LOST[command]} > /dev/full", PYTHONUNBUFFERED=unbuffered)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error[config.unwritable]: the output could not be written: No space left on device"
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(("command", "unbuffered"), WAYS)
def test_a_reader_that_goes_away_is_told_by_the_status_alone(
    command: str, unbuffered: str, here: Path
) -> None:
    # What reads has ended before the command begins to write.
    done = shell(f"{HATCHWAY} {LOST[command]} | exec 0<&-", PYTHONUNBUFFERED=unbuffered)

    assert done.returncode == 141
    assert "error[" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_gate_that_nobody_reads_keeps_its_verdict(here: Path) -> None:
    (here / "nosy.tool.toml").write_text('name = "nosy"\npurpose = "Says hello"\n')
    loud = shell(f"{HATCHWAY} audit nosy.wasm --fail-on low --json > report.json")
    lost = shell(f"{HATCHWAY} audit nosy.wasm --fail-on low --json > /dev/full")

    assert loud.returncode == 1
    assert json.loads((here / "report.json").read_text())["grade"] != "A"
    assert lost.returncode != 0


def test_a_closed_output_is_said_and_nothing_is_done(here: Path) -> None:
    done = shell(f"{HATCHWAY} add echo.wasm --yes >&-")

    assert done.returncode == 2
    assert "error[config.unwritable]: standard output is closed" in done.stderr
    assert workbench(here).application.project.lock().tools == {}


def test_words_never_end_in_the_output_because_there_is_no_other_place(here: Path) -> None:
    done = shell(f"{HATCHWAY} add echo.wasm --yes --json 2>&-")
    events = workbench(here).events("tool.admitted")

    assert done.returncode == 0
    assert json.loads(done.stdout)["name"] == "echo"
    assert len(events) == 1


def test_without_an_input_there_is_nobody_to_ask(here: Path) -> None:
    done = shell(f"{HATCHWAY} add echo.wasm <&-")
    read = shell(f"{HATCHWAY} run echo.wasm <&-")

    assert (done.returncode, "was not confirmed" in done.stderr) == (2, True)
    assert (read.returncode, read.stdout) == (0, "")


def test_with_no_stream_at_all_a_command_ends_and_says_nothing(here: Path) -> None:
    done = shell(f"{HATCHWAY} list <&- >&- 2>&-")

    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
