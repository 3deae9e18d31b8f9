"""`hatchway events`: what happened."""

from __future__ import annotations

import json as json_format
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.cli.output import print_line, say
from hatchway.runtime.settings import directories
from hatchway.telemetry.reading import follow_events, one_line, read_events

if TYPE_CHECKING:
    from collections.abc import Iterable


def events(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new events as they happen.")
    ] = False,
    last: Annotated[
        int, typer.Option("--last", "-n", metavar="N", min=0, help="Show the last N events.")
    ] = 50,
    json: Annotated[
        bool, typer.Option("--json", help="Print OCSF JSON, one event a line.")
    ] = False,
) -> None:
    """Show the security events of calls, denials and changes."""
    path = directories().events
    new = follow_events(path) if follow else None
    kept = deque(read_events(path), maxlen=last)
    if not kept and not follow:
        say("no events yet")
    _print(kept, json=json)
    if new is not None:
        say(f"following {path}; press Ctrl-C to stop")
        _print(new, json=json)


def _print(records: Iterable[dict[str, Any]], *, json: bool) -> None:
    for record in records:
        line = json_format.dumps(record, separators=(",", ":")) if json else one_line(record)
        print_line(line)
