"""One request over one connection: its body goes while its response comes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from hatchway.core.exchange import Refusal
from hatchway.egress.headers import incoming, size_of
from hatchway.egress.redirects import path_of
from hatchway.egress.refusals import failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from hatchway.core.egress import EgressLimits
    from hatchway.core.exchange import Headers
    from hatchway.egress.body import RequestBody
    from hatchway.egress.connection import Connection
    from hatchway.egress.headers import Fields
    from hatchway.egress.recording import Trace
    from hatchway.policy.egress import Target

_HEAD_WAITS_SECONDS = 0.25
"""For the first bytes of a body: with its end there too, its length can be said."""
_MAX_INTERIM = 16
"""Heads of status 1xx before the one that counts."""
_USUALLY_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request that was allowed.

    Attributes:
        fields: Its header fields, without those of framing.
        length: What the guest says its body has; None where it does not say.
        body: It, or None where a redirect has dropped it.
    """

    target: Target
    fields: Fields = field(repr=False)
    length: int | None
    body: RequestBody | None


class Conversation:
    """A request and its response.

    Args:
        connection: Nobody else uses it meanwhile.
        question: What is asked.
        limits: What may be sent and received.
        trace: What has been.
        stop: Ends the exchange, for what goes wrong with the body on its way.
    """

    def __init__(
        self,
        connection: Connection,
        question: Question,
        limits: EgressLimits,
        trace: Trace,
        stop: Callable[[Refusal], None],
    ) -> None:
        self._connection = connection
        self._question = question
        self._limits = limits
        self._trace = trace
        self._stop = stop

    @contextlib.asynccontextmanager
    async def response(self) -> AsyncIterator[tuple[int, Headers]]:
        """The status and the fields of the response, while the rest of the body goes.

        Raises:
            Refused: There is none, or it is not what may be received.
        """
        framing = await self._framing()
        if any(map(_is_for_the_connection, self._question.fields)):
            self._connection.keep_to_one()
        await self._send(self._request(framing))
        sending = asyncio.ensure_future(self._send_body(has_body=bool(framing)))
        try:
            response = await self._head(sending)
            self._require_acceptable(response)
            self._trace.status = response.status_code
            yield response.status_code, incoming(response.headers)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def parts(self) -> AsyncGenerator[bytes]:
        """The body of the response, as it comes over the network.

        Raises:
            Refused: It is too long, or ends before its end.
        """
        while part := await self._connection.part():
            self._trace.received_bytes += len(part)
            if self._trace.received_bytes > self._limits.response_bytes:
                raise failed("HTTP-response-body-size", "egress.response_bytes")
            yield part

    # The request

    async def _framing(self) -> Fields:
        """How long the body is said to be; nothing where there is none."""
        question = self._question
        if question.body is None:
            return []
        length = question.length
        if length is None:
            await question.body.begun(_HEAD_WAITS_SECONDS)
            length = question.body.known_length
        if length is None:
            return [(b"transfer-encoding", b"chunked")]
        has_body = length or question.length is not None
        if not has_body and question.target.method not in _USUALLY_WITH_BODY:
            return []
        return [(b"content-length", str(length).encode("ascii"))]

    def _request(self, framing: Fields) -> h11.Request:
        target, connection = self._question.target, self._connection
        host = target.origin.partition("://")[2].encode("ascii")
        fields = [(b"host", host), *self._question.fields, *framing, *connection.fields]
        try:
            return h11.Request(
                method=target.method,
                target=connection.prefix + path_of(target).encode("ascii"),
                headers=fields,
            )
        except h11.LocalProtocolError:  # its text would repeat a field, and with it a secret
            raise failed("HTTP-protocol-error", "egress.bad_request") from None

    async def _send_body(self, *, has_body: bool) -> None:
        body = self._question.body
        try:
            if has_body and body is not None:
                async for part in body.parts():
                    self._trace.sent_bytes += len(part)
                    await self._connection.send(h11.Data(data=part))
            await self._connection.send(h11.EndOfMessage())
        except OSError:
            return  # it takes no more, and may have said why
        except h11.LocalProtocolError:
            self._stop(Refusal(error="HTTP-request-body-size", rule="egress.content_length"))

    async def _send(self, event: h11.Event) -> None:
        with contextlib.suppress(OSError):  # it takes no more, and may have said why
            await self._connection.send(event)

    # The response

    async def _head(self, sending: asyncio.Task[None]) -> h11.Response:
        try:
            async with asyncio.timeout(None) as patience:
                with self._once_sent(sending, patience):
                    return await self._final_head()
        except TimeoutError:
            raise failed("HTTP-response-timeout", "egress.first_byte_seconds") from None

    @contextlib.contextmanager
    def _once_sent(self, sending: asyncio.Task[None], patience: asyncio.Timeout) -> Iterator[None]:
        """From the end of the request on, the server has so long to begin its answer."""
        loop = asyncio.get_running_loop()
        is_waiting = True

        def begin(_: object) -> None:
            if is_waiting:
                patience.reschedule(loop.time() + self._limits.first_byte_seconds)

        sending.add_done_callback(begin)
        try:
            yield
        finally:
            is_waiting = False

    async def _final_head(self) -> h11.Response:
        for _ in range(_MAX_INTERIM):
            head = await self._connection.head()
            if isinstance(head, h11.Response):
                return head
        raise failed("HTTP-protocol-error", "egress.bad_response")

    def _require_acceptable(self, response: h11.Response) -> None:
        if size_of(response.headers) > self._limits.header_bytes:
            raise failed("HTTP-response-header-section-size", "egress.header_bytes")
        if self._question.target.method == "HEAD":
            return
        for name, value in response.headers:
            if name == b"content-length" and int(value) > self._limits.response_bytes:
                raise failed("HTTP-response-body-size", "egress.response_bytes")


def _is_for_the_connection(item: tuple[bytes, bytes]) -> bool:
    """Whether a field logs in a connection and not a request, as NTLM and Negotiate do."""
    name, value = item
    return name == b"authorization" and value.lower().startswith((b"ntlm", b"negotiate"))
