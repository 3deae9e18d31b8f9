"""One connection to a server, and HTTP/1.1 over it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import h11

from hatchway.egress.refusals import failed

if TYPE_CHECKING:
    import asyncio

    from hatchway.core.exchange import ErrorCode
    from hatchway.egress.headers import Fields

READ_BYTES = 1 << 16
_FEW_CHUNKS = 4096
_BYTES_OF_A_CHUNK = 8
"""After a few, chunks have at least so many on average: each costs far more than its bytes."""
_HEAD_IS_TOO_LARGE = 431
"""How h11 says that a head does not end."""


class Connection:
    """A connection that is good for one request at a time.

    Args:
        reader: What comes.
        writer: What goes.
        header_bytes: The most that the head of a response may take.
        prefix: What stands before the path, for a proxy that a request goes through in the open.
        fields: What such a proxy is told besides.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        header_bytes: int,
        prefix: bytes = b"",
        fields: Fields | None = None,
    ) -> None:
        self.prefix = prefix
        self.fields = fields or []
        self._reader = reader
        self._writer = writer
        self._has_head = False
        self._is_over = False
        self._is_personal = False
        self._chunks = 0
        self._bytes = 0
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=header_bytes)

    async def send(self, event: h11.Event) -> None:
        """Send what h11 makes of `event`; returns when there is room for more.

        Raises:
            OSError: The server takes no more.
            LocalProtocolError: Of h11: the body is not as long as was said.
        """
        self._writer.write(self._state.send(event) or b"")
        await self._writer.drain()

    async def head(self) -> h11.Response | h11.InformationalResponse:
        """The next head that comes.

        Raises:
            Refused: What comes is none, or it is too large, or nothing comes any more.
        """
        event = await self._next("connection-terminated")
        assert isinstance(event, h11.Response | h11.InformationalResponse)
        self._has_head = isinstance(event, h11.Response)
        return event

    async def part(self) -> bytes:
        """More of the body, joined of all that has come; none of it at the end.

        Raises:
            Refused: It ends before its end, or is not framed as it should be.
        """
        parts: list[bytes] = []
        if self._is_over:
            return b""
        event: object | None = await self._next("HTTP-response-incomplete")
        while isinstance(event, h11.Data):
            parts.append(bytes(event.data))
            self._count(len(event.data))
            event = self._known()
        self._is_over = event is not None
        return b"".join(parts)

    def _count(self, size: int) -> None:
        self._chunks += 1
        self._bytes += size
        if self._chunks > _FEW_CHUNKS and self._bytes < self._chunks * _BYTES_OF_A_CHUNK:
            raise failed("HTTP-protocol-error", "egress.tiny_chunks")

    def renew(self) -> bool:
        """Be ready for another request; False where that cannot be."""
        state = self._state
        if (
            self._is_personal
            or state.our_state is not h11.DONE
            or state.their_state is not h11.DONE
        ):
            return False
        if state.trailing_data != (b"", False):
            return False  # it says more than it was asked for
        state.start_next_cycle()
        self._has_head = self._is_over = False
        self._chunks = self._bytes = 0
        return not self._writer.transport.is_closing()

    async def disturbed(self) -> None:
        """Wait until something comes, or the server closes; neither is good while it is idle."""
        with contextlib.suppress(OSError):
            await self._reader.read(1)

    def keep_to_one(self) -> None:
        """It will not be used again: who asked may be known to the server by the connection."""
        self._is_personal = True

    def abort(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()

    async def _next(self, at_end: ErrorCode) -> object:
        while (event := self._known()) is None:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError:
                raise failed(at_end, "egress.connection_lost") from None
            if not data and not self._has_head:
                raise failed(at_end, "egress.connection_lost")
            self._state.receive_data(data)
        return event

    def _known(self) -> object | None:
        """What follows from what has come; None where more has to come first."""
        try:
            event = self._state.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == _HEAD_IS_TOO_LARGE:
                limit = "egress.header_bytes"
                raise failed("HTTP-response-header-section-size", limit) from None
            if self._is_cut_off:
                raise failed("HTTP-response-incomplete", "egress.connection_lost") from None
            raise failed("HTTP-protocol-error", "egress.bad_response") from None
        return None if event is h11.NEED_DATA else event

    @property
    def _is_cut_off(self) -> bool:
        return self._has_head and self._reader.at_eof()
