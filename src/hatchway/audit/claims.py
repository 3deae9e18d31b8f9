"""How capabilities of the grammar and imports of a binary meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.capabilities import uses_of
from hatchway.audit.finding import Evidence
from hatchway.audit.grants import granted, wanted
from hatchway.audit.visible import manifest_values
from hatchway.core.capability import (
    Clock,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
)
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.capabilities import Use
    from hatchway.audit.subject import Subject
    from hatchway.core.capability import Capability
    from hatchway.core.manifest import ToolManifest
    from hatchway.policy.positions import KeyPath

MAX_SHOWN = 8
"""Functions one finding lists; the rest is counted."""

_KINDS = (
    FileAccess, HttpAccess, SocketAccess, EnvironmentVariable, Clock, RandomSource, ToolUse,
)  # fmt: skip


def every_want(subject: Subject) -> tuple[tuple[Capability, Evidence], ...]:
    """All that the manifest asks for, of every kind, with its place."""
    return tuple(pair for kind in _KINDS for pair in wanted(subject, kind))


def every_grant(subject: Subject) -> tuple[tuple[Capability, Evidence], ...]:
    """All that the policy allows, of every kind, with its place."""
    return tuple(pair for kind in _KINDS for pair in granted(subject, kind))


def tool_fields(subject: Subject) -> tuple[tuple[ToolManifest, KeyPath], ...]:
    """The tools of the manifest, each with the key path it is written under."""
    if subject.manifest is None:
        return ()
    several = "tools" in subject.manifest.source
    return tuple(
        (tool, ("tools", index) if several else ())
        for index, tool in enumerate(subject.manifest.tools)
    )


def uses_workspace(subject: Subject) -> bool:
    """Whether some tool works on files of a call's own private directory."""
    return any(tool.uses_workspace for tool, _ in tool_fields(subject))


def runs_code(subject: Subject) -> bool:
    """Whether some tool is an interpreter: what it asks for, the code decides."""
    return any(tool.runs_code for tool in subject.tools)


def served_by(capability: Capability) -> frozenset[str]:
    """The audit's names of what a binary could do with `capability`."""
    match capability:
        case FileAccess():
            return frozenset({"fs.read", "fs.write"})
        case HttpAccess():
            return frozenset({"net.http"})
        case SocketAccess(kind=kind):
            return frozenset({f"net.{kind}"})
        case EnvironmentVariable():
            return frozenset({"env"})
        case Clock():
            return frozenset({"clock.wall", "clock.monotonic"})
        case RandomSource():
            return frozenset({"random"})
        case _:  # ToolUse
            return frozenset({"tool"})


EXAMPLES: dict[str, str] = {
    "fs.read": "fs.read=/data",
    "fs.write": "fs.write=/data",
    "net.http": "net.http=https://api.example.com",
    "net.socket": "net.socket=db.example.com:5432",
    "net.dns": "net.dns=db.example.com:5432",
    "tool": "tool=render",
}
"""How each serious capability that can be declared is spelled, the plainest first."""


def declaration(subject: Subject, behind: Iterable[Use]) -> str | None:
    """The line of a manifest that declares what is `behind`; None for what none can declare."""
    used = {use.capability for use in behind}
    capability = next((spelled for name, spelled in EXAMPLES.items() if name in used), None)
    if capability is None:
        return None
    line = f'requires = [{{ capability = "{capability}", reason = "…" }}]'
    return f"under [[tools]], {line}" if "tools" in manifest_values(subject) else line


def sockets_granted(subject: Subject) -> tuple[Evidence, ...]:
    """The grants that let it connect or look names up, each with its place in the policy."""
    return tuple(place for _, place in granted(subject, SocketAccess))[:MAX_SHOWN]


def is_network(capability: Capability) -> bool:
    """Whether it leads off this machine."""
    return isinstance(capability, HttpAccess | SocketAccess)


def uses(subject: Subject) -> tuple[Use, ...]:
    """What the artifact's imports are good for."""
    return uses_of(subject.artifact.imports)


def usable(subject: Subject) -> frozenset[str]:
    """The names of everything that some import does or may do."""
    return frozenset(use.capability for use in uses(subject) if use.capability is not None)


def import_evidence(found: Iterable[Use]) -> tuple[Evidence, ...]:
    """The functions behind a finding, each once, and how many more there are."""
    notes: dict[str, Use] = {}
    for use in found:
        notes.setdefault(str(use.function), use)
    shown = tuple(
        Evidence(kind="import", detail=f"{printable(name)}: {use.note}", offset=use.function.offset)
        for name, use in list(notes.items())[:MAX_SHOWN]
    )
    rest = len(notes) - len(shown)
    more = (Evidence(kind="import", detail=f"and {rest} more"),) if rest else ()
    return (*shown, *more)
