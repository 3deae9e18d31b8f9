"""Keeping secrets from coming back: what a server echoes does not reach the guest.

A server that is sent a credential may say it again, in an error, a debugging page, a redirect. So
whatever answers a call that has secrets is looked through on its way in, and asked for in a form
that can be looked through.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from hatchway.core.redaction import Redactor, StreamRedactor
from hatchway.egress.refusals import failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from hatchway.core.egress import BoundSecret
    from hatchway.core.exchange import Headers, ResponseHead
    from hatchway.egress.headers import Fields

_PAUSE_SECONDS = 0.1
"""After so long, what came so far goes on: the guest may be waiting for it before it answers."""
_ASKING_FOR_LESS = frozenset({b"accept-encoding", b"range", b"if-range", b"a-im"})
_PARTIAL = frozenset({206, 226})


class Echoes:
    """What may not come back to one call. It is false when that is nothing.

    Args:
        secrets: Those of the call, also such as go to other origins than the one that answers.
    """

    def __init__(self, secrets: Iterable[BoundSecret]) -> None:
        self._redactor = Redactor((each.name, each.secret) for each in secrets)

    def __bool__(self) -> bool:
        return bool(self._redactor)

    def readable(self, fields: Fields) -> Fields:
        """The header fields of a request, so that its answer comes whole and in no coding.

        A secret that comes back compressed, or in ten ranges, would not be found.
        """
        if not self:
            return fields
        kept = [field for field in fields if field[0].replace(b"_", b"-") not in _ASKING_FOR_LESS]
        return [*kept, (b"accept-encoding", b"identity")]

    def head(self, head: ResponseHead) -> tuple[ResponseHead, tuple[str, ...]]:
        """The head of a response without secrets, and the names of those it held.

        Raises:
            Refused: The body is in a coding, or only a part, although neither was asked for.
        """
        if not self:
            return head, ()
        _require_readable(head)
        url, in_url = self._redactor.mask_bytes(head.url.encode("utf-8", "surrogatepass"))
        headers, in_headers = self._headers(head.headers)
        clean = replace(head, url=url.decode("utf-8", "surrogatepass"), headers=headers)
        return clean, tuple(dict.fromkeys((*in_url, *in_headers)))

    def are_in(self, text: str) -> bool:
        """Whether `text` gives a secret away."""
        return bool(self) and bool(self._redactor.find(text.encode("utf-8", "surrogatepass")))

    def body(self) -> StreamRedactor:
        """What the body of one response passes through."""
        return StreamRedactor(self._redactor)

    def _headers(self, headers: Headers) -> tuple[Headers, tuple[str, ...]]:
        # Names and values together, and values alone: one may begin where another ends.
        names = [name.encode() for name, _ in headers]
        values = [value for _, value in headers]
        pieces, in_both = self._masked(
            [piece for pair in zip(names, values, strict=True) for piece in pair]
        )
        values, in_values = self._masked(pieces[1::2])
        found = tuple(dict.fromkeys((*in_both, *in_values)))
        if not found:
            return headers, ()
        clean = zip((name.decode() for name in pieces[::2]), values, strict=True)
        return tuple(clean), found

    def _masked(self, pieces: list[bytes]) -> tuple[list[bytes], tuple[str, ...]]:
        """`pieces` without secrets, also such as begin in one and end in the next."""
        block, names = self._redactor.mask_bytes(b"\0".join(pieces))
        clean: list[bytes] = []
        at = 0
        for piece in pieces:
            clean.append(block[at : at + len(piece)])
            at += len(piece) + 1
        return clean, names


async def without_echoes(
    parts: AsyncGenerator[bytes], passing: StreamRedactor
) -> AsyncGenerator[bytes]:
    """`parts` without secrets. It closes `parts`."""
    async with aclosing(parts):
        while True:
            coming = asyncio.ensure_future(anext(parts, None))
            try:
                done, _ = await asyncio.wait({coming}, timeout=_PAUSE_SECONDS)
                if not done and (clean := passing.pause()):
                    yield clean
                part = await coming
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            if part is None:
                break
            if clean := passing.feed(part):
                yield clean
    if clean := passing.finish():
        yield clean


def _require_readable(head: ResponseHead) -> None:
    if head.status in _PARTIAL:
        raise failed("HTTP-protocol-error", "egress.partial_answer")
    for name, value in head.headers:
        if name == "content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise failed("HTTP-response-content-coding", "egress.coded_answer")
