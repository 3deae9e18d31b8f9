"""One exchange, from its first frame to its last, and everything that can end it before."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from typing import TYPE_CHECKING

from hatchway.core.exchange import Kind, LookUpHead, RequestHead, read_head
from hatchway.egress.body import RequestBody
from hatchway.egress.framing import Gone
from hatchway.egress.hopping import Hops
from hatchway.egress.recording import MAX_UNLISTED, SocketRecord, Trace
from hatchway.egress.redirects import MAX_REDIRECTS, Asked
from hatchway.egress.refusals import (
    CALL_IS_OVER,
    GUEST_HAS_LEFT,
    NOT_FRAMES,
    NOTHING_ASKED,
    TOO_LONG,
    Refused,
    denied,
)
from hatchway.egress.tunneling import Tunneling
from hatchway.policy.egress import judge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hatchway.core.exchange import ConnectHead, Head, Refusal
    from hatchway.egress.framing import GuestSide
    from hatchway.egress.outside import Outside
    from hatchway.egress.quotas import Quotas
    from hatchway.egress.tickets import Admission

_HEAD_SECONDS = 10.0
"""From a ticket that was shown to the request that it was shown for."""


class Exchange:
    """A request of a guest under way.

    Everything that ends it from outside goes through `stop`, which says why before it cancels.

    Attributes:
        why: What stopped it, once something has.
        is_over: Set when nothing of it is left, and its events are written.

    Args:
        admission: Of the call whose ticket was shown.
        guest: The inside half.
        outside: The world.
        quotas: Of everybody.
    """

    def __init__(
        self, admission: Admission, guest: GuestSide, outside: Outside, quotas: Quotas
    ) -> None:
        self.why: Refusal | None = None
        self.is_over = asyncio.Event()
        self._admission = admission
        self._guest = guest
        self._outside = outside
        self._quotas = quotas
        self._hops = Hops(self, admission, guest, outside, self.stop)
        self._tunneling = Tunneling(self, admission, guest, outside, self.stop)
        self._body: RequestBody | None = None
        self._task: asyncio.Task[object] | None = None

    async def run(self) -> None:
        """Answer the guest."""
        with self._entered():
            refusal = await self._until_refused()
            if refusal is not None:
                await self._guest.refuse(refusal)
            await self._guest.close()

    # What ends it

    def stop(self, why: Refusal) -> None:
        """End it, for the first reason that is given."""
        if self._task is None:
            self._guest.hang_up()
        elif self.why is None:
            self.why = why
            self._task.cancel()

    def call_over(self) -> None:
        """End it: there is nobody to answer any more."""
        self.stop(CALL_IS_OVER)
        self._guest.hang_up()

    def reconsider(self) -> None:
        """End it where a call that has read something private may send nothing."""
        self._tunneling.reconsider()
        target = self._hops.target
        if target is None or self._body is None or self._body.is_spent:
            return
        verdict = judge(self._admission.grant, target, has_read_private=True)
        if verdict.allowed_by is None:
            attempted = f"{target.method} {target.origin}"
            self.stop(denied(verdict.rule, attempted).refusal)

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        """Whatever fails inside is kept for whoever admitted the call."""
        with contextlib.ExitStack() as leaving:
            leaving.callback(self.is_over.set)
            leaving.callback(self._admission.under_way.discard, self)
            leaving.push(self._keep_failure)
            yield

    def _keep_failure(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception):
            self._admission.failure = error
            self._guest.hang_up()

    async def _until_refused(self) -> Refusal | None:
        self._task = asyncio.current_task()
        assert self._task is not None
        try:
            await self._converse()
        except Refused as refused:
            return refused.refusal
        except asyncio.CancelledError:
            if self.why is None:
                raise
            self._task.uncancel()
            return self.why
        finally:
            self._task = None
        return None

    # What happens

    async def _converse(self) -> None:
        limits = self._admission.grant.limits
        async with aclosing(self._guest.frames()) as frames:
            head = await self._head(frames)
            late = asyncio.get_running_loop().call_later(limits.total_seconds, self.stop, TOO_LONG)
            try:
                if isinstance(head, RequestHead):
                    await self._request(head, frames)
                else:
                    await self._socket(head, frames)
            finally:
                late.cancel()

    async def _request(self, head: RequestHead, frames: AsyncIterator[tuple[Kind, bytes]]) -> None:
        asked, trace = _asked(head), self._trace()
        trace.ask(asked)
        with self._counted(trace):
            limit_bytes = self._admission.grant.limits.request_bytes
            self._body = RequestBody(limit_bytes=limit_bytes, is_kept=head.redirects > 0)
            if head.has_read_private:
                self._admission.read_private()
            async with self._feeding(frames, self._body):
                await self._follow(asked, self._body, head.redirects)
            await self._guest.end()

    async def _socket(
        self, head: ConnectHead | LookUpHead, frames: AsyncIterator[tuple[Kind, bytes]]
    ) -> None:
        record = SocketRecord(
            sink=self._outside.events,
            admission=self._admission,
            exchange=self,
            kind="dns" if isinstance(head, LookUpHead) else "socket",
            to=head.name if isinstance(head, LookUpHead) else f"{head.address}:{head.port}",
        )
        with self._counted(record):
            if head.has_read_private:
                self._admission.read_private()
            if isinstance(head, LookUpHead):
                await self._tunneling.look_up(head, record)
            else:
                await self._tunneling.connect(head, frames, record)

    async def _head(self, frames: AsyncIterator[tuple[Kind, bytes]]) -> Head:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                kind, payload = await anext(frames)
            return read_head(kind, payload)
        except Gone:
            raise Refused(GUEST_HAS_LEFT) from None
        except TimeoutError:
            why = NOTHING_ASKED
        except (ValueError, RecursionError):
            why = NOT_FRAMES
        with self._trace():
            raise Refused(why)

    async def _follow(self, asked: Asked, body: RequestBody, redirects: int) -> None:
        following: Asked | None = asked
        for left in range(min(redirects, MAX_REDIRECTS), -1, -1):
            following = await self._hops.hop(asked, body, self._trace(), may_follow=left > 0)
            if following is None:
                return
            asked = following
            if asked.has_body:
                body.rewind()

    @contextlib.asynccontextmanager
    async def _feeding(
        self, frames: AsyncIterator[tuple[Kind, bytes]], body: RequestBody
    ) -> AsyncIterator[None]:
        feeding = asyncio.ensure_future(self._feed(frames, body))
        try:
            yield
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def _feed(self, frames: AsyncIterator[tuple[Kind, bytes]], body: RequestBody) -> None:
        """Take what the guest sends, until it hangs up."""
        try:
            async for kind, payload in frames:
                _require(body.known_length is None)
                match kind:
                    case Kind.DATA:
                        await body.put(payload)
                    case Kind.PRIVATE:
                        self._admission.read_private()
                    case _:
                        _require(kind is Kind.END)
                        body.end()
        except Gone:
            self.stop(GUEST_HAS_LEFT)
        except ValueError:
            self.stop(NOT_FRAMES)
        except Refused as refused:
            self.stop(refused.refusal)

    @contextlib.contextmanager
    def _counted(self, trace: Trace | SocketRecord) -> Iterator[None]:
        """Under way, as far as quotas are concerned; `trace` records that it is not."""
        admission = self._admission
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._quotas.taken(admission.subject, admission.grant.limits))
            except Refused as refused:
                rule = refused.refusal.rule
                count = admission.unlisted[rule] = admission.unlisted.get(rule, 0) + 1
                if count > MAX_UNLISTED:
                    raise
                with trace:
                    raise
            yield

    def _trace(self) -> Trace:
        return Trace(sink=self._outside.events, admission=self._admission, exchange=self)


def _asked(head: RequestHead) -> Asked:
    return Asked(
        method=head.method,
        scheme=head.scheme,
        authority=head.authority,
        target=head.target,
        headers=head.headers,
    )


def _require(holds: bool) -> None:
    if not holds:
        message = "not what the other half of egress says"
        raise ValueError(message)
