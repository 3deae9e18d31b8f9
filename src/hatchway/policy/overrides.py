"""Findings of an audit that a person decided to live with, for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from hatchway.core.untrusted import shown
from hatchway.policy.tool_text import hidden_character

if TYPE_CHECKING:
    from hatchway.policy.reading import Table

_ID = re.compile(r"HW-[A-Z]{3}-[0-9]{3}:[0-9a-f]{16}", re.ASCII)
_RULE = re.compile(r"HW-[A-Z]{3}-[0-9]{3}", re.ASCII)
_EXAMPLE = 'finding = "HW-POL-001:1a2b3c4d5e6f7081"'


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


def overrides_in(table: Table) -> tuple[Override, ...]:
    """The overrides of one tool, from its table in the policy.

    Whether one counts is not decided here: that needs today's date and the findings.

    Raises:
        ConfigError: With file and line.
    """
    found: dict[str, Override] = {}
    for index, item in enumerate(table.tables("overrides")):
        item.only("finding", "reason", "until")
        override = Override(finding=_finding(item), reason=_reason(item), until=_until(item))
        if override.finding in found:
            message = f"the finding {override.finding} is overridden twice"
            raise table.error(message, "overrides", index, "finding", code="config.contradiction")
        found[override.finding] = override
    return tuple(found.values())


def _finding(item: Table) -> str:
    finding = item.text("finding", limit=64)
    if finding is None:
        raise item.error("an override names one finding by its id", "finding", hint=_EXAMPLE)
    if _RULE.fullmatch(finding):
        message = f"an override is for one finding, and {finding} is a whole rule"
        raise item.error(message, "finding", hint=f"hatchway audit shows ids: {_EXAMPLE}")
    if not _ID.fullmatch(finding):
        message = f"expected the id of a finding: a rule, ':' and 16 digits; got {shown(finding)}"
        raise item.error(message, "finding", hint=f"hatchway audit shows ids: {_EXAMPLE}")
    return finding


def _reason(item: Table) -> str:
    reason = item.text("reason", limit=512) or ""
    if hidden := hidden_character(reason):
        raise item.error(f"'reason' contains the hidden character {hidden}", "reason")
    if not reason.isprintable():
        raise item.error("'reason' is one line of plain text", "reason")
    if not any(character.isalnum() for character in reason):
        hint = 'reason = "the vendor fixes it in 2.1"'
        raise item.error("an override needs a reason, in words", "reason", hint=hint)
    return reason


def _until(item: Table) -> date:
    value = item.values.get("until")
    # A date with a time of day is a date to Python too; a day is what is meant here.
    if type(value) is not date:
        got = "nothing" if value is None else shown(value)
        message = f"'until' is the last day it counts, a TOML date without quotes; got {got}"
        raise item.error(message, "until", hint="until = 2027-01-31")
    return value
