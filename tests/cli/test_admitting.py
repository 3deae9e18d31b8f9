"""Admitting, granting, explaining: commands that change what is in force."""

from __future__ import annotations

import io
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from components import ECHO
from guests import wasm
from workbench import ECHO_JSON, ECHO_MANIFEST

if TYPE_CHECKING:
    from terminal import Terminal

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
        "name", "digest", "kind", "tools", "grants", "isolation", "grade", "signer",
        "state",
    }  # fmt: skip
    assert (entry["name"], entry["state"], entry["tools"]) == ("echo", "ready", ["echo"])
    assert called.out == '{"text": "hello"}\n'
    assert shown.json["functions"][0]["input_schema"]["required"] == ["text"]
    assert shown.json["limits"]["deadline"] == "10s"
    assert after.json == []


def test_a_tool_is_shown_in_the_words_of_the_policy(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    shown = terminal.run("show", "echo")

    assert shown.out.splitlines()[6:] == [
        "signer     -",
        "grants     nothing",
        "compiler   cranelift",
        "runs       in a thread, because it may not use the network",
        "limits     fuel 1_000_000_000, deadline 10s, memory 64MiB, output 1MiB, scratch none, "
        "table_elements 100_000, instances 100, host_calls 100_000, inner_calls 100, "
        "inner_fuel 10_000_000_000",
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
        ("fs.read=./nowhere", "config.directory_missing"),
        ("fs.read=./echo.wasm", "config.directory_missing"),
        ("fs.read=/etc", "config.directory_refused"),
        ("fs.write=/", "config.directory_refused"),
        ("net.socket=*.example.com:5432", "config.unsupported"),
        ("tool=other", "config.unknown_tool"),
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
    unsupported = terminal.run("explain", "echo", "net.dns=*.e.org:53", "--json")
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
