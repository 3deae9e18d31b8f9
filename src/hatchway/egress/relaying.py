"""What the two ends of a tunnel say, passed on both ways until both have said all."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hatchway.core.exchange import Kind
from hatchway.egress.connection import READ_BYTES
from hatchway.egress.framing import Gone
from hatchway.egress.refusals import GUEST_HAS_LEFT, NOT_FRAMES, Refused, failed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hatchway.core.egress import EgressLimits
    from hatchway.core.exchange import Refusal
    from hatchway.egress.framing import GuestSide
    from hatchway.egress.recording import SocketRecord


class Relay:
    """One tunnel whose far end is connected. Neither side is read faster than the other takes.

    Args:
        reader: What the far end says.
        writer: What the guest says goes here.
        guest: The inside half.
        limits: How much of both may pass.
        record: Where it is counted.
        stop: Ends the exchange.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        guest: GuestSide,
        limits: EgressLimits,
        record: SocketRecord,
        stop: Callable[[Refusal], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._guest = guest
        self._limits = limits
        self._record = record
        self._stop = stop
        self._all_sent = asyncio.Event()

    @property
    def is_all_sent(self) -> bool:
        """Whether the guest has said all that it will."""
        return self._all_sent.is_set()

    async def run(
        self,
        frames: AsyncIterator[tuple[Kind, bytes]],
        before: Callable[[Kind], object],
        heard: Callable[[], object],
    ) -> None:
        """Pass everything on.

        Args:
            frames: What the guest says.
            before: Told of each of its frames before that is passed on; it may refuse.
            heard: Told before the guest gets something.

        Raises:
            Refused: It breaks off, or is too much.
        """
        sending = asyncio.ensure_future(self._send(frames, before))
        try:
            await self._receive(heard)
            await self._guest.end()
            await self._all_sent.wait()
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            raise _BROKEN from None
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _receive(self, heard: Callable[[], object]) -> None:
        while part := await self._reader.read(READ_BYTES):
            self._record.received_bytes += len(part)
            if self._record.received_bytes > self._limits.response_bytes:
                raise failed("HTTP-response-body-size", "egress.response_bytes")
            heard()
            await self._guest.data(part)

    async def _send(
        self, frames: AsyncIterator[tuple[Kind, bytes]], before: Callable[[Kind], object]
    ) -> None:
        """Pass on what the guest says, until it hangs up."""
        try:
            async for kind, payload in frames:
                before(kind)
                await self._pass_on(kind, payload)
        except Gone:
            self._stop(GUEST_HAS_LEFT)
        except ValueError:
            self._stop(NOT_FRAMES)
        except Refused as refused:
            self._stop(refused.refusal)
        except OSError:
            self._stop(_BROKEN.refusal)

    async def _pass_on(self, kind: Kind, payload: bytes) -> None:
        if self.is_all_sent:
            raise ValueError
        if kind is Kind.DATA:
            self._record.sent_bytes += len(payload)
            if self._record.sent_bytes > self._limits.request_bytes:
                raise failed("HTTP-request-body-size", "egress.request_bytes")
            self._writer.write(payload)
            await self._writer.drain()
        elif kind is Kind.END:
            with contextlib.suppress(OSError):  # the far end is gone, and says so itself
                self._writer.write_eof()
            self._all_sent.set()
        elif kind is not Kind.PRIVATE:
            raise ValueError


_BROKEN = failed("connection-terminated", "egress.connection_lost")
