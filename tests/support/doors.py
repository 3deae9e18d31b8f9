"""MCP clients of both eras in front of a server of ours."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
from mcp import Client, StdioServerParameters, types
from mcp.client.streamable_http import streamable_http_client

from hatchway.serve.door import Doorkeeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.client.subscriptions import Subscription
    from mcp.server import Server

    from hatchway.runtime.runtime import Runtime

_KEPT = ("XDG_", "HOME", "COVERAGE_")

ERAS = ("auto", "legacy")
"""What a client of today and one of last year ask for."""


def server(runtime: Runtime, *, at_once: int = 4) -> Server[dict[str, Any]]:
    """The MCP server that `hatchway serve` would build."""
    return Doorkeeper(runtime, at_once=at_once, on_rejected=_ignore, on_lost_thread=_ignore).server(
        "stdio"
    )


def _ignore(*_told: object) -> None:
    """What was told is looked up in the events."""


class News:
    """What a client is told about the list of tools, in the way of its era."""

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[str](100)

    async def handle(self, message: object) -> None:
        """Take what a client with a handshake is told without asking."""
        if isinstance(message, types.ToolListChangedNotification):
            self._send.send_nowait("changed")

    @contextlib.asynccontextmanager
    async def of(self, client: Client, era: str) -> AsyncIterator[News]:
        """Ask for news where that is how one gets them."""
        try:
            if era == "legacy":
                yield self
                return
            async with (
                client.listen(tools_list_changed=True) as stream,
                anyio.create_task_group() as group,
            ):
                group.start_soon(self._forward, stream)
                yield self
                group.cancel_scope.cancel()
        finally:
            self._send.close()
            self._receive.close()

    async def _forward(self, stream: Subscription) -> None:
        async for _event in stream:
            self._send.send_nowait("changed")

    async def wait(self) -> None:
        """Until there is something new."""
        with anyio.fail_after(30):
            await self._receive.receive()

    @property
    def count(self) -> int:
        """How many there are that nobody waited for."""
        return self._receive.statistics().current_buffer_used


@contextlib.asynccontextmanager
async def in_memory(
    runtime: Runtime, era: str = "auto", news: News | None = None
) -> AsyncIterator[Client]:
    """A client connected to a server in this process."""
    handler = news.handle if news is not None and era == "legacy" else None
    async with Client(server(runtime), mode=era, message_handler=handler) as client:
        yield client


@contextlib.asynccontextmanager
async def over_stdio(
    *arguments: str, era: str = "auto", news: News | None = None
) -> AsyncIterator[Client]:
    """A client connected to `hatchway ARGUMENTS` in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "hatchway", *arguments], env=kept
    )
    handler = news.handle if news is not None and era == "legacy" else None
    async with Client(parameters, mode=era, message_handler=handler) as client:
        yield client


@contextlib.asynccontextmanager
async def over_http(
    url: str, token: str, era: str = "auto", news: News | None = None
) -> AsyncIterator[Client]:
    """A client connected to a server that listens at `url`."""
    handler = news.handle if news is not None and era == "legacy" else None
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(
            streamable_http_client(url, http_client=http), mode=era, message_handler=handler
        ) as client,
    ):
        yield client
