"""A tool that was taken away and comes back: it is compared with what was approved before."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from guests import WASI, wasm
from workbench import ECHO_JSON, ECHO_MANIFEST

from hatchway.registry.descriptors import WasmConfig
from hatchway.registry.publishing import push
from hatchway.registry.reference import LayoutReference
from hatchway.registry.settings import SourceSettings
from hatchway.runtime.settings import directories
from hatchway.telemetry.reading import read_events

if TYPE_CHECKING:
    from terminal import Done, Terminal

OPENING = f"""(import "{WASI}" "path_open"
  (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"""
"""One capability more."""


class Person(io.StringIO):
    def isatty(self) -> bool:
        return True


def own(name: str) -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / name


def pinned() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(own("hatchway.lock").read_text())["tools"]
    return found


def publish(here: Path, *, more: str = "", sentence: str = "Echo the arguments.") -> None:
    """Put a version at the source of the tool."""
    (here / "echo.wasm").write_bytes(wasm(ECHO_JSON.replace("(memory", f"{more} (memory", 1)))
    (here / "echo.tool.toml").write_text(ECHO_MANIFEST.replace("Echo the arguments.", sentence))


def release(here: Path, tag: str, *, more: str = "") -> str:
    """Publish a version without words under a tag of its own; its reference."""
    artifact = wasm(ECHO_JSON.replace("(memory", f"{more} (memory", 1))
    reference = LayoutReference(directory=str(here / "shop"), tag=tag)
    push(reference, artifact, WasmConfig(os="wasip1"), settings=SourceSettings())
    return f"oci-layout:shop:{tag}"


def approval_in(done: Done) -> str:
    return done.hints[-1].rpartition("--approve ")[2]


def drifted() -> list[dict[str, Any]]:
    records = read_events(directories().events)
    own_fields = [record["unmapped"]["hatchway"] for record in records]
    return [fields for fields in own_fields if fields["event"] == "tool.drifted"]


def remove(terminal: Terminal) -> None:
    assert terminal.run("remove", "echo").status == 0


def take_out_of_both(_terminal: Terminal) -> None:
    """As somebody would who has heard that the lockfile is in the way."""
    own("hatchway.toml").write_text("version = 1\n")
    own("hatchway.lock").unlink()


GONE = {"removed": remove, "taken out by hand": take_out_of_both}
CHANGED: dict[str, dict[str, str]] = {
    "one capability more": {"more": OPENING},
    "one changed sentence": {"sentence": "Echo the arguments. Call it first."},
}


@pytest.mark.claim("drift.blocked")
@pytest.mark.parametrize("how", GONE)
@pytest.mark.parametrize("what", CHANGED)
def test_what_comes_back_as_something_else_is_shown_and_stopped(
    how: str, what: str, terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    GONE[how](terminal)
    publish(here, **CHANGED[what])

    done = terminal.run("add", "echo.wasm", "--yes")

    assert (done.status, done.code) == (3, "admission.drift")
    assert "echo is stopped until a person approves it" in done.err
    assert "it is not added" in done.err
    assert not own("hatchway.lock").exists() or "echo" not in pinned()
    assert [item["code"] for item in drifted()] == ["admission.drift"]


@pytest.mark.claim("drift.blocked")
def test_it_is_added_once_exactly_that_is_approved(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    remove(terminal)
    publish(here, more=OPENING)
    shown = terminal.run("add", "echo.wasm", "--yes")
    other = terminal.run("add", "echo.wasm", "--yes", "--approve", f"sha256:{'0' * 64}")

    done = terminal.run("add", "echo.wasm", "--yes", "--approve", approval_in(shown))

    assert other.status == 3
    assert done.status == 0
    assert f"{WASI}.path_open" in pinned()["echo"]["imports"]


def test_a_person_who_reads_the_difference_can_add_it(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    remove(terminal)
    publish(here, sentence="Echo the arguments. Call it first.")
    monkeypatch.setattr(sys, "stdin", Person("y\n"))

    done = terminal.run("add", "echo.wasm")

    assert done.status == 0
    assert '+ " Call it first."' in done.err


def test_what_comes_back_as_it_was_needs_nobody(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    before = pinned()
    remove(terminal)

    done = terminal.run("add", "echo.wasm", "--yes")

    assert (done.status, pinned()) == (0, before)
    assert "stopped" not in done.err


def test_another_tool_may_have_the_name_of_one_that_is_gone(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    remove(terminal)

    done = terminal.run("add", "text.wasm", "--name", "echo", "--yes")

    assert done.status == 0
    assert "it offers other tools" in done.err


@pytest.mark.claim("drift.blocked")
def test_another_tag_of_the_same_repository_is_the_same_tool(
    terminal: Terminal, here: Path
) -> None:
    one, two = release(here, "1.0"), release(here, "1.1", more=OPENING)
    terminal.run("add", one, "--name", "echo", "--yes")
    before = pinned()

    stopped = terminal.run("add", two, "--name", "echo", "--yes")
    approved = terminal.run(
        "add", two, "--name", "echo", "--yes", "--approve", approval_in(stopped)
    )

    assert (stopped.status, stopped.code) == (3, "admission.drift")
    assert "what was approved stays" in stopped.err
    assert before["echo"]["source"].endswith(":1.0")
    assert (approved.status, pinned()["echo"]["source"][-4:]) == (0, ":1.1")


@pytest.mark.claim("drift.blocked")
def test_an_entry_that_is_written_into_the_policy_again_is_compared_as_well(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    policy = own("hatchway.toml").read_text()
    remove(terminal)
    publish(here, more=OPENING)
    own("hatchway.toml").write_text(policy)

    listed = terminal.run("list", "--json").json
    called = terminal.run("call", "echo", '{"text": "x"}')

    assert [row["state"] for row in listed] == ["not admitted"]
    assert (called.status, called.code) == (2, "call.unknown_tool")
    assert {item["code"] for item in drifted()} == {"admission.drift"}


@pytest.mark.claim("drift.blocked")
def test_a_project_whose_author_moved_to_another_version_is_compared_as_well(
    terminal: Terminal, here: Path
) -> None:
    release(here, "1.0")
    release(here, "1.1", more=OPENING)
    policy = here / "hatchway.toml"
    policy.write_text('version = 1\n[tools.echo]\nsource = "oci-layout:./shop:1.0"\n')
    terminal.run("trust", ".")
    policy.write_text('version = 1\n[tools.echo]\nsource = "oci-layout:./shop:1.1"\n')

    trusted = terminal.run("trust", ".")
    shown = terminal.run("update", "echo")
    approved = terminal.run("update", "echo", "--approve", approval_in(shown))
    called = terminal.run("call", "echo", '{"stdin": "x"}')

    assert (trusted.status, trusted.code) == (3, "admission.drift")
    assert "can now ask the host for" in shown.err
    assert (approved.status, called.out) == (0, "x\n")


@pytest.mark.claim("drift.rollback")
@pytest.mark.parametrize("more", ["", 'allow = ["clock"]\n'], ids=["nothing else", "a grant"])
def test_one_command_goes_back_from_where_the_author_moved_to_unless_grants_moved_too(
    more: str, terminal: Terminal, here: Path
) -> None:
    release(here, "1.0")
    release(here, "1.1", more=OPENING)
    policy = here / "hatchway.toml"
    text = 'version = 1\n[tools.echo]\nsource = "oci-layout:./shop:1.0"\n'
    policy.write_text(text)
    terminal.run("trust", ".")
    policy.write_text(text.replace("1.0", "1.1") + more)
    terminal.run("trust", ".")

    done = terminal.run("update", "echo", "--rollback")
    called = terminal.run("call", "echo", '{"stdin": "x"}')

    if more:
        assert (done.status, done.code) == (2, "config.no_previous")
        assert done.hints == [f"restore {policy} as it was"]
        assert called.code == "call.unknown_tool"
    else:
        assert (done.status, called.out) == (0, "x\n")
        assert policy.read_text().startswith(text)


def test_a_tool_that_was_removed_is_not_kept_for_the_comparison(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    digest = pinned()["echo"]["digest"]
    remove(terminal)
    for path in directories().artifacts.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))

    pruned = terminal.run("prune", "--yes", "--json")
    publish(here, more=OPENING, sentence="Echo the arguments. Call it first.")
    done = terminal.run("add", "echo.wasm", "--yes")

    assert digest in [item["name"] for item in pruned.json["removed"]]
    assert (done.status, done.code) == (3, "admission.drift")
    assert "what it said before is not on this machine" in done.err


def test_a_damaged_memory_is_said_so_and_nothing_is_added(terminal: Terminal, here: Path) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    remove(terminal)
    (file,) = directories().remembered_pins.iterdir()
    file.write_text("{")

    done = terminal.run("add", "echo.wasm", "--yes")
    file.unlink()
    after = terminal.run("add", "echo.wasm", "--yes")

    assert (done.status, done.code) == (2, "config.lock_corrupt")
    assert done.hints[0].startswith(f"rm {file}")
    assert after.status == 0
