"""Telling clients that the list of tools has changed, as far as their protocol has words for it.

Clients of the stateless era ask for such news with `subscriptions/listen`, and get it on the
response to that request. Older ones are told without asking once they have finished their
handshake: on standard output, or on the stream that a client over HTTP holds open for that.
One that holds none open learns of a change by listing again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from mcp.server import NotificationOptions, Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp import types
    from mcp.server import InitializationOptions, ServerRequestContext

MOST_LISTENERS = 1024
"""Clients of either era that are told; more can list, and call, all the same."""


class AnnouncingServer(Server[dict[str, Any]]):
    """The SDK's server, which says in its handshake too that it announces changes."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """What the handshake answers; the HTTP transport asks for it without any options."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)


class Announcer:
    """The clients of one server that want to know of changes, and the way to tell them."""

    def __init__(self) -> None:
        self._bus = InMemorySubscriptionBus()
        self._told: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self.listen = ListenHandler(self._bus, max_subscriptions=MOST_LISTENERS)

    def announce(self) -> None:
        """Tell everyone. May be called from any thread; several times at once count once."""
        loop = self._loop
        if loop is not None:
            # The loop may be closed before its lifespan was left in order.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._changed.set)

    @contextlib.asynccontextmanager
    async def lifespan(self, _server: Server[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """As long as the server runs, what is announced reaches those who listen."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.create_task(self._publish())
        try:
            yield {}
        finally:
            self._loop = None
            task.cancel()

    async def _publish(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._bus.publish(ToolsListChanged())

    async def tell_session(
        self,
        context: ServerRequestContext[dict[str, Any]],
        _params: types.NotificationParams | None,
    ) -> None:
        """The handler of `notifications/initialized`: tells this client until it has gone.

        The SDK runs it in a task of the connection and cancels it with the connection, so
        that nothing of a client that left is kept.
        """
        # One listener for each handshake, however often its end is repeated.
        handshake = id(context.session.client_params)
        if handshake in self._told or len(self._told) >= MOST_LISTENERS:
            return
        changed = asyncio.Event()
        unsubscribe = self._bus.subscribe(lambda _event: changed.set())
        self._told.add(handshake)
        try:
            while True:
                await changed.wait()
                changed.clear()
                await context.session.send_tool_list_changed()
        finally:
            self._told.remove(handshake)
            unsubscribe()
