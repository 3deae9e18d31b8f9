"""`hatchway grant` and `hatchway revoke`: change what a tool may touch."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hatchway.audit.hosts import as_internal
from hatchway.cli.options import CapabilityText, Json, Name, application, grantable_capability
from hatchway.cli.output import print_json, say
from hatchway.cli.remove import require_tool
from hatchway.cli.tool_grants import require_tools
from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.core.events import Severity
from hatchway.core.untrusted import printable
from hatchway.policy.grammar import parse_capability
from hatchway.policy.secrets import goes_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.capability import Capability


def grant(
    context: typer.Context, name: Name, capability: CapabilityText, json: Json = False
) -> None:
    """Allow a tool one more capability."""
    opened = application(context)
    parsed = grantable_capability(capability)
    wanted = str(parsed)
    opened.project.require_in_force()
    require_tool(dict(opened.project.policy().tools), name)
    require_tools(opened, name, [parsed])
    opened.require_grantable([parsed])
    with opened.project.editing() as edit:
        allowed = edit.allowed(name)
        if wanted not in allowed:
            edit.set_allowed(name, [*allowed, wanted])
            with _said_on_purpose(name, parsed):
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


@contextlib.contextmanager
def _said_on_purpose(name: str, capability: Capability) -> Iterator[None]:
    """How to grant what is blocked because nobody said that it leads inside."""
    try:
        yield
    except AdmissionError as error:
        inner = as_internal(capability)
        if error.code == "admission.blocked" and inner is not None:
            quoted = shlex.quote(str(inner))
            meant = (
                f"if you mean this machine or a network of yours: hatchway grant {name} {quoted}"
            )
            error.hint = f"{meant}; {error.hint}"
        raise


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
    kept = [item for item in present if item != unwanted]
    left = [str(item) for item in kept]
    # A secret goes to an origin that is granted, or nowhere.
    stranded = [rule.name for rule in policy.tools[name].secrets if not goes_to(rule, kept)]
    with opened.project.editing() as edit:
        edit.set_allowed(name, left)
        edit.drop_secrets(name, stranded)
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
    if stranded:
        say(f"its secrets went with the origin: {', '.join(stranded)}")
    if json:
        print_json({"name": name, "grants": left})
