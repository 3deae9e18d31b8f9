"""`hatchway import`: what another host's policy means here."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.options import Json, application, grantable_capability
from hatchway.cli.output import plural, print_json, print_line, say
from hatchway.cli.remove import require_tool
from hatchway.core.errors import ConfigError
from hatchway.core.events import Severity
from hatchway.policy.wassette import Converted, from_wassette
from hatchway.registry.regular import read_regular
from hatchway.runtime.policy_edit import entry_text
from hatchway.runtime.yaml_text import MAX_BYTES, read_yaml

if TYPE_CHECKING:
    from hatchway.compose import Application

Format = Annotated[
    str, typer.Argument(metavar="FORMAT", help="Whose policy it is: wassette.", show_default=False)
]
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The policy.yaml to read.", show_default=False)
]
EntryName = Annotated[
    str, typer.Option("--name", metavar="NAME", help="The entry it is to become.")
]
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="SOURCE", help="Where the component comes from."),
]
Write = Annotated[
    bool, typer.Option("--write", help="Put it into the entry NAME, instead of printing it.")
]


def import_policy(
    context: typer.Context,
    format_: Format,
    file: File,
    name: EntryName,
    source: Source = None,
    write: Write = False,
    json: Json = False,
) -> None:
    """Show what a policy of Wassette means here, or put it into an entry of the policy."""
    if format_ != "wassette":
        message = f"there is no format {format_!r}; known is wassette"
        raise ConfigError(message, code="config.usage", hint="hatchway import wassette FILE …")
    converted = _converted(file)
    for note in converted.notes:
        say(f"note: {note}")
    opened = application(context)
    opened.require_grantable([grantable_capability(item) for item in converted.allow])
    if write:
        _write(opened, name, converted)
        if json:
            print_json({"name": name, "grants": list(converted.allow)})
        return
    present = opened.project.policy().tools.get(name)
    source = source or (None if present is None else present.source)
    if json:
        print_json(_as_json(name, source, converted))
    else:
        print_line(entry_text(name, source, converted.allow, converted.limits))
    say(f"to admit a component with it: {_next_command(name, source, converted)}")


def _converted(file: Path) -> Converted:
    """What the file means; nothing unless all of it can be kept."""
    try:
        data = read_regular(file, limit_bytes=MAX_BYTES)
    except OSError as error:
        message = f"cannot read {str(file)!r}: {error.strerror or error}"
        raise ConfigError(message, code="config.unreadable") from error
    base = str(file.absolute().parent)
    converted = from_wassette(read_yaml(data, file=str(file)), base=base)
    if converted.refused:
        for refused in converted.refused:
            say(f"refused: {refused}")
        count = plural(len(converted.refused), "key")
        message = f"{str(file)!r} says what cannot be enforced here, in {count}"
        again = "hatchway import wassette COPY --name NAME"
        hint = f"take them out of a copy of it, then: {again}"
        raise ConfigError(message, code="config.unsupported", hint=hint)
    return converted


def _write(opened: Application, name: str, converted: Converted) -> None:
    opened.project.require_in_force()
    require_tool(dict(opened.project.policy().tools), name)
    with opened.project.editing() as edit:
        before = edit.allowed(name)
        edit.set_allowed(name, list(converted.allow))
        edit.set_limits(name, converted.limits)
        opened.keeper.approve(edit, name)
    opened.record(
        "policy.changed",
        Severity.LOW,
        f"{name} was given the policy of another host",
        tool=name,
    )
    say(f"{name} may now use: {', '.join(converted.allow) or 'nothing'}")
    if lost := [item for item in before if item not in converted.allow]:
        say(f"no longer: {', '.join(lost)}")


def _as_json(name: str, source: str | None, converted: Converted) -> dict[str, object]:
    return {
        "name": name,
        "source": source,
        "allow": list(converted.allow),
        "limits": dict(converted.limits),
        "notes": list(converted.notes),
    }


def _next_command(name: str, source: str | None, converted: Converted) -> str:
    words = ["hatchway", "add", source or "SOURCE", "--name", name]
    for item in converted.allow:
        words += ["--allow", item]
    for key, value in converted.limits.items():
        words += ["--limit", f"{key}={value}"]
    return shlex.join(words)
