"""What an audit looks at: a file, a project, or an installed tool.

Nothing here compiles or runs anything, and a policy that nobody trusts is only read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchway.audit.evaluate import audit, malformed_report
from hatchway.audit.places import Places
from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.audit.rules import bin_001_malformed
from hatchway.audit.subject import Neighbour, Subject
from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.policy.document import FILE_NAME
from hatchway.policy.positions import key_lines
from hatchway.registry.source import read_source
from hatchway.registry.store import digest_of
from hatchway.runtime.manifests import FoundManifest, find_manifest, pinned_manifest
from hatchway.runtime.project import Project
from hatchway.runtime.toolset import tools_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from hatchway.audit.artifact import Artifact
    from hatchway.audit.report import Report
    from hatchway.core.capability import FileAccess
    from hatchway.core.manifest import Manifest
    from hatchway.core.tool import Tool
    from hatchway.policy.document import Policy, ToolPolicy
    from hatchway.provenance.lockfile import LockedTool, Lockfile
    from hatchway.registry.store import ArtifactStore
    from hatchway.runtime.trust import TrustedProjects

MAX_FILES = 2000
"""Artifacts and policies below one audited directory."""

_PASSED_OVER = frozenset({"node_modules", "__pycache__", "site-packages"})
"""Directories of other people's files; so is whatever starts with a dot."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One artifact's report, and where its findings can be looked up.

    Attributes:
        subject: What was compared; None for an artifact that could not be read.
    """

    report: Report
    places: Places
    subject: Subject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Audits what is on this machine.

    Attributes:
        store: Admitted artifacts.
        trusted: The record of trusted projects; nothing is asked of it.
        refused: Which directories of a project's policy the host would not grant, and why.
        today: For overrides.
        root: What the places of a report are relative to.
    """

    store: ArtifactStore
    trusted: TrustedProjects
    refused: Callable[[Project, Policy], Mapping[FileAccess, str]]
    today: date
    root: Path

    def file(self, file: Path, *, among: Project | None = None) -> Audited:
        """An artifact on disk, under the policy that names it, if one does.

        Args:
            file: The artifact.
            among: A project to look in when the nearest one does not name the file.

        Raises:
            HatchwayError: It cannot be opened, or its manifest cannot be used.
        """
        nearest = self._nearest(file)
        for project in (nearest, among):
            if project is None:
                continue
            for name, entry in project.policy().tools.items():
                if _is_same(project.base / entry.source, file):
                    return self.entry(project, name)
        return self._audited(file.stem, file, None)

    def project(self, directory: Path) -> list[Audited]:
        """Every tool of every policy below `directory`, and every artifact no policy names.

        Raises:
            HatchwayError: A policy or an artifact cannot be read.
        """
        policies, artifacts = self._files_below(directory)
        found: list[Audited] = []
        seen: set[Path] = set()
        for file in policies:
            project = self._project_of(file)
            for name, entry in sorted(project.policy().tools.items()):
                seen.add((project.base / entry.source).resolve())
                found.append(self.entry(project, name))
        found += [
            self._audited(file.stem, file, None) for file in artifacts if file.resolve() not in seen
        ]
        return found

    def entry(self, project: Project, name: str) -> Audited:
        """The artifact that the source of a policy's entry holds now.

        Raises:
            HatchwayError: There is no such entry, or its source cannot be read.
        """
        return self._audited(name, project.base / project.policy().tools[name].source, project)

    def installed(self, project: Project, name: str) -> Audited:
        """What was admitted under `name`, as it is pinned and stored.

        Raises:
            HatchwayError: It is not admitted, or not on this machine.
        """
        locked = project.lock().tools.get(name)
        if locked is None:
            return self.entry(project, name)
        manifest = FoundManifest(manifest=pinned_manifest(locked, name=name))
        file = project.base / locked.source
        return self._report(name, file, self.store.get(locked.digest), project, manifest)

    # How

    def _audited(self, name: str, file: Path, project: Project | None) -> Audited:
        data = read_source(str(file), base=Path.cwd(), limit_bytes=MAX_ARTIFACT_BYTES)
        return self._report(name, file, data, project, None)

    def _report(
        self,
        name: str,
        file: Path,
        data: bytes,
        project: Project | None,
        manifest: FoundManifest | None,
    ) -> Audited:
        policy = None if project is None else project.policy()
        places = self._places(name, file, project)
        overrides = () if policy is None else policy.tools[name].overrides
        try:
            artifact = read_artifact(data)
        except AdmissionError as error:
            report = malformed_report(
                name,
                digest_of(data),
                rule=bin_001_malformed.RULE,
                found=bin_001_malformed.from_error(error),
                overrides=overrides,
            )
            return Audited(report=report, places=places, subject=None)
        manifest = manifest or find_manifest(artifact, file)
        if manifest.sidecar is not None:
            places = replace(
                places,
                manifest_file=self._relative(manifest.sidecar),
                manifest_lines=key_lines(manifest.text),
            )
        subject = subject_of(
            name=name,
            data=data,
            manifest=manifest.manifest,
            manifest_values=manifest.values,
            artifact=artifact,
            **({} if project is None else self._context(project, name)),
        )
        report = audit(subject, overrides=overrides, today=self.today)
        if manifest.refused is not None and not _explains(report):
            raise manifest.refused
        return Audited(report=report, places=places, subject=subject)

    def _context(self, project: Project, name: str) -> dict[str, Any]:
        """What a policy adds to the comparison."""
        policy = project.policy()
        return {
            "policy": policy,
            "lock": project.lock(),
            "refused": self.refused(project, policy),
            "neighbours": neighbours_of(project, name, self.store),
        }

    def _places(self, name: str, file: Path, project: Project | None) -> Places:
        places = Places(tool=name, artifact_file=self._relative(file))
        if project is None or not project.policy_file.exists():
            return places
        text = project.policy_file.read_text(encoding="utf-8")
        return replace(
            places,
            policy_file=self._relative(project.policy_file),
            policy_lines=key_lines(text),
        )

    def _relative(self, file: Path) -> str:
        """As a report names it: below the audited directory if it is there."""
        absolute = file.absolute()
        root = self.root.absolute()
        return (
            absolute.relative_to(root).as_posix()
            if absolute.is_relative_to(root)
            else (absolute.as_posix())
        )

    def _nearest(self, file: Path) -> Project | None:
        """The nearest policy above `file`, whoever trusts it."""
        for directory in file.absolute().parents:
            if (directory / FILE_NAME).is_file():
                return self._project_of(directory / FILE_NAME)
        return None

    def _project_of(self, file: Path) -> Project:
        return Project(policy_file=file.absolute(), is_own=False, trusted=self.trusted)

    def _files_below(self, directory: Path) -> tuple[list[Path], list[Path]]:
        """The policies and the artifacts, in a steady order.

        Raises:
            ConfigError: There are more than anybody audits at once.
        """
        policies: list[Path] = []
        artifacts: list[Path] = []
        for here, below, names in os.walk(directory):
            below[:] = sorted(
                name for name in below if name not in _PASSED_OVER and not name.startswith(".")
            )
            for name in sorted(names):
                if name == FILE_NAME:
                    policies.append(Path(here, name))
                elif name.endswith(".wasm"):
                    artifacts.append(Path(here, name))
            if len(policies) + len(artifacts) > MAX_FILES:
                message = f"there are more than {MAX_FILES} artifacts below {str(directory)!r}"
                raise ConfigError(message, hint="audit a directory further down")
        return policies, artifacts


def neighbours_of(project: Project, name: str, store: ArtifactStore) -> tuple[Neighbour, ...]:
    """The other tools of a policy, as far as they are known on this machine."""
    lock = project.lock()
    return tuple(
        Neighbour(
            owner=owner, tools=_neighbour_tools(owner, entry, lock, project, store), entry=entry
        )
        for owner, entry in sorted(project.policy().tools.items())
        if owner != name
    )


def _neighbour_tools(
    owner: str, entry: ToolPolicy, lock: Lockfile, project: Project, store: ArtifactStore
) -> tuple[Tool, ...]:
    locked = lock.tools.get(owner)
    try:
        if locked is not None:
            return _locked_tools(owner, locked, store)
        file = project.base / entry.source
        data = read_source(str(file), base=project.base, limit_bytes=MAX_ARTIFACT_BYTES)
        artifact = read_artifact(data)
        return _tools(owner, artifact, find_manifest(artifact, file).manifest)
    except HatchwayError:
        # What is wrong with another tool is said where that one is audited.
        return ()


def _locked_tools(owner: str, locked: LockedTool, store: ArtifactStore) -> tuple[Tool, ...]:
    artifact = read_artifact(store.get(locked.digest))
    return _tools(owner, artifact, pinned_manifest(locked, name=owner))


def _explains(report: Report) -> bool:
    """Whether the report itself says why a manifest was refused."""
    return any(finding.rule.id == "HW-TXT-001" for finding in report.findings)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
