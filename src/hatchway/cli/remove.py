"""`hatchway remove`: take a tool out of policy and lock."""

from __future__ import annotations

import typer

from hatchway.cli.options import Json, Name, application
from hatchway.cli.output import print_json, say
from hatchway.core.errors import ConfigError
from hatchway.core.events import Severity
from hatchway.core.untrusted import printable


def remove(context: typer.Context, name: Name, json: Json = False) -> None:
    """Take a tool out of policy and lock."""
    opened = application(context)
    opened.project.require_in_force()
    require_tool(opened.project.policy().tools, name)
    with opened.project.editing() as edit:
        edit.remove_tool(name)
        edit.unpin(name)
    opened.record("tool.removed", Severity.INFORMATIONAL, f"{name} was removed", tool=name)
    say(f"removed {name} from {opened.project.policy_file}")
    if json:
        print_json({"removed": name})


def require_tool(tools: object, name: str) -> None:
    """Refuse a name that the policy does not have.

    Raises:
        ConfigError: With the names it does have.
    """
    import difflib

    known = sorted(tools) if isinstance(tools, dict) else []
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "hatchway list"
        message = f"the policy has no tool {printable(name, limit=80)!r}"
        raise ConfigError(message, code="config.no_such_tool", hint=hint)
