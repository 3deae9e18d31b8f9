"""Commands at work, quarantine and admission, while a server runs."""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from live import Live, another_process, live, own, project
from workbench import ECHO_JSON, ECHO_MANIFEST, workbench

from hatchway.core.errors import ConfigError
from hatchway.runtime.reloading import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


# Commands at work


def test_a_command_that_is_at_work_is_waited_for(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    other = another_process(server)

    with other.project.editing() as edit:
        edit.set_allowed("echo", ["clock"])
        server.policy.write_text(server.policy.read_text() + "\n# half of a change\n")
        server.look()
        waited_for = server.runtime.catalog.policy.tools["echo"].allow
    server.look()

    assert waited_for == ()
    assert [str(each) for each in server.runtime.catalog.policy.tools["echo"].allow] == ["clock"]
    assert server.events("policy.stale") == []


def test_a_command_that_does_not_end_makes_the_policy_stale(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    server.policy.write_text(server.policy.read_text() + "\n")
    holder = os.open(server.policy.parent, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(holder, fcntl.LOCK_EX)

    for _ in range(PATIENCE):
        server.look()
    stale = [event["code"] for event in server.events("policy.stale")]
    os.close(holder)
    server.look()

    assert stale == ["config.unsettled"]
    assert len(server.events("policy.reloaded")) == 1


def test_a_configuration_without_a_directory_is_an_empty_policy(tmp_path: Path) -> None:
    server = live(workbench(tmp_path))

    server.reloader.reload()

    assert server.names == []
    assert server.lines == []


# Quarantine


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ('source = "/other.wasm"', "config.not_admitted"),
        ('limits = { memory = "64KiB" }', "config.memory_too_small"),
        ('allow = ["fs.read=/etc:/data"]', "config.directory_refused"),
    ],
)
def test_an_entry_that_cannot_be_offered_any_more_leaves_the_others_as_they_are(
    edit: str, code: str, tmp_path: Path
) -> None:
    server = own(tmp_path, "echo", "other")
    key = edit.partition(" ")[0]
    before, header, after = server.policy.read_text().partition("[tools.echo]\n")
    lines = after.split("\n")
    found = next((line for line in lines if line.startswith(f"{key} = ")), None)
    lines = [edit, *lines] if found is None else [edit if line is found else line for line in lines]
    server.policy.write_text(before + header + "\n".join(lines))
    server.look()
    server.look()

    assert server.names == ["other"]
    (event,) = server.events("tool.quarantined")
    assert (event["tool"], event["code"]) == ("echo", code)
    assert any(line.startswith("echo is not offered: ") for line in server.lines)


@pytest.mark.claim("policy.live")
def test_a_lock_that_was_edited_by_hand_offers_nothing_that_was_not_approved(
    tmp_path: Path,
) -> None:
    server = own(tmp_path, "echo")
    lock = server.policy.with_suffix(".lock")
    digest = server.runtime.catalog.entries["echo"].tool.digest

    lock.write_text(lock.read_text().replace(digest, "sha256:" + "0" * 64))
    server.look()

    assert [entry.tool.digest for entry in server.runtime.catalog.entries.values()] in (
        [digest],
        [],
    )
    assert server.events("policy.stale") or server.events("tool.quarantined")


def test_a_tool_that_was_quarantined_before_is_not_reported_again(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    bench.add("lost", ECHO_JSON, "env=NO_SUCH_VARIABLE", manifest=ECHO_MANIFEST)
    server = live(bench)

    with bench.application.project.editing() as edit:
        edit.set_allowed("echo", ["clock"])
    server.look()

    assert [event["tool"] for event in server.events("tool.quarantined")] == ["lost"]
    assert len(server.events("policy.reloaded")) == 1


# Admission


def joined(server: Live) -> None:
    """Wait until what is being admitted is."""
    thread = server.reloader._admitting
    if thread is not None:
        thread.join(60)
        assert not thread.is_alive()


def test_what_a_person_writes_into_their_own_policy_is_admitted_beside_the_watch(
    tmp_path: Path,
) -> None:
    server = own(tmp_path, "echo")
    server.bench.write("more", ECHO_JSON)

    server.policy.write_text(
        f'{server.policy.read_text()}\n[tools.more]\nsource = "{tmp_path}/more.wasm"\n'
    )
    server.look()
    at_once = server.names
    joined(server)

    assert at_once == ["echo"]
    assert server.names == ["echo", "more"]
    assert server.events("tool.quarantined") == []


def test_what_cannot_be_admitted_is_tried_once_for_every_time_it_is_written(
    tmp_path: Path,
) -> None:
    server = own(tmp_path, "echo")
    text = server.policy.read_text()

    for number in range(3):
        server.policy.write_text(f'{text}\n# {number}\n[tools.more]\nsource = "/no/more.wasm"\n')
        server.look()
        joined(server)
    first = len(server.events("tool.refused"))
    server.policy.write_text(f'{text}\n[tools.more]\nsource = "/no/other.wasm"\n')
    server.look()
    joined(server)

    assert first == 1
    assert len(server.events("tool.refused")) == 2


def test_what_is_new_while_something_is_admitted_has_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own(tmp_path, "echo")
    is_inside, may_go = threading.Event(), threading.Event()
    admit = server.bench.application.keeper.admit
    text = server.policy.read_text()

    def slow(*arguments: Any) -> Any:
        is_inside.set()
        assert may_go.wait(60)
        return admit(*arguments)

    monkeypatch.setattr(type(server.bench.application.keeper), "admit", lambda _self, *a: slow(*a))
    for name in ("first", "second"):
        server.bench.write(name, ECHO_JSON)
        text += f'\n[tools.{name}]\nsource = "{tmp_path}/{name}.wasm"\n'
        server.policy.write_text(text)
        server.look()
        assert is_inside.wait(60)
    may_go.set()
    joined(server)

    assert server.names == ["echo", "first", "second"]


def test_admission_that_finds_the_files_broken_says_so_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own(tmp_path, "echo")

    def broken() -> None:
        message = "broken again"
        raise ConfigError(message)

    sources = replace(server.reloader._sources, admit_new=broken)
    server.reloader._sources = sources
    server.policy.write_text(f'{server.policy.read_text()}\n[tools.more]\nsource = "x.wasm"\n')
    server.look()
    joined(server)

    assert "broken again" in server.lines


def test_a_project_admits_nothing_by_itself(tmp_path: Path) -> None:
    server = project(tmp_path, "echo")
    server.bench.write("more", ECHO_JSON)
    here = server.bench.application.project

    server.policy.write_text(f'{server.policy.read_text()}\n[tools.more]\nsource = "./more.wasm"\n')
    here.trusted.record(here.policy_file, here.named())
    server.look()

    assert server.names == ["echo"]
    (event,) = server.events("tool.quarantined")
    assert (event["tool"], event["code"]) == ("more", "config.not_admitted")
