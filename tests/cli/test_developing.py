"""`hatchway dev` in front of a real MCP client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from doors import News, over_stdio
from mcp.types import TextContent

if TYPE_CHECKING:
    from pathlib import Path

    from mcp import Client
    from terminal import Terminal


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


async def descriptions(client: Client) -> list[str | None]:
    return [tool.description for tool in (await client.list_tools()).tools]


@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_a_change_is_served_and_a_broken_one_is_not(
    terminal: Terminal, here: Path, era: str
) -> None:
    terminal.run("new", "wat", "loud")
    manifest, source = here / "loud" / "tool.toml", here / "loud" / "main.wat"

    async def session() -> None:
        news = News()
        async with (
            over_stdio("dev", str(here / "loud"), era=era, news=news) as client,
            news.of(client, era),
        ):
            first = await client.call_tool("loud", {"text": "abc"})
            good = source.read_text()
            source.write_text("(module")
            # What comes next is built in the same look or in a later one; both are as good.
            change(manifest, "Gives a text back", "Shouts a text")
            source.write_text(good)
            await news.wait()
            second = await client.call_tool("loud", {"text": "abc"})
            shown = await descriptions(client)

        assert [first.content, second.content] == [[TextContent(text="ABC")]] * 2
        assert shown == ["Shouts a text with the letters a to z as capitals."]

    anyio.run(session)


def test_a_project_that_never_built_is_served_once_it_does(terminal: Terminal, here: Path) -> None:
    terminal.run("new", "wat", "loud")
    source = here / "loud" / "main.wat"
    good = source.read_text()
    source.write_text("(module")

    async def session() -> None:
        news = News()
        async with (
            over_stdio("dev", str(here / "loud"), news=news) as client,
            news.of(client, "auto"),
        ):
            before = await descriptions(client)
            source.write_text(good)
            await news.wait()
            after = await descriptions(client)

        assert before == []
        assert len(after) == 1

    anyio.run(session)


def test_nothing_is_written_into_the_users_own_policy(terminal: Terminal, here: Path) -> None:
    terminal.run("new", "wat", "loud")

    async def session() -> None:
        async with over_stdio("dev", str(here / "loud"), "--allow", "clock") as client:
            await client.call_tool("loud", {"text": "abc"})

    anyio.run(session)

    assert terminal.run("list").out == ""


def test_what_cannot_be_granted_is_refused_before_anything_is_served(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("new", "wat", "loud")

    assert terminal.run("dev", "loud", "--allow", "clok").code == "config.bad_capability"


def test_a_project_that_grants_itself_the_machine_is_refused_before_it_is_built(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("new", "wat", "loud")
    (here / "loud" / "calls.toml").write_text('allow = ["clock", "fs.write=/:/all"]\n')

    refused = terminal.run("dev", "loud")

    assert (refused.status, refused.code) == (2, "config.not_allowed")
    assert "hatchway dev loud --allow fs.write=/:/all" in refused.hints[0]


def test_a_line_of_the_project_that_is_said_again_is_granted_once(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("new", "wat", "loud")
    (here / "loud" / "calls.toml").write_text('allow = ["clock", "env=HOME"]\n')

    async def session() -> None:
        async with over_stdio("dev", str(here / "loud"), "--allow", "env=HOME") as client:
            answer = await client.call_tool("loud", {"text": "abc"})
        assert answer.content == [TextContent(text="ABC")]

    anyio.run(session)
