"""What changed about a tool, in words for a busy person and as JSON for programs.

Everything here may have been chosen by whoever made the tool. Nothing of it reaches a terminal
unescaped, and nothing that changed is left out without a word about it.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from hatchway.audit.artifact import Import
from hatchway.audit.capabilities import uses_of
from hatchway.audit.report import spell_field
from hatchway.audit.unseen import visibly
from hatchway.core.untrusted import printable
from hatchway.provenance.drift import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatchway.provenance.drift import Change, Drift, Kind, Reason
    from hatchway.runtime.updating import Proposal

STATES: dict[Kind, str] = {
    "none": "is what was approved",
    "bytes": "has new bytes; it can do what it could, and says what it said",
    "narrower": "has new bytes, and can do less",
    "blocked": "is stopped until a person approves it",
}
_WHY: dict[Reason, str] = {
    "capabilities": "it asks for more",
    "tools": "it offers other tools",
    "text": "it tells a model something else",
    "signers": "somebody else signed it",
    "audit": "the audit found something critical",
}
_FACTS = {
    "source": "source",
    "resolved": "resolved",
    "manifest_digest": "manifest",
    "digest": "digest",
    "size": "size",
    "kind": "kind",
    "grade": "grade",
    "rules": "audit rules",
    "policy": "policy",
    "overrides": "overridden",
}
"""What a fact is called, in the order they are shown."""

_WIDTH = 38
_LONGEST = 4000
"""Characters of one value that are shown."""
_MOST = 200
"""Values that are shown in one section."""
_SENTENCES = re.compile(r"(?<=[.!?])(?=\s)|(?<=\n)")


def why(drift: Drift) -> str:
    """Why it needs a person, in a few words; empty when it does not."""
    return ", ".join(_WHY[reason] for reason in drift.reasons)


def change_lines(proposal: Proposal) -> list[str]:
    """The whole difference, the worst first."""
    drift = proposal.drift
    because = f": {why(drift)}" if drift.reasons else ""
    return [
        f"{proposal.name} {STATES[drift.kind]}{because}",
        *drift_lines(
            drift, proposal.old.kind, proposal.new.kind, findings=list(_findings(proposal))
        ),
    ]


def drift_lines(
    drift: Drift, old_kind: str, new_kind: str, *, findings: list[str] | None = None
) -> list[str]:
    """A difference, the worst first.

    Args:
        drift: The difference.
        old_kind: `module` or `component`.
        new_kind: The same of what it is now.
        findings: What the audit says only now.
    """
    lines = _functions("can now ask the host for", "+", drift.imports_gained, new_kind)
    lines += section("now asks you for", [f"+ {_shown(item)}" for item in drift.wants_gained])
    lines += section("now offers", [f"+ {_shown(item)}" for item in drift.tools_gained])
    lines += section("does not offer any more", [f"- {_shown(item)}" for item in drift.tools_lost])
    lines += section("tells a model something else", list(_texts(drift)))
    lines += section("is now signed by", [f"+ {_shown(item)}" for item in drift.signers_gained])
    lines += section(
        "is not signed any more by", [f"- {_shown(item)}" for item in drift.signers_lost]
    )
    lines += section("has new findings", findings or [])
    lines += _functions("cannot ask the host any more for", "-", drift.imports_lost, old_kind)
    lines += section(
        "does not ask you any more for", [f"- {_shown(item)}" for item in drift.wants_lost]
    )
    lines += section("has another manifest", list(_changed(drift.mapping, 0)))
    return [*lines, *_facts(drift)]


def change_json(proposal: Proposal) -> dict[str, Any]:
    """The whole difference, for programs; nothing is shortened."""
    drift = proposal.drift
    return {
        "name": proposal.name,
        "state": drift.kind,
        "reasons": list(drift.reasons),
        "approval": proposal.approval,
        "old": proposal.old.to_values(),
        "new": proposal.new.to_values(),
        "capabilities": {
            "gained": list(_uses(drift.imports_gained, proposal.new.kind)),
            "lost": list(_uses(drift.imports_lost, proposal.old.kind)),
        },
        "wants": {"gained": list(drift.wants_gained), "lost": list(drift.wants_lost)},
        "tools": {"gained": list(drift.tools_gained), "lost": list(drift.tools_lost)},
        "signers": {"gained": list(drift.signers_gained), "lost": list(drift.signers_lost)},
        "texts": [{"tool": change.place[0], **_change_json(change, 1)} for change in drift.texts],
        "texts_unshown": list(drift.unshown),
        "manifest": [_change_json(change, 0) for change in drift.mapping],
        "facts": [_change_json(change, 0) for change in drift.facts],
        "new_findings": [
            {"id": item.id, "severity": item.severity, "message": item.message}
            for item in proposal.report.standing
            if proposal.known is None or item.id not in proposal.known
        ],
    }


def section(title: str, lines: list[str]) -> list[str]:
    """Lines under a title; nothing without any."""
    return [f"  {title}", *(f"    {line}" for line in lines)] if lines else []


def _shown(text: str) -> str:
    return visibly(text, limit=400)


# What it can ask for


def _functions(title: str, mark: str, imports: tuple[str, ...], kind: str) -> list[str]:
    lines = []
    for use in _uses(imports, kind):
        powers = ", ".join(use["capabilities"]) or "no power of its own"
        lines.append(f"{mark} {_shown(use['function'])}")
        lines.append(f"    {printable(powers)}: it {printable('; it '.join(use['notes']))}")
    return section(title, lines)


def _uses(imports: tuple[str, ...], kind: str) -> Iterator[dict[str, Any]]:
    for spelled in imports:
        found = uses_of([_import(spelled, is_component=kind == "component")])
        yield {
            "function": spelled,
            "capabilities": sorted({use.capability for use in found if use.capability}),
            "notes": list(dict.fromkeys(use.note for use in found)),
        }


def _import(spelled: str, *, is_component: bool) -> Import:
    """The import that a lockfile spells."""
    if is_component:
        namespace, _, name = spelled.rpartition("#") if "#" in spelled else ("", "", spelled)
    else:
        namespace, _, name = spelled.partition(".")
    return Import(
        namespace=namespace, name=name, kind="function", offset=0, is_component=is_component
    )


# What it says


def _texts(drift: Drift) -> Iterator[str]:
    yield from _changed(drift.texts, 1)
    for name in drift.unshown:
        yield f"{_shown(name)}: all of it may be new; what it said before is not on this machine"


def _changed(changes: tuple[Change, ...], skip: int) -> Iterator[str]:
    """Each value with what it was and what it is, one above the other."""
    for change in changes[:_MOST]:
        owner = f"{_shown(str(change.place[0]))}: " if skip else ""
        yield f"{owner}{spell_field(change.place[skip:])}"
        yield from (f"  {line}" for line in _pair(change.old, change.new))
    if len(changes) > _MOST:
        yield f"and {len(changes) - _MOST} more values; --json shows all of them"


def _pair(old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, str) and isinstance(new, str):
        before, after = _SENTENCES.split(old), _SENTENCES.split(new)
        # Comparing takes time that grows with the square of their number.
        if len(before) + len(after) <= _MOST:
            yield from _sentences(before, after)
            return
    yield f"- {shown_value(old)}"
    yield f"+ {shown_value(new)}"


def _sentences(old: list[str], new: list[str]) -> Iterator[str]:
    """The sentences that differ; the others are only hinted at."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for what, start, end, new_start, new_end in matcher.get_opcodes():
        if what == "equal":
            yield "  …"
            continue
        if end > start:
            yield f"- {shown_value(''.join(old[start:end]))}"
        if new_end > new_start:
            yield f"+ {shown_value(''.join(new[new_start:new_end]))}"


def shown_value(value: Any) -> str:
    """A JSON value on one line, escaped and bounded."""
    if value is ABSENT:
        return "(nothing)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = visibly(text, limit=_LONGEST)
    more = len(text) - _LONGEST
    # Outside the quotes, where nobody else can have written it.
    note = f" ({more} more characters; --json shows all of them)" if more > 0 else ""
    return (f'"{shown}"' if isinstance(value, str) else shown) + note


# What is odd, and the rest


def _findings(proposal: Proposal) -> Iterator[str]:
    for finding in proposal.report.standing:
        if proposal.known is None or finding.id not in proposal.known:
            yield f"{finding.id} ({finding.severity}) {finding.message}"


def _facts(drift: Drift) -> list[str]:
    changes = {str(change.place[0]): change for change in drift.facts}
    rows = [
        f"{_FACTS[key]:<14} {_short(changes[key].old):<{_WIDTH}} {_short(changes[key].new)}"
        for key in _FACTS
        if key in changes
    ]
    title = f"{'':<14} {'approved':<{_WIDTH}} now"
    return [f"  {row}" for row in (title, *rows)] if rows else []


def _short(value: Any) -> str:
    if value is ABSENT or value is None:
        return "-"
    shown = visibly(str(value), limit=400)
    return f"{shown[:23]}…" if shown.startswith("sha256:") else shown


def _change_json(change: Change, skip: int) -> dict[str, Any]:
    values = {"old": change.old, "new": change.new}
    known = {key: value for key, value in values.items() if value is not ABSENT}
    return {"field": spell_field(change.place[skip:]), **known}


def summary_rows(proposals: Iterable[Proposal]) -> list[str]:
    """One line for each tool."""
    return [
        f"  {item.name:<16} {STATES[item.drift.kind]}"
        + (f": {why(item.drift)}" if item.drift.reasons else "")
        for item in proposals
    ]
