"""`hatchway update`: see what changed at a tool's source, and decide about it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.cli.add import Approve, source_for
from hatchway.cli.changes import change_json, change_lines, summary_rows
from hatchway.cli.options import Json, application
from hatchway.cli.output import complain, plural, print_json, say
from hatchway.cli.remove import require_tool
from hatchway.core.errors import ConfigError, HatchwayError

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.runtime.updating import Proposal

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME…", help="The tools to look at; all of them without a name."),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="REFERENCE", help="Take it from another source from now on."),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Accept new bytes that can do no more and say the same."),
]
Rollback = Annotated[
    bool, typer.Option("--rollback", help="Go back to what was pinned before the last update.")
]


@dataclass
class Outcome:
    """What came of one tool.

    Attributes:
        report: For `--json`.
        status: What the command exits with if nothing is worse.
    """

    report: dict[str, Any]
    status: int = 0


def update(
    context: typer.Context,
    names: Names = None,
    to: To = None,
    approve: Approve = None,
    yes: Yes = False,
    rollback: Rollback = False,
    json: Json = False,
) -> int:
    """Show what changed at the source of a tool, and pin it once somebody agreed.

    Exits with 3 when something changed and nobody agreed to it; what was approved stays.
    """
    opened = application(context)
    _require_sensible(names, to, approve, rollback=rollback)
    opened.project.require_in_force()
    known = dict(opened.project.policy().tools)
    for name in names or ():
        require_tool(known, name)
    chosen = list(dict.fromkeys(names or sorted(known)))
    if rollback:
        outcomes = [_rolled_back(opened, name) for name in chosen]
    else:
        source = None if to is None else source_for(opened.project, to)
        outcomes = _updated(opened, chosen, source, approve or [], yes=yes)
    if json:
        print_json([outcome.report for outcome in outcomes])
    return max((outcome.status for outcome in outcomes), default=0)


def _require_sensible(
    names: list[str] | None, to: str | None, approve: list[str] | None, *, rollback: bool
) -> None:
    message = None
    if rollback and (to or approve):
        message = "--rollback goes with no other choice"
    elif rollback and not names:
        message = "--rollback needs the name of a tool"
    elif to is not None and len(names or ()) != 1:
        message = "--to needs the name of one tool"
    if message is not None:
        raise ConfigError(message, code="config.usage", hint="hatchway update --help")


# Going on


def _updated(
    opened: Application, names: list[str], source: str | None, approved: list[str], *, yes: bool
) -> list[Outcome]:
    found = {name: _proposed(opened, name, source) for name in names}
    proposals = [item for item in found.values() if not isinstance(item, Outcome)]
    if len(names) > 1:
        for line in summary_rows(proposals):
            say(line)
    if unknown := set(approved) - {item.approval for item in proposals}:
        say(f"--approve {', '.join(sorted(unknown))} names nothing that is there now")
    return [
        item if isinstance(item, Outcome) else _decided(opened, item, approved, yes=yes)
        for item in found.values()
    ]


def _proposed(opened: Application, name: str, source: str | None) -> Proposal | Outcome:
    try:
        return opened.updater.propose(name, source)
    except HatchwayError as error:
        say(f"{name} cannot be updated:")
        return _failed(name, error)


def _decided(opened: Application, proposal: Proposal, approved: list[str], *, yes: bool) -> Outcome:
    report = {**change_json(proposal), "applied": False}
    for line in change_lines(proposal):
        say(line)
    if proposal.drift.kind == "none":
        return Outcome(report)
    try:
        opened.keeper.require_unblocked(proposal.report)
        if not (proposal.approval in approved or _agreed(proposal, yes=yes)):
            raise opened.updater.refuse(proposal)
        opened.updater.apply(proposal)
    except HatchwayError as error:
        failed = _failed(proposal.name, error)
        return Outcome({**report, **failed.report, "state": report["state"]}, failed.status)
    say(f"{proposal.name} is pinned as it is now; to go back: {_way_back(proposal.name)}")
    return Outcome({**report, "applied": True})


def _agreed(proposal: Proposal, *, yes: bool) -> bool:
    """Whether somebody agrees: to new bytes with a yes, to more only by typing it out."""
    name = proposal.name
    if proposal.drift.kind != "blocked":
        if yes:
            return True
        return sys.stdin.isatty() and typer.confirm(f"pin {name} as it is now?", err=True)
    if not sys.stdin.isatty():
        return False
    asked = f"{name} is not what was approved. To approve what it is now, type yes"
    return bool(typer.prompt(asked, default="no", err=True) == "yes")


def _failed(name: str, error: HatchwayError) -> Outcome:
    complain(error)
    said = {"code": error.code, "message": error.message, "hint": error.hint}
    return Outcome(
        {"name": name, "state": "failed", "applied": False, "error": said}, error.exit_status
    )


def _way_back(name: str) -> str:
    return f"hatchway update {name} --rollback"


# Going back


def _rolled_back(opened: Application, name: str) -> Outcome:
    try:
        done = opened.updater.roll_back(name)
    except HatchwayError as error:
        say(f"{name} stays as it is:")
        return _failed(name, error)
    say(f"{name} is pinned again as {done.new.digest}")
    if done.lost:
        say(f"  it was not allowed {', '.join(done.lost)} then, and is not now")
    left = len(opened.keeper.previous.of(name))
    say(f"  {plural(left, 'earlier version')} left to go back to")
    report = {
        "name": name,
        "state": "rolled_back",
        "applied": True,
        "old": None if done.old is None else done.old.to_values(),
        "new": done.new.to_values(),
        "revoked": list(done.lost),
    }
    return Outcome(report)
