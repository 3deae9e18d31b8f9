"""`import tools`: the other tools that the call was granted, as Python functions.

    tools.search("weather")              # names and descriptions, best first
    tools.describe("weather")            # its JSON Schemas
    tools.weather(city="Bern")           # or tools.call("weather", city="Bern")
    tools.math.add(a=1, b=2)             # one function of several
    print(tools.stubs())                 # all of them, as typed Python

A tool that fails raises `ToolError`, which has a `code` and a `message`.
"""

from __future__ import annotations

import json
from typing import Any

from componentize_py_types import Err
from wit_world.imports import tools as _host

_MOST = 20
_TYPES = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None",
}  # fmt: skip


class ToolError(Exception):
    """A tool could not be called, or failed.

    Attributes:
        code: Stable, for programs: `capability.denied`, `call.invalid_arguments`, ….
        message: The same in words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Tool:
    """One tool, or what the names of several begin with."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, **arguments: Any) -> Any:
        """Call it."""
        return call(self._name, arguments)

    def __getattr__(self, name: str) -> Tool:
        """One function of it."""
        if name.startswith("_"):
            raise AttributeError(name)
        return Tool(f"{self._name}.{name}")

    def __repr__(self) -> str:
        return f"tools.{self._name}"


def __getattr__(name: str) -> Tool:
    """The tool of that name."""
    if name.startswith("_"):
        message = f"module 'tools' has no attribute {name!r}"
        raise AttributeError(message)
    return Tool(name)


def search(query: str = "", most: int = _MOST) -> list[dict[str, Any]]:
    """The granted tools that fit `query` best, best first, each with name and description."""
    found: list[dict[str, Any]] = json.loads(_host.search(query, most))
    return found


def describe(name: str) -> dict[str, Any]:
    """Name, description, and the JSON Schemas `input` and `output` of a granted tool.

    Raises:
        ToolError: There is no such tool, or it was not granted.
    """
    try:
        found: dict[str, Any] = json.loads(_host.describe(name))
    except Err as error:
        raise ToolError(error.value.code, error.value.message) from None
    return found


def call(name: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
    """Call a granted tool, and give back its result.

    Raises:
        ToolError: It was not granted, does not take the arguments, or failed.
    """
    given = json.dumps({**(arguments or {}), **more}, allow_nan=False)
    try:
        answer = _host.call(name, given)
    except Err as error:
        raise ToolError(error.value.code, error.value.message) from None
    return json.loads(answer)


def stubs(query: str = "", most: int = _MOST) -> str:
    """The tools that `search` finds, as typed Python that a reader or a model understands."""
    return "\n\n".join(_stub(describe(found["name"])) for found in search(query, most))


def _stub(tool: dict[str, Any]) -> str:
    schema = tool.get("input") or {}
    required = schema.get("required") or []
    parameters = [
        f"{name}: {_type(kind)}" + ("" if name in required else " = ...")
        for name, kind in (schema.get("properties") or {}).items()
    ]
    star = "*, " if parameters else ""
    words = json.dumps(tool.get("description") or "", ensure_ascii=False)
    return (
        f"def {tool['name']}({star}{', '.join(parameters)}) -> {_type(tool.get('output'))}:\n"
        f"    {words}"
    )


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "Any"
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    either = schema.get("anyOf") or schema.get("oneOf")
    if either:
        return " | ".join(dict.fromkeys(map(_type, either)))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"list[{_type(schema.get('items'))}]"
    if kind == "object":
        return _object_type(schema)
    return _TYPES.get(kind, "Any") if isinstance(kind, str) else "Any"


def _object_type(schema: dict[str, Any]) -> str:
    members = schema.get("properties")
    if not members:
        return f"dict[str, {_type(schema.get('additionalProperties'))}]"
    return f"{{{', '.join(f'{name!r}: {_type(kind)}' for name, kind in members.items())}}}"
