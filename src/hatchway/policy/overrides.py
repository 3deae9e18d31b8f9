"""Findings of an audit that a person decided to live with, for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's decision to live with one finding until a day.

    Attributes:
        finding: The finding's `id`.
        reason: In the person's own words.
        until: The last day on which it counts.
    """

    finding: str
    reason: str
    until: date
