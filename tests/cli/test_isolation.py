"""Where a tool runs is written, shown and explained, and what that means on this machine."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from hatchway.cli.trust_power import power_lines
from hatchway.core.isolation import LAYERS
from hatchway.policy.document import parse_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from terminal import Terminal

    from hatchway.core.isolation import Layer

WEB = "net.http=https://api.example.com;methods=GET"


def policy() -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"


@dataclass(frozen=True)
class Found:
    """What was found out about one layer."""

    layer: Layer
    holds: bool
    detail: str
    cost_us: int | None


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has this machine lack some layers: no kernel can be had here that does."""

    def lack(*missing: Layer) -> None:
        walls = tuple(
            Found(each, holds=False, detail="not in this kernel", cost_us=None)
            if each in missing
            else Found(each, holds=True, detail="it held", cost_us=70)
            for each in LAYERS
        )
        probing = SimpleNamespace(walls=lambda: walls)
        monkeypatch.setitem(sys.modules, "hatchway.workers.confinement.probing", probing)

    return lack


def test_where_a_tool_runs_is_written_and_shown(terminal: Terminal) -> None:
    by_itself = terminal.run("add", "text.wasm", "--yes", "--allow", WEB)
    decided = terminal.run("add", "text.wasm", "--yes", "--isolation", "thread")
    again = terminal.run("add", "text.wasm", "--yes")
    shown = terminal.run("show", "text")
    listed = terminal.run("list", "--json")
    explained = terminal.run("explain", "text", "clock")
    audited = terminal.run("audit", "text", "--json")

    assert "it runs in a worker" in by_itself.err
    assert "it runs in a thread" in decided.err
    assert again.status == 0
    assert policy().read_text().count('isolation = "thread"') == 1
    assert f"runs       in a thread, because {policy()} says so\n" in shown.out
    assert [row["isolation"] for row in listed.json] == ["thread"]
    assert f"it runs in a thread, because {policy()} says so\n" in explained.out
    assert "HW-POL-012" in audited.out


def test_a_thread_is_not_handed_on_to_another_artifact_and_a_worker_is(terminal: Terminal) -> None:
    left = {}
    for place in ("thread", "worker"):
        terminal.run("add", "echo.wasm", "--yes", "--name", place, "--isolation", place)
        done = terminal.run("add", "nosy.wasm", "--yes", "--name", place)
        left[place] = (done.status, f'isolation = "{place}"' in policy().read_text())

    assert left == {"thread": (0, False), "worker": (0, True)}


def test_a_place_that_there_is_not_is_refused_before_anything_happens(terminal: Terminal) -> None:
    for command in ("add", "run", "exec"):
        done = terminal.run(command, "text.wasm", "--isolation", "container")

        assert (done.status, done.code) == (2, "config.invalid")
        assert "--isolation is one of thread, worker; got 'container'" in done.err


def test_doctor_tries_every_wall_and_names_who_runs_without(
    terminal: Terminal, lacking: Callable[..., None]
) -> None:
    lacking("landlock")
    terminal.run("add", "text.wasm", "--yes", "--allow", WEB, "--isolation", "thread")

    done = terminal.run("doctor")

    assert done.status == 0
    assert "ok       kernel wall: seccomp: it held; putting it up takes 70 µs\n" in done.out
    assert "note     kernel wall: landlock: it does not hold here, and workers go" in done.out
    assert "note     tool text: may use the network, and runs in Hatchway's own" in done.out


def test_a_wall_that_the_policy_requires_and_that_is_not_here_stops_everything_but_looking(
    terminal: Terminal, lacking: Callable[..., None]
) -> None:
    terminal.run("add", "text.wasm", "--yes")
    policy().write_text(f'{policy().read_text()}\n[workers]\nrequire = ["landlock"]\n')
    lacking("landlock")

    called, looked = terminal.run("call", "text", "{}"), terminal.run("doctor")
    served, listed = terminal.run("serve"), terminal.run("list")

    for refused in (called, served):
        assert (refused.status, refused.code) == (2, "config.missing_layer")
        assert refused.hints[0].startswith("hatchway doctor")
    assert looked.status == 2
    assert "problem  kernel wall: landlock: the policy requires it, and it does not" in looked.out
    assert listed.status == 0


def test_doctor_shows_the_walls_also_when_the_policy_cannot_be_read(
    terminal: Terminal, lacking: Callable[..., None]
) -> None:
    policy().parent.mkdir(parents=True)
    policy().write_text("version = 2\n")
    lacking()

    done = terminal.run("doctor")

    assert done.status == 2
    assert done.out.count("ok       kernel wall: ") == len(LAYERS)


def test_whoever_trusts_a_project_reads_that_it_takes_the_wall_away() -> None:
    text = f'version = 1\nisolation = "thread"\n[tools.web]\nsource = "w"\nallow = ["{WEB}"]\n'
    text += '[tools.sum]\nsource = "s"\n'

    lines = power_lines(parse_policy(text, file="hatchway.toml", base="/"))

    assert lines == [
        f"  web: w, granted {WEB}",
        "    runs in Hatchway's own process, though it may use the network",
        "  sum: s, granted nothing",
    ]


def test_whoever_trusts_a_project_hears_which_walls_it_does_without(terminal: Terminal) -> None:
    policy().parent.mkdir(parents=True, exist_ok=True)
    policy().write_text('version = 1\n\n[workers]\nrequire = ["limits", "landlock"]\n')
    project = Path("project")
    project.mkdir()
    (project / "hatchway.toml").write_text('version = 1\n\n[workers]\nrequire = ["limits"]\n')

    lax = terminal.run("trust", "project")
    (project / "hatchway.toml").write_text(policy().read_text())
    strict = terminal.run("trust", "project")

    said = "it does not require landlock around workers, as your own policy does"
    assert said in lax.err
    assert lax.status == strict.status == 0
    assert "does not require" not in strict.err
