"""Every command as a person would use it, and what it says when something is wrong."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from components import ECHO, opening
from guests import command, wasi, wasm
from terminal import Terminal
from workbench import ECHO_JSON, ECHO_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two artifacts in it."""
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    (directory / "echo.wasm").write_bytes(wasm(ECHO_JSON))
    (directory / "echo.tool.toml").write_text(ECHO_MANIFEST)
    (directory / "text.wasm").write_bytes(wasm(ECHO))
    (directory / "nosy.wasm").write_bytes(wasm(opening("etc/passwd")))
    return directory


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], here: Path) -> Terminal:
    return Terminal(capsys)


# add, list, show, remove


def test_a_tool_is_added_listed_called_shown_and_removed(terminal: Terminal) -> None:
    added = terminal.run("add", "echo.wasm", "--yes")
    listed = terminal.run("list", "--json")
    called = terminal.run("call", "echo", '{"text": "hello"}')
    shown = terminal.run("show", "echo", "--json")
    removed = terminal.run("remove", "echo")
    after = terminal.run("list", "--json")

    assert (added.status, called.status, removed.status) == (0, 0, 0)
    assert "Gives back what it gets" in added.err
    (entry,) = listed.json
    assert entry.keys() == {
        "name", "digest", "kind", "tools", "grants", "grade", "signer", "state",
    }  # fmt: skip
    assert (entry["name"], entry["state"], entry["tools"]) == ("echo", "ready", ["echo"])
    assert called.out == '{"text": "hello"}\n'
    assert shown.json["functions"][0]["input_schema"]["required"] == ["text"]
    assert shown.json["limits"]["deadline"] == "10s"
    assert after.json == []


def test_a_tool_is_shown_in_the_words_of_the_policy(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    shown = terminal.run("show", "echo")

    assert shown.out.splitlines()[5:] == [
        "grants     nothing",
        "limits     fuel 1_000_000_000, deadline 10s, memory 64MiB, output 1MiB, "
        "table_elements 100_000, instances 100, host_calls 100_000",
        "tool       echo: Echo the arguments.",
        "imports    wasi_snapshot_preview1: fd_read, fd_write",
    ]


@pytest.mark.claim("policy.one-maker")
def test_yes_grants_exactly_what_allow_spells_out(terminal: Terminal, here: Path) -> None:
    wants = '[[requires]]\ncapability = "clock"\nreason = "stamps"\n\n[input]'
    (here / "echo.tool.toml").write_text(ECHO_MANIFEST.replace("[input]", wants))

    without = terminal.run("add", "echo.wasm", "--yes", "--json")
    refused = terminal.run("call", "echo", '{"text": "x"}')
    granted = terminal.run("add", "echo.wasm", "--yes", "--allow", "clock", "--json")
    allowed = terminal.run("call", "echo", '{"text": "x"}')

    assert without.json["grants"] == []
    assert "requires     clock (stamps): not granted" in without.err
    assert (refused.status, refused.code) == (4, "call.not_authorized")
    assert refused.hints == ["hatchway grant echo clock"]
    assert granted.json["grants"] == ["clock"]
    assert allowed.status == 0


def test_without_a_yes_and_without_a_person_nothing_is_admitted(terminal: Terminal) -> None:
    done = terminal.run("add", "echo.wasm")

    assert (done.status, done.code) == (2, "config.not_confirmed")
    assert terminal.run("list", "--json").json == []


def test_a_person_is_asked_and_their_no_is_final(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Person(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Person("n\n"))

    done = terminal.run("add", "echo.wasm")

    assert done.status == 2
    assert terminal.run("list", "--json").json == []


def test_a_person_can_grant_what_is_required(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Person(io.StringIO):
        def isatty(self) -> bool:
            return True

    wants = '[[requires]]\ncapability = "clock"\nreason = "stamps"\n\n[input]'
    (here / "echo.tool.toml").write_text(ECHO_MANIFEST.replace("[input]", wants))
    monkeypatch.setattr(sys, "stdin", Person("y\ny\n"))

    done = terminal.run("add", "echo.wasm")

    assert done.status == 0
    assert terminal.run("list", "--json").json[0]["grants"] == ["clock"]


def test_a_name_is_made_from_the_files_or_given(terminal: Terminal, here: Path) -> None:
    (here / "my tool (2).wasm").write_bytes(wasm(ECHO_JSON))

    made = terminal.run("add", "my tool (2).wasm", "--yes", "--json")
    given = terminal.run("add", "echo.wasm", "--name", "other", "--yes", "--json")
    bad = terminal.run("add", "echo.wasm", "--name", "a.b", "--yes")

    assert made.json["name"] == "my-tool-2"
    assert given.json["name"] == "other"
    assert bad.status == 2


def test_adding_again_says_what_it_replaces(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "text.wasm", "--yes")
    (here / "text.wasm").write_bytes(wasm(ECHO) + b"\0\2\1x")

    done = terminal.run("add", "text.wasm", "--yes")

    assert done.status == 0
    assert "replaces     sha256:" in done.err


@pytest.mark.claim("policy.one-maker")
def test_another_artifact_does_not_inherit_the_grants_of_a_name(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "text.wasm", "--allow", "clock", "--allow", "env=A=1", "--yes")
    (here / "text.wasm").write_bytes(wasm(ECHO) + b"\0\2\1x")

    refused = terminal.run("add", "text.wasm", "--allow", "clock", "--yes")
    before = terminal.run("list", "--json").json
    spelled = terminal.run("add", "text.wasm", "--allow", "clock", "--allow", "env=A=1", "--yes")

    assert (refused.status, refused.code) == (2, "config.not_confirmed")
    assert "--allow env=A=1" in refused.hints[0]
    assert "--allow clock" not in refused.hints[0]
    after = terminal.run("list", "--json").json
    assert spelled.status == 0
    assert [entry["grants"] for entry in (*before, *after)] == [["clock", "env=A=1"]] * 2
    assert before[0]["digest"] != after[0]["digest"]


def test_the_same_artifact_keeps_its_grants(terminal: Terminal) -> None:
    terminal.run("add", "text.wasm", "--allow", "clock", "--yes")

    done = terminal.run("add", "text.wasm", "--allow", "random", "--yes")

    assert done.status == 0
    assert terminal.run("list", "--json").json[0]["grants"] == ["clock", "random"]


def test_removing_what_is_not_there_names_what_is(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run("remove", "ecko")

    assert (done.status, done.code) == (2, "config.no_such_tool")
    assert done.hints == ["did you mean 'echo'?"]


ADD_FAILURES: dict[str, tuple[bytes | None, int, str]] = {
    "missing": (None, 2, "config.unreadable"),
    "not wasm": (b"hello", 3, "admission.not_wasm"),
    "truncated": (wasm(ECHO_JSON)[:-5], 3, "admission.malformed"),
    "another host": (wasm('(module (import "wbg" "x" (func)))'), 3, "admission.foreign_abi"),
    "no host": (
        wasm('(module (import "x" "y" (func)) (func (export "_start")))'),
        3,
        "admission.missing_host",
    ),
}


@pytest.mark.parametrize("what", ADD_FAILURES)
def test_add_fails_with_a_code_a_status_and_nothing_recorded(
    what: str, terminal: Terminal, here: Path
) -> None:
    content, status, code = ADD_FAILURES[what]
    if content is not None:
        (here / "tool.wasm").write_bytes(content)

    done = terminal.run("add", "tool.wasm", "--yes")

    assert (done.status, done.code) == (status, code)
    assert done.err.count("error[") == 1
    assert terminal.run("list", "--json").json == []


# grant, revoke, explain


def test_a_grant_is_written_where_a_person_can_read_it(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    terminal.run("grant", "echo", "clock")
    terminal.run("grant", "echo", "env=MODE=fast")

    policy = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"

    assert tomllib.loads(policy.read_text())["tools"]["echo"]["allow"] == [
        "clock",
        "env=MODE=fast",
    ]


def test_granting_twice_changes_nothing(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    terminal.run("grant", "echo", "clock")
    done = terminal.run("grant", "echo", "clock", "--json")

    assert done.json == {"name": "echo", "grants": ["clock"]}


def test_a_contradicting_grant_is_refused_and_the_policy_stays_as_it_was(
    terminal: Terminal,
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    terminal.run("grant", "echo", "env=MODE=fast")

    done = terminal.run("grant", "echo", "env=MODE=slow")

    assert (done.status, done.code) == (2, "config.contradiction")
    assert terminal.run("list", "--json").json[0]["grants"] == ["env=MODE=fast"]


@pytest.mark.parametrize(
    ("capability", "code"),
    [
        ("fs.read=/srv/docs", "config.unsupported"),
        ("net.http=https://api.example.com", "config.unsupported"),
        ("tool=other", "config.unsupported"),
        ("clcok", "config.bad_capability"),
        ("clock=1", "config.bad_capability"),
        ("env=", "config.bad_capability"),
    ],
)
def test_what_cannot_be_granted_is_refused_everywhere_power_is_given(
    capability: str, code: str, terminal: Terminal
) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    grant = terminal.run("grant", "echo", capability)
    add = terminal.run("add", "text.wasm", "--yes", "--allow", capability)
    run = terminal.run("run", "echo.wasm", "--allow", capability)

    assert [done.code for done in (grant, add, run)] == [code] * 3
    assert [done.status for done in (grant, add, run)] == [2] * 3


def test_revoke_takes_a_grant_away_again(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", "clock", "--allow", "random")

    done = terminal.run("revoke", "echo", "clock", "--json")
    again = terminal.run("revoke", "echo", "clock")

    assert done.json["grants"] == ["random"]
    assert (again.status, again.code) == (2, "config.not_granted")


def test_explain_says_what_decide_would_do_and_why(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", "clock")

    allowed = terminal.run("explain", "echo", "clock", "--json")
    denied = terminal.run("explain", "echo", "random", "--json")
    unsupported = terminal.run("explain", "echo", "fs.read=/srv", "--json")
    unknown = terminal.run("explain", "other", "clock", "--json")

    assert allowed.json["allowed"] is True
    assert denied.json["allowed"] is False
    assert denied.json["hint"] == "hatchway grant echo random"
    assert "constant stream" in denied.json["without"]
    assert unsupported.json["hint"] is None
    assert unknown.json["hint"] == "hatchway add SOURCE --name other"


def test_explain_speaks_in_sentences(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", "clock")

    done = terminal.run("explain", "echo", "random")

    assert done.out.startswith("denied: ")
    assert "without it the guest sees" in done.out


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


# damaged files and directories


def test_a_broken_policy_names_file_line_and_nearest_key(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    policy = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"
    policy.write_text(policy.read_text() + '\n[tools.echo.limits]\nmemroy = "64MiB"\n')

    done = terminal.run("list")

    assert (done.status, done.code) == (2, "config.unknown_key")
    assert f"{policy}:8: " in done.err
    assert done.hints == ["did you mean 'memory'?"]


def test_a_corrupt_lockfile_is_said_so_with_a_way_out(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    lock = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.lock"
    lock.write_text("{" + lock.read_text())

    done = terminal.run("list")

    assert (done.status, done.code) == (2, "config.lock_corrupt")
    assert "admit the tools again" in done.hints[0]


def test_a_corrupt_cache_is_rebuilt_without_a_word_to_the_user(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "hatchway" / "compiled"
    for file in cache.iterdir():
        file.write_bytes(b"garbage")

    done = terminal.run("call", "echo", '{"text": "x"}')

    assert (done.status, done.out) == (0, '{"text": "x"}\n')


@pytest.mark.parametrize("kind", ["CONFIG", "DATA", "STATE", "CACHE"])
def test_a_home_that_cannot_be_written_says_which_variable_to_set(
    kind: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A path below a file cannot be made by anybody, root included.
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "blocked" / "x"))

    done = terminal.run("add", "echo.wasm", "--yes")

    assert done.status == 2
    assert done.code in {"config.unwritable", "config.events_unwritable"}
    assert f"XDG_{kind}_HOME" in done.hints[-1]


def test_a_working_directory_that_was_removed_is_said_so(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    done = terminal.run("list")

    assert (done.status, done.code) == (2, "config.unreadable")
    monkeypatch.chdir(tmp_path)


# install


CLIENTS = {
    "claude-code": (".claude.json", "mcpServers"),
    "claude-desktop": ("config/Claude/claude_desktop_config.json", "mcpServers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "vscode": ("config/Code/User/mcp.json", "servers"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_install_prints_by_default_and_touches_nothing(client: str, terminal: Terminal) -> None:
    file, section = CLIENTS[client]

    done = terminal.run("install", client)

    entry = done.json[section]["hatchway"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-3] == "--config"
    assert Path(entry["args"][-2]).is_absolute()
    assert entry["args"][-1] == "serve"
    assert not (Path(os.environ["HOME"]) / file).exists()


@pytest.mark.parametrize("client", CLIENTS)
def test_install_writes_beside_what_is_there_and_keeps_a_backup(
    client: str, terminal: Terminal
) -> None:
    name, section = CLIENTS[client]
    file = Path(os.environ["HOME"]) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    before = json.dumps({"theme": "dark", section: {"other": {"command": "/bin/other"}}})
    file.write_text(before)
    file.chmod(0o600)

    done = terminal.run("install", client, "--write")
    again = terminal.run("install", client, "--write")

    assert (done.status, again.status) == (0, 0)
    written = json.loads(file.read_text())
    assert written["theme"] == "dark"
    assert written[section].keys() == {"other", "hatchway"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.with_name(f"{file.name}.hatchway-backup").exists()


def test_install_writes_tomls_client_too(terminal: Terminal) -> None:
    file = Path(os.environ["HOME"]) / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text('# mine\nmodel = "x"\n')

    shown = terminal.run("install", "codex")
    done = terminal.run("install", "codex", "--write")

    assert "mcp_servers" in tomllib.loads(shown.out)
    assert done.status == 0
    assert "# mine" in file.read_text()
    assert tomllib.loads(file.read_text())["mcp_servers"]["hatchway"]["args"][-1] == "serve"


def test_a_client_configuration_that_is_broken_is_left_alone(terminal: Terminal) -> None:
    file = Path(os.environ["HOME"]) / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text("{ not json // comment }")

    done = terminal.run("install", "cursor", "--write")

    assert (done.status, done.code) == (2, "config.unreadable")
    assert file.read_text() == "{ not json // comment }"


def test_an_unknown_client_lists_the_known_ones(terminal: Terminal) -> None:
    done = terminal.run("install", "emacs")

    assert done.status == 2
    assert "claude-code" in done.hints[0]


# events, doctor, usage


def test_events_are_shown_as_lines_and_as_ocsf(terminal: Terminal) -> None:
    terminal.run("add", "nosy.wasm", "--yes")
    terminal.run("call", "nosy", '{"open-flags": 0}')

    lines = terminal.run("events").out.splitlines()
    records = [json.loads(line) for line in terminal.run("events", "--json").out.splitlines()]
    last = terminal.run("events", "--last", "1").out.splitlines()

    assert len(lines) == len(records) == 3
    assert "capability.denied" in lines[1]
    assert "/etc/passwd" in lines[1]
    assert [record["class_uid"] for record in records] == [3004, 1001, 6003]
    assert last == lines[-1:]


def test_there_may_be_no_events_yet(terminal: Terminal) -> None:
    done = terminal.run("events")

    assert (done.status, done.out) == (0, "")
    assert "no events yet" in done.err


def test_events_can_be_followed(here: Path) -> None:
    follower = subprocess.Popen(
        [sys.executable, "-m", "hatchway", "events", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert follower.stderr is not None
    assert follower.stdout is not None
    try:
        follower.stderr.readline()
        subprocess.run(
            [sys.executable, "-m", "hatchway", "run", "echo.wasm"],
            stdin=subprocess.DEVNULL, capture_output=True, check=True,
        )  # fmt: skip
        line = follower.stdout.readline()
    finally:
        follower.send_signal(signal.SIGINT)
        follower.communicate(timeout=30)

    assert "call.completed" in line


def test_doctor_finds_everything_here(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run("doctor", "--json")

    states = {check["name"]: check["state"] for check in done.json}
    assert done.status == 0
    assert states["walls"] == "ok"
    assert states["engine"] == "ok"
    assert states["files"] == "note"
    assert "problem" not in states.values()


def test_doctor_names_what_is_wrong_and_the_way_out(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", "env=SURELY_NOT_SET")

    done = terminal.run("doctor")

    assert done.status == 2
    assert "problem  tool echo" in done.out
    assert "hint: set SURELY_NOT_SET" in done.out


def test_a_usage_error_is_one_line_and_a_hint(terminal: Terminal) -> None:
    unknown = terminal.run("frobnicate")
    flag = terminal.run("list", "--frob")
    missing = terminal.run("show")

    for done in (unknown, flag, missing):
        assert (done.status, done.code) == (2, "config.usage")
        assert done.hints[0].endswith("--help")


def test_a_bug_of_ours_exits_with_seventy_and_asks_for_a_report(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        message = "unforeseen"
        raise RuntimeError(message)

    monkeypatch.setattr("hatchway.compose.open_application", broken)

    done = terminal.run("list")

    assert (done.status, done.code) == (70, "internal")
    assert "please report" in done.hints[0]
    assert "Traceback" in done.err


def test_the_version_is_told(terminal: Terminal) -> None:
    done = terminal.run("--version")

    assert done.status == 0
    assert done.out.startswith("hatchway ")


def test_a_reader_that_goes_away_is_no_error(here: Path) -> None:
    done = subprocess.run(  # noqa: S602 - a pipe is what is tested
        f"{sys.executable} -m hatchway doctor | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in done.stderr
