"""`hatchway trust`: put a project's own policy in force."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.options import Json
from hatchway.cli.output import complain, plural, print_json, say
from hatchway.cli.trust_changes import trust_lines
from hatchway.cli.trust_power import missing_wall_lines, power_lines
from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.core.events import Severity
from hatchway.policy.document import FILE_NAME
from hatchway.runtime.project import find_own

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.policy.document import Policy
    from hatchway.runtime.trust import KeptTexts


def trust(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The directory that holds hatchway.toml.")
    ],
    json: Json = False,
) -> int:
    """Put a project's own policy in force, as it stands now.

    Exits with 3 when it is in force but one of its tools cannot be admitted.
    """
    from hatchway.compose import open_application

    file = directory / FILE_NAME if directory.is_dir() else directory
    if not file.is_file():
        message = f"there is no {FILE_NAME} in {str(directory)!r}"
        raise ConfigError(message, code="config.unreadable")
    opened = open_application(config=file.absolute())
    project = opened.project
    texts, policy = project.texts(), project.policy()
    _show_power(opened, policy)
    if not project.is_own:
        _show_changes(opened)
        _ask(opened, texts)
        project.trusted.record(project.policy_file, project.named())
    failed = 0
    locked = project.lock().tools
    for name, entry in policy.tools.items():
        pinned = locked.get(name)
        try:
            if pinned is not None and pinned.source == entry.source:
                opened.keeper.restore(name, pinned)
            else:
                opened.keeper.admit(name, entry.source, [])
        except HatchwayError as error:
            failed += 1
            say(f"{name} cannot be admitted:")
            complain(error)
            opened.keeper.withdraw(name, error)
    opened.record("policy.trusted", Severity.INFORMATIONAL, f"{project.policy_file} is in force")
    say(f"{project.policy_file} is in force: {plural(len(policy.tools), 'tool')}, {failed} failed")
    if json:
        print_json({"policy": str(project.policy_file), "tools": sorted(policy.tools)})
    return AdmissionError.exit_status if failed else 0


def _show_power(opened: Application, policy: Policy) -> None:
    own = find_own(opened.directories, opened.project.trusted).policy()
    for line in (*power_lines(policy), *missing_wall_lines(policy, own)):
        say(line)


def _show_changes(opened: Application) -> None:
    """Say what is not as it was when it was trusted, before it is again."""
    project = opened.project
    if project.is_in_force or not project.trusted.is_known(project.policy_file):
        return
    before = project.trusted.kept(project.policy_file)
    if before is None:
        say("it changed since it was trusted, and what it said then is not known here any more")
    else:
        say("since it was trusted it")
        files = project.trusted.changed_files(project.policy_file, project.named())
        for line in trust_lines(before, project.texts(), files, opened.updater.texts_of_pin):
            say(line)


def _ask(opened: Application, shown: KeptTexts) -> None:
    """Let a person say no before anything is recorded.

    Raises:
        ConfigError: The files are not what was shown any more.
    """
    project = opened.project
    if not project.is_in_force and sys.stdin.isatty():
        typer.confirm("put it in force as it is now?", default=False, abort=True, err=True)
    if project.texts() != shown:
        message = f"{str(project.policy_file)!r} or its lockfile changed while it was shown"
        raise ConfigError(
            message, code="config.changed_meanwhile", hint="run the same command again"
        )
