"""The walls around the process that compiles one artifact."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hatchway.core.isolation import LAYERS
from hatchway.workers.confinement.confining import Confinement, confine
from hatchway.workers.confinement.descriptors import close_all_but
from hatchway.workers.confinement.entering import enter
from hatchway.workers.confinement.having import had_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatchway.core.isolation import Layer

MEMORY_BYTES: Final = 3 << 30
FILE_BYTES: Final = 1 << 30


def confine_compiler(
    descriptors: Sequence[int], layers: frozenset[Layer] = frozenset(LAYERS)
) -> None:
    """Leave this process its open `descriptors`, memory, and threads: no file, no network.

    Call it with one thread and everything imported. What goes on is a child of the process that
    called, which ends with the same status or signal. System calls that a compiler does not make
    fail, and nobody is told.

    Raises:
        ConfinementError: A layer that this system knows cannot be put up; namespaces may be
            missing.
    """
    entered = enter(had_here(layers), wants_network=False)
    close_all_but(descriptors)
    asked = confine(
        Confinement(
            layers=entered.layers,
            directories=(),
            connect_port=None,
            memory_bytes=MEMORY_BYTES,
            file_bytes=FILE_BYTES,
        )
    )
    if asked is not None:
        # With nobody left to ask, the kernel answers alone: the call fails.
        os.close(asked)
