"""Interpreters by name: what `add` writes and shows, what an audit says, what a client is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import interpreters
import pytest
from doors import over_stdio
from mcp import types

from hatchway.registry.digests import digest_of
from hatchway.runtime.settings import directories

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal


@pytest.fixture(autouse=True)
def _lent() -> None:
    interpreters.lend("javascript", directories())


def limits_in(terminal: Terminal, name: str) -> str:
    (line,) = [
        line for line in terminal.run("show", name).out.splitlines() if line.startswith("limits")
    ]
    return line


def test_an_interpreter_is_added_with_a_good_grade_and_limits_for_generated_code(
    terminal: Terminal,
) -> None:
    done = terminal.run("add", "builtin:javascript", "--yes")

    assert done.status == 0, done.err
    assert "grade        A" in done.err
    assert "purpose      Run JavaScript that was just written" in done.err
    assert "fuel=100000000000, deadline=10s, memory=256MiB, output=1MiB, scratch=16MiB" in done.err
    for wish in ("fs.read=/data", "fs.write=/out", "clock", "random"):
        assert f"would like   {wish} (" in done.err
    assert "granted      nothing" in done.err
    assert "deadline 10s, memory 256MiB, output 1MiB, scratch 16MiB" in limits_in(
        terminal, "javascript"
    )


def test_limits_that_are_spelled_out_go_before_those_and_stay(terminal: Terminal) -> None:
    options = ("--yes", "--limit", "memory=32MiB", "--limit", "deadline=1s")

    added = terminal.run("add", "builtin:javascript", *options)
    again = terminal.run("add", "builtin:javascript", "--yes")

    assert "deadline=1s, memory=32MiB, output=1MiB, scratch=16MiB" in added.err
    assert "  limits  " not in again.err
    assert "deadline 1s, memory 32MiB, output 1MiB, scratch 16MiB" in limits_in(
        terminal, "javascript"
    )


def test_its_audit_asks_for_no_decision(terminal: Terminal) -> None:
    terminal.run("add", "builtin:javascript", "--yes")

    done = terminal.run("audit", "javascript", "--json")

    assert done.status == 0
    assert done.json["grade"] == "A"


def test_what_it_is_can_be_looked_at_before_it_is_added(terminal: Terminal) -> None:
    shown = terminal.run("inspect", "builtin:javascript", "--json").json

    assert shown["tools"] == ["javascript"]
    assert shown["says"]["licence"] == "Apache-2.0 AND MIT"
    assert "net.socket" not in shown["capabilities"]


def test_a_client_is_told_what_the_language_has_and_calls_it(terminal: Terminal) -> None:
    terminal.run("add", "builtin:javascript", "--yes")
    seen: list[Any] = []

    async def talk() -> None:
        async with over_stdio("serve") as client:
            (tool,) = (await client.list_tools()).tools
            seen.extend([tool.name, tool.description, tool.title or tool.annotations])
            arguments = {"code": "files.write('made.txt', 'é'); [1, 2].map(x => x * 21)"}
            seen.append(await client.call_tool("javascript", arguments))

    anyio.run(talk)

    name, description, title, result = seen
    assert name == "javascript"
    for words in ("ECMAScript", "no `fetch`", "last expression", "files.write", "tools.search"):
        assert words in description
    assert "JavaScript" in str(title)
    assert isinstance(result, types.CallToolResult)
    assert result.structured_content is not None
    assert result.structured_content["value"] == [21, 42]
    assert [made["name"] for made in result.structured_content["files"]] == ["made.txt"]


def test_it_is_published_and_added_from_there_like_every_artifact(
    terminal: Terminal, tmp_path: Path
) -> None:
    layout = f"oci-layout:{tmp_path}/layout:1"

    pushed = terminal.run("push", "builtin:javascript", layout)
    (directories().interpreters / interpreters.built("javascript").name).unlink()
    added = terminal.run("add", layout, "--name", "js", "--yes")
    called = terminal.run("call", "js", '{"code": "6 * 7"}', "--json")

    assert pushed.status == 0, pushed.err
    assert added.status == 0, added.err
    assert "scratch=16MiB" in added.err
    assert called.json["structured"]["value"] == 42
    shown = terminal.run("show", "js", "--json").out
    assert digest_of(interpreters.artifact("javascript")) in shown
