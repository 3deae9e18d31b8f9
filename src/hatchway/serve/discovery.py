"""Three tools instead of a thousand: find one, read about one, and run code that calls many.

A client that is shown every tool of a large catalog spends its context on descriptions. With
discovery it is shown these three. All others stay callable by name, and nothing is callable that
was not before: `execute` runs its code in an interpreter that was admitted like any tool, and
reaches what the policy grants that entry with `tool=…`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mcp import types

from hatchway.core.capability import ToolUse
from hatchway.core.errors import InvalidArgumentsError
from hatchway.core.tools import MAX_FOUND
from hatchway.core.untrusted import printable
from hatchway.policy.cover import covering
from hatchway.policy.grammar import tool_use_of
from hatchway.runtime.searching import Findable, Index, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.runtime.catalog import Catalog

SEARCH, DESCRIBE, EXECUTE = "search_tools", "describe_tool", "execute"
NAMES = frozenset({SEARCH, DESCRIBE, EXECUTE})

_INTERPRETER = "interpreter"
_MOST, _USUAL = MAX_FOUND, 10
_MAX_QUERY = 1000
_LOOKS_ONLY = types.ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

_SEARCH_TOOL = types.Tool(
    name=SEARCH,
    title="Search tools",
    description="Find tools by words of their names, descriptions and parameters, best first. "
    "Call what is found by its name, after reading about it with describe_tool.",
    input_schema={
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "maxLength": _MAX_QUERY,
                "description": "A few words, or a name or its beginning. Empty: the first by name.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": _MOST,
                "description": f"The most to give back; {_USUAL} by default.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    annotations=_LOOKS_ONLY,
)
_DESCRIBE_TOOL = types.Tool(
    name=DESCRIBE,
    title="Describe a tool",
    description="What one tool does, the arguments it takes and what it answers, as JSON Schema.",
    input_schema={
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 128}},
        "required": ["name"],
        "additionalProperties": False,
    },
    annotations=_LOOKS_ONLY,
)
_EXECUTE_WORDS = (
    "Run code in a fresh sandbox, and give back what it printed and the value of its last "
    "expression. The code may call tools that it was granted: in Python `import tools`, then "
    "`tools.search(words)`, `tools.describe(name)`, `tools.call(name, **arguments)`. One run "
    "can do the work of many calls. It has no files, network, environment or clock of its own "
    "beyond what its operator granted."
)


class Discovery:
    """The three tools over what is shown of one catalog.

    Args:
        catalog: What can be called.
        tools: What of it can be shown, by name.
    """

    def __init__(self, catalog: Catalog, tools: Mapping[str, types.Tool]) -> None:
        self._tools = {name: tool for name, tool in tools.items() if name not in NAMES}
        self._interpreters = {
            name: catalog.policy.tools[catalog.entries[name].tool.owner].allow
            for name in self._tools
            if catalog.entries[name].tool.runs_code
        }
        self._index = Index(
            Findable(name, tool.description or "", tuple(tool.input_schema.get("properties", ())))
            for name, tool in self._tools.items()
        )
        self.tools: dict[str, types.Tool] = {SEARCH: _SEARCH_TOOL, DESCRIBE: _DESCRIBE_TOOL}
        if self._interpreters:
            self.tools[EXECUTE] = self._execute_tool()

    def answer(self, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """The answer of `search_tools` or `describe_tool`."""
        try:
            found = self._search(arguments) if name == SEARCH else self._describe(arguments)
        except InvalidArgumentsError as error:
            block = types.TextContent(type="text", text=error.message)
            return types.CallToolResult(content=[block], is_error=True)
        text = json.dumps(found, ensure_ascii=False)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content=found
        )

    def execution(self, arguments: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The interpreter that `execute` stands for, and the arguments of its call."""
        rest = dict(arguments)
        chosen = rest.pop(_INTERPRETER, None) if len(self._interpreters) > 1 else None
        if isinstance(chosen, str) and chosen in self._interpreters:
            return chosen, rest
        # One that is none is an argument that no interpreter takes: its call says so.
        return next(iter(self._interpreters)), rest if chosen is None else arguments

    def _search(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        _require_known(arguments, "query", "limit")
        query, limit = arguments.get("query"), arguments.get("limit", _USUAL)
        if not isinstance(query, str) or len(query) > _MAX_QUERY:
            message = f"query must be text of at most {_MAX_QUERY} characters"
            raise InvalidArgumentsError(message)
        if type(limit) is not int or not 1 <= limit <= _MOST:
            message = f"limit must be a whole number from 1 to {_MOST}"
            raise InvalidArgumentsError(message)
        found = self._index.find(query, limit)
        listed = [
            {"name": name, "description": shortened(description), **self._from_code(name)}
            for name, description in found
        ]
        return {"tools": listed, "of": len(self._index)}

    def _describe(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        _require_known(arguments, "name")
        name = arguments.get("name")
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None:
            message = f"unknown tool {printable(str(name), limit=128)!r}; {SEARCH} finds names"
            raise InvalidArgumentsError(message)
        shown = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**shown, **self._from_code(tool.name)}

    def _from_code(self, name: str) -> dict[str, Any]:
        """Which interpreters' code may call the tool, where there are interpreters."""
        wanted = tool_use_of(name)
        if not self._interpreters or wanted is None:
            return {}
        callers = [
            interpreter
            for interpreter, allow in self._interpreters.items()
            if covering((item for item in allow if isinstance(item, ToolUse)), wanted) is not None
        ]
        return {"callableFrom": callers}

    def _execute_tool(self) -> types.Tool:
        """The first interpreter under another name; which one, where there are several."""
        shown = [self._tools[name] for name in self._interpreters]
        schema = dict(shown[0].input_schema)
        if len(shown) > 1:
            choice = {
                "type": "string",
                "enum": list(self._interpreters),
                "description": f"Which one runs the code; {shown[0].name} by default.",
            }
            schema["properties"] = {**schema["properties"], _INTERPRETER: choice}
        hints = [tool.annotations for tool in shown if tool.annotations is not None]
        return types.Tool(
            name=EXECUTE,
            title="Run code",
            description=_EXECUTE_WORDS,
            input_schema=schema,
            output_schema=shown[0].output_schema,
            annotations=types.ToolAnnotations(
                read_only_hint=all(hint.read_only_hint for hint in hints),
                destructive_hint=any(hint.destructive_hint for hint in hints),
                idempotent_hint=all(hint.idempotent_hint for hint in hints),
                open_world_hint=any(hint.open_world_hint for hint in hints),
            ),
        )


def _require_known(arguments: Mapping[str, Any], *known: str) -> None:
    for name in arguments:
        if name not in known:
            message = f"unknown argument {printable(name, limit=80)!r}; known: {', '.join(known)}"
            raise InvalidArgumentsError(message)
