"""Projects of others: inert until a person has read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from guests import wasm
from workbench import ECHO_JSON, ECHO_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from terminal import Terminal


# trust


def project(here: Path) -> Path:
    (here / "hatchway.toml").write_text('version = 1\n[tools.echo]\nsource = "./echo.wasm"\n')
    return here


@pytest.mark.claim("policy.inert")
def test_a_projects_policy_is_inert_until_it_is_trusted(terminal: Terminal, here: Path) -> None:
    project(here)

    before = terminal.run("call", "echo", '{"text": "x"}')
    trusted = terminal.run("trust", ".")
    after = terminal.run("call", "echo", '{"text": "x"}')

    assert (before.status, before.code) == (2, "call.unknown_tool")
    assert "not in force" in before.err
    assert trusted.status == 0
    assert after.out == '{"text": "x"}\n'


CHANGES: dict[str, Callable[[Path], object]] = {
    "the policy": lambda here: (here / "hatchway.toml").write_text(
        (here / "hatchway.toml").read_text() + "\n# touched\n"
    ),
    "the lockfile": lambda here: (here / "hatchway.lock").write_text(
        (here / "hatchway.lock").read_text() + " "
    ),
    "a sidecar": lambda here: (here / "echo.tool.toml").write_text(ECHO_MANIFEST + "\n# touched\n"),
    "a removed sidecar": lambda here: (here / "echo.tool.toml").unlink(),
}


@pytest.mark.claim("policy.inert")
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_by_hand_makes_it_inert_again(what: str, terminal: Terminal, here: Path) -> None:
    project(here)
    terminal.run("trust", ".")

    CHANGES[what](here)

    done = terminal.run("call", "echo", '{"text": "x"}')
    named = terminal.run("--config", "hatchway.toml", "call", "echo", '{"text": "x"}')
    assert done.status == 2
    assert "was changed since it was trusted" in done.err
    assert (named.status, named.code) == (2, "config.untrusted")
    assert named.hints == [f"read it, then run: hatchway trust {here}"]


def test_what_hatchway_itself_writes_stays_in_force(terminal: Terminal, here: Path) -> None:
    project(here)
    terminal.run("trust", ".")

    terminal.run("grant", "echo", "clock")
    terminal.run("add", "text.wasm", "--yes")
    done = terminal.run("list", "--json")

    assert [entry["name"] for entry in done.json] == ["echo", "text"]
    assert "./text.wasm" in (here / "hatchway.toml").read_text()


def test_a_policy_named_on_the_command_line_is_used_from_anywhere(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(here)
    terminal.run("trust", ".")
    monkeypatch.chdir(tmp_path)

    done = terminal.run("--config", str(here / "hatchway.toml"), "call", "echo", '{"text": "x"}')
    missing = terminal.run("--config", "nowhere.toml", "list")

    assert done.status == 0
    assert (missing.status, missing.code) == (2, "config.unreadable")


def test_trusting_what_is_not_there_says_so(terminal: Terminal) -> None:
    done = terminal.run("trust", "nowhere")

    assert (done.status, done.code) == (2, "config.unreadable")


def test_trust_shows_what_comes_into_force_and_what_cannot(terminal: Terminal, here: Path) -> None:
    project(here)
    policy = here / "hatchway.toml"
    policy.write_text(policy.read_text() + '\n[tools.gone]\nsource = "./gone.wasm"\n')

    done = terminal.run("trust", ".", "--json")

    assert done.status == 3
    assert "gone cannot be admitted" in done.err
    assert done.json["tools"] == ["echo", "gone"]


def elsewhere(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """From here on this is another person's machine, with the same project."""
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(directory / kind))


def test_trust_brings_the_pinned_artifacts_of_a_shared_project(
    terminal: Terminal, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(here)
    terminal.run("trust", ".")
    pinned = (here / "hatchway.lock").read_text()
    elsewhere(monkeypatch, tmp_path / "bob")

    trusted = terminal.run("trust", ".")
    called = terminal.run("call", "echo", '{"text": "x"}')

    assert (trusted.status, called.status) == (0, 0)
    assert (here / "hatchway.lock").read_text() == pinned


@pytest.mark.claim("admission.pinned")
def test_trust_refuses_a_source_that_is_not_what_the_lockfile_pins(
    terminal: Terminal, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(here)
    terminal.run("trust", ".")
    pinned = (here / "hatchway.lock").read_text()
    (here / "echo.wasm").write_bytes(wasm(ECHO_JSON) + b"\0\2\1x")
    elsewhere(monkeypatch, tmp_path / "bob")

    trusted = terminal.run("trust", ".")
    called = terminal.run("call", "echo", '{"text": "x"}')

    assert (trusted.status, trusted.code) == (3, "registry.changed")
    assert (called.status, called.code) == (2, "call.unknown_tool")
    assert (here / "hatchway.lock").read_text() == pinned
