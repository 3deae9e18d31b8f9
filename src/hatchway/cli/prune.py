"""`hatchway prune`: remove stored artifacts that nothing pins."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.options import Json, application
from hatchway.cli.output import plural, print_json, print_line, say
from hatchway.core.capability import spell_bytes
from hatchway.core.errors import ConfigError
from hatchway.core.events import Severity
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.registry.collecting import Removed

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def prune(context: typer.Context, *, yes: Yes = False, json: Json = False) -> None:
    """Remove stored artifacts that no lockfile pins. Shows them before it asks."""
    opened = application(context)
    planned = opened.prune(dry_run=True)
    if not json:
        _show(planned)
    if planned and not yes:
        _ask()
    # Planned once more: what was pinned or stored meanwhile stays.
    removed = opened.prune(dry_run=False) if planned else ()
    for item in removed:
        if item.kind == "artifact":
            opened.record(
                "artifact.removed",
                Severity.INFORMATIONAL,
                f"an artifact of {item.size} bytes that nothing pins was removed",
                digest=item.name,
            )
    size = sum(item.size for item in removed)
    say(f"removed {plural(len(removed), 'file')}, {size} bytes")
    if json:
        files = [{"name": item.name, "size": item.size, "kind": item.kind} for item in removed]
        print_json({"removed": files, "bytes": size})


def _show(planned: tuple[Removed, ...]) -> None:
    for item in planned:
        print_line(f"{item.kind:<9} {printable(item.name)} {spell_bytes(item.size)}")


def _ask() -> None:
    if not sys.stdin.isatty():
        message = "removing was not confirmed"
        raise ConfigError(message, code="config.not_confirmed", hint="hatchway prune --yes")
    typer.confirm("remove them?", default=False, abort=True, err=True)
