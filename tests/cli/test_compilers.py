"""A tool is compiled by Cranelift, by Winch where that is too much, or by the one pinned."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
from guests import bomb, wasm

from hatchway.engine.compiling import CompileBudget, CompileBudgets
from hatchway.engine.settings import has_winch

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

pytestmark = pytest.mark.skipif(not has_winch(), reason="Winch is used on x86-64 only")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cranelift gets one CPU-second, whether it is pinned or not."""
    second = CompileBudget(cpu_seconds=1)
    budgets = partial(CompileBudgets, cranelift=second, pinned_cranelift=second)
    monkeypatch.setattr("hatchway.engine.sandbox.CompileBudgets", budgets)


@pytest.fixture
def bombs(here: Path) -> Path:
    """A program that is too much for an impatient Cranelift."""
    file = here / "bomb.wasm"
    file.write_bytes(bomb())
    return file


def last_compiler(terminal: Terminal, event: str) -> object:
    """What the last event of that name says about the compiler."""
    lines = terminal.run("events", "--json").out.splitlines()
    own = [json.loads(line)["unmapped"]["hatchway"] for line in lines]
    return [fields.get("compiler") for fields in own if fields["event"] == event][-1]


@pytest.mark.claim("limits.compile")
@pytest.mark.usefixtures("_impatient", "bombs")
def test_a_compile_bomb_is_compiled_by_winch_and_runs(terminal: Terminal) -> None:
    added = terminal.run("add", "bomb.wasm", "--yes")
    called = terminal.run("call", "bomb", "--json")
    shown = terminal.run("show", "bomb")
    as_json = terminal.run("show", "bomb", "--json")

    told = "winch (cranelift took more than 1 CPU-seconds)"
    assert (added.status, called.status) == (0, 0)
    assert f"  compiler     {told}" in added.err.splitlines()
    assert called.json["ok"]
    assert f"compiler   {told}" in shown.out.splitlines()
    assert as_json.json["compiler"] == "winch"
    assert last_compiler(terminal, "tool.admitted") == "winch"
    assert last_compiler(terminal, "call.completed") == "winch"


@pytest.mark.claim("limits.compile")
@pytest.mark.usefixtures("_impatient", "bombs")
def test_a_compile_bomb_with_cranelift_pinned_is_refused(terminal: Terminal) -> None:
    added = terminal.run("add", "bomb.wasm", "--yes", "--compiler", "cranelift")

    assert (added.status, added.code) == (3, "admission.compile_budget")
    assert terminal.run("list", "--json").json == []


def test_a_pinned_compiler_is_written_into_the_policy_and_used(terminal: Terminal) -> None:
    added = terminal.run("add", "echo.wasm", "--yes", "--limit", "fuel=5000000")
    pinned = terminal.run("add", "echo.wasm", "--yes", "--compiler", "winch")
    called = terminal.run("call", "echo", '{"text": "hello"}')
    again = terminal.run("add", "echo.wasm", "--yes")
    shown = terminal.run("show", "echo", "--json")

    assert (added.status, pinned.status, again.status) == (0, 0, 0)
    assert called.out == '{"text": "hello"}\n'
    assert shown.json["compiler"] == "winch"
    assert shown.json["limits"]["fuel"] == 5_000_000
    assert last_compiler(terminal, "tool.admitted") == "winch"
    assert last_compiler(terminal, "call.completed") == "winch"


def test_the_policy_pins_the_compiler_of_every_tool_that_names_none(
    terminal: Terminal, tmp_path: Path
) -> None:
    policy = tmp_path / "home" / "config" / "hatchway" / "hatchway.toml"
    terminal.run("add", "text.wasm", "--yes", "--compiler", "cranelift")
    policy.write_text(
        policy.read_text().replace("version = 1\n", 'version = 1\ncompiler = "winch"\n')
    )

    terminal.run("add", "echo.wasm", "--yes")
    shown = {name: terminal.run("show", name, "--json").json for name in ("echo", "text")}

    assert shown["echo"]["compiler"] == "winch"
    assert shown["text"]["compiler"] == "cranelift"


def test_a_pin_that_is_edited_in_is_compiled_before_the_next_call(
    terminal: Terminal, tmp_path: Path
) -> None:
    policy = tmp_path / "home" / "config" / "hatchway" / "hatchway.toml"
    terminal.run("add", "echo.wasm", "--yes")
    policy.write_text(f'{policy.read_text()}compiler = "winch"\n')

    shown = terminal.run("show", "echo", "--json")
    terminal.run("call", "echo", '{"text": "hello"}')

    assert shown.json["compiler"] == "winch"
    assert last_compiler(terminal, "call.completed") == "winch"


def test_two_entries_for_one_artifact_may_pin_different_compilers(terminal: Terminal) -> None:
    used = {}
    for compiler in ("cranelift", "winch"):
        terminal.run("add", "echo.wasm", "--name", compiler, "--yes", "--compiler", compiler)
    for compiler in ("cranelift", "winch"):
        terminal.run("call", compiler, '{"text": "hello"}')
        used[compiler] = last_compiler(terminal, "call.completed")

    assert used == {"cranelift": "cranelift", "winch": "winch"}


def test_a_tool_that_the_pinned_compiler_does_not_take_is_refused_with_the_way_out(
    terminal: Terminal, here: Path
) -> None:
    tail = '(module (func $f (return_call $f)) (func (export "_start")))'
    (here / "tail.wasm").write_bytes(wasm(tail))

    refused = terminal.run("add", "tail.wasm", "--yes", "--compiler", "winch")
    admitted = terminal.run("add", "tail.wasm", "--yes")

    assert (refused.status, refused.code) == (3, "admission.invalid")
    assert "tail calls" in refused.err
    assert any("cranelift takes more" in hint for hint in refused.hints)
    assert admitted.status == 0


def test_a_tool_without_code_has_no_compiler(terminal: Terminal, tmp_path: Path) -> None:
    policy = tmp_path / "home" / "config" / "hatchway" / "hatchway.toml"
    terminal.run("add", "echo.wasm", "--yes")
    lines = f'[tools.gone]\nsource = "{tmp_path}/gone.wasm"\n'
    policy.write_text(f"{policy.read_text()}\n{lines}")

    assert terminal.run("show", "gone", "--json").json["compiler"] is None
    assert "compiler   -" in terminal.run("show", "gone").out.splitlines()


def test_a_file_is_run_once_with_the_compiler_that_is_asked_for(terminal: Terminal) -> None:
    done = terminal.run("run", "text.wasm", "--compiler", "winch", "--", '{"text": "hello"}')

    assert done.status == 0
    assert last_compiler(terminal, "call.completed") == "winch"


@pytest.mark.parametrize("command", ["add", "run"])
def test_a_compiler_that_nobody_knows_is_refused(terminal: Terminal, command: str) -> None:
    refused = terminal.run(command, "echo.wasm", "--compiler", "gcc")

    assert refused.status == 2
    assert "cranelift, winch" in refused.err
