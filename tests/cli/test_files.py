"""Directories and scratch space from the command line: granted, used, refused, taken away."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from guests import command, wasi, wasm

if TYPE_CHECKING:
    from terminal import Done, Terminal

COPY = command(
    """
    ;; Reads `in.txt` of the first directory, writes it to `out.txt` of the second, and prints it.
    (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 6)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $path_open (i32.const 4) (i32.const 0) (i32.const 72) (i32.const 7)
      (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $fd_write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    """,
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")
    + wasi("fd_read")
    + wasi("fd_write"),
    declarations="""
    (data (i32.const 0) "\\00\\04\\00\\00\\00\\10\\00\\00")
    (data (i32.const 64) "in.txt") (data (i32.const 72) "out.txt")
    """,
)


def printed(done: Done) -> str:
    """What the guest of `run --json` wrote."""
    assert done.out, done.err
    return "".join(block["text"] for block in done.json["content"])


@pytest.fixture
def data(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a file, and a tool that copies it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    (here / "copy.wasm").write_bytes(wasm(COPY))
    for name in ("in", "out"):
        (here / name).mkdir()
    (here / "in" / "in.txt").write_text("hello")
    return here


def test_a_tool_reads_and_writes_what_it_was_granted(terminal: Terminal, data: Path) -> None:
    terminal.run("add", "copy.wasm", "--yes", "--allow", "fs.read=./in:/in")
    granted = terminal.run("grant", "copy", "fs.write=./out:/out")

    done = terminal.run("call", "copy", "{}")

    assert f"fs.write={data}/out:/out" in granted.err
    assert (done.status, done.out) == (0, "hello\n")
    assert (data / "out" / "out.txt").read_text() == "hello"
    assert (data / "in" / "in.txt").read_text() == "hello"


def test_a_directory_that_may_only_be_read_is_not_written(terminal: Terminal, data: Path) -> None:
    done = terminal.run(
        "run", "copy.wasm", "--json", "--allow", "fs.read=./in:/in", "--allow", "fs.read=./out:/out"
    )

    assert printed(done) == "hello"
    assert "denied: fs.write /out/out.txt (wasi_snapshot_preview1.path_open)" in done.err
    assert not any((data / "out").iterdir())


def test_a_denial_names_the_command_that_would_change_it(terminal: Terminal, data: Path) -> None:
    assert data.is_dir()
    terminal.run("add", "copy.wasm", "--yes", "--allow", "fs.read=./in:/in")

    done = terminal.run("call", "copy", "{}")

    assert "denied: fs.write /out.txt" in done.err
    assert "hatchway grant copy fs.write=DIRECTORY:/" in done.hints


def test_scratch_space_is_gone_after_the_call(terminal: Terminal, data: Path) -> None:
    before = sorted(data.rglob("*"))
    limits = ("--limit", "scratch=64KiB")

    done = terminal.run("run", "copy.wasm", "--json", "--allow", "fs.read=./in:/in", *limits)

    assert (done.status, printed(done)) == (0, "hello")
    assert "denied" not in done.err
    assert sorted(data.rglob("*")) == before


def test_scratch_space_is_written_into_the_policy(terminal: Terminal, data: Path) -> None:
    assert data.is_dir()
    terminal.run("add", "copy.wasm", "--yes", "--limit", "scratch=64KiB", "--limit", "fuel=500")
    again = terminal.run("add", "copy.wasm", "--yes", "--limit", "fuel=5000000")

    shown = terminal.run("show", "copy")

    assert again.status == 0
    assert "scratch 64KiB" in shown.out
    assert "fuel 5_000_000" in shown.out


def test_a_directory_that_goes_away_takes_the_tool_with_it(terminal: Terminal, data: Path) -> None:
    terminal.run("add", "copy.wasm", "--yes", "--allow", "fs.read=./in:/in")
    (data / "in").rename(data / "elsewhere")

    done = terminal.run("call", "copy", "{}")
    listed = terminal.run("list", "--json").json
    explained = terminal.run("explain", "copy", "fs.read=./in:/in", "--json").json
    doctor = terminal.run("doctor")

    assert (done.status, done.code) == (2, "call.unknown_tool")
    assert listed[0]["state"] != "ready"
    assert explained["allowed"] is False
    assert "problem  tool copy" in doctor.out
    assert f"{data}/in" in doctor.out


def test_a_link_is_granted_as_what_it_leads_to(terminal: Terminal, data: Path) -> None:
    (data / "link").symlink_to("in")
    (data / "trap").symlink_to("/etc")

    done = terminal.run("run", "copy.wasm", "--json", "--allow", "fs.read=./link:/in")
    trapped = terminal.run("run", "copy.wasm", "--json", "--allow", "fs.read=./trap:/in")

    assert printed(done) == "hello"
    assert (trapped.status, trapped.code) == (2, "config.directory_refused")


def test_nobody_may_write_where_the_policy_lies(terminal: Terminal, data: Path) -> None:
    assert data.is_dir()
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway"
    terminal.run("add", "echo.wasm", "--yes")

    for access in ("read", "write"):
        done = terminal.run("grant", "echo", f"fs.{access}={own}")
        assert done.code == "config.directory_refused"


def test_two_tools_share_a_writable_directory_only_if_both_say_so(
    terminal: Terminal, data: Path
) -> None:
    (data / "second.wasm").write_bytes((data / "copy.wasm").read_bytes())
    for name in ("copy", "second"):
        terminal.run("add", f"{name}.wasm", "--yes", "--allow", "fs.write=./out:/out")
    alone = {entry["name"]: entry["state"] for entry in terminal.run("list", "--json").json}
    for name in ("copy", "second"):
        terminal.run("revoke", name, "fs.write=./out:/out")
        terminal.run("grant", name, "fs.write=./out:/out;shared")
    shared = {entry["name"]: entry["state"] for entry in terminal.run("list", "--json").json}

    assert "ready" not in alone.values()
    assert set(shared.values()) == {"ready"}


def test_a_quota_holds_for_a_directory_of_the_host(terminal: Terminal, data: Path) -> None:
    done = terminal.run(
        "run",
        "copy.wasm",
        "--json",
        "--allow",
        "fs.read=./in:/in",
        "--allow",
        "fs.write=./out:/out;quota=515B",
    )

    # A name costs 512 bytes and its letters; nothing of the content fits any more.
    assert printed(done) == "hello"
    assert not (data / "out" / "out.txt").exists()
