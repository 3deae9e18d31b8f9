"""From a project on disk to an artifact with everything inside, and what the audit says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit.capabilities import capabilities_of
from hatchway.audit.evaluate import audit
from hatchway.audit.reading import read_artifact
from hatchway.audit.sections import licence_of
from hatchway.core.errors import ConfigError
from hatchway.policy.manifest import manifest_from_values, parse_manifest_toml
from hatchway.runtime.admission import require_hostable
from hatchway.runtime.manifests import read_sidecar
from hatchway.runtime.subjects import subject_of
from hatchway.runtime.toolset import tools_of
from hatchway.sdk.languages import LANGUAGES, languages_of
from hatchway.sdk.packing import licensed, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path

    from hatchway.audit.report import Report
    from hatchway.audit.subject import Subject
    from hatchway.core.manifest import Manifest, Want
    from hatchway.core.tool import Tool
    from hatchway.runtime.offering import Rejected
    from hatchway.sdk.language import Built, Language

MANIFEST = "tool.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltTool:
    """An artifact that is ready to be signed, and what is known about it.

    Attributes:
        name: The project's.
        artifact: With manifest and licence inside.
        capabilities: What it can ask a host for: functions by capability.
        rejected: Functions that cannot be tools.
        notes: What the build says about itself.
    """

    name: str
    language: str
    artifact: bytes
    manifest: Manifest
    tools: tuple[Tool, ...]
    rejected: tuple[Rejected, ...]
    capabilities: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    report: Report
    subject: Subject

    @property
    def wants(self) -> tuple[tuple[Want, bool], ...]:
        """What it asks the operator for, each once, and whether it can do without."""
        found: dict[str, tuple[Want, bool]] = {}
        for tool in self.manifest.tools:
            for want in tool.requires:
                found[str(want.capability)] = (want, False)
            for want in tool.optional:
                found.setdefault(str(want.capability), (want, True))
        return tuple(found.values())


def project_language(project: Path) -> Language:
    """The language that a project is written in.

    Raises:
        ConfigError: There is no project, or several languages recognise it.
    """
    if not project.is_dir():
        message = f"there is no directory {str(project)!r}"
        raise ConfigError(message, code="config.unreadable")
    found = languages_of(project)
    if len(found) == 1:
        return found[0]
    if not found:
        message = f"{str(project)!r} is not a project in any language that is known here"
        hint = f"hatchway new {{{','.join(LANGUAGES)}}} NAME makes one"
    else:
        names = " and ".join(each.name for each in found)
        message = f"{str(project)!r} is a project in {names}"
        hint = "one directory holds the sources of one language"
    raise ConfigError(message, code="config.no_project", hint=hint)


def build_project(project: Path, tell: Callable[[str], None], today: date) -> BuiltTool:
    """Build a project, put its manifest and licence inside, and audit what came of it.

    Args:
        project: Absolute.
        tell: Told in one line what is happening.
        today: For the audit.

    Raises:
        HatchwayError: It does not compile, or what came of it cannot be a tool.
    """
    language = project_language(project)
    if missing := language.missing():
        what, _, how = missing.partition(": ")
        message = f"tools in {language.name} cannot be built: {what}"
        raise ConfigError(message, code="config.no_builder", hint=how or None)
    built = language.build(project, tell)
    manifest = _manifest(project, built)
    return _examined(project, language.name, built, manifest, today)


def _manifest(project: Path, built: Built) -> Manifest:
    if built.manifest is not None:
        return manifest_from_values(built.manifest, file=f"the manifest of {project.name}")
    file = project / MANIFEST
    return parse_manifest_toml(read_sidecar(file), file=str(file))


def _examined(
    project: Path, language: str, built: Built, manifest: Manifest, today: date
) -> BuiltTool:
    name = manifest.name or project.name
    data = built.artifact
    if manifest.licence is not None and licence_of(read_artifact(data)) is None:
        data = licensed(data, manifest.licence)
    data = packed(data, manifest)
    found = read_artifact(data)
    require_hostable(found)
    offered = tools_of(name, found.digest, found.surface, manifest)
    subject = subject_of(name=name, data=data, manifest=manifest, artifact=found)
    return BuiltTool(
        name=name,
        language=language,
        artifact=data,
        manifest=manifest,
        tools=offered.tools,
        rejected=offered.rejected,
        capabilities=capabilities_of(found.imports),
        notes=built.notes,
        report=audit(subject, today=today),
        subject=subject,
    )
