"""A running server takes up changed files as one generation, or stays with the last good one."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from guests import wasm
from live import Live, another_process, live, own, project
from strategies import often
from workbench import ECHO_JSON, ECHO_MANIFEST, ask, workbench

from hatchway.compose import application as composed
from hatchway.core.errors import ConfigError
from hatchway.registry.files import write_atomically
from hatchway.runtime.reloading import Reloader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatchway.runtime.generations import Generation
    from hatchway.runtime.project import Reading


# Taking up


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("kind", [own, project])
def test_what_a_command_adds_and_removes_is_taken_up(
    kind: Callable[..., Live], tmp_path: Path
) -> None:
    server = kind(tmp_path, "echo")
    (tmp_path / "more.wasm").write_bytes(wasm(ECHO_JSON))
    other = another_process(server)

    other.keeper.admit("more", "./more.wasm" if kind is project else f"{tmp_path}/more.wasm", [])
    server.look()
    with_more = server.names
    with other.project.editing() as edit:
        edit.remove_tool("echo")
    server.look()

    assert with_more == ["echo", "more"]
    assert server.names == ["more"]
    assert [event["details"] for event in server.events("policy.reloaded")] == [
        {"added": ["more"], "removed": [], "changed": [], "cancelled": 0},
        {"added": [], "removed": ["echo"], "changed": [], "cancelled": 0},
    ]
    assert server.lines == [
        "the policy was reloaded: +more",
        "the policy was reloaded: -echo",
    ]


def test_files_that_say_the_same_are_not_built_again(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    catalog = server.runtime.catalog

    os.utime(server.policy)
    server.look()

    assert server.runtime.catalog is catalog
    assert server.events("policy.reloaded") == []


def test_a_comment_is_taken_up_without_a_word(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    catalog = server.runtime.catalog

    server.policy.write_text(f"# a comment\n{server.policy.read_text()}")
    server.look()

    assert server.runtime.catalog is not catalog
    assert server.events("policy.reloaded") == []
    assert server.lines == []


def test_a_reload_builds_again_what_says_the_same(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    catalog = server.runtime.catalog

    server.reloader.reload()

    assert server.runtime.catalog is not catalog


def test_an_override_that_ends_at_midnight_ends_in_a_running_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own(tmp_path, "echo")
    days = iter([date(2027, 1, 1)])
    sources = replace(server.reloader._sources, today=lambda: next(days, date(2027, 1, 2)))
    reading = server.bench.application.project.in_force()
    reloader = Reloader(server.runtime, sources, reading)
    catalog = server.runtime.catalog

    reloader.look()

    assert server.runtime.catalog is not catalog


@pytest.mark.claim("policy.live")
def test_what_ends_with_a_day_ends_while_the_policy_is_stale(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    day = [date(2027, 1, 1)]
    built_on: list[date] = []
    sources = server.reloader._sources

    def build(reading: Reading) -> Generation:
        built_on.append(day[0])
        return sources.build(reading)

    sources_then = replace(sources, today=lambda: day[0], build=build)
    reading = server.bench.application.project.in_force()
    reloader = Reloader(server.runtime, sources_then, reading)
    server.policy.write_text(NOT_TOML)
    reloader.look()
    on_the_first_day = list(built_on)
    day[0] = date(2027, 1, 2)
    reloader.look()
    reloader.look()

    assert on_the_first_day == []
    assert built_on == [date(2027, 1, 2)]
    assert ask(server.runtime, "echo", {"text": "x"}).structured == {"text": "x"}
    assert server.events("call.completed")[-1]["policy_stale"] is True
    assert len(server.events("policy.stale")) == 1


# Broken edits


def instead(file: Path) -> Path:
    """The place of a file that is gone now."""
    file.unlink()
    return file


NOT_TOML = "version = 1\n[tools.echo\n"
BROKEN: dict[str, Callable[[Path], object]] = {
    "not TOML": lambda policy: policy.write_text(NOT_TOML),
    "half written": lambda policy: policy.write_text(policy.read_text()[:-5]),
    "empty": lambda policy: policy.write_text(""),
    "an unknown key": lambda policy: policy.write_text(policy.read_text() + "\nallwo = []\n"),
    "not UTF-8": lambda policy: policy.write_bytes(b"version = 1\n\xff\xfe"),
    "a directory": lambda policy: instead(policy).mkdir(),
    "a FIFO": lambda policy: os.mkfifo(instead(policy)),
    "a device": lambda policy: instead(policy).symlink_to("/dev/zero"),
    "a loop": lambda policy: instead(policy).symlink_to(policy.name),
    "huge": lambda policy: os.truncate(policy, 1 << 34),
    "a broken lock": lambda policy: policy.with_suffix(".lock").write_text("{"),
    "a lock that is a FIFO": lambda policy: os.mkfifo(instead(policy.with_suffix(".lock"))),
}


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("kind", [own, project])
@pytest.mark.parametrize("broken", BROKEN)
def test_after_a_broken_edit_the_last_good_policy_serves_on(
    broken: str, kind: Callable[..., Live], tmp_path: Path
) -> None:
    server = kind(tmp_path, "echo")
    policy, lock = (
        file.read_bytes() for file in (server.policy, server.policy.with_suffix(".lock"))
    )

    BROKEN[broken](server.policy)
    server.look()
    server.look()
    meanwhile = ask(server.runtime, "echo", {"text": "x"})
    write_again(server.policy, policy)
    write_again(server.policy.with_suffix(".lock"), lock)
    server.look()
    afterwards = ask(server.runtime, "echo", {"text": "y"})

    assert (meanwhile.structured, afterwards.structured) == ({"text": "x"}, {"text": "y"})
    (stale,) = server.events("policy.stale")
    assert stale["policy_stale"] is True
    assert stale["code"].startswith("config.")
    first, second = server.events("call.completed")
    assert first["policy_stale"] is True
    assert "policy_stale" not in second
    (reloaded,) = server.events("policy.reloaded")
    assert "policy_stale" not in reloaded
    assert [line.split(":")[0] for line in server.lines] == [
        "the policy was not reloaded, the last good one stays",
        "the policy was reloaded",
    ]


def write_again(file: Path, content: bytes) -> None:
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    write_atomically(file, content)


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("what", ["hatchway.toml", "hatchway.lock", "echo.tool.toml"])
def test_a_project_that_was_changed_by_hand_serves_on_as_it_was_trusted(
    what: str, tmp_path: Path
) -> None:
    server = project(tmp_path, "echo")
    file = tmp_path / what

    as_trusted = file.read_text()
    file.write_text(f"{as_trusted}\n")
    server.look()
    untrusted = server.names
    file.write_text(as_trusted)
    server.look()

    assert untrusted == ["echo"]
    (stale,) = server.events("policy.stale")
    assert stale["code"] == "config.untrusted"
    assert len(server.events("policy.reloaded")) == 1


@pytest.mark.parametrize("record", ["{", "{}"])
def test_trust_that_is_gone_or_damaged_is_no_reason_to_change_anything(
    record: str, tmp_path: Path
) -> None:
    server = project(tmp_path, "echo")

    server.bench.application.directories.trusted_projects.write_text(record)
    server.look()

    assert server.names == ["echo"]
    assert len(server.events("policy.stale")) == 1


def test_a_policy_that_is_gone_is_a_broken_edit_in_a_project(tmp_path: Path) -> None:
    server = project(tmp_path, "echo")

    server.policy.unlink()
    server.look()

    assert server.names == ["echo"]
    assert server.events("policy.stale")


def test_a_policy_of_the_users_own_that_is_gone_allows_nothing(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    server.policy.unlink()
    server.look()

    assert server.names == []
    assert server.events("policy.stale") == []


def test_another_broken_edit_is_another_event_and_the_same_one_is_not(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    for text in (NOT_TOML, NOT_TOML, "version = 2\n", "version = 2\n"):
        server.policy.write_text(text)
        server.look()

    assert [event["code"] for event in server.events("policy.stale")] == [
        "config.syntax",
        "config.version",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_policy_that_cannot_be_read_is_a_broken_edit(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    server.policy.chmod(0)
    server.look()

    assert server.names == ["echo"]
    assert server.events("policy.stale")


def test_a_bug_of_ours_is_a_broken_edit_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own(tmp_path, "echo")

    def broken(*_arguments: object, **_named: object) -> None:
        message = "secret"
        raise RuntimeError(message)

    monkeypatch.setattr(composed, "build_catalog", broken)
    server.reloader.reload()

    (stale,) = server.events("policy.stale")
    assert stale["code"] == "internal"
    assert server.names == ["echo"]
    assert "secret" not in "".join(server.lines)


def test_what_was_opened_for_a_generation_that_failed_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "granted").mkdir()
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, f"fs.read={tmp_path}/granted:/data", manifest=ECHO_MANIFEST)
    server = live(bench)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the names are enough

    def broken(*_arguments: object, **_named: object) -> None:
        message = "no"
        raise ConfigError(message)

    monkeypatch.setattr(composed, "build_catalog", broken)
    for _ in range(10):
        server.reloader.reload()

    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


# Generations are never mixed


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("kind", [own, project])
def test_no_call_ever_runs_a_mixture_of_two_generations(
    kind: Callable[..., Live], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each generation has one artifact and one variable; a mixture has one of each."""
    server = kind(tmp_path, "echo")
    other = another_process(server)
    pairs = []
    for number in (1, 2):
        text = ECHO_JSON.replace("(memory", f"(global i32 (i32.const {number})) (memory")
        (tmp_path / "echo.wasm").write_bytes(wasm(text))
        source = server.runtime.catalog.policy.tools["echo"].source
        candidate = other.keeper.examine("echo", source)
        pairs.append((candidate, [f"env=GENERATION={number}"]))
    expected = {(pair[0].lock.digest, pair[1][0]) for pair in pairs}
    ran: set[tuple[str, str]] = set()
    run = server.bench.application.sandbox.run

    def watched(digest: str, invocation: Any, grant: Any, *rest: Any) -> Any:
        ran.update((digest, str(capability)) for capability in grant.capabilities)
        return run(digest, invocation, grant, *rest)

    monkeypatch.setattr(server.bench.application.sandbox, "run", watched)
    is_over = threading.Event()

    def change() -> None:
        for number in range(often(20, gate=8)):
            other.keeper.keep(*pairs[number % 2])
        is_over.set()

    writer = threading.Thread(target=change)
    writer.start()
    while not is_over.is_set():
        server.look()
        ask(server.runtime, "echo", {"text": "x"})
    writer.join()
    server.look()
    ask(server.runtime, "echo", {"text": "x"})

    assert ran <= expected
    assert (pairs[1][0].lock.digest, pairs[1][1][0]) in ran
    # Between the two files of a change nothing is taken up, however often one looks.
    codes = {event["code"] for event in server.events("policy.stale")}
    assert codes <= {"config.unsettled" if kind is own else "config.untrusted"}


def test_after_two_hundred_edits_the_last_one_is_in_force(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    text = server.policy.read_text()

    for number in range(200):
        broken = "\n[" if number % 3 == 0 else ""
        server.policy.write_text(f"{text}\n[tools.echo.limits]\nfuel = {number + 10_000}{broken}\n")
        if number % 7 == 0:
            server.look()
    server.look()

    assert server.runtime.catalog.policy.tools["echo"].limits.fuel == 10_199
    assert ask(server.runtime, "echo", {"text": "x"}).structured == {"text": "x"}
    assert "policy_stale" not in server.events("call.completed")[-1]
