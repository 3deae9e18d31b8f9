"""Building again on change: what the last good build is, and what is said about a bad one."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from hatchway.compose import open_application
from hatchway.runtime.building import build_project
from hatchway.runtime.developing import Rebuilder, Workshop
from hatchway.runtime.settings import directories
from hatchway.sdk.languages import language

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2030, 1, 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "loud"
    made.mkdir()
    for path, text in language("wat").template("loud").items():
        (made / path).write_text(text)
    return made


def workshop(project: Path, told: list[str], allow: tuple[str, ...] = ()) -> Workshop:
    own = directories()
    own.config.mkdir(parents=True)
    return Workshop(
        project=project,
        place=project.parent,
        build=lambda: build_project(project, told.append, TODAY),
        keeper=open_application(start=project.parent, own=own).keeper,
        allow=allow,
        limits={},
        tell=told.append,
    )


def test_what_does_not_build_leaves_what_did(project: Path) -> None:
    told: list[str] = []
    bench = workshop(project, told)
    assert bench.renew()
    pinned = bench.keeper.project.lock().tools["loud"]

    (project / "main.wat").write_text("(module")
    assert not bench.renew()

    assert bench.keeper.project.lock().tools["loud"] == pinned
    assert "not built, the last good one stays: the assembler does not take it" in told


def test_what_the_hint_of_a_failure_says_is_told_too(project: Path) -> None:
    told: list[str] = []
    (project / "main.wat").unlink()

    assert not workshop(project, told).renew()

    assert any(line.startswith("  hint: hatchway new") for line in told)


def test_what_it_asks_for_and_is_not_granted_is_said(project: Path) -> None:
    told: list[str] = []
    with (project / "tool.toml").open("a") as file:
        file.write('\n[[requires]]\ncapability = "clock"\nreason = "stamps it"\n')

    assert workshop(project, told).renew()

    assert "it asks for clock, and is not granted that: --allow clock" in told


def test_what_is_granted_is_not_asked_for_again(project: Path) -> None:
    told: list[str] = []
    with (project / "tool.toml").open("a") as file:
        file.write('\n[[requires]]\ncapability = "clock"\nreason = "stamps it"\n')

    bench = workshop(project, told, allow=("clock",))
    assert bench.renew()

    assert not any("it asks for" in line for line in told)
    (granted,) = bench.keeper.project.policy().tools["loud"].allow
    assert str(granted) == "clock"


def test_only_a_change_is_built_and_only_a_good_one_put_in_force(project: Path) -> None:
    told: list[str] = []
    renewed: list[str] = []
    bench = workshop(project, told)
    rebuilder = Rebuilder(bench, lambda: renewed.append("now"), seen=bench.signs())

    rebuilder.look()
    assert (renewed, told) == ([], [])
    (project / "README.md").write_text("changed")
    rebuilder.look()
    assert renewed == ["now"]
    (project / "main.wat").write_text("(module")
    rebuilder.look()
    assert renewed == ["now"]
    rebuilder.look()
    assert told.count("assembling main.wat") == 2


def test_what_is_edited_during_the_first_build_is_built_too(project: Path) -> None:
    told: list[str] = []
    bench = workshop(project, told)
    seen = bench.signs()
    assert bench.renew()
    (project / "main.wat").write_text("(module")  # as if it had been saved meanwhile

    Rebuilder(bench, lambda: None, seen=seen).look()

    assert told.count("assembling main.wat") == 2


def test_what_a_build_makes_is_no_change(project: Path) -> None:
    bench = workshop(project, [])
    before = bench.signs()

    (project / "loud.wasm").write_bytes(b"made")
    (project / ".git").mkdir()

    assert bench.signs() == before


def test_a_project_that_is_gone_is_a_change_and_no_end(project: Path) -> None:
    bench = workshop(project, [])

    for file in project.iterdir():
        file.unlink()
    project.rmdir()

    assert "No such file" in str(bench.signs())
