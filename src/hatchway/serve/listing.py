"""The list of tools as it goes out, made once for each generation and version of the protocol.

The SDK checks and spells every tool again for every request, which for a thousand takes longer
than all the rest. Here it does so for an empty list, with everything else of the request and the
answer, and gets the tools from the first time. They are the same for everyone at one door.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcp import types

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server import ServerRequestContext
    from mcp.server.context import CallNext, HandlerResult

_ANSWER = "tools"
"""Where a request carries what it is answered with."""
_NONE = types.ListToolsResult(tools=[])


class Listing:
    """What `tools/list` answers as long as one generation is in force.

    Attributes:
        result: The list.
    """

    def __init__(self, tools: list[types.Tool]) -> None:
        self.result = types.ListToolsResult(tools=tools)
        self._sent: dict[str, Any] = {}

    async def answer(
        self, context: ServerRequestContext[dict[str, Any]], proceed: CallNext
    ) -> HandlerResult:
        """The answer to a request for the list; the SDK's own way to it is `proceed`."""
        version = context.protocol_version
        sent = self._sent.get(version)
        carried = {_ANSWER: self.result if sent is None else _NONE}
        answer = await proceed(
            replace(context, lifespan_context={**context.lifespan_context, **carried})
        )
        assert isinstance(answer, dict)
        if sent is None:
            self._sent[version] = answer["tools"]
        else:
            answer["tools"] = sent
        return answer


class Remembering:
    """The middleware that has lists answered by the listing in force."""

    def __init__(self, in_force: Callable[[], Listing]) -> None:
        self._in_force = in_force

    async def __call__(
        self, ctx: ServerRequestContext[dict[str, Any]], call_next: CallNext
    ) -> HandlerResult:
        """Answer one request of any kind."""
        if ctx.method != "tools/list":
            return await call_next(ctx)
        return await self._in_force().answer(ctx, call_next)


async def list_tools(
    context: ServerRequestContext[dict[str, Any]], _params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    """The handler of `tools/list`: the answer that came with the request."""
    result: types.ListToolsResult = context.lifespan_context[_ANSWER]
    return result
