"""What an audit looks at: a file, a project, or an installed tool.

Nothing here compiles or runs anything, and a policy that nobody trusts is only read.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, replace
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
from hatchway.policy.reading import MAX_DOCUMENT_BYTES
from hatchway.registry.reference import PathReference, parse_reference, place_of
from hatchway.registry.regular import read_regular
from hatchway.registry.source import read_file, read_source
from hatchway.registry.store import digest_of
from hatchway.runtime.drifting import drift_in
from hatchway.runtime.manifests import FoundManifest, find_manifest, pinned_manifest
from hatchway.runtime.project import Project
from hatchway.runtime.toolset import tools_of
from hatchway.runtime.trusting import bundles_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from hatchway.audit.artifact import Artifact
    from hatchway.audit.report import Report
    from hatchway.core.capability import FileAccess
    from hatchway.core.manifest import Manifest
    from hatchway.core.tool import Tool
    from hatchway.policy.document import Policy, ToolPolicy
    from hatchway.policy.positions import KeyPath
    from hatchway.provenance.lockfile import LockedTool, Lockfile
    from hatchway.registry.store import ArtifactStore
    from hatchway.runtime.trust import TrustedProjects
    from hatchway.runtime.trusting import Trusting

MAX_FILES = 2000
"""Artifacts and policies below one audited directory."""

_PASSED_OVER = frozenset({"node_modules", "site-packages", ".venv", ".tox", ".nox", ".cache"})
"""Directories of other people's files. They are named, because anybody can call one so."""

_OF_TOOLS = frozenset({".git", ".hg", ".jj", ".svn", "__pycache__"})
"""Directories that no checkout brings along, or that hold nothing but what Python compiled."""


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
class AuditedProject:
    """Everything below one directory.

    Attributes:
        passed_over: Directories that were not looked into, as a report names files.
    """

    audited: tuple[Audited, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Audits what is on this machine.

    Attributes:
        store: Admitted artifacts.
        trusted: The record of trusted projects; nothing is asked of it.
        refused: Which directories of a project's policy the host would not grant, and why.
        trusting: Asks whether it is signed as a policy wants it.
        today: For overrides.
        root: What the places of a report are relative to.
    """

    store: ArtifactStore
    trusted: TrustedProjects
    refused: Callable[[Project, Policy], Mapping[FileAccess, str]]
    trusting: Trusting
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

    def project(self, directory: Path) -> AuditedProject:
        """Every tool of every policy below `directory`, and every artifact no policy names.

        Raises:
            HatchwayError: A policy or an artifact cannot be read.
        """
        below = self._files_below(directory)
        settings = [self._setting(self._project_of(file)) for file in below.policies]
        number = len(below.artifacts) + sum(len(setting.policy.tools) for setting in settings)
        if number > MAX_FILES:
            raise _too_many(directory)
        found: list[Audited] = []
        seen: set[Path] = set()
        for setting in settings:
            for name, entry in sorted(setting.policy.tools.items()):
                seen.add((setting.project.base / entry.source).resolve())
                found.append(self._named(name, setting))
        found += [
            self._audited(file.stem, file, None)
            for file in below.artifacts
            if file.resolve() not in seen
        ]
        passed_over = tuple(map(self._relative, below.passed_over))
        return AuditedProject(audited=tuple(found), passed_over=passed_over)

    def entry(self, project: Project, name: str) -> Audited:
        """The artifact that the source of a policy's entry holds now.

        Nothing is fetched for an audit. Of what comes from elsewhere the pinned bytes are read.

        Raises:
            HatchwayError: There is no such entry, or its source cannot be read.
        """
        return self._named(name, self._setting(project, but=name))

    def installed(self, project: Project, name: str) -> Audited:
        """What was admitted under `name`, as it is pinned and stored.

        Raises:
            HatchwayError: It is not admitted, or not on this machine.
        """
        locked = project.lock().tools.get(name)
        if locked is None:
            return self.entry(project, name)
        manifest = FoundManifest(manifest=pinned_manifest(locked, name=name))
        file = project.base / place_of(locked.source)
        setting = self._setting(project, but=name)
        return self._report(name, file, self.store.get(locked.digest), setting, manifest)

    # How

    def _setting(self, project: Project, *, but: str | None = None) -> _Setting:
        """What a policy adds to the comparison of each of its tools, read once for them all."""
        policy, lock = project.policy(), project.lock()
        return _Setting(
            project=project,
            policy=policy,
            lines=_lines_of(project.policy_file),
            lock=lock,
            refused=self.refused(project, policy),
            members=_members(project, policy, lock, self.store, but=but),
        )

    def _named(self, name: str, setting: _Setting) -> Audited:
        """What the entry `name` of a policy leads to."""
        source, base = setting.policy.tools[name].source, setting.project.base
        file = base / place_of(source)
        if isinstance(parse_reference(source), PathReference):
            return self._audited(name, file, setting)
        locked = setting.lock.tools.get(name)
        if locked is not None and locked.source == source:
            data = self.store.get(locked.digest)
        else:
            data = read_source(source, base=base, limit_bytes=MAX_ARTIFACT_BYTES)
        return self._report(name, file, data, setting, None)

    def _audited(self, name: str, file: Path, setting: _Setting | None) -> Audited:
        data = read_file(file, limit_bytes=MAX_ARTIFACT_BYTES)
        return self._report(name, file, data, setting, None)

    def _report(
        self,
        name: str,
        file: Path,
        data: bytes,
        setting: _Setting | None,
        manifest: FoundManifest | None,
    ) -> Audited:
        places = self._places(name, file, setting)
        overrides = () if setting is None else setting.policy.tools[name].overrides
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
        beside = bundles_beside(file) if manifest is None else ()
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
            **({} if setting is None else setting.context(name)),
        )
        if setting is not None:
            subject = self.trusting.looked_at(subject, setting.policy, beside=beside)
            subject = replace(subject, drift=drift_in(subject, setting.lock.tools.get(name)))
        report = audit(subject, overrides=overrides, today=self.today)
        if manifest.refused is not None and not _explains(report):
            raise manifest.refused
        return Audited(report=report, places=places, subject=subject)

    def _places(self, name: str, file: Path, setting: _Setting | None) -> Places:
        places = Places(tool=name, artifact_file=self._relative(file))
        if setting is None or not setting.lines:
            return places
        return replace(
            places,
            policy_file=self._relative(setting.project.policy_file),
            policy_lines=setting.lines,
        )

    def _relative(self, file: Path) -> str:
        """As a report names it: below the audited directory if it is there."""
        absolute = Path(os.path.normpath(file.absolute()))
        root = Path(os.path.normpath(self.root.absolute()))
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

    def _files_below(self, directory: Path) -> _Below:
        """The policies and the artifacts, in a steady order, and what was not looked into.

        Raises:
            ConfigError: A directory cannot be read, or there is more than anybody audits at once.
        """
        below = _Below()
        top = directory.resolve()
        for here, inside, names in os.walk(directory, onerror=_unreadable):
            for name in sorted(inside):
                path = Path(here, name)
                # A link is not followed. What it leads to is walked where it stands, if it
                # stands here at all.
                is_elsewhere = path.is_symlink() and not path.resolve().is_relative_to(top)
                if name in _PASSED_OVER or is_elsewhere:
                    below.passed_over.append(path)
            inside[:] = sorted(
                name for name in inside if name not in _PASSED_OVER and name not in _OF_TOOLS
            )
            for name in sorted(names):
                if name == FILE_NAME:
                    below.policies.append(Path(here, name))
                elif name.lower().endswith(".wasm"):
                    below.artifacts.append(Path(here, name))
            if len(below.policies) + len(below.artifacts) > MAX_FILES:
                raise _too_many(directory)
        return below


@dataclass(frozen=True, slots=True)
class _Below:
    """What lies below a directory."""

    policies: list[Path] = field(default_factory=list)
    artifacts: list[Path] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """A project as one audit finds it.

    Attributes:
        lines: Where the keys of the policy stand; empty when there is no file.
        members: Its tools, each as the others' neighbour.
    """

    project: Project
    policy: Policy
    lines: dict[KeyPath, int]
    lock: Lockfile
    refused: Mapping[FileAccess, str]
    members: tuple[Neighbour, ...]

    def context(self, name: str) -> dict[str, Any]:
        """What it adds to the comparison of one of its tools."""
        return {
            "policy": self.policy,
            "lock": self.lock,
            "refused": self.refused,
            "neighbours": tuple(member for member in self.members if member.owner != name),
        }


def _lines_of(policy_file: Path) -> dict[KeyPath, int]:
    try:
        text = read_regular(policy_file, limit_bytes=4 * MAX_DOCUMENT_BYTES).decode()
        tomllib.loads(text)
        return key_lines(text)
    except (OSError, ValueError):
        # There is none; or somebody changed it since it was understood.
        return {}


def _unreadable(error: OSError) -> None:
    """What cannot be listed could hold anything.

    Raises:
        ConfigError: In any case.
    """
    message = f"cannot read {str(error.filename)!r}: {error.strerror}"
    raise ConfigError(message, code="config.unreadable") from error


def _too_many(directory: Path) -> ConfigError:
    message = f"there are more than {MAX_FILES} artifacts below {str(directory)!r}"
    return ConfigError(message, hint="audit a directory further down")


def neighbours_of(project: Project, name: str, store: ArtifactStore) -> tuple[Neighbour, ...]:
    """The other tools of a policy, as far as they are known on this machine."""
    return _members(project, project.policy(), project.lock(), store, but=name)


def _members(
    project: Project, policy: Policy, lock: Lockfile, store: ArtifactStore, *, but: str | None
) -> tuple[Neighbour, ...]:
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


def _explains(report: Report) -> bool:
    """Whether the report itself says why a manifest was refused."""
    return any(finding.rule.id == "HW-TXT-001" for finding in report.findings)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
