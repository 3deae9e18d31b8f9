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
from hatchway.serve.discovery import EXECUTE, NAMES, Discovery
from hatchway.serve.listing import Listing, Remembering, list_tools
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
_TAKEN = "with discovery its name means another tool"
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
        tools: Every tool that can be shown, whether it is listed or only found.
        gone: Names that clients were shown before, and that are not there any more.
        discovery: What is listed instead of them; None where they are listed themselves.
    """

    catalog: Catalog
    tools: Mapping[str, types.Tool]
    discovery: Discovery | None
    listing: Listing
    gone: frozenset[str]


class ToolServer:
    """The handlers of an MCP server, over the tools of a runtime.

    Args:
        runtime: Answers calls.
        calls: Moves them to threads.
        principal: Who is asking, for everyone who comes through this door.
        on_rejected: Told about every tool that cannot be listed, and why.
        has_discovery: List what finds tools instead of them, whatever the policy says.
    """

    def __init__(
        self,
        runtime: Runtime,
        calls: Calls,
        principal: Principal,
        *,
        on_rejected: Callable[[str, str], None],
        has_discovery: bool = False,
    ) -> None:
        self._has_discovery = has_discovery
        self._runtime = runtime
        self._calls = calls
        self._principal = principal
        self._on_rejected = on_rejected
        self._announcer = Announcer()
        self._lock = threading.Lock()
        self._rejected: set[tuple[str, str]] = set()
        self._newest = self._show(runtime.catalog, frozenset())
        self._announced = self._newest.listing.result.tools
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
            on_list_tools=list_tools,
            on_call_tool=self._call_tool,
            on_subscriptions_listen=self._announcer.listen,
        )
        server.middleware.append(Remembering(lambda: self._shown().listing))
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
        has_discovery = self._has_discovery or catalog.policy.has_discovery
        if has_discovery:
            rejected |= {(name, _TAKEN) for name in NAMES & tools.keys()}
        for name, why in sorted(rejected - self._rejected):
            self._on_rejected(name, why)
        self._rejected = rejected
        discovery = Discovery(catalog, tools) if has_discovery else None
        listed = tools if discovery is None else discovery.tools
        return _Shown(
            catalog=catalog,
            tools=tools,
            discovery=discovery,
            listing=Listing(list(listed.values())),
            gone=gone,
        )

    def _follow(self) -> None:
        """A new generation is in force: tell clients, if they can see a difference."""
        tools = self._shown().listing.result.tools
        with self._lock:
            is_other = tools != self._announced
            self._announced = tools
        if is_other:
            self._announcer.announce()

    # Requests

    def _input_schema(self, name: str) -> Mapping[str, Any] | None:
        shown = self._shown()
        tool = shown.tools.get(name)
        if shown.discovery is not None:
            tool = shown.discovery.tools.get(name, tool)
        return None if tool is None else tool.input_schema

    async def _call_tool(
        self, _context: ServerRequestContext[dict[str, Any]], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        name = params.name
        arguments: Mapping[str, Any] = params.arguments or {}
        discovery = self._shown().discovery
        if discovery is not None and name in discovery.tools:
            if name != EXECUTE:
                return discovery.answer(name, arguments)
            name, arguments = discovery.execution(arguments)
        call = ToolCall(
            call_id=self._runtime.new_call_id(),
            principal=self._principal,
            tool=name,
            arguments=arguments,
        )
        try:
            outcome = await self._calls.answer(call)
        except Exception as error:  # noqa: BLE001 - the top of the server
            _LOG.error("call %s failed", call.call_id, exc_info=error)
            text = failure_text(error)
            block = types.TextContent(type="text", text=text)
            return types.CallToolResult(content=[block], is_error=True)
        self._require_known(name, outcome)
        return wire_result(outcome)

    def _require_known(self, name: str, outcome: Outcome) -> None:
        """Answer an unknown tool as the protocol wants: an error of the request."""
        if isinstance(outcome.error, UnknownToolError):
            shown = printable(name, limit=128)
            message = f"Unknown tool: {shown}"
            if name in self._shown().gone:
                message = f"{shown} is not available any more: the policy changed"
            raise MCPError(types.INVALID_PARAMS, message)
