"""Which entries a call of one entry can set in motion, through the tools it was granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.capability import ToolUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.policy.document import ToolPolicy


def reach(entries: Mapping[str, ToolPolicy], name: str) -> tuple[str, ...]:
    """`name`, and every entry that its calls reach directly or through others, each once.

    A grant of one function reaches the entry: all functions of an entry hold the same power.
    """
    found: dict[str, None] = {}
    following = [name]
    while following:
        current = following.pop(0)
        entry = entries.get(current)
        if entry is None or current in found:
            continue
        found[current] = None
        following += [item.tool for item in entry.allow if isinstance(item, ToolUse)]
    return tuple(found)


def reach_in_words(entries: Mapping[str, ToolPolicy], name: str) -> str:
    """Every entry that a call of `name` sets in motion, itself first, and what each holds."""
    return ", ".join(f"{each} ({_held(entries[each])})" for each in reach(entries, name))


def _held(entry: ToolPolicy) -> str:
    """What `entry` was granted besides other tools."""
    held = [str(item) for item in entry.allow if not isinstance(item, ToolUse)]
    return ", ".join(held) or "nothing"
