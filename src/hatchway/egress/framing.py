"""The guest's end of an exchange: frames, over the broker's own server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol, cast

from hatchway.core.exchange import (
    FrameReader,
    Kind,
    data_frames,
    frame,
    refusal_frame,
    response_frame,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Receive, Send

    from hatchway.core.exchange import Refusal, ResponseHead

_FAREWELL_SECONDS = 1.0
"""For the last frame of an exchange that went wrong."""
_FIELDS = [(b"content-type", b"application/octet-stream"), (b"connection", b"close")]


class Gone(Exception):  # noqa: N818 - it is news, not an error of ours
    """The guest's end has hung up."""


class Line(Protocol):
    """The connection from the inside half."""

    def hang_up(self) -> None:
        """Cut it, whatever is on it."""
        ...


class GuestSide:
    """Frames from and to the inside half.

    Args:
        receive: Of ASGI.
        send: Of ASGI; it waits while the other end does not read.
        line: What both go over.
    """

    def __init__(self, receive: Receive, send: Send, line: Line) -> None:
        self._receive = receive
        self._send = send
        self._line = line
        self._is_open = False
        self._has_all = False

    async def frames(self) -> AsyncGenerator[tuple[Kind, bytes]]:
        """What comes, until the other end hangs up.

        Raises:
            ValueError: It is no frames, or the last one is missing.
            Gone: The other end has hung up.
        """
        reader, last = FrameReader(), None
        while True:
            for kind, payload in reader.feed(await self._next()):
                last = kind
                yield kind, payload
            if self._has_all and last is not Kind.END:
                message = "the frames end before their end"
                raise ValueError(message)

    async def head(self, head: ResponseHead) -> None:
        """Send the head of the response."""
        await self._say(response_frame(head))

    async def data(self, part: bytes) -> None:
        """Send more of its body."""
        await self._say(data_frames(part))

    async def end(self) -> None:
        """Send the end of it."""
        await self._say(frame(Kind.END))

    async def refuse(self, refusal: Refusal) -> None:
        """Say that there is no more; an end that does not listen is cut off."""
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self._say(refusal_frame(refusal))
        except TimeoutError:
            self.hang_up()

    async def close(self) -> None:
        """Let the other end hang up, which it does at the last frame.

        A connection that is closed while there is something unread is reset, and the last frames
        would be lost with it.
        """
        with contextlib.suppress(TimeoutError, Gone):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while not self._has_all:
                    await self._next()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def hang_up(self) -> None:
        """Cut the connection."""
        self._line.hang_up()

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise Gone
        self._has_all = not message["more_body"]
        return cast("bytes", message["body"])

    async def _say(self, frames: bytes) -> None:
        if not self._is_open:
            self._is_open = True
            start = {"type": "http.response.start", "status": 200, "headers": _FIELDS}
            await self._send(start)
        message = {"type": "http.response.body", "body": frames, "more_body": True}
        await self._send(message)
