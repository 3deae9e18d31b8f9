"""`hatchway list`: what is admitted, what it may do, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from hatchway.cli.options import Json, application
from hatchway.cli.output import print_json, print_table, say, warn
from hatchway.policy.decide import isolation_of

if TYPE_CHECKING:
    from hatchway.runtime.catalog import Catalog


def list_tools(context: typer.Context, json: Json = False) -> None:
    """List every tool of the policy with its grants and state."""
    opened = application(context)
    catalog = opened.catalog()
    for notice in catalog.notices:
        warn(notice.message)
    rows = [entry(catalog, name) for name in sorted(catalog.policy.tools)]
    if json:
        print_json(rows)
        return
    if not rows:
        say("no tools yet; admit one with: hatchway add FILE.wasm")
    print_table(
        ("NAME", "STATE", "GRADE", "KIND", "TOOLS", "GRANTS", "DIGEST"),
        [
            (
                str(row["name"]),
                str(row["state"]),
                str(row["grade"] or "-"),
                str(row["kind"] or "-"),
                ", ".join(row["tools"]) or "-",
                ", ".join(row["grants"]) or "nothing",
                str(row["digest"] or "-")[:19],
            )
            for row in rows
        ],
    )
    for item in catalog.quarantined:
        say(f"{item.name}: {item.error.message} (hint: {item.error.hint or 'none'})")


def entry(catalog: Catalog, owner: str) -> dict[str, Any]:
    """One policy entry, in the shape of `list --json`."""
    policy, locked = catalog.policy.tools[owner], catalog.lock.tools.get(owner)
    tools = [name for name, item in catalog.entries.items() if item.tool.owner == owner]
    return {
        "name": owner,
        "digest": None if locked is None else locked.digest,
        "kind": None if locked is None else locked.kind,
        "tools": tools,
        "grants": [str(capability) for capability in policy.allow],
        "isolation": isolation_of(policy, catalog.policy),
        "grade": None if locked is None else locked.grade,
        "signer": None if locked is None else ", ".join(locked.signers) or None,
        "state": _state(catalog, owner, tools),
    }


def _state(catalog: Catalog, owner: str, tools: list[str]) -> str:
    if any(item.name == owner and item.owner == owner for item in catalog.quarantined):
        return "not admitted" if owner not in catalog.lock.tools else "quarantined"
    left_out = any(item.owner == owner for item in catalog.quarantined)
    return "partly" if left_out and tools else "ready"
