"""Functions of the program itself that it hands to the code it runs.

Such a function runs outside the sandbox, with all the power of the program. What it is called
with was written by the code.
"""

from __future__ import annotations

import inspect
import json
import logging
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import ConfigError, InvalidArgumentsError
from hatchway.core.json_text import require_shallow
from hatchway.core.tools import ToolAnswer
from hatchway.core.untrusted import printable
from hatchway.policy.grammar import TOOL_NAME
from hatchway.runtime.arguments import require_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatchway.core.tools import Tools

_LOG = logging.getLogger(__name__)

_JSON_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


class ToolError(Exception):
    """Raised by a function of the program to tell the code, in these words, why it failed.

    Of every other exception the code learns nothing but the class: its words may be about the
    host.
    """


class HostFunctions:
    """Answers calls of the program's own functions, and hands on those of other tools.

    Args:
        functions: By the name the code uses.
        others: Answers what is none of them.
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]], others: Tools) -> None:
        self._functions = functions
        self._others = others

    def search(self, query: str, most: int) -> Sequence[Mapping[str, Any]]:
        """Those functions whose name or documentation has a word of `query`, then other tools."""
        words = query.lower().split()
        found: list[Mapping[str, Any]] = [
            {"name": name, "description": _documentation(function)}
            for name, function in self._functions.items()
            if not words or any(word in _text(name, function) for word in words)
        ]
        return [*found, *self._others.search(query, most)][:most]

    def describe(self, name: str) -> ToolAnswer:
        """What a function takes, as far as its signature says it."""
        function = self._functions.get(name)
        if function is None:
            return self._others.describe(name)
        return ToolAnswer(
            {
                "name": name,
                "description": _documentation(function),
                "input": _schema(function),
                "output": {},
            }
        )

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """What a function gives for `arguments`, which the code chose."""
        function = self._functions.get(name)
        if function is None:
            return self._others.call(name, arguments)
        try:
            require_bounded(arguments)
            _signature(function).bind(**arguments)
        except InvalidArgumentsError as error:
            return ToolAnswer(code=error.code, message=f"{name}: {error.message}")
        except TypeError as error:
            message = f"{name}: {printable(str(error), limit=200)}"
            return ToolAnswer(code="call.invalid_arguments", message=message)
        return _answered(name, function, arguments)


def _answered(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> ToolAnswer:
    try:
        value = function(**arguments)
    except ToolError as error:
        return ToolAnswer(code="call.failed", message=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the code learns its class only
        _LOG.warning("the function %s, called by sandboxed code, failed", name, exc_info=True)
        return ToolAnswer(code="call.failed", message=f"{name} failed: {type(error).__name__}")
    try:
        # Nothing but JSON leaves: no live object, and nothing that changes later.
        value = json.loads(json.dumps(value, allow_nan=False))
        require_shallow(value)
    except (TypeError, ValueError, RecursionError):
        _LOG.warning("the function %s gave what is no JSON: %s", name, type(value).__name__)
        message = f"{name} gave no JSON"
        return ToolAnswer(code="call.failed", message=message)
    return ToolAnswer(value)


def checked_functions(
    functions: Mapping[str, Any], *, may_await: bool
) -> Mapping[str, Callable[..., Any]]:
    """`functions`, each of which the code can call.

    Args:
        functions: By name.
        may_await: Whether they may be coroutine functions.

    Raises:
        ConfigError: A name is none of a tool, or a value cannot be called.
    """
    for name, function in functions.items():
        if not TOOL_NAME.fullmatch(name):
            message = f"{printable(name)!r} is no name for a function: letters, digits, '_', '-'"
            raise ConfigError(message)
        if not callable(function):
            message = f"functions[{name!r}] cannot be called: it is a {type(function).__name__}"
            raise ConfigError(message)
        if inspect.iscoroutinefunction(function) and not may_await:
            message = f"functions[{name!r}] is a coroutine function"
            raise ConfigError(message, hint="AsyncSandbox awaits them")
    return dict(functions)


def _documentation(function: Callable[..., Any]) -> str:
    return inspect.getdoc(function) or ""


def _text(name: str, function: Callable[..., Any]) -> str:
    return f"{name} {_documentation(function)}".lower()


def _schema(function: Callable[..., Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    takes_more = False
    for name, parameter in _signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_more = True
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            properties[name] = _type_schema(parameter.annotation)
            if parameter.default is parameter.empty:
                required.append(name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": takes_more,
    }


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:  # written in C, and says nothing of itself
        return inspect.signature(lambda **_arguments: None)


def _type_schema(annotation: Any) -> dict[str, str]:
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    # Of several types one is not named: a schema that is too narrow would be a lie.
    kind = None if "|" in name else _JSON_TYPES.get(name.partition("[")[0])
    return {} if kind is None else {"type": kind}
