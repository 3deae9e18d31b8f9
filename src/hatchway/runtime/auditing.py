"""What an audit looks at: a file, a project, or an installed tool.

Nothing here compiles or runs anything, and a policy that nobody trusts is only read.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hatchway.audit.evaluate import audit, malformed_report
from hatchway.audit.places import Places
from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.audit.rules import bin_001_malformed
from hatchway.core.errors import AdmissionError, HatchwayError
from hatchway.policy.document import FILE_NAME
from hatchway.policy.positions import key_lines
from hatchway.policy.reading import MAX_DOCUMENT_BYTES
from hatchway.registry.reference import PathReference
from hatchway.registry.regular import read_regular
from hatchway.registry.source import read_file, read_source
from hatchway.registry.spelling import parse_reference, place_of
from hatchway.registry.store import digest_of
from hatchway.runtime.below import files_below, too_many
from hatchway.runtime.drifting import drift_in
from hatchway.runtime.manifests import FoundManifest, find_manifest, pinned_manifest
from hatchway.runtime.project import Project
from hatchway.runtime.subjects import members_of, subject_of
from hatchway.runtime.trusting import bundles_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date

    from hatchway.audit.report import Report
    from hatchway.audit.subject import Neighbour, Subject
    from hatchway.core.capability import FileAccess
    from hatchway.policy.document import Policy
    from hatchway.policy.positions import KeyPath
    from hatchway.provenance.lockfile import Lockfile
    from hatchway.registry.store import ArtifactStore
    from hatchway.runtime.trust import TrustedProjects
    from hatchway.runtime.trusting import Trusting

_Failed: TypeAlias = "list[tuple[Path, HatchwayError]]"

MAX_FILES = 2000
"""Artifacts and policies below one audited directory."""


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
        failed: What could not be audited, and why. Files are named as a report names them.
        passed_over: Directories that were not looked into, as a report names files.
    """

    audited: tuple[Audited, ...]
    failed: tuple[tuple[str, HatchwayError], ...]
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

        What cannot be audited keeps nothing else from being.

        Raises:
            ConfigError: There is more than anybody audits at once.
        """
        below = files_below(directory, limit=MAX_FILES)
        failed = [(file, error) for file, error in below.unreadable]
        settings = list(self._settings(below.policies, failed))
        number = len(below.artifacts) + sum(len(setting.policy.tools) for setting in settings)
        if number > MAX_FILES:
            raise too_many(directory, MAX_FILES)
        found = list(self._entries(settings, failed))
        named = {
            (setting.project.base / entry.source).resolve()
            for setting in settings
            for entry in setting.policy.tools.values()
        }
        for file in below.artifacts:
            if file.resolve() not in named:
                with _noted(file, failed):
                    found.append(self._audited(file.stem, file, None))
        return AuditedProject(
            audited=tuple(found),
            failed=tuple((self._relative(file), error) for file, error in failed),
            passed_over=tuple(map(self._relative, below.passed_over)),
        )

    def _settings(self, policies: Iterable[Path], failed: _Failed) -> Iterator[_Setting]:
        for file in policies:
            with _noted(file, failed):
                yield self._setting(self._project_of(file))

    def _entries(self, settings: Iterable[_Setting], failed: _Failed) -> Iterator[Audited]:
        for setting in settings:
            for name, entry in sorted(setting.policy.tools.items()):
                with _noted(setting.project.base / place_of(entry.source), failed):
                    yield self._named(name, setting)

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
            members=members_of(project, policy, lock, self.store, but=but),
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


@contextlib.contextmanager
def _noted(file: Path, failed: _Failed) -> Iterator[None]:
    """Put what goes wrong with `file` on the list, and go on."""
    try:
        yield
    except HatchwayError as error:
        failed.append((file, error))


def _lines_of(policy_file: Path) -> dict[KeyPath, int]:
    try:
        text = read_regular(policy_file, limit_bytes=4 * MAX_DOCUMENT_BYTES).decode()
        tomllib.loads(text)
        return key_lines(text)
    except (OSError, ValueError):
        # There is none; or somebody changed it since it was understood.
        return {}


def _explains(report: Report) -> bool:
    """Whether the report itself says why a manifest was refused."""
    return any(finding.rule.id == "HW-TXT-001" for finding in report.findings)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
