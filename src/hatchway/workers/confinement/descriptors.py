"""Closing what a process does not need."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor of this process that is not in `kept`."""
    edges = [-1, *sorted(set(kept)), os.sysconf("SC_OPEN_MAX")]
    for before, after in itertools.pairwise(edges):
        # An empty range that begins at 0 would be everything to Python 3.11.
        if before + 1 < after:
            os.closerange(before + 1, after)
