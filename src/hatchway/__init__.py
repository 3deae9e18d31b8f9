"""MCP tools in WebAssembly sandboxes that start with nothing.

For programs: `from hatchway import Sandbox`. What that needs is loaded when it is asked for;
`__init__.pyi` says for type checkers what there is.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PLACES = {
    "AsyncSandbox": "hatchway.compose.library",
    "CodeError": "hatchway.core.errors",
    "CodeException": "hatchway.core.code",
    "CodeOutcome": "hatchway.compose.outcome",
    "HatchwayError": "hatchway.core.errors",
    "Sandbox": "hatchway.compose.library",
    "ToolError": "hatchway.compose.functions",
}

__all__ = [*_PLACES, "__version__"]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
