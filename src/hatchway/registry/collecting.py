"""Which files of the store nothing needs any more."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hatchway.core.errors import RegistryError
from hatchway.registry.descriptors import attachment_parts, read_manifest
from hatchway.registry.digests import is_digest
from hatchway.registry.json_text import read_object

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping

    from hatchway.registry.descriptors import Descriptor
    from hatchway.registry.layout import Layout

GRACE_SECONDS = 3600
"""What was stored this recently may be about to be pinned, and is never collected."""

Kind = Literal["artifact", "record", "leftover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """One file that was, or would be, taken away.

    Attributes:
        name: The digest of its content; its own name for what an interrupted write left.
        size: In bytes.
        kind: `record` for manifests, configurations and attachments; `artifact` for what
            nothing says is something else.
    """

    name: str
    size: int
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One entry of the index, as its documents describe it.

    Attributes:
        digest: Of its manifest.
        artifact: The artifact's digest; None for an attachment.
        subject: Which manifest an attachment is about; None for an artifact.
        records: Its manifest, and whatever else belongs to it and is no artifact.
    """

    digest: str
    artifact: str | None
    subject: str | None
    records: frozenset[str]


def listed(layout: Layout) -> tuple[Listed, ...]:
    """Every entry whose documents are whole; the others are of no use to anybody.

    Raises:
        RegistryError: The index is damaged.
    """
    found: list[Listed] = []
    for entry in layout.entries():
        with contextlib.suppress(RegistryError):
            found.append(_listed(layout, entry))
    return tuple(found)


def _listed(layout: Layout, entry: Descriptor) -> Listed:
    what = entry.digest
    document = read_object(layout.document(entry.digest).content, what=what)
    if "subject" in document:
        subject, parts = attachment_parts(document, what=what)
        records = frozenset({entry.digest, *parts})
        return Listed(digest=entry.digest, artifact=None, subject=subject, records=records)
    manifest = read_manifest(document, what=what)
    records = frozenset({entry.digest, manifest.config.digest})
    artifact = manifest.layer.digest
    return Listed(digest=entry.digest, artifact=artifact, subject=None, records=records)


def superfluous(
    entries: Collection[Listed],
    files: Mapping[str, os.stat_result],
    keep: Collection[str],
    *,
    now_seconds: float,
) -> tuple[tuple[Removed, ...], frozenset[str]]:
    """What to take away, and the digests of everything that stays.

    Args:
        entries: What the index lists.
        files: What is there.
        keep: Artifacts that are wanted.
        now_seconds: The time, as files have it.
    """
    recent = {name for name, found in files.items() if found.st_mtime > now_seconds - GRACE_SECONDS}
    kept = set(keep) | {name for name in recent if is_digest(name)}
    for entry in entries:
        if entry.artifact in kept:
            kept |= entry.records
    for entry in entries:
        if entry.subject in kept:
            kept |= entry.records
    records = frozenset().union(*(entry.records for entry in entries))
    removed = tuple(
        Removed(name=name, size=found.st_size, kind=_kind(name, records))
        for name, found in sorted(files.items())
        if name not in kept
    )
    return removed, frozenset(kept)


def _kind(name: str, records: Collection[str]) -> Kind:
    if not is_digest(name):
        return "leftover"
    return "record" if name in records else "artifact"
