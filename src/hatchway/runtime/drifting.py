"""What an audit says about an artifact that is not the one a person approved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hatchway.core.untrusted import printable
from hatchway.provenance.canonical import canonical_digest
from hatchway.provenance.drift import drift_between
from hatchway.runtime.toolset import visible_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.subject import Subject
    from hatchway.provenance.drift import Drift
    from hatchway.provenance.lockfile import LockedTool


def drift_in(subject: Subject, locked: LockedTool | None) -> tuple[str, ...] | None:
    """What of `subject` a person has not approved, each in a few words; None without a pin.

    New bytes alone are not among it: HW-PRV-003 says that the lockfile does not pin them.
    """
    if locked is None:
        return None
    manifest = None if subject.manifest is None else subject.manifest.source
    is_same = locked.digest == subject.artifact.digest and locked.manifest == manifest
    found = locked if is_same else _as_found(subject, locked)
    signers = locked.signers if subject.trust is None else subject.trust.signers
    drift = drift_between(locked, replace(found, signers=signers))
    return tuple(_differences(drift)) if drift.kind == "blocked" else ()


def _as_found(subject: Subject, locked: LockedTool) -> LockedTool:
    return replace(
        locked,
        digest=subject.artifact.digest,
        imports=subject.artifact.surface.imports,
        manifest=None if subject.manifest is None else subject.manifest.source,
        tools={
            tool.name: canonical_digest(visible_fields(tool, tool.manifest.annotations))
            for tool in subject.tools
        },
    )


def _differences(drift: Drift) -> Iterator[str]:
    for words, names in (
        ("it can also ask the host for", drift.imports_gained),
        ("it also", drift.wants_gained),
        ("it also offers", drift.tools_gained),
        ("it does not offer any more", drift.tools_lost),
        ("a model is told something else about", drift.unshown),
        ("it is also signed by", drift.signers_gained),
        ("it is not signed any more by", drift.signers_lost),
    ):
        yield from (f"{words} {printable(name)}" for name in names)
