"""Calls and runs from the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from components import ECHO, connecting, opening
from guests import command, wasi, wasm

from hatchway.cli.call import report
from hatchway.core.call import MediaContent, Outcome, ResourceContent, TextContent

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


def test_a_denied_socket_names_the_grant_of_a_host_and_port(terminal: Terminal, here: Path) -> None:
    (here / "caller.wasm").write_bytes(wasm(connecting()))
    terminal.run("add", "caller.wasm", "--yes")

    done = terminal.run("call", "caller", "{}")

    assert done.hints == ["hatchway grant caller net.socket=HOST:PORT"]


def test_a_denied_file_names_the_grant_of_its_directory(terminal: Terminal) -> None:
    terminal.run("add", "nosy.wasm", "--yes")

    done = terminal.run("call", "nosy", '{"open-flags": 0}')

    assert done.hints == ["hatchway grant nosy fs.read=DIRECTORY:/etc"]


@pytest.mark.parametrize("path", ["x;reboot;/y", "$(reboot)/y", "`id`/y", "a b/y", "-rf/y", "../y"])
def test_what_a_guest_says_is_never_part_of_a_command(
    path: str, terminal: Terminal, here: Path
) -> None:
    (here / "sly.wasm").write_bytes(wasm(opening(path)))
    terminal.run("add", "sly.wasm", "--yes")

    done = terminal.run("call", "sly", '{"open-flags": 0}')

    safe = "/-rf" if path.startswith("-") else "GUEST_DIRECTORY"
    assert done.hints == [f"hatchway grant sly fs.read=DIRECTORY:{safe}"]


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


def saying(escaped: str) -> str:
    """A command that writes these eight bytes."""
    return command(
        """
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        """,
        imports=wasi("fd_write"),
        declarations=f'(data (i32.const 64) "{escaped}")',
    )


def test_an_image_is_described_or_saved(terminal: Terminal, here: Path) -> None:
    (here / "pixel.wasm").write_bytes(wasm(saying("\\89PNG\\0d\\0a\\1a\\0a")))
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


def test_a_resource_is_described_or_saved_or_told_in_json(terminal: Terminal, here: Path) -> None:
    (here / "table.wasm").write_bytes(wasm(saying("a,b\\0a1,2\\0a")))
    (here / "table.tool.toml").write_text(
        'abi = "argv"\nresult = { type = "resource", media_type = "text/csv" }\n'
        '[input]\ntype = "object"\n'
    )
    terminal.run("add", "table.wasm", "--yes")

    shown = terminal.run("call", "table")
    saved = terminal.run("call", "table", "--output", "table.csv")
    told = terminal.run("call", "table", "--json")

    assert shown.out == "[text/csv, 8 bytes, hatchway:///table; save it with --output FILE]\n"
    assert saved.status == 0
    assert (here / "table.csv").read_bytes() == b"a,b\n1,2\n"
    (block,) = told.json["content"]
    assert block == {
        "type": "resource",
        "resource": {"uri": "hatchway:///table", "mimeType": "text/csv", "text": "a,b\n1,2\n"},
    }


def test_of_several_blocks_only_the_first_is_said_to_be_savable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = Outcome(
        content=(
            MediaContent(kind="image", data=b"x", media_type="image/png"),
            TextContent(text="words"),
            ResourceContent(uri="hatchway:///t/\x1b[2J", media_type="text/csv", data=b"xy"),
        )
    )

    assert report(outcome, "--allow", json=False) == 0

    assert capsys.readouterr().out == (
        "[image/png, 1 byte; save it with --output FILE]\n"
        "words\n"
        "[text/csv, 2 bytes, hatchway:///t/\\x1b[2J; --json has it]\n"
    )


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
    scratch = terminal.run("run", "spin.wasm", "--limit", "scratch=5GiB")

    assert fuel.json["error"]["code"] == "guest.fuel_exhausted"
    assert time.json["error"]["code"] == "guest.deadline_exceeded"
    assert (bad.status, bad.code) == (2, "config.invalid")
    assert (unknown.status, unknown.code) == (2, "config.unknown_key")
    assert (scratch.status, scratch.code) == (2, "config.invalid")


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
