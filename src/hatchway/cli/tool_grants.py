"""Grants of other tools: what is granted has to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.capability import ToolUse
from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.compose import Application
    from hatchway.core.capability import Capability


def require_tools(opened: Application, name: str, capabilities: Iterable[Capability]) -> None:
    """Refuse to let `name` call a tool or a function that was never admitted.

    Raises:
        ConfigError: `config.unknown_tool`, naming the first of them.
    """
    for wanted in capabilities:
        if isinstance(wanted, ToolUse) and (wanted.tool, wanted.function) != (name, None):
            _require(opened, wanted)


def _require(opened: Application, wanted: ToolUse) -> None:
    known = opened.project.policy().tools
    if wanted.tool not in known:
        message = f"{str(wanted)!r}: no entry is called {wanted.tool!r}"
        hint = f"hatchway add SOURCE --name {wanted.tool}; hatchway list shows what is there"
        raise ConfigError(message, code="config.unknown_tool", hint=hint)
    locked = opened.project.lock().tools.get(wanted.tool)
    spelled = f"{wanted.tool}.{wanted.function}"
    if wanted.function is not None and locked is not None and spelled not in locked.tools:
        message = f"{str(wanted)!r}: {wanted.tool!r} has no function {wanted.function!r}"
        raise ConfigError(message, code="config.unknown_tool", hint=f"hatchway show {wanted.tool}")
