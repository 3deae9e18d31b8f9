"""An MCP client of our own: it starts a server the way any client does, and talks to it."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import anyio
from mcp import Client, MCPError, StdioServerParameters, stdio_client, types

from hatchway.core.call import Content, MediaContent, ResourceContent, TextContent
from hatchway.core.errors import CallError, ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

T = TypeVar("T")

ANSWER_SECONDS = 60.0
"""How long one answer may take, the start of the server included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCommand:
    """How a server on standard input and output is started.

    Attributes:
        command: The program and its arguments.
        environment: In addition to the few variables that MCP clients pass on.
        directory: Where it starts.
        log: A file for what it says on standard error.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    log: TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a client gets back from one call.

    Attributes:
        structured: The JSON object behind the content, or None.
        round_trip_us: Microseconds from the request to the answer, as the client sees them.
    """

    content: tuple[Content, ...]
    structured: Mapping[str, Any] | None
    is_error: bool
    round_trip_us: int

    @property
    def text(self) -> str:
        """All text of the answer."""
        return "\n".join(block.text for block in self.content if isinstance(block, TextContent))


class Conversation:
    """An open connection to a server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tools(self) -> tuple[str, ...]:
        """The names of the tools that the server offers."""
        return tuple(tool.name for tool in (await self._client.list_tools()).tools)

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """The answer to one call.

        Raises:
            CallError: The server refused the request itself, or has gone.
        """
        started = time.perf_counter_ns()
        try:
            result = await self._client.call_tool(tool, dict(arguments))
        except MCPError as error:
            message = f"the server refused {tool!r}: {printable(str(error))}"
            raise CallError(message) from error
        round_trip_us = (time.perf_counter_ns() - started) // 1000
        return Answer(
            content=tuple(filter(None, map(_content, result.content))),
            structured=result.structured_content,
            is_error=bool(result.is_error),
            round_trip_us=round_trip_us,
        )


def converse(server: ServerCommand, talk: Callable[[Conversation], Awaitable[T]]) -> T:
    """Start a server, talk to it, and stop it again, whatever happens.

    Raises:
        ConfigError: The server does not start, or does not speak MCP.
        Exception: What `talk` raised.
    """
    return anyio.run(_converse, server, talk)


async def _converse(server: ServerCommand, talk: Callable[[Conversation], Awaitable[T]]) -> T:
    parameters = StdioServerParameters(
        command=server.command[0],
        args=list(server.command[1:]),
        env=dict(server.environment),
        cwd=server.directory,
    )
    transport = stdio_client(parameters, errlog=server.log)
    try:
        async with Client(transport, read_timeout_seconds=ANSWER_SECONDS) as client:
            return await talk(Conversation(client))
    except (OSError, MCPError) as error:
        raise _unreachable(server, error) from error
    except BaseExceptionGroup as group:
        # The transport's task group wraps whatever happens inside it.
        failure = _first(group)
        if isinstance(failure, OSError | MCPError):
            raise _unreachable(server, failure) from failure
        raise failure from None


def _first(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


def _unreachable(server: ServerCommand, error: BaseException) -> ConfigError:
    message = f"cannot talk to {server.command[0]!r} over MCP: {printable(str(error))}"
    hint = "hatchway doctor"
    return ConfigError(message, code="config.server_unavailable", hint=hint)


def _content(block: types.ContentBlock) -> Content | None:
    """A block in our words; kinds that our own server never sends are left out."""
    match block:
        case types.TextContent():
            return TextContent(text=block.text)
        case types.ImageContent():
            return _media("image", block)
        case types.AudioContent():
            return _media("audio", block)
        case types.EmbeddedResource():
            return _resource(block.resource)
        case _:
            return None


def _media(kind: Any, block: types.ImageContent | types.AudioContent) -> MediaContent:
    return MediaContent(kind=kind, data=_bytes(block.data), media_type=block.mime_type)


def _resource(
    contents: types.TextResourceContents | types.BlobResourceContents,
) -> ResourceContent:
    if isinstance(contents, types.TextResourceContents):
        data = contents.text.encode()
    else:
        data = _bytes(contents.blob)
    media_type = contents.mime_type or "application/octet-stream"
    return ResourceContent(uri=contents.uri, media_type=media_type, data=data)


def _bytes(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:  # `binascii.Error` is one; so is text that is not ASCII
        message = "the server sent an image, a sound or a file that is not base64"
        raise CallError(message) from error
