"""`hatchway bench`: the figures, measured on this machine."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hatchway.core.errors import ConfigError


class Table(StrEnum):
    """The tables there are."""

    engine = "engine"
    exec = "exec"
    start = "start"
    audit = "audit"
    egress = "egress"
    catalog = "catalog"
    workers = "workers"


Which = Annotated[
    Table,
    typer.Argument(
        metavar="[TABLE]",
        help="engine: one call; exec: generated code, beside other ways to run it.",
    ),
]
More = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- ARGS…]", help="For the table's own program; try -- --help."),
]


def bench(table: Which = Table.engine, more: More = None) -> int:
    """Measure this machine. Takes minutes, and wants the machine for itself."""
    program = _programs() / f"{table}.py"
    if not program.is_file():
        message = f"the program of the table {str(table)!r} is not part of this installation"
        raise ConfigError(message, hint="pip install --force-reinstall hatchway")
    # A process of its own: what this command has loaded is no part of what is measured. It
    # stays in this terminal's group, so that an interrupt reaches both.
    child = subprocess.Popen(  # noqa: S603 - a program of ours; the arguments are the user's own
        [sys.executable, str(program), *(more or [])],
        stdin=subprocess.DEVNULL,
        stdout=None,
        stderr=None,
        env=dict(os.environ),
        cwd=None,
        start_new_session=False,
    )
    try:
        return child.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        child.wait()


def _programs() -> Path:
    package = Path(str(importlib.resources.files("hatchway")))
    shipped = package / "_bench"
    # An editable installation: src/hatchway stands in the repository.
    return shipped if shipped.is_dir() else package.parents[1] / "bench"
