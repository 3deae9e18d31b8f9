"""`hatchway explain`: why a tool may or may not do something."""

from __future__ import annotations

from pathlib import Path

import typer

from hatchway.cli.options import CapabilityText, Json, Name, application
from hatchway.cli.output import print_json, print_line, say
from hatchway.policy.explain import explain as explained
from hatchway.policy.grammar import parse_capability


def explain(
    context: typer.Context, name: Name, capability: CapabilityText, json: Json = False
) -> None:
    """Say why a tool may or may not use a capability."""
    opened = application(context)
    wanted = parse_capability(capability, side="allowed", base=str(Path.cwd()))
    answer = explained(opened.policy_of(name), name, wanted)
    if json:
        print_json(
            {
                "name": name,
                "capability": str(wanted),
                "allowed": answer.is_allowed,
                "reason": answer.reason,
                "without": answer.without,
                "hint": answer.hint,
                "runs": answer.where,
            }
        )
        return
    print_line(f"{'allowed' if answer.is_allowed else 'denied'}: {answer.reason}")
    if answer.without:
        print_line(f"without it the guest sees {answer.without}")
    if answer.where:
        print_line(f"it runs {answer.where}")
    if answer.hint:
        say(f"  hint: {answer.hint}")
