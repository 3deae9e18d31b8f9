"""What each layer stops when WebAssembly and every other layer have fallen.

`docs/workers.md` has it as a table. One worker for each column, with that layer alone, and one
with none, runs everything in the table against it.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hatch import answer_of, call, launched, may, start, surroundings, workers

from hatchway.core.egress import Ticket
from hatchway.core.isolation import LAYERS
from hatchway.core.secret import Secret
from hatchway.workers import pool
from hatchway.workers.confinement import landlock
from hatchway.workers.confinement.probing import walls
from hatchway.workers.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch import World

    from hatchway.core.isolation import Layer

PAGE = Path(__file__).parents[2] / "docs/workers.md"
COLUMNS = ("always", *LAYERS)
TRY_ALL = "answer = outcomes(attempts(values, directories))"


def _missing() -> str | None:
    """Why the table is not what would be measured here."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "the table is about Linux on x86-64"
    if landlock.version() < landlock.SCOPES_SINCE:
        return "this kernel's Landlock knows no signals"
    if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 14):
        return "this kernel does not bound the processes of a namespace"
    if os.geteuid() != 0:
        return "the table is about a server that runs as root"
    holds = {wall.layer: wall.holds for wall in walls()}
    return next((f"{layer} does not hold here" for layer in LAYERS if not holds[layer]), None)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All that can be reached; and workers are started when they are needed."""
    if (reason := _missing()) is not None:
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch, surroundings(tmp_path_factory.mktemp("w")) as found:
        patch.setattr(pool, "SPARE", 0)
        yield found


@pytest.fixture(scope="module")
def measured(world: World) -> dict[str, set[str]]:
    """Which layer stopped each attempt alone."""
    with workers(start()) as others:
        answer_of(call(others, "answer = 0", may("bob")))
        (world.values["other"],) = launched().values()
        stopped: dict[str, set[str]] = {}
        for column in COLUMNS:
            layers: frozenset[Layer] = frozenset({column} & set(LAYERS))  # type: ignore[arg-type]
            for attempt, outcome in _behind(layers, world).items():
                stopped.setdefault(attempt, set())
                if outcome != "done":
                    stopped[attempt].add(column)
    return stopped


def _behind(layers: frozenset[Layer], world: World) -> dict[str, str]:
    granted = may(read=world.readable, write=world.writable)
    ticket = Ticket(port=1, token=Secret("x"))  # on the network, as those are that can do most
    with workers(start(layers=layers), watcher=Watcher()) as own:
        done = call(own, TRY_ALL, granted, values=world.values, ticket=ticket)
    found: dict[str, str] = answer_of(done)
    return found


@cache
def documented() -> dict[str, set[str]]:
    text = PAGE.read_text()
    head = "| It tries to | " + " | ".join(COLUMNS) + " |"
    rows = text[text.index(head) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {
        name: {column for column, mark in zip(COLUMNS, marks, strict=True) if mark == "stops"}
        for name, *marks in cells
    }


def test_the_documented_table_is_what_each_layer_stops_alone(measured: dict[str, set[str]]) -> None:
    assert measured == documented()
