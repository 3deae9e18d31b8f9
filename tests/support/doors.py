"""MCP clients of both eras in front of a server of ours."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from mcp import Client, StdioServerParameters

from hatchway.serve.door import Doorkeeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


@contextlib.asynccontextmanager
async def in_memory(runtime: Runtime, era: str = "auto") -> AsyncIterator[Client]:
    """A client connected to a server in this process."""
    async with Client(server(runtime), mode=era) as client:
        yield client


@contextlib.asynccontextmanager
async def over_stdio(*arguments: str, era: str = "auto") -> AsyncIterator[Client]:
    """A client connected to `hatchway ARGUMENTS` in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "hatchway", *arguments], env=kept
    )
    async with Client(parameters, mode=era) as client:
        yield client
