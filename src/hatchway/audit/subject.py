"""What one audit compares: the square of binary, manifest, policy and text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.audit.artifact import Artifact
    from hatchway.core.capability import FileAccess
    from hatchway.core.manifest import Manifest
    from hatchway.core.tool import Tool
    from hatchway.policy.document import ToolPolicy
    from hatchway.policy.trust import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another tool that the same clients will see.

    Attributes:
        owner: Its policy entry.
        tools: What it offers.
        entry: What the policy allows it.
    """

    owner: str
    tools: tuple[Tool, ...]
    entry: ToolPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One artifact with everything that is said about it.

    Attributes:
        name: The policy entry, or the artifact's stem.
        artifact: The binary.
        data: Its bytes.
        manifest: What the author says; None without one.
        manifest_values: The manifest as plain values, also when it could not be understood.
        tools: As a client would see them.
        entry: What the operator allows; None when the artifact is looked at without a policy.
        is_pinned: Whether the lockfile has exactly this artifact; None when there is no policy.
        neighbours: The other tools of the policy.
        refused_directories: Directories the policy names and the host refuses, with the reason.
        base: The directory of the policy; None without one.
        engine_imports: What the engine says the artifact imports, after compiling; None when
            it was not compiled.
        trust: Whether it is signed as the policy asks; None when there is no policy.
        drift: What differs from what was approved, each in one sentence; None when nothing was
            approved, or nobody compared.
    """

    name: str
    artifact: Artifact
    data: bytes
    manifest: Manifest | None = None
    manifest_values: Mapping[str, Any] | None = None
    tools: tuple[Tool, ...] = ()
    entry: ToolPolicy | None = None
    is_pinned: bool | None = None
    neighbours: tuple[Neighbour, ...] = ()
    refused_directories: Mapping[FileAccess, str] = field(default_factory=dict)
    base: str | None = None
    engine_imports: tuple[str, ...] | None = None
    trust: Verdict | None = None
    drift: tuple[str, ...] | None = None
