"""`hatchway trust`: put a project's own policy in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hatchway.cli.options import Json
from hatchway.cli.output import complain, plural, print_json, say
from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.core.events import Severity
from hatchway.policy.document import FILE_NAME


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
    policy = project.policy()
    if not project.is_own:
        project.trusted.record(project.policy_file, project.sidecars())
    for name, entry in policy.tools.items():
        allowed = ", ".join(str(capability) for capability in entry.allow)
        say(f"  {name}: {entry.source}, granted {allowed or 'nothing'}")
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
