"""Secrets that a command writes."""

from __future__ import annotations

import os
import select
import shlex
from typing import TYPE_CHECKING

import pytest
from secrets_asked import VALUE, complaint, value

if TYPE_CHECKING:
    from pathlib import Path


def script(text: str) -> str:
    return "/bin/sh -c " + shlex.quote(text)


def test_a_command_writes_the_value() -> None:
    assert value("command", f"/bin/echo {VALUE}") == VALUE


def test_no_shell_reads_a_command() -> None:
    assert value("command", "/bin/echo '$HOME;' `id` | cat") == "$HOME; `id` | cat"


def test_a_command_is_told_little(tmp_path: Path) -> None:
    listed = shlex.quote(str(tmp_path / "listed"))
    environment = {
        "PATH": os.defpath,
        "HOME": "/somewhere",
        "LANG": "C.UTF-8",
        "GITHUB_TOKEN": "hidden",
        "LD_PRELOAD": "/evil.so",
        "PYTHONPATH": "/evil",
    }

    value("command", script(f"env > {listed}; pwd >> {listed}; echo {VALUE}"), environment)

    lines = (tmp_path / "listed").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines[:-1]}
    assert (
        {"PATH", "HOME", "LANG"} <= names <= {"PATH", "HOME", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
    )
    assert lines[-1] == "/"


def test_a_command_finds_a_path_even_when_there_is_none() -> None:
    assert value("command", script(f"cat /dev/null; echo {VALUE}"), {}) == VALUE


def test_a_command_gets_no_input() -> None:
    assert value("command", script(f"cat; echo {VALUE}")) == VALUE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 3", "exited with 3"),
        ("kill -9 $$", "was ended by signal 9"),
        ("yes", "wrote more than 65536 bytes"),
        ("exit 0", "is empty"),
    ],
)
def test_a_command_that_fails_is_an_error_without_its_words(text: str, reason: str) -> None:
    error = complaint("command", script(f"echo {VALUE} >&2; {text}"))

    assert error.code == "config.missing_secret"
    assert error.message == (
        f"there is no value for the secret API_KEY: 'command:/bin/sh …' {reason}"
    )


def test_what_a_failing_command_wrote_is_not_the_value() -> None:
    error = complaint("command", script(f"echo {VALUE}; exit 1"))

    assert "exited with 1" in error.message


@pytest.mark.parametrize("text", ["sleep 600", "exec >&-; sleep 600", f"echo {VALUE}; sleep 600"])
def test_a_command_that_does_not_end_is_stopped(text: str) -> None:
    error = complaint("command", script(text), command_seconds=0.2)

    assert error.code == "config.missing_secret"
    assert "did not end in time" in error.message


def _has_news(descriptor: int) -> bool:
    """Whether there is something to read, or the end, within half a minute."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(30_000))


def test_whatever_a_command_started_is_stopped_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    alive = shlex.quote(str(tmp_path / "alive"))

    complaint("command", script(f"exec 3> {alive}; echo up >&3; sleep 600 & yes"))

    heard = b""
    while _has_news(reader) and (piece := os.read(reader, 16)):
        heard += piece
    assert heard == b"up\n"
    # The end of the pipe: nobody holds the other one any more.
    assert _has_news(reader)
    os.close(reader)


@pytest.mark.parametrize("program", ["/does/not/exist", "/dev/null", "/etc/passwd"])
def test_a_program_that_cannot_run_is_an_error(program: str) -> None:
    assert complaint("command", program).code in ("config.missing_secret", "config.secret_exposed")


def test_a_program_that_others_may_change_is_not_run(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho {VALUE}\n")
    program.chmod(0o777)

    error = complaint("command", program)

    assert error.code == "config.secret_exposed"
    assert "others may change the program" in error.message


def test_a_program_that_others_may_replace_is_not_run(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho {VALUE}\n")
    program.chmod(0o755)
    assert value("command", program) == VALUE

    tmp_path.chmod(0o777)

    assert complaint("command", program).code == "config.secret_exposed"
