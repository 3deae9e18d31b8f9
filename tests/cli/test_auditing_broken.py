"""Audits of directories in which something is broken: the rest is audited, and the gate is shut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sarif_schema import sarif_validator

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

BROKEN = {
    "a policy": ("hatchway.toml", "version = 1\n[tools.echo\n", 2),
    "a key of a policy": ("hatchway.toml", "version = 1\nsurprise = 1\n", 2),
    "a lockfile": ("hatchway.lock", "{", 2),
    "a manifest": ("echo.tool.toml", "[surprise]\n", 2),
    "a source": ("hatchway.toml", 'version = 1\n[tools.gone]\nsource = "./gone.wasm"\n', 2),
    "a source elsewhere": (
        "hatchway.toml",
        'version = 1\n[tools.far]\nsource = "https://example.com/far.wasm"\n',
        3,
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_keeps_nothing_else_from_being_audited(
    what: str, terminal: Terminal, here: Path
) -> None:
    name, text, status = BROKEN[what]
    part = here / "part"
    part.mkdir()
    (here / "echo.wasm").rename(part / "echo.wasm")
    (here / "echo.tool.toml").rename(part / "echo.tool.toml")
    (part / "hatchway.toml").write_text('version = 1\n[tools.echo]\nsource = "./echo.wasm"\n')
    (part / name).write_text(text)

    done = terminal.run("audit", ".", "--json")
    shown = terminal.run("audit", ".")
    sarif = terminal.run("audit", ".", "--format", "sarif")

    (failed,) = done.json["unaudited"]
    assert [each.status for each in (done, shown, sarif)] == [status] * 3
    assert failed["file"].startswith("part/")
    assert failed["code"] == done.code
    assert {"nosy.wasm", "text.wasm"} <= {report["file"] for report in done.json["reports"]}
    assert (done.json["grade"], done.json["score"], done.json["blocked"]) == ("F", 0, True)
    assert f"not audited  {failed['file']}" in shown.out
    (run,) = sarif.json["runs"]
    assert list(sarif_validator().iter_errors(sarif.json)) == []
    assert run["properties"]["grade"] == "F"
    assert run["invocations"][0]["executionSuccessful"] is False
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert (notification["level"], notification["descriptor"]["id"]) == ("error", failed["code"])


def test_the_worst_that_happened_decides_the_status(terminal: Terminal, here: Path) -> None:
    (here / "hatchway.toml").write_text("version = 1\n[tools.echo\n")

    only_policy = terminal.run("audit", ".", "--fail-on", "info")
    (here / "cut.wasm").write_bytes((here / "text.wasm").read_bytes()[:-1])
    unreadable_too = terminal.run("audit", ".", "--fail-on", "info")

    assert "of the findings are info or worse" in only_policy.err
    assert (only_policy.status, unreadable_too.status) == (2, 3)


def test_where_nothing_can_be_audited_the_report_says_so(terminal: Terminal, here: Path) -> None:
    (here / "part").mkdir()
    (here / "part" / "hatchway.toml").write_text("version = 1\n[tools.echo\n")

    done = terminal.run("audit", "part", "--json")
    shown = terminal.run("audit", "part")

    assert (done.status, done.json["reports"], done.json["grade"]) == (2, [], "F")
    assert shown.out.endswith("0 artifacts: 0 blocked, 0 high, 0 neither\n")


def test_of_many_broken_policies_a_few_are_told_and_the_report_has_all(
    terminal: Terminal, here: Path
) -> None:
    for number in range(25):
        (here / f"d{number}").mkdir()
        (here / f"d{number}" / "hatchway.toml").write_text("version =")

    done = terminal.run("audit", ".", "--json")

    assert done.err.count("error[config.syntax]") == 20
    assert "and 5 more that could not be audited" in done.err
    assert len(done.json["unaudited"]) == 25


def test_a_broken_policy_above_a_file_is_an_error(terminal: Terminal, here: Path) -> None:
    (here / "hatchway.toml").write_text("version = 1\n[tools.echo\n")

    done = terminal.run("audit", "echo.wasm")

    assert (done.status, done.code) == (2, "config.syntax")
