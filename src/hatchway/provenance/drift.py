"""What is different between what was approved and what is there now, and who may accept it.

Decided from two entries of a lockfile and nothing else. The texts a model sees are only there
to be shown: whether they changed is decided by their hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hatchway.provenance.canonical import canonical_digest, canonical_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from hatchway.provenance.lockfile import LockedTool

Kind: TypeAlias = Literal["none", "bytes", "narrower", "blocked"]
Reason: TypeAlias = Literal["capabilities", "tools", "text", "signers", "audit"]
Place: TypeAlias = tuple[str | int, ...]


class Absent(Enum):
    """What stands where there is no value; null is one."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

_VISIBLE = frozenset({"description", "annotations", "input", "output"})
"""Keys of a manifest that are compared as what a model is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value that is not what it was.

    Attributes:
        place: Where it stands: keys and positions.
        old: A JSON value, or `ABSENT`.
        new: The same.
    """

    place: Place
    old: Any
    new: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The difference between two entries.

    Attributes:
        kind: `bytes`: it can do what it could and says what it said, and must be audited
            again. `narrower`: the same, and it can do less. `blocked`: a person must approve.
        reasons: Why it is blocked.
        imports_gained: Host functions that it could not ask for before.
        imports_lost: Host functions that it cannot ask for any more.
        wants_gained: What its author asks for that was not asked for, or not as strongly.
        wants_lost: What its author does not ask for any more, or not as strongly.
        tools_gained: Tools that were not there.
        tools_lost: Tools that are not there any more.
        signers_gained: Who did not sign before.
        signers_lost: Whose signature is missing.
        texts: What a model is told differently; the first part of the place is the tool.
        unshown: Tools of which a model is told something else, and nobody knows any more what
            it was told before.
        mapping: What else differs in the manifest: how arguments reach the program, names.
        facts: What else differs: digests, size, kind, grade, where it came from.
    """

    kind: Kind
    reasons: tuple[Reason, ...] = ()
    imports_gained: tuple[str, ...] = ()
    imports_lost: tuple[str, ...] = ()
    wants_gained: tuple[str, ...] = ()
    wants_lost: tuple[str, ...] = ()
    tools_gained: tuple[str, ...] = ()
    tools_lost: tuple[str, ...] = ()
    signers_gained: tuple[str, ...] = ()
    signers_lost: tuple[str, ...] = ()
    texts: tuple[Change, ...] = ()
    unshown: tuple[str, ...] = ()
    mapping: tuple[Change, ...] = ()
    facts: tuple[Change, ...] = ()


def drift_between(
    old: LockedTool,
    new: LockedTool,
    texts_old: Mapping[str, Mapping[str, Any]] | None = None,
    texts_new: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    critical: Collection[str] = (),
) -> Drift:
    """What changed from `old` to `new`, and whether a person has to approve it.

    Args:
        old: What is pinned.
        new: What would be pinned instead.
        texts_old: What a model is told, by tool; left out what is not known any more.
        texts_new: The same of the new one.
        critical: The findings of the audit that block the new one.
    """
    if canonical_json(old.to_values()) == canonical_json(new.to_values()) and not critical:
        return Drift(kind="none")
    imports = _gained(old.imports, new.imports)
    wants = _gained(_wants(old), _wants(new))
    tools = _gained(old.tools, new.tools)
    signers = _gained(old.signers, new.signers)
    told = [
        name for name in sorted(old.tools) if new.tools.get(name, "") not in ("", old.tools[name])
    ]
    texts, unshown = _texts(told, _proven(texts_old, old), _proven(texts_new, new))
    reasons: dict[Reason, bool] = {
        "capabilities": bool(imports[0] or wants[0]),
        "tools": bool(tools[0] or tools[1]),
        "text": bool(told),
        "signers": bool(signers[0] or signers[1]),
        "audit": bool(critical),
    }
    is_narrower = bool(imports[1] or wants[1])
    return Drift(
        kind="blocked" if any(reasons.values()) else "narrower" if is_narrower else "bytes",
        reasons=tuple(reason for reason, holds in reasons.items() if holds),
        imports_gained=imports[0],
        imports_lost=imports[1],
        wants_gained=wants[0],
        wants_lost=wants[1],
        tools_gained=tools[0],
        tools_lost=tools[1],
        signers_gained=signers[0],
        signers_lost=signers[1],
        texts=texts,
        unshown=unshown,
        mapping=differences(_mapping(old.manifest), _mapping(new.manifest)),
        facts=differences(_facts(old), _facts(new)),
    )


def _gained(old: Collection[str], new: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is in `new` only, and what is in `old` only."""
    return tuple(sorted(set(new) - set(old))), tuple(sorted(set(old) - set(new)))


# What the author asks for


def _wants(tool: LockedTool) -> set[str]:
    """What the manifest asks for, and once more what it cannot do without.

    Read as it is written, with no idea of what is valid: a wish that is spelled in a new way
    is a new wish.
    """
    manifest = tool.manifest or {}
    found: set[str] = set()
    for table in (manifest, *_tables(manifest.get("tools"))):
        needed = {_capability(want) for want in _tables(table.get("requires"))}
        wanted = {_capability(want) for want in _tables(table.get("optional"))}
        found |= {f"requires {item}" for item in needed}
        found |= {f"may use {item}" for item in needed | wanted}
    return found


def _tables(value: Any) -> list[Any]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _capability(want: Mapping[str, Any]) -> str:
    return str(want.get("capability"))


# What a model is told


def _proven(
    texts: Mapping[str, Mapping[str, Any]] | None, tool: LockedTool
) -> dict[str, Mapping[str, Any]]:
    """Those of `texts` that really are what the entry pins: nothing else is ever shown."""
    return {
        name: text
        for name, text in (texts or {}).items()
        if canonical_digest(text) == tool.tools.get(name)
    }


def _texts(
    names: list[str],
    old: Mapping[str, Mapping[str, Any]],
    new: Mapping[str, Mapping[str, Any]],
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    shown: list[Change] = []
    unshown: list[str] = []
    for name in names:
        if name in old and name in new:
            shown += differences({name: old[name]}, {name: new[name]})
        else:
            unshown.append(name)
    return tuple(shown), tuple(unshown)


# Everything else


def _mapping(manifest: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a manifest no model sees."""
    if manifest is None:
        return {}
    kept = _without_text(manifest)
    if isinstance(kept.get("tools"), list):
        kept["tools"] = [
            _without_text(item) if isinstance(item, dict) else item for item in kept["tools"]
        ]
    return kept


def _without_text(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in _VISIBLE}


_COMPARED = frozenset({"imports", "tools", "signers", "manifest"})


def _facts(tool: LockedTool) -> dict[str, Any]:
    return {key: value for key, value in tool.to_values().items() if key not in _COMPARED}


def differences(old: Any, new: Any) -> tuple[Change, ...]:
    """Every single value that differs between two JSON values, in the order of the places."""
    before, after = dict(_leaves(old, ())), dict(_leaves(new, ()))
    places = sorted({**before, **after}, key=lambda place: [(isinstance(p, int), p) for p in place])
    changes = (
        Change(place=place, old=before.get(place, ABSENT), new=after.get(place, ABSENT))
        for place in places
    )
    return tuple(change for change in changes if _differs(change))


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    if not items or not value:
        yield place, value
        return
    for key, inner in items:
        yield from _leaves(inner, (*place, key))


def _differs(change: Change) -> bool:
    if ABSENT in (change.old, change.new):
        return True
    return canonical_json(change.old) != canonical_json(change.new)
