"""`hatchway dev`: serve a project to an MCP client, and build it again on every change."""

from __future__ import annotations

import shlex
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.build import ProjectDirectory
from hatchway.cli.options import Allow, LimitOption, grantable, spelled_limits
from hatchway.cli.output import say
from hatchway.cli.serve import Served, serve_application
from hatchway.cli.test import read_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.compose import Application
    from hatchway.runtime.developing import Workshop

Http = Annotated[
    str | None,
    typer.Option(
        "--http", metavar="HOST:PORT", help="Listen on a loopback address instead of stdio."
    ),
]


def dev(
    directory: ProjectDirectory = Path(),
    allow: Allow = None,
    limit: LimitOption = None,
    http: Http = None,
) -> None:
    """Build a project and serve it over MCP; build it again whenever a file changes.

    It is granted what --allow says, and of calls.toml what hands out nothing of your machine.
    Nothing is written into your policy.
    """
    from hatchway.runtime.project_grants import project_grants

    project = directory.absolute()
    calls = read_calls(project)
    given = grantable(allow)
    command = f"hatchway dev {shlex.quote(str(directory))}"
    shared = project_grants(calls.allow, calls, project=project, given=given, command=command)
    granted = tuple(map(str, dict.fromkeys([*shared, *given])))
    limits = {**calls.limits, **spelled_limits(limit)}

    @contextmanager
    def opened() -> Iterator[Served]:
        from hatchway.runtime.developing import Rebuilder

        with tempfile.TemporaryDirectory(prefix="hatchway-dev-") as name:
            place = Path(name).resolve()
            application = _application(place)
            workshop = _workshop(application, project, place, granted, limits)
            # What is edited while the first build goes on is built in the second.
            seen = workshop.signs()
            workshop.renew()
            runtime, reloader = application.live(say)
            rebuilder = Rebuilder(workshop, reloader.look, seen=seen)
            rebuilder.start()
            try:
                yield Served(application=application, runtime=runtime, reloader=reloader)
            finally:
                rebuilder.stop()

    say(f"watching {project}")
    serve_application(http, opened)


def _application(place: Path) -> Application:
    """An application with a policy, a lock and artifacts of its own, which end with it."""
    from hatchway.compose import open_application
    from hatchway.policy.document import FILE_NAME, VERSION
    from hatchway.runtime.settings import directories

    policy = place / "config" / FILE_NAME
    policy.parent.mkdir()
    policy.write_text(f"version = {VERSION}\n", encoding="utf-8")
    # Events and the token of the HTTP door stay where a person looks for them.
    own = replace(directories(), config=policy.parent, data=place / "data", cache=place / "cache")
    return open_application(config=policy, start=place, own=own)


def _workshop(
    application: Application,
    project: Path,
    place: Path,
    allow: tuple[str, ...],
    limits: dict[str, str | int],
) -> Workshop:
    from hatchway.compose import today
    from hatchway.runtime.building import build_project
    from hatchway.runtime.developing import Workshop

    return Workshop(
        project=project,
        place=place,
        build=lambda: build_project(project, say, today()),
        keeper=application.keeper,
        allow=allow,
        limits=limits,
        tell=say,
    )
