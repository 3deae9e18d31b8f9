"""`hatchway server-json`: describe a set of tools to the MCP registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import hatchway
from hatchway.audit.reading import read_artifact
from hatchway.cli.options import application
from hatchway.cli.output import print_line, say, warn
from hatchway.cli.remove import require_tool
from hatchway.core.errors import ConfigError
from hatchway.runtime.manifests import sections_of
from hatchway.runtime.server_json import parse_listing, server_json

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.policy.document import ToolPolicy
    from hatchway.provenance.lockfile import LockedTool

_UNAPPROVED = frozenset({"config.not_admitted", "config.drift", "config.override_lapsed"})
"""Why nobody would approve of a tool today."""

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME…", help="The tools to describe; all of them without a name."),
]
ListingName = Annotated[
    str,
    typer.Option("--name", metavar="NAMESPACE/NAME", help="For example io.github.USER/NAME."),
]
Version = Annotated[str, typer.Option("--version", help="Of this set of tools, for example 1.0.0.")]
Description = Annotated[
    str | None,
    typer.Option("--description", metavar="TEXT", help="What they are for, in 100 characters."),
]
Package = Annotated[
    str | None,
    typer.Option(
        "--package",
        metavar="NAME==VERSION",
        help="A Python package of yours that starts hatchway; by default hatchway itself.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to a file.")
]


def server_json_command(
    context: typer.Context,
    names: Names = None,
    *,
    name: ListingName,
    version: Version,
    description: Description = None,
    package: Package = None,
    output: Output = None,
) -> None:
    """Write the server.json that tells others how to get and serve admitted tools."""
    own = f"hatchway=={hatchway.__version__}"
    listing = parse_listing(name, version, description, package or own)
    opened = application(context)
    tools = _chosen(opened, names or [])
    text = json.dumps(server_json(listing, tools), indent=2, ensure_ascii=False)
    _note_what_stays_behind(opened, {each: locked for each, (_, locked) in tools.items()})
    if package is None:
        say("the official registry asks for a package of your own: see --package in docs/cli.md")
    if output is None:
        print_line(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        message = f"cannot write {str(output)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {output}")


def _chosen(opened: Application, names: list[str]) -> dict[str, tuple[ToolPolicy, LockedTool]]:
    """Tools that were approved and still would be, with their entries and pins.

    Raises:
        HatchwayError: There is none, or one of them is not.
    """
    catalog = opened.catalog()
    for each in names:
        require_tool(dict(catalog.policy.tools), each)
    chosen = names or list(catalog.policy.tools)
    for item in catalog.quarantined:
        # What is only missing on this machine, a variable or a directory, others may have.
        is_approved = isinstance(item.error, ConfigError) and item.error.code not in _UNAPPROVED
        if item.owner in chosen and not is_approved:
            raise item.error
    if not chosen:
        message = "there are no tools to describe"
        raise ConfigError(message, code="config.no_such_tool", hint="hatchway add SOURCE")
    return {each: (catalog.policy.tools[each], catalog.lock.tools[each]) for each in chosen}


def _note_what_stays_behind(opened: Application, tools: dict[str, LockedTool]) -> None:
    """Name the tools whose manifest others do not get with the artifact."""
    for name, locked in tools.items():
        artifact = read_artifact(opened.store.get(locked.digest))
        if locked.manifest is not None and not sections_of(artifact):
            warn(
                f"the manifest of {name!r} is not in its artifact, so others get it without: "
                "hatchway pack puts it in, before hatchway push"
            )
