"""Clients are told of every change that they can see, in the way of their era, and of no other."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest
from doors import ERAS, News, in_memory
from live import Live, own
from mcp import Client, MCPError, types
from workbench import ECHO_JSON, ECHO_MANIFEST

from hatchway.core.call import Principal
from hatchway.runtime.generations import Generation
from hatchway.serve.announcing import Announcer
from hatchway.serve.calls import Calls
from hatchway.serve.server import ToolServer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    anyio.run(main)


async def until(is_so: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not is_so():
            await anyio.lowlevel.checkpoint()
            await anyio.sleep(0.02)


def tool_server(server: Live, on_rejected: Callable[[str, str], None]) -> ToolServer:
    calls = Calls(server.runtime, at_once=1, on_lost_thread=lambda _count: None)
    principal = Principal(tenant="local", subject="local", door="stdio")
    return ToolServer(server.runtime, calls, principal, on_rejected=on_rejected)


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("era", ERAS)
def test_a_client_is_told_when_its_list_has_changed(era: str, tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    async def main() -> None:
        news = News()
        async with in_memory(server.runtime, era, news) as client, news.of(client, era):
            assert await names(client) == ["echo"]
            server.bench.add("more", ECHO_JSON, manifest=ECHO_MANIFEST)
            await anyio.to_thread.run_sync(server.look)
            await news.wait()

            assert await names(client) == ["echo", "more"]
            result = await client.call_tool("more", {"text": "x"})
            assert result.structured_content == {"text": "x"}

    run(main)


@pytest.mark.parametrize("era", ERAS)
def test_a_change_that_no_client_can_see_is_not_announced(era: str, tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    async def main() -> None:
        news = News()
        async with in_memory(server.runtime, era, news) as client, news.of(client, era):
            text = server.policy.read_text()
            server.policy.write_text(f"{text}\n[tools.echo.limits]\nfuel = 123456\n")
            await anyio.to_thread.run_sync(server.look)
            server.bench.add("more", ECHO_JSON, manifest=ECHO_MANIFEST)
            await anyio.to_thread.run_sync(server.look)
            await news.wait()

            assert news.count == 0

    run(main)


@pytest.mark.parametrize("era", ERAS)
def test_a_grant_that_changes_what_a_tool_is_shown_as_is_announced(
    era: str, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    server = own(tmp_path, "echo")

    async def main() -> None:
        news = News()
        async with in_memory(server.runtime, era, news) as client, news.of(client, era):
            (before,) = (await client.list_tools()).tools
            with server.bench.application.project.editing() as edit:
                edit.set_allowed("echo", [f"fs.write={tmp_path}/out:/out"])
            await anyio.to_thread.run_sync(server.look)
            await news.wait()
            (after,) = (await client.list_tools()).tools

            assert before.annotations is not None
            assert after.annotations is not None
            assert (before.annotations.read_only_hint, after.annotations.read_only_hint) == (
                True,
                False,
            )

    run(main)


@pytest.mark.parametrize("era", ERAS)
def test_changes_are_promised_to_clients_of_both_eras(era: str, tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    async def main() -> None:
        async with in_memory(server.runtime, era) as client:
            assert client.server_capabilities is not None
            assert client.server_capabilities.tools is not None
            assert client.server_capabilities.tools.list_changed is True

    run(main)


@pytest.mark.claim("client.no-coaching")
@pytest.mark.parametrize("era", ERAS)
def test_a_call_of_a_tool_that_is_gone_says_so_and_no_more(era: str, tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    async def main() -> None:
        async with in_memory(server.runtime, era) as client:
            assert await names(client) == ["echo"]
            with server.bench.application.project.editing() as edit:
                edit.remove_tool("echo")
            await anyio.to_thread.run_sync(server.look)

            with pytest.raises(MCPError) as gone:
                await client.call_tool("echo", {"text": "x"})
            assert gone.value.code == types.INVALID_PARAMS
            assert str(gone.value) == "echo is not available any more: the policy changed"
            with pytest.raises(MCPError, match="Unknown tool: never"):
                await client.call_tool("never", {})

    run(main)


def test_a_tool_that_cannot_be_listed_is_told_of_once(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    told: list[str] = []

    catalog = server.runtime.catalog
    echo = catalog.entries["echo"]
    bad = replace(echo.tool, name="bad", input_schema={"type": object()})
    entries = {**catalog.entries, "bad": replace(echo, tool=bad)}
    server.runtime.replace(Generation(replace(catalog, entries=entries)))

    tool_server(server, lambda name, _why: told.append(name))
    for _ in range(3):
        server.runtime.replace(Generation(replace(server.runtime.catalog)))

    assert told == ["bad"]


def test_nothing_is_kept_of_clients_that_have_gone(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    async def main() -> None:
        tools = tool_server(server, lambda *_: None)
        announcer = tools._announcer
        for _ in range(3):
            news = News()
            async with Client(tools.build(), mode="legacy", message_handler=news.handle) as client:
                await names(client)
                await until(lambda: len(announcer._told) == 1)
                news._send.close()
                news._receive.close()

            assert announcer._told == set()
            assert announcer._bus._listeners == {}

    run(main)


def test_a_handshake_that_is_finished_twice_is_told_once(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")

    async def main() -> None:
        news = News()
        async with in_memory(server.runtime, "legacy", news) as client, news.of(client, "legacy"):
            for _ in range(3):
                await client.session.send_notification(types.InitializedNotification())
            await names(client)
            server.bench.add("more", ECHO_JSON, manifest=ECHO_MANIFEST)
            await anyio.to_thread.run_sync(server.look)
            await news.wait()
            await names(client)

            assert news.count == 0

    run(main)


def test_what_is_announced_while_nobody_is_served_is_forgotten() -> None:
    announcer = Announcer()

    announcer.announce()

    assert announcer._loop is None


def test_an_announcement_to_a_server_that_is_just_ending_is_harmless() -> None:
    announcer = Announcer()

    async def main() -> None:
        announcer._loop = asyncio.get_running_loop()

    run(main)
    thread = threading.Thread(target=announcer.announce)
    thread.start()
    thread.join()

    assert announcer._loop is not None
