"""Repositories that try to pass `hatchway audit . --fail-on high` with something to hide."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from guests import command, wasi, wasm
from workbench import ECHO_MANIFEST

from hatchway.audit.reading import read_artifact
from hatchway.runtime import auditing

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Done, Terminal

    from hatchway.audit.artifact import Artifact

OPENING = "i32 i32 i32 i32 i32 i64 i64 i32 i32"


def opener() -> bytes:
    """A command that opens files and says nothing of it."""
    return wasm(command("(nop)", imports=wasi("path_open", OPENING)))


def gate(terminal: Terminal, *more: str) -> Done:
    return terminal.run("audit", ".", "--fail-on", "high", *more)


@pytest.fixture
def clean(here: Path) -> Path:
    """A working directory in which nothing is wrong."""
    (here / "nosy.wasm").unlink()
    return here


# Hiding files


@pytest.mark.parametrize(
    "name", [".tools/x.wasm", "a/.b/c/x.wasm", "X.WASM", ".x.wasm", "\n::error::.wasm", "-.wasm"]
)
def test_no_name_hides_an_artifact(name: str, terminal: Terminal, clean: Path) -> None:
    before = gate(terminal)
    (clean / name).parent.mkdir(parents=True, exist_ok=True)
    (clean / name).write_bytes(opener())

    assert (before.status, gate(terminal).status) == (0, 1)


def test_a_policy_in_a_directory_that_starts_with_a_dot_is_audited(
    terminal: Terminal, clean: Path
) -> None:
    (clean / ".x").mkdir()
    (clean / ".x" / "opener").write_bytes(opener())
    (clean / ".x" / "hatchway.toml").write_text(
        'version = 1\n[tools.opener]\nsource = "./opener"\n'
    )

    done = gate(terminal, "--json")

    assert done.status == 1
    assert ".x/opener" in [report["file"] for report in done.json["reports"]]


def test_what_is_passed_over_is_said(terminal: Terminal, clean: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    for name in ("node_modules", "deep/site-packages", ".git"):
        (clean / name).mkdir(parents=True)
    (clean / "linked").symlink_to(tmp_path / "away")
    (clean / "inside").symlink_to("deep")

    done = gate(terminal)

    assert "passed over: linked, node_modules, deep/site-packages; name one to audit it" in done.err


def test_a_long_list_of_what_is_passed_over_is_counted(terminal: Terminal, clean: Path) -> None:
    for number in range(10):
        (clean / f"d{number}" / "node_modules").mkdir(parents=True)

    assert "d7/node_modules and 2 more" in gate(terminal).err


def test_a_directory_that_cannot_be_listed_fails_the_gate(
    terminal: Terminal, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean / "locked").mkdir()
    listing = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refusing)
    done = gate(terminal)

    assert (done.status, done.code) == (2, "config.unreadable")
    assert "locked" in done.err


def test_a_link_in_a_circle_ends(terminal: Terminal, clean: Path) -> None:
    (clean / "round").symlink_to(".")

    assert gate(terminal).status == 0


@pytest.mark.parametrize("name", ["hatchway.toml", "hatchway.lock", "echo.tool.toml"])
def test_a_pipe_in_the_place_of_a_text_keeps_nobody_waiting(
    name: str, terminal: Terminal, clean: Path
) -> None:
    (clean / "hatchway.toml").write_text('version = 1\n[tools.echo]\nsource = "./echo.wasm"\n')
    (clean / name).unlink(missing_ok=True)
    os.mkfifo(clean / name)

    done = gate(terminal)

    assert (done.status, done.code) == (2, "config.unreadable")


def test_a_sidecar_that_is_a_link_to_nothing_is_not_overlooked(
    terminal: Terminal, clean: Path
) -> None:
    (clean / "echo.tool.toml").unlink()
    (clean / "echo.tool.toml").symlink_to("nowhere")

    assert gate(terminal).code == "config.unreadable"


def test_a_sidecar_is_read_to_its_end_or_not_at_all(terminal: Terminal, clean: Path) -> None:
    hidden = "\n# " + "x" * (1 << 20) + '\n[annotations]\ntitle = "\\u202e"\n'
    (clean / "echo.tool.toml").write_text(ECHO_MANIFEST + hidden)

    assert gate(terminal).code == "config.unreadable"


def test_a_name_without_room_for_a_sidecars_fails_the_gate(terminal: Terminal, clean: Path) -> None:
    (clean / f"{'x' * 250}.wasm").write_bytes(opener())

    assert gate(terminal).status in (1, 2)


# The cost of many


def test_a_policy_of_many_tools_is_read_once_for_all_of_them(
    terminal: Terminal, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 40
    read: list[int] = []
    tables = (f'[tools.t{each}]\nsource = "./echo.wasm"\n' for each in range(number))
    (clean / "hatchway.toml").write_text("version = 1\n" + "".join(tables))

    def counted(data: bytes) -> Artifact:
        read.append(len(data))
        return read_artifact(data)

    monkeypatch.setattr("hatchway.runtime.auditing.read_artifact", counted)
    monkeypatch.setattr("hatchway.runtime.subjects.read_artifact", counted)

    done = terminal.run("audit", ".", "--json")

    assert len(done.json["reports"]) == number + 1
    assert len(read) == 2 * number + 1


def test_a_policy_of_more_tools_than_anybody_audits_is_refused(
    terminal: Terminal, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MAX_FILES", 5)
    tables = (f'[tools.t{each}]\nsource = "./echo.wasm"\n' for each in range(5))
    (clean / "hatchway.toml").write_text("version = 1\n" + "".join(tables))

    done = gate(terminal)

    assert done.status == 2
    assert "more than 5 artifacts" in done.err


def test_more_artifacts_than_anybody_audits_are_refused(
    terminal: Terminal, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MAX_FILES", 5)
    for number in range(6):
        (clean / f"more-{number}.wasm").write_bytes(b"no")

    done = gate(terminal)

    assert (done.status, done.out) == (2, "")
    assert "more than 5 artifacts" in done.err


# What a report says


def test_no_line_of_a_report_is_a_command_to_whoever_collects_it(
    terminal: Terminal, clean: Path
) -> None:
    for name in ("::error::x", "##[group]x", "##vso[task.complete]x"):
        (clean / f"{name}.wasm").write_bytes(opener())
    (clean / "hatchway.toml").write_text(
        'version = 1\n[tools.t]\nsource = "./echo.wasm"\n[[tools.t.overrides]]\n'
        'finding = "HW-CAP-001:0123456789abcdef"\nuntil = 2026-01-01\n'
        f'reason = "{"::add-mask::x " * 30}"\n'
    )

    lines = terminal.run("audit", ".", "--verbose").out.splitlines()

    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert not [line for line in lines if "##[" in line or "##vso[" in line]
    assert any(line.startswith("\\x3a:error::x: grade") for line in lines)


def test_no_place_in_a_report_leads_out_of_what_it_is_relative_to(
    terminal: Terminal, clean: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.wasm").write_bytes(opener())
    (clean / "sub").mkdir()
    (clean / "hatchway.toml").write_text(
        'version = 1\n[tools.a]\nsource = "sub/../../out.wasm"\n'
        '[tools.b]\nsource = "./sub/../echo.wasm"\n'
    )

    run = json.loads(terminal.run("audit", ".", "--format", "sarif").out)["runs"][0]

    places = {item["location"]["uri"] for item in run["artifacts"]}
    assert places == {f"file://{tmp_path}/out.wasm", "echo.wasm", "text.wasm"}


def test_no_foreign_host_hides_behind_eight_others(terminal: Terminal, clean: Path) -> None:
    names = [f"host{number}" for number in range(12)]
    imports = "".join(f'(import "{name}" "f" (func))' for name in names)
    (clean / "many.wasm").write_bytes(wasm(f'(module {imports} (func (export "_start")))'))

    done = terminal.run("audit", "many.wasm", "--json")

    told = [item["message"] for item in done.json["findings"] if item["rule"] == "HW-BIN-007"]
    assert len(told) == len(names)
