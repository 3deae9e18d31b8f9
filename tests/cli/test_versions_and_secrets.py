"""A credential was given to one version of one tool. No other gets it without a person's word."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from guests import wasm
from workbench import ECHO_JSON

if TYPE_CHECKING:
    from terminal import Terminal

ORIGIN = "net.http=https://api.example.com"
BOUND = '{ name = "KEY", from = "env:HOME", to = "https://api.example.com" }'


def policy_file() -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"


def give(*secrets: str) -> None:
    """Write the secrets of the one tool into the policy."""
    text = policy_file().read_text().partition("secrets =")[0].rstrip()
    policy_file().write_text(f"{text}\nsecrets = [{', '.join(secrets)}]\n")


def release(here: Path, note: str) -> None:
    """New bytes that can do what the others could."""
    content = bytes([len(note)]) + note.encode()
    (here / "echo.wasm").write_bytes(wasm(ECHO_JSON) + b"\0" + bytes([len(content)]) + content)


@pytest.mark.claim("drift.rollback")
def test_going_back_takes_secrets_along_that_came_later(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    release(here, "1.0.1")
    terminal.run("update", "echo", "--yes")
    terminal.run("grant", "echo", ORIGIN)
    give(BOUND)

    done = terminal.run("update", "echo", "--rollback", "--json")

    assert done.status == 0, done.err
    assert done.json[0]["revoked"] == [ORIGIN, "the secret KEY"]
    assert "it was not allowed net.http=https://api.example.com, the secret KEY then" in done.err
    assert "KEY" not in policy_file().read_text()


@pytest.mark.claim("drift.rollback")
@pytest.mark.parametrize(
    ("later", "is_kept"),
    [
        (BOUND, True),
        (BOUND.replace("env:HOME", "env:OTHER"), False),
        (BOUND.replace(" }", ', header = "x-key" }'), False),
    ],
    ids=["the same", "from elsewhere", "in another field"],
)
def test_going_back_keeps_exactly_the_secrets_of_then(
    later: str, is_kept: bool, terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", ORIGIN)
    give(BOUND)
    release(here, "1.0.1")
    terminal.run("update", "echo", "--yes")
    give(later)

    done = terminal.run("update", "echo", "--rollback")

    assert done.status == 0, done.err
    assert ("KEY" in policy_file().read_text()) is is_kept


def test_an_update_that_somebody_agrees_to_keeps_the_secrets(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", ORIGIN)
    give(BOUND)
    release(here, "1.0.1")

    done = terminal.run("update", "echo", "--yes")

    assert done.status == 0
    assert "KEY" in policy_file().read_text()


def test_another_artifact_does_not_inherit_the_secrets_of_a_name(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", ORIGIN)
    give(BOUND)

    done = terminal.run("add", "text.wasm", "--name", "echo", "--yes", "--allow", ORIGIN)

    assert done.status == 0, done.err
    assert "secrets of the other artifact do not go over to it: KEY" in done.err
    assert "KEY" not in policy_file().read_text()


def test_the_same_artifact_keeps_its_secrets(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", ORIGIN)
    give(BOUND)

    done = terminal.run("add", "echo.wasm", "--yes", "--allow", "clock")

    assert done.status == 0
    assert "KEY" in policy_file().read_text()
