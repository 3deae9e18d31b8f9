"""`hatchway show`: everything that is known about one tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from hatchway.cli.list import entry
from hatchway.cli.options import Json, Name, application
from hatchway.cli.output import print_json, print_line
from hatchway.cli.remove import require_tool
from hatchway.core.untrusted import printable
from hatchway.policy.explain import where
from hatchway.policy.units import spell_bytes, spell_seconds
from hatchway.runtime.effects import annotations_of

if TYPE_CHECKING:
    from hatchway.core.limits import Limits
    from hatchway.core.surface import Compilation
    from hatchway.runtime.catalog import Catalog


def show(context: typer.Context, name: Name, json: Json = False) -> None:
    """Show a tool: its digest, grants, limits, host functions and schemas."""
    opened = application(context)
    catalog = opened.catalog()
    require_tool(dict(catalog.policy.tools), name)
    locked, pinned = catalog.lock.tools.get(name), catalog.policy.compiler_of(name)
    compilation = None if locked is None else opened.sandbox.compilation(locked.digest, pinned)
    report = _report(catalog, name, compilation)
    if json:
        print_json(report)
        return
    for key in ("name", "state", "grade", "kind", "digest", "source", "signer"):
        print_line(f"{key:<10} {printable(str(report[key] or '-'), limit=500)}")
    print_line(f"{'grants':<10} {', '.join(report['grants']) or 'nothing'}")
    for secret in report["secrets"]:
        print_line(
            f"{'secret':<10} {secret['name']} from {printable(secret['from'], limit=300)}, "
            f"to {secret['to']} as {secret['header']}"
        )
    print_line(f"{'compiler':<10} {'-' if compilation is None else compilation}")
    print_line(f"{'runs':<10} {where(catalog.policy, catalog.policy.tools[name])}")
    print_line(f"{'limits':<10} {_spelled(catalog.policy.tools[name].limits)}")
    for tool in report["functions"]:
        print_line(f"tool       {tool['name']}: {printable(tool['description'], limit=300)}")
        for want in tool["requires"]:
            print_line(f"  requires {want['capability']} ({printable(want['reason'])})")
    for module, functions in _by_module(report["imports"]).items():
        print_line(f"imports    {printable(module)}: {printable(', '.join(functions), limit=2000)}")
    for item in report["quarantined"]:
        print_line(f"left out   {item['name']}: {item['reason']}")


def _spelled(limits: Limits) -> str:
    """The limits as a policy would say them."""
    return (
        f"fuel {limits.fuel:_}, deadline {spell_seconds(limits.deadline_seconds)}, "
        f"memory {spell_bytes(limits.memory_bytes)}, output {spell_bytes(limits.output_bytes)}, "
        f"scratch {spell_bytes(limits.scratch_bytes) if limits.scratch_bytes else 'none'}, "
        f"table_elements {limits.table_elements:_}, instances {limits.instances}, "
        f"host_calls {limits.host_calls:_}, inner_calls {limits.inner_calls:_}, "
        f"inner_fuel {limits.inner_fuel:_}"
    )


def _by_module(imports: list[str]) -> dict[str, list[str]]:
    """Host functions by the module or interface they come from."""
    grouped: dict[str, list[str]] = {}
    for function in imports:
        # A component's functions are spelled INTERFACE#NAME, a module's MODULE.NAME.
        module, _, name = function.partition("#" if "#" in function else ".")
        grouped.setdefault(module, []).append(name)
    return grouped


def _report(catalog: Catalog, owner: str, compilation: Compilation | None) -> dict[str, Any]:
    policy, locked = catalog.policy.tools[owner], catalog.lock.tools.get(owner)
    limits = policy.limits
    return {
        **entry(catalog, owner),
        "source": policy.source,
        "size": None if locked is None else locked.size,
        "compiler": None if compilation is None else compilation.compiler,
        "limits": {
            "fuel": limits.fuel,
            "deadline": spell_seconds(limits.deadline_seconds),
            "memory_bytes": limits.memory_bytes,
            "output_bytes": limits.output_bytes,
            "table_elements": limits.table_elements,
            "instances": limits.instances,
            "host_calls": limits.host_calls,
            "inner_calls": limits.inner_calls,
            "inner_fuel": limits.inner_fuel,
        },
        "secrets": [
            {
                "name": rule.name,
                # A command's arguments may be nobody's business.
                "from": rule.kind if rule.kind == "command" else f"{rule.kind}:{rule.source}",
                "to": str(rule.origin).removeprefix("net.http="),
                "header": rule.header,
            }
            for rule in policy.secrets
        ],
        "imports": [] if locked is None else list(locked.imports),
        "functions": [
            _function(catalog, name)
            for name, item in catalog.entries.items()
            if item.tool.owner == owner
        ],
        "quarantined": [
            {"name": item.name, "code": item.error.code, "reason": item.error.message}
            for item in catalog.quarantined
            if item.owner == owner
        ],
    }


def _function(catalog: Catalog, name: str) -> dict[str, Any]:
    tool = catalog.entries[name].tool
    manifest = tool.manifest
    shown = annotations_of(catalog.policy.tools[tool.owner].allow, manifest.annotations)
    return {
        "name": name,
        "purpose": manifest.purpose,
        "description": manifest.description,
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "annotations": {
            "readOnlyHint": shown.read_only,
            "destructiveHint": shown.destructive,
            "idempotentHint": shown.idempotent,
            "openWorldHint": shown.open_world,
        },
        "requires": [
            {"capability": str(want.capability), "reason": want.reason}
            for want in manifest.requires
        ],
    }
