"""`hatchway grant` and `hatchway revoke`: change what a tool may touch."""

from __future__ import annotations

import contextlib
from pathlib import Path

import typer

from hatchway.cli.options import CapabilityText, Json, Name, application, grantable_capability
from hatchway.cli.output import print_json, say
from hatchway.cli.remove import require_tool
from hatchway.core.errors import ConfigError, HatchwayError
from hatchway.core.events import Severity
from hatchway.core.untrusted import printable
from hatchway.policy.grammar import parse_capability


def grant(
    context: typer.Context, name: Name, capability: CapabilityText, json: Json = False
) -> None:
    """Allow a tool one more capability."""
    opened = application(context)
    parsed = grantable_capability(capability)
    wanted = str(parsed)
    opened.project.require_in_force()
    require_tool(dict(opened.project.policy().tools), name)
    opened.require_grantable([parsed])
    with opened.project.editing() as edit:
        allowed = edit.allowed(name)
        if wanted not in allowed:
            edit.set_allowed(name, [*allowed, wanted])
            opened.keeper.approve(edit, name)
        allowed = edit.allowed(name)
    opened.record(
        "policy.changed",
        Severity.LOW,
        f"{name} was granted {wanted}",
        tool=name,
        capability=wanted,
    )
    say(f"{name} may now use: {', '.join(allowed)}")
    if json:
        print_json({"name": name, "grants": allowed})


def revoke(
    context: typer.Context, name: Name, capability: CapabilityText, json: Json = False
) -> None:
    """Take a capability away from a tool."""
    opened = application(context)
    opened.project.require_in_force()
    policy = opened.project.policy()
    require_tool(dict(policy.tools), name)
    unwanted = parse_capability(capability, side="allowed", base=str(Path.cwd()))
    present = policy.tools[name].allow
    if unwanted not in present:
        known = ", ".join(str(item) for item in present) or "nothing"
        message = f"{name!r} is not granted {printable(capability)}; it is granted {known}"
        raise ConfigError(message, code="config.not_granted")
    left = [str(item) for item in present if item != unwanted]
    with opened.project.editing() as edit:
        edit.set_allowed(name, left)
        # What is taken away is taken away, whatever an audit finds wrong with the rest.
        with contextlib.suppress(HatchwayError):
            opened.keeper.approve(edit, name)
    opened.record(
        "policy.changed",
        Severity.LOW,
        f"{name} lost {unwanted}",
        tool=name,
        capability=str(unwanted),
    )
    say(f"{name} may now use: {', '.join(left) or 'nothing'}")
    if json:
        print_json({"name": name, "grants": left})
