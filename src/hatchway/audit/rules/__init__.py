"""Everything that is looked for, one file for each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatchway.audit.finding import Rule

RULES_VERSION = "1"
"""Changes whenever a rule is added, removed, or finds something else than before."""

RULES: tuple[Rule, ...] = ()
"""In the order of the documentation."""
