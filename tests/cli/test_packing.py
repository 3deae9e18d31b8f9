"""Packing at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench import ECHO_MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal


def test_a_packed_tool_is_admitted_without_its_sidecar(terminal: Terminal, here: Path) -> None:
    packed = terminal.run("pack", "echo.wasm", "--json")
    added = terminal.run("add", "echo.packed.wasm", "--name", "echo", "--yes", "--json")
    called = terminal.run("call", "echo", '{"text": "hello"}')

    assert packed.status == 0
    assert packed.json["digest"] == added.json["digest"]
    assert "Gives back what it gets" in added.err
    assert called.out == '{"text": "hello"}\n'


def test_what_is_packed_already_is_not_packed_again(terminal: Terminal, here: Path) -> None:
    terminal.run("pack", "echo.wasm")

    again = terminal.run("pack", "echo.packed.wasm", "--manifest", "echo.tool.toml")

    assert (again.status, again.code) == (3, "admission.manifest")


def test_a_manifest_can_be_anywhere(terminal: Terminal, here: Path) -> None:
    (here / "else.toml").write_text(ECHO_MANIFEST)
    (here / "echo.tool.toml").unlink()

    missing = terminal.run("pack", "echo.wasm")
    packed = terminal.run("pack", "echo.wasm", "--manifest", "else.toml", "-o", "dist.wasm")

    assert (missing.status, missing.code) == (2, "config.unreadable")
    assert missing.hints == ["write one, or a first draft of it: hatchway add echo.wasm --draft"]
    assert packed.status == 0
    assert terminal.run("inspect", "dist.wasm").status == 0


def test_a_result_that_would_have_two_manifests_is_not_written(
    terminal: Terminal, here: Path
) -> None:
    before = (here / "echo.wasm").read_bytes()

    done = terminal.run("pack", "echo.wasm", "--output", "echo.wasm")

    assert (done.status, done.code) == (3, "admission.manifest")
    assert (here / "echo.wasm").read_bytes() == before


def test_a_manifest_that_does_not_fit_is_refused(terminal: Terminal, here: Path) -> None:
    (here / "text.tool.toml").write_text(ECHO_MANIFEST)

    done = terminal.run("pack", "text.wasm")

    assert (done.status, done.code) == (3, "admission.manifest")
    assert not (here / "text.packed.wasm").exists()


def test_a_place_that_cannot_be_written_is_an_error(terminal: Terminal) -> None:
    done = terminal.run("pack", "echo.wasm", "-o", "nowhere/echo.wasm")

    assert (done.status, done.code) == (2, "config.unwritable")
