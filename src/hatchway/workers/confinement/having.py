"""Which walls a process can have at all, asked before it relies on any."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

from hatchway.workers.confinement import filters, landlock
from hatchway.workers.confinement.calling import control

if TYPE_CHECKING:
    from hatchway.core.isolation import Layer

_PR_GET_SECCOMP: Final = 21


def had_here(layers: frozenset[Layer]) -> frozenset[Layer]:
    """Those of `layers` that kernel and processor know.

    `enter` finds out about namespaces. What is left and cannot be put up after all is an error.
    """
    unknown: set[Layer] = set()
    if landlock.version() < 1:
        unknown.add("landlock")
    if not _has_filters():
        unknown.add("seccomp")
    return layers - unknown


def _has_filters() -> bool:
    if platform.machine() not in filters.MACHINES:
        return False
    try:
        control(_PR_GET_SECCOMP)
    except OSError:
        return False
    return True
