"""An MCP server of the same SDK whose one tool is a plain Python function."""

from __future__ import annotations

import json
from typing import Any

import anyio
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

SCHEMA = {
    "type": "object",
    "properties": {"x": {"type": "string"}},
    "required": ["x"],
    "additionalProperties": False,
}
TOOL = types.Tool(
    name="echo", description="Echo the arguments.", input_schema=SCHEMA, output_schema=SCHEMA
)


async def _list(
    _context: ServerRequestContext[dict[str, Any]], _params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[TOOL])


async def _call(
    _context: ServerRequestContext[dict[str, Any]], params: types.CallToolRequestParams
) -> types.CallToolResult:
    block = types.TextContent(type="text", text=json.dumps(params.arguments))
    return types.CallToolResult(content=[block], structured_content=params.arguments)


async def main() -> None:
    server: Server[dict[str, Any]] = Server(
        "native",
        on_list_tools=_list,
        on_call_tool=_call,
        get_tool_input_schema=lambda _name: SCHEMA,
    )
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
