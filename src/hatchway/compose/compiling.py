"""How a process that compiles is confined on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hatchway.compose.walls import FindWalls

_CONFINE: Final = "hatchway.workers.confinement.compiling:confine_compiler"


def compiler_confinement(find_walls: FindWalls) -> str | None:
    """What such a process calls before it reads an artifact; None where no wall can be put up.

    Every wall that can be put up here is, also one that does not stop all that it should.
    """
    layers = [wall.layer for wall in find_walls() if wall.cost_us is not None]
    return f"{_CONFINE}:{','.join(layers)}" if layers else None
