"""The MCP server over a runtime: both protocol eras, one set of tools.

The SDK's low-level server validates neither arguments nor names, and shows older clients
the text of an exception; so arguments are checked by the runtime, every tool is tried out
before it is listed, and nothing raised here carries more than its own fixed words.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp import MCPError, types
from mcp.server.caching import CacheHint

import hatchway
from hatchway.core.call import Outcome, ToolCall
from hatchway.core.errors import ConfigError, UnknownToolError
from hatchway.core.untrusted import printable
from hatchway.runtime.pinning import require_shown_as_pinned
from hatchway.serve.announcing import Announcer, AnnouncingServer
from hatchway.serve.calls import Calls, failure_text
from hatchway.serve.wire import shown_fields, wire_result, wire_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mcp.server import Server, ServerRequestContext

    from hatchway.core.call import Principal
    from hatchway.runtime.catalog import Catalog
    from hatchway.runtime.runtime import Runtime

_LOG = logging.getLogger(__name__)

_LIST_TTL_MS = 5_000
_MOST_GONE = 1000
INSTRUCTIONS = (
    "Every tool runs in its own WebAssembly sandbox, fresh for each call, with no files, "
    "network, environment or clock beyond what its operator granted. A tool that fails for "
    "lack of access cannot be given more from here."
)


def listed_tools(
    catalog: Catalog, on_rejected: Callable[[str, str], None]
) -> dict[str, types.Tool]:
    """Every tool that can be sent, by name, in the order of the names.

    One tool that the SDK would not send breaks the whole list for every client, so each is
    serialised by itself first.
    """
    listed: dict[str, types.Tool] = {}
    for name, entry in catalog.entries.items():
        policy = catalog.policy.tools[entry.tool.owner]
        try:
            tool = wire_tool(entry.tool, policy)
            types.ListToolsResult.model_validate_json(
                types.ListToolsResult(tools=[tool]).model_dump_json(by_alias=True)
            )
            require_shown_as_pinned(entry.tool, catalog.lock, shown_fields(tool, entry.tool))
        except (ValueError, RecursionError, ConfigError) as error:
            on_rejected(name, printable(str(error), limit=200))
            continue
        listed[name] = tool
    return listed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What clients are shown of one generation, made once for it.

    Attributes:
        gone: Names that clients were shown before, and that are not there any more.
    """

    catalog: Catalog
    tools: Mapping[str, types.Tool]
    result: types.ListToolsResult
    gone: frozenset[str]


class ToolServer:
    """The handlers of an MCP server, over the tools of a runtime.

    Args:
        runtime: Answers calls.
        calls: Moves them to threads.
        principal: Who is asking, for everyone who comes through this door.
        on_rejected: Told about every tool that cannot be listed, and why.
    """

    def __init__(
        self,
        runtime: Runtime,
        calls: Calls,
        principal: Principal,
        *,
        on_rejected: Callable[[str, str], None],
    ) -> None:
        self._runtime = runtime
        self._calls = calls
        self._principal = principal
        self._on_rejected = on_rejected
        self._announcer = Announcer()
        self._lock = threading.Lock()
        self._rejected: set[tuple[str, str]] = set()
        self._newest = self._show(runtime.catalog, frozenset())
        self._announced = self._newest.tools
        runtime.follow(self._follow)

    def build(self) -> Server[dict[str, Any]]:
        """The SDK's server with our handlers."""
        server = AnnouncingServer(
            "hatchway",
            version=hatchway.__version__,
            title="Hatchway",
            instructions=INSTRUCTIONS,
            # What is listed depends on who asks; never to be shared between clients.
            cache_hints={"tools/list": CacheHint(ttl_ms=_LIST_TTL_MS, scope="private")},
            lifespan=self._announcer.lifespan,
            get_tool_input_schema=self._input_schema,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_subscriptions_listen=self._announcer.listen,
        )
        server.add_notification_handler(
            "notifications/initialized", types.NotificationParams, self._announcer.tell_session
        )
        return server

    # Generations

    def _shown(self) -> _Shown:
        """What is shown of the generation in force."""
        if self._newest.catalog is not self._runtime.catalog:
            with self._lock:
                catalog, last = self._runtime.catalog, self._newest
                gone = (last.gone | last.tools.keys()) - catalog.entries.keys()
                self._newest = self._show(catalog, frozenset(sorted(gone)[:_MOST_GONE]))
        return self._newest

    def _show(self, catalog: Catalog, gone: frozenset[str]) -> _Shown:
        rejected: set[tuple[str, str]] = set()
        tools = listed_tools(catalog, lambda name, why: rejected.add((name, why)))
        for name, why in sorted(rejected - self._rejected):
            self._on_rejected(name, why)
        self._rejected = rejected
        result = types.ListToolsResult(tools=list(tools.values()))
        return _Shown(catalog=catalog, tools=tools, result=result, gone=gone)

    def _follow(self) -> None:
        """A new generation is in force: tell clients, if they can see a difference."""
        tools = self._shown().tools
        with self._lock:
            is_other = tools != self._announced
            self._announced = tools
        if is_other:
            self._announcer.announce()

    # Requests

    def _input_schema(self, name: str) -> Mapping[str, Any] | None:
        tool = self._shown().tools.get(name)
        return None if tool is None else tool.input_schema

    async def _list_tools(
        self,
        _context: ServerRequestContext[dict[str, Any]],
        _params: types.PaginatedRequestParams | None,
    ) -> types.ListToolsResult:
        return self._shown().result

    async def _call_tool(
        self, _context: ServerRequestContext[dict[str, Any]], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        call = ToolCall(
            call_id=self._runtime.new_call_id(),
            principal=self._principal,
            tool=params.name,
            arguments=params.arguments or {},
        )
        try:
            outcome = await self._calls.answer(call)
        except Exception as error:  # noqa: BLE001 - the top of the server
            _LOG.error("call %s failed", call.call_id, exc_info=error)
            text = failure_text(error)
            block = types.TextContent(type="text", text=text)
            return types.CallToolResult(content=[block], is_error=True)
        self._require_known(params.name, outcome)
        return wire_result(outcome)

    def _require_known(self, name: str, outcome: Outcome) -> None:
        """Answer an unknown tool as the protocol wants: an error of the request."""
        if isinstance(outcome.error, UnknownToolError):
            shown = printable(name, limit=128)
            message = f"Unknown tool: {shown}"
            if name in self._shown().gone:
                message = f"{shown} is not available any more: the policy changed"
            raise MCPError(types.INVALID_PARAMS, message)
