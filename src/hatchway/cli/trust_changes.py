"""What changed about a project since somebody trusted it, in words for whoever trusts it again.

Everything here was written by whoever made the project. Nothing of it reaches a terminal
unescaped, and nothing that changed is left out without a word about it.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Any

from hatchway.audit.report import spell_field
from hatchway.cli.changes import drift_lines, section, shown_value
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.provenance.drift import ABSENT, differences, drift_between
from hatchway.provenance.lockfile import Lockfile, parse_lockfile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from hatchway.provenance.lockfile import LockedTool
    from hatchway.runtime.trust import KeptTexts

    Texts = Callable[[str, LockedTool], Mapping[str, Mapping[str, Any]] | None]

_NAMES = ("match", "finding", "name", "key", "identity")
"""What one of several tables is told apart by, if it has it."""

_NOTHING: tuple[Any, ...] = (ABSENT, {})
"""A table without keys says what no table says."""

_MOST = 200
"""Lines of one section."""
_LARGEST = 1 << 53
"""Whole numbers up to here are compared as numbers."""


def trust_lines(
    before: KeptTexts, after: KeptTexts, files: Collection[Path], texts: Texts
) -> list[str]:
    """The whole difference, what a tool may do first; empty when there is none.

    Args:
        before: What was trusted; it was a policy then.
        after: What would be; it is one.
        files: Manifests beside artifacts, and whom TLS believes, that are not what they were.
        texts: What a model is told by a tool as it is pinned; None when that is not known here.
    """
    old, new = tomllib.loads(before.policy), tomllib.loads(after.policy)
    tools_old, tools_new = _tools(old), _tools(new)
    lines = [
        *section("has new tools", [f"+ {_told(tools_new, name)}" for name in _less(new, old)]),
        *section("does not have any more", [f"- {printable(name)}" for name in _less(old, new)]),
        *section("grants", _some(_grants(tools_old, tools_new))),
        *section("asks for other signatures", _some(_differences(old, new, ("trust",)))),
        *section("has other settings", _some(_settings(old, new))),
        *_pins(before.lock, after.lock, texts),
        *section(
            "has other manifests or authorities",
            [printable(str(file), limit=400) for file in files],
        ),
    ]
    if not lines and before.policy != after.policy:
        lines = ["  nothing but comments, blanks or the order of things"]
    return lines


# The tools of the policy


def _tools(document: Mapping[str, Any]) -> dict[str, Any]:
    tools = document.get("tools")
    found = tools if isinstance(tools, dict) else {}
    return {name: entry for name, entry in found.items() if isinstance(entry, dict)}


def _less(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(_tools(one).keys() - _tools(other).keys())


def _told(tools: Mapping[str, Any], name: str) -> str:
    entry = tools[name]
    granted = ", ".join(_texts(entry.get("allow"))) or "nothing"
    source = printable(str(entry.get("source")), limit=400)
    return f"{printable(name)}: {source}, granted {printable(granted, limit=400)}"


def _grants(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() & new.keys()):
        before, after = _texts(old[name].get("allow")), _texts(new[name].get("allow"))
        marked = [("+", item) for item in after if item not in before]
        marked += [("-", item) for item in before if item not in after]
        yield from (f"{mark} {printable(name)}: {printable(item)}" for mark, item in marked)


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


# Everything else in the policy


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    tools_old, tools_new = _tools(old), _tools(new)
    for name, entry in sorted(tools_new.items()):
        told = ("allow",) if name in tools_old else ("allow", "source")
        for key in sorted(tools_old.get(name, {}).keys() | entry.keys()):
            if key not in told:
                yield from _differences(old, new, ("tools", name, key))
    for key in sorted(old.keys() | new.keys()):
        if key not in ("tools", "trust"):
            yield from _differences(old, new, (key,))


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], place: tuple[str, ...]
) -> Iterator[str]:
    before, after = _comparable(_at(old, place)), _comparable(_at(new, place))
    for change in differences(before, after):
        values = (("-", change.old), ("+", change.new))
        said = [f"  {mark} {shown_value(each)}" for mark, each in values if each not in _NOTHING]
        if said:
            yield spell_field((*place, *change.place))
            yield from said


def _at(document: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        document = document[key] if isinstance(document, dict) and key in document else ABSENT
    return document


def _comparable(value: Any) -> Any:
    """As JSON, and lists by what they hold: an entry more does not change all that follow it."""
    if value is ABSENT:
        return value
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return dict(_named(value))
    is_json = isinstance(value, str | bool) or (isinstance(value, int) and abs(value) < _LARGEST)
    return value if is_json else str(value)


def _named(items: list[Any]) -> Iterator[tuple[str, Any]]:
    """Each under a name of its own."""
    seen: Counter[str] = Counter()
    for item in items:
        names = [item[key] for key in _NAMES if isinstance(item, dict) and key in item]
        name = item if isinstance(item, str) else str(names[0]) if names else ""
        seen[name] += 1
        yield f"{name}#{seen[name]}" if seen[name] > 1 or not name else name, _comparable(item)


def _some(lines: Iterator[str]) -> list[str]:
    listed = list(lines)
    more = len(listed) - _MOST
    return [*listed[:_MOST], f"and {more} more lines"] if more > 0 else listed


# What is pinned


def _pins(before: str, after: str, texts: Texts) -> Iterator[str]:
    old, new = _lock(before), _lock(after)
    if old is None or new is None:
        yield "  the lockfile changed, and what it said cannot be read any more"
        return
    gone = sorted(old.tools.keys() - new.tools.keys())
    yield from section("does not pin any more", [f"- {printable(name)}" for name in gone])
    come = sorted(new.tools.keys() - old.tools.keys())
    pinned = [f"+ {printable(name)}: {new.tools[name].digest}" for name in come]
    yield from section("pins", pinned)
    for name in sorted(old.tools.keys() & new.tools.keys()):
        yield from _repinned(name, old.tools[name], new.tools[name], texts)


def _lock(text: str) -> Lockfile | None:
    try:
        return parse_lockfile(text, file="hatchway.lock") if text else Lockfile()
    except ConfigError:
        return None


def _repinned(name: str, old: LockedTool, new: LockedTool, texts: Texts) -> Iterator[str]:
    drift = drift_between(old, new, texts(name, old), texts(name, new))
    if drift.kind == "none":
        return
    yield f"  pins another {printable(name)}"
    yield from (f"  {line}" for line in drift_lines(drift, old.kind, new.kind))
