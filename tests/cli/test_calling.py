"""Calls and runs from the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from components import ECHO
from guests import command, wasi, wasm

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

# call


def test_call_json_has_the_shape_other_programs_rely_on(terminal: Terminal) -> None:
    terminal.run("add", "nosy.wasm", "--yes")

    done = terminal.run("call", "nosy.open", '{"open-flags": 0}', "--json")

    assert done.status == 0
    assert done.json.keys() == {
        "ok", "content", "structured", "is_error", "error", "usage", "denials", "gated",
    }  # fmt: skip
    assert done.json["usage"].keys() == {"wall_us", "fuel", "memory_bytes", "output_bytes"}
    assert done.json["gated"] == {"clock": 0, "random": 0, "env": 0}
    assert done.json["denials"] == [
        {
            "capability": "fs.read",
            "attempted": "/etc/passwd",
            "function": "wasi:filesystem/types@0.2.0#[method]descriptor.open-at",
        }
    ]
    assert "denied: fs.read /etc/passwd" in done.err


def test_a_denial_that_no_grant_could_change_names_none(terminal: Terminal) -> None:
    terminal.run("add", "nosy.wasm", "--yes")

    done = terminal.run("call", "nosy", '{"open-flags": 0}')

    assert done.hints == ["this version of Hatchway cannot grant files yet"]
    assert "hatchway grant" not in done.err


CALL_FAILURES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown tool": (("nothing",), 2, "call.unknown_tool"),
    "not JSON": (("echo", "{text"), 2, "call.invalid_arguments"),
    "not an object": (("echo", "[1]"), 2, "call.invalid_arguments"),
    "wrong field": (("echo", '{"txt": "x"}'), 2, "call.invalid_arguments"),
    "missing field": (("echo",), 2, "call.invalid_arguments"),
    "deep": (
        ("echo", '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        2,
        "call.invalid_arguments",
    ),
    "huge": (("echo", json.dumps({"text": "x" * (9 << 20)})), 2, "call.invalid_arguments"),
    "long number": (
        ("echo", '{"text": "x", "times": ' + "9" * 5000 + "}"),
        2,
        "call.invalid_arguments",
    ),
}


@pytest.mark.parametrize("what", CALL_FAILURES)
def test_a_call_that_cannot_begin_says_why_with_its_own_status(
    what: str, terminal: Terminal
) -> None:
    arguments, status, code = CALL_FAILURES[what]
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run("call", *arguments)
    as_json = terminal.run("call", *arguments, "--json")

    assert (done.status, done.code) == (status, code)
    assert len(done.err) < 3000
    assert as_json.json["ok"] is False
    assert as_json.json["error"]["code"] == code


def test_arguments_can_come_from_standard_input(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"text": "piped"}'))

    done = terminal.run("call", "echo", "-")

    assert done.out == '{"text": "piped"}\n'


def test_a_tool_that_fails_exits_with_one(terminal: Terminal, here: Path) -> None:
    (here / "bad.wasm").write_bytes(wasm(command("unreachable")))
    terminal.run("add", "bad.wasm", "--yes")

    done = terminal.run("call", "bad")

    assert (done.status, done.code) == (1, "guest.trapped")


def test_an_ambiguous_name_lists_what_it_could_mean(terminal: Terminal, here: Path) -> None:
    two = (
        ECHO.replace('(func (export "echo") (param "text"', '(func $f (param "text"').removesuffix(
            ")"
        )
        + '(export "one" (func $f)) (export "two" (func $f)))'
    )
    (here / "two.wasm").write_bytes(wasm(two))
    terminal.run("add", "two.wasm", "--yes")

    done = terminal.run("call", "two", "{}")

    assert (done.status, done.code) == (2, "call.unknown_tool")
    assert done.hints == ["name one of two.one, two.two"]


def test_an_image_is_described_or_saved(terminal: Terminal, here: Path) -> None:
    (here / "pixel.wasm").write_bytes(
        wasm(
            command(
                """
                (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                """,
                imports=wasi("fd_write"),
                declarations='(data (i32.const 64) "\\89PNG\\0d\\0a\\1a\\0a")',
            )
        )
    )
    (here / "pixel.tool.toml").write_text(
        'abi = "argv"\nresult = { type = "image", media_type = "image/png" }\n'
        '[input]\ntype = "object"\n'
    )
    terminal.run("add", "pixel.wasm", "--yes")

    shown = terminal.run("call", "pixel")
    saved = terminal.run("call", "pixel", "--output", "pixel.png")

    assert shown.out == "[image/png, 8 bytes; save it with --output FILE]\n"
    assert saved.status == 0
    assert (here / "pixel.png").read_bytes() == b"\x89PNG\r\n\x1a\n"


# run


def test_run_passes_streams_on_and_records_nothing_but_events(terminal: Terminal) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchway", "run", "echo.wasm", "--", "--flag"],
        input=b"\x00\xff binary",
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, b"\x00\xff binary")
    assert terminal.run("list", "--json").json == []
    assert "call.completed" in terminal.run("events").out


def test_run_exits_with_one_when_the_program_fails(here: Path) -> None:
    exits = command(
        "(call $proc_exit (i32.const 7))", imports=wasi("proc_exit", "i32", result=False)
    )
    (here / "exits.wasm").write_bytes(wasm(exits))

    done = subprocess.run(
        [sys.executable, "-m", "hatchway", "run", "exits.wasm"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "error[guest.exited]: the guest exited with status 7" in done.stderr


def test_run_calls_a_function_of_a_component(terminal: Terminal) -> None:
    done = terminal.run("run", "text.wasm", "--", '{"text": "hi"}')
    named = terminal.run("run", "text.wasm", "--function", "echo", "--json", "--", '{"text": "hi"}')
    wrong = terminal.run("run", "text.wasm", "--function", "other")

    assert done.out == "hi\n"
    assert named.json["structured"] == {"result": "hi"}
    assert (wrong.status, wrong.code) == (2, "call.unknown_tool")


def test_run_takes_limits(terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    (here / "spin.wasm").write_bytes(wasm(command("(loop $l (br $l))")))

    fuel = terminal.run("run", "spin.wasm", "--limit", "fuel=1000", "--json")
    time = terminal.run("run", "spin.wasm", "--limit", "deadline=50ms", "--limit",
                        "fuel=9223372036854775807", "--json")  # fmt: skip
    bad = terminal.run("run", "spin.wasm", "--limit", "memory=64")
    unknown = terminal.run("run", "spin.wasm", "--limit", "mem=64MiB")
    scratch = terminal.run("run", "spin.wasm", "--limit", "scratch=1MiB")

    assert fuel.json["error"]["code"] == "guest.fuel_exhausted"
    assert time.json["error"]["code"] == "guest.deadline_exceeded"
    assert (bad.status, bad.code) == (2, "config.invalid")
    assert (unknown.status, unknown.code) == (2, "config.unknown_key")
    assert (scratch.status, scratch.code) == (2, "config.unsupported")


def test_an_interrupt_stops_a_spinning_guest(here: Path) -> None:
    (here / "spin.wasm").write_bytes(
        wasm(
            command(
                """
                (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (loop $l (br $l))
                """,
                imports=wasi("fd_write"),
            )
        )
    )
    script = (
        "import sys, threading, os, signal\n"
        "from hatchway.cli.main import status_of\n"
        "from hatchway.engine.guest import Guest\n"
        "spend = Guest.spend_output\n"
        "def told(self, count):\n"
        "    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    spend(self, count)\n"
        "Guest.spend_output = told\n"
        "sys.exit(status_of(['run', 'spin.wasm', '--limit', 'deadline=5m',"
        " '--limit', 'fuel=9223372036854775807']))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 130
    assert "interrupted" in done.stderr
