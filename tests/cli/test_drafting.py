"""`hatchway add --draft`: a first manifest for a program that came without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guests import command, wasi, wasm

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

HELPFUL = command(
    "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
    imports=wasi("fd_write"),
    declarations=r"""
    (data (i32.const 0) "\10\00\00\00\20\00\00\00")
    (data (i32.const 16) "  --size BYTES   How much there is")
    """,
)


def test_a_draft_is_written_beside_the_program_and_can_be_added(
    terminal: Terminal, here: Path
) -> None:
    (here / "helpful.wasm").write_bytes(wasm(HELPFUL))
    bare = terminal.run("add", "helpful.wasm", "--yes")

    drafted = terminal.run("add", "helpful.wasm", "--draft")
    again = terminal.run("add", "helpful.wasm", "--draft")
    unread = terminal.run("add", "helpful.wasm", "--yes")
    shown = terminal.run("update", "helpful")
    approval = shown.hints[-1].rpartition("--approve ")[2]
    added = terminal.run("add", "helpful.wasm", "--yes", "--approve", approval)

    assert "hatchway add helpful.wasm --draft" in bare.err
    assert drafted.status == 0
    assert '"--size={size}"' in (here / "helpful.tool.toml").read_text()
    assert (again.status, again.code) == (2, "config.draft_exists")
    # The words for a model are others now, and nobody has read the difference.
    assert (unread.status, unread.code) == (3, "admission.drift")
    assert added.status == 0
    assert "--draft" not in added.err


def test_a_component_needs_no_draft(terminal: Terminal, here: Path) -> None:
    done = terminal.run("add", "text.wasm", "--draft")

    assert (done.status, done.code) == (2, "config.no_draft")
    assert not (here / "text.tool.toml").exists()


def test_what_is_no_program_gets_no_draft(terminal: Terminal, here: Path) -> None:
    (here / "no.wasm").write_bytes(b"hello")

    assert terminal.run("add", "no.wasm", "--draft").status == 3
    assert terminal.run("add", "gone.wasm", "--draft").status == 2
    assert not list(here.glob("no*.toml"))
