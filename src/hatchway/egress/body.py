"""The body of a request, as it comes from the guest and goes to a server, never held whole."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from hatchway.egress.refusals import failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_HELD_BYTES = 1 << 18
"""What may wait for a server to take it; then the guest waits."""
_KEPT_BYTES = 1 << 16
"""What is kept for a redirect that wants to have the body again."""
_PART_BYTES = 64
"""What a part costs besides its bytes, so that many small ones are not held for nothing."""


class RequestBody:
    """A body under way.

    Args:
        limit_bytes: The longest that is taken.
        is_kept: A redirect may want to have it again.
    """

    def __init__(self, *, limit_bytes: int, is_kept: bool) -> None:
        self._limit_bytes = limit_bytes
        self._kept: bytearray | None = bytearray() if is_kept else None
        self._waiting: deque[bytes] = deque()
        self._held_bytes = 0
        self._bytes = 0
        self._is_complete = False
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    @property
    def is_spent(self) -> bool:
        """Nothing of it will leave any more."""
        return self._is_complete and not self._waiting

    @property
    def can_be_resent(self) -> bool:
        """Whether all that has been taken from it is there still."""
        return self._kept is not None

    @property
    def known_length(self) -> int | None:
        """Its length, if all of it has arrived."""
        return self._bytes if self._is_complete else None

    async def put(self, part: bytes) -> None:
        """More of it has arrived; returns when there is room for yet more.

        Raises:
            Refused: It is longer than it may be.
        """
        self._bytes += len(part)
        if self._bytes > self._limit_bytes:
            raise failed("HTTP-request-body-size", "egress.request_bytes")
        self._waiting.append(part)
        self._held_bytes += len(part) + _PART_BYTES
        self._arrived.set()
        while self._held_bytes > _HELD_BYTES:
            self._taken.clear()
            await self._taken.wait()

    def end(self) -> None:
        """All of it has arrived."""
        self._is_complete = True
        self._arrived.set()

    async def begun(self, seconds: float) -> None:
        """Wait for its first part or its end, but no longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return

    def rewind(self) -> None:
        """From its beginning, once more."""
        assert self._kept is not None, "only what was kept is sent again"
        again, self._kept = bytes(self._kept), bytearray()
        if again:
            self._waiting.appendleft(again)
            self._held_bytes += len(again) + _PART_BYTES

    async def parts(self) -> AsyncGenerator[bytes]:
        """What there is of it, as it arrives."""
        while True:
            while self._waiting:
                part = self._waiting.popleft()
                self._held_bytes -= len(part) + _PART_BYTES
                self._taken.set()
                self._keep(part)
                yield part
            if self._is_complete:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def _keep(self, part: bytes) -> None:
        if self._kept is not None:
            self._kept += part
            if len(self._kept) > _KEPT_BYTES:
                self._kept = None
