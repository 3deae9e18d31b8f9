"""Files and lines: where a person opens an editor to see what a finding speaks of.

Binaries have no lines. A finding about one is shown at the text that stands nearest to it: the
sidecar that describes it, or the policy entry that names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from hatchway.policy.positions import line_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.finding import Evidence
    from hatchway.policy.positions import KeyPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files one tool's findings can point into.

    Paths are relative to what is audited, with ``/`` between their parts, and absolute when
    they lie elsewhere. They are as the file system spells them, so nothing is printable yet.

    Attributes:
        tool: The policy entry, or the artifact's stem.
        manifest_file: The sidecar; None when there is none or the artifact carries its manifest.
        manifest_lines: Where its keys stand.
        policy_file: None without a policy that has an entry for the tool.
        policy_lines: Where its keys stand.
    """

    tool: str
    artifact_file: str
    manifest_file: str | None = None
    manifest_lines: dict[KeyPath, int] = field(default_factory=dict)
    policy_file: str | None = None
    policy_lines: dict[KeyPath, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a text, or a part of a binary.

    Attributes:
        line: From 1; None in a binary.
        offset: In bytes, from 0; None in a text, and where nothing narrower than the file is
            known.
    """

    file: str
    line: int | None = None
    offset: int | None = None

    @property
    def uri(self) -> str:
        """A relative reference, or a `file` URI for a path that is not below what is audited.

        Bytes that are not UTF-8 come back as the bytes they are.
        """
        spelled = quote(self.file.encode("utf-8", "surrogateescape"))
        return f"file://{spelled}" if self.file.startswith("/") else spelled


def place_of(evidence: Evidence, places: Places) -> Place:
    """Where `evidence` itself stands."""
    path = evidence.field or ()
    if evidence.kind == "policy" and places.policy_file is not None:
        return Place(file=places.policy_file, line=_policy_line(path, places))
    if evidence.kind == "manifest" and places.manifest_file is not None:
        return Place(file=places.manifest_file, line=line_of(places.manifest_lines, path) or 1)
    return Place(file=places.artifact_file, offset=evidence.offset)


def anchor_of(evidence: Iterable[Evidence], places: Places) -> Place:
    """The one line at which a finding with `evidence` is shown to reviewers.

    It is the first text among the evidence. If there is none, it is the nearest text: the
    sidecar, then the policy's entry. Without either, it is line 1 of the binary, because whoever
    shows findings wants a line.
    """
    for item in evidence:
        place = place_of(item, places)
        if place.line is not None:
            return place
    if places.manifest_file is not None:
        return Place(file=places.manifest_file, line=1)
    if places.policy_file is not None:
        line = _policy_line(("tools", places.tool, "source"), places)
        return Place(file=places.policy_file, line=line)
    return Place(file=places.artifact_file, line=1)


def _policy_line(path: KeyPath, places: Places) -> int:
    """The line of `path`; of the tool's entry when nothing narrower is known."""
    return line_of(places.policy_lines, path or ("tools", places.tool)) or 1
