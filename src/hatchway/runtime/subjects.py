"""What an audit compares: an artifact, its manifest, its policy and its neighbours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.audit.subject import Neighbour, Subject
from hatchway.core.errors import AdmissionError, HatchwayError
from hatchway.registry.source import read_source
from hatchway.registry.spelling import place_of
from hatchway.runtime.manifests import find_manifest, pinned_manifest
from hatchway.runtime.toolset import tools_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.audit.artifact import Artifact
    from hatchway.core.capability import FileAccess
    from hatchway.core.manifest import Manifest
    from hatchway.core.tool import Tool
    from hatchway.policy.document import Policy, ToolPolicy
    from hatchway.provenance.lockfile import LockedTool, Lockfile
    from hatchway.registry.store import ArtifactStore
    from hatchway.runtime.project import Project


def subject_of(  # noqa: PLR0913 - every side of what is compared
    *,
    name: str,
    data: bytes,
    manifest: Manifest | None,
    manifest_values: Mapping[str, object] | None = None,
    policy: Policy | None = None,
    lock: Lockfile | None = None,
    refused: Mapping[FileAccess, str] | None = None,
    engine_imports: tuple[str, ...] | None = None,
    neighbours: tuple[Neighbour, ...] = (),
    artifact: Artifact | None = None,
) -> Subject:
    """Everything that is said about one artifact, brought together.

    Args:
        name: The policy entry, or the artifact's stem.
        data: The artifact.
        manifest: What its author says.
        manifest_values: The same as plain values; those of a manifest that was refused.
        policy: Where its entry is looked up.
        lock: Where it may be pinned.
        refused: Directories that the host would not grant, and why.
        engine_imports: What it imports according to the engine.
        neighbours: The other tools of the policy.
        artifact: What was read of `data` already.

    Raises:
        AdmissionError: It cannot be read, or the manifest does not fit it.
    """
    artifact = artifact or read_artifact(data)
    entry = None if policy is None else policy.tools.get(name)
    pinned = None
    if entry is not None and lock is not None:
        pinned = name in lock.tools and lock.tools[name].digest == artifact.digest
    if manifest_values is None and manifest is not None:
        manifest_values = manifest.source
    return Subject(
        name=name,
        artifact=artifact,
        data=data,
        manifest=manifest,
        manifest_values=manifest_values,
        tools=_tools(name, artifact, manifest),
        entry=entry,
        is_pinned=pinned,
        neighbours=neighbours,
        refused_directories=refused or {},
        base=None if policy is None else str(Path(policy.file).parent),
        engine_imports=engine_imports,
    )


def _tools(name: str, artifact: Artifact, manifest: Manifest | None) -> tuple[Tool, ...]:
    try:
        return tools_of(name, artifact.digest, artifact.surface, manifest).tools
    except AdmissionError as error:
        if error.code != "admission.no_tools":
            raise
        return ()


def under(policy: Policy, subject: Subject, refused: Mapping[FileAccess, str]) -> Subject:
    """`subject` as it would stand in `policy`, which is about to pin it."""
    return replace(
        subject,
        entry=policy.tools[subject.name],
        is_pinned=True,
        base=str(Path(policy.file).parent),
        refused_directories=refused,
    )


def neighbours_of(project: Project, name: str, store: ArtifactStore) -> tuple[Neighbour, ...]:
    """The other tools of a policy, as far as they are known on this machine."""
    return members_of(project, project.policy(), project.lock(), store, but=name)


def members_of(
    project: Project, policy: Policy, lock: Lockfile, store: ArtifactStore, *, but: str | None
) -> tuple[Neighbour, ...]:
    """The tools of a policy but one, each as the others' neighbour."""
    return tuple(
        Neighbour(
            owner=owner, tools=_neighbour_tools(owner, entry, lock, project, store), entry=entry
        )
        for owner, entry in sorted(policy.tools.items())
        if owner != but
    )


def _neighbour_tools(
    owner: str, entry: ToolPolicy, lock: Lockfile, project: Project, store: ArtifactStore
) -> tuple[Tool, ...]:
    locked = lock.tools.get(owner)
    try:
        if locked is not None:
            return _locked_tools(owner, locked, store)
        file = project.base / place_of(entry.source)
        data = read_source(entry.source, base=project.base, limit_bytes=MAX_ARTIFACT_BYTES)
        artifact = read_artifact(data)
        return _tools(owner, artifact, find_manifest(artifact, file).manifest)
    except HatchwayError:
        # What is wrong with another tool is said where that one is audited.
        return ()


def _locked_tools(owner: str, locked: LockedTool, store: ArtifactStore) -> tuple[Tool, ...]:
    artifact = read_artifact(store.get(locked.digest))
    return _tools(owner, artifact, pinned_manifest(locked, name=owner))
