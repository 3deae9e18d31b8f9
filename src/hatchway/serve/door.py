"""Opening a door: a runtime behind stdio or HTTP, until it is closed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from hatchway.core.call import Principal
from hatchway.policy.document import LOCAL_TENANT
from hatchway.serve.calls import Calls
from hatchway.serve.http import Address, http_app, listen, load_token, serve_http
from hatchway.serve.server import ToolServer
from hatchway.serve.stdio import Wire, serve_stdio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from mcp.server import Server

    from hatchway.core.call import Door
    from hatchway.runtime.runtime import Runtime


class Doorkeeper:
    """Builds the MCP server of one door.

    Args:
        runtime: Answers the calls.
        at_once: How many may run at the same time.
        on_rejected: Told about every tool that cannot be listed, and why.
        on_lost_thread: Told how many threads do not come back.
        has_discovery: Clients are shown what finds tools, whatever the policy says.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        at_once: int,
        on_rejected: Callable[[str, str], None],
        on_lost_thread: Callable[[int], None],
        has_discovery: bool = False,
    ) -> None:
        self._has_discovery = has_discovery
        self._runtime = runtime
        self._at_once = at_once
        self._on_rejected = on_rejected
        self._on_lost_thread = on_lost_thread

    def server(self, door: Door) -> Server[dict[str, Any]]:
        """The MCP server for everyone who comes through `door`."""
        calls = Calls(self._runtime, at_once=self._at_once, on_lost_thread=self._on_lost_thread)
        principal = Principal(tenant=LOCAL_TENANT, subject="local", door=door)
        return ToolServer(
            self._runtime,
            calls,
            principal,
            on_rejected=self._on_rejected,
            has_discovery=self._has_discovery,
        ).build()

    def open_stdio(self, wire: Wire) -> None:
        """Serve one client over standard input and output until it hangs up."""
        server = self.server("stdio")
        anyio.run(serve_stdio, server, wire)

    def open_http(
        self, address: Address, token_file: Path, on_listening: Callable[[Address], None]
    ) -> None:
        """Serve over HTTP until the process is told to stop."""
        token = load_token(token_file)
        listener, bound = listen(address)
        app = http_app(self.server("http"), bound, token)
        on_listening(bound)
        anyio.run(serve_http, app, listener)
