"""What a signer can say of an artifact's capabilities: the outcome of an audit without policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.capabilities import capabilities_of
from hatchway.audit.evaluate import audit
from hatchway.audit.reading import read_artifact
from hatchway.core.errors import AdmissionError
from hatchway.provenance.canonical import canonical_digest
from hatchway.provenance.capability_statement import CapabilityStatement
from hatchway.runtime.manifests import find_manifest
from hatchway.runtime.subjects import subject_of
from hatchway.runtime.toolset import visible_fields

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path


def capability_statement(data: bytes, *, file: Path, today: date) -> CapabilityStatement:
    """What the artifact that was read from `file` can ask for, and what a model is told of it.

    Args:
        data: The artifact, which is what will be signed; `file` is not read again.
        file: For its name, and for the manifest beside it.
        today: For the audit.

    Raises:
        AdmissionError: It cannot be read, or its manifest does not fit it.
        ConfigError: Its manifest cannot be used.
    """
    artifact = read_artifact(data)
    manifest = find_manifest(artifact, file).usable()
    subject = subject_of(name=file.stem, data=data, manifest=manifest, artifact=artifact)
    report = audit(subject, today=today)
    return CapabilityStatement(
        tool=file.stem,
        kind=artifact.kind,
        capabilities=capabilities_of(artifact.imports),
        imports=_imports(data),
        tools={
            tool.name: canonical_digest(visible_fields(tool, tool.manifest.annotations))
            for tool in subject.tools
        },
        grade=report.grade,
        rules=report.rules,
    )


def statement_fits(stated: CapabilityStatement, data: bytes) -> bool:
    """Whether an artifact asks for exactly the functions that its signer saw in it."""
    try:
        return read_artifact(data).kind == stated.kind and _imports(data) == stated.imports
    except AdmissionError:
        return False


def _imports(data: bytes) -> tuple[str, ...]:
    return tuple(sorted(set(read_artifact(data).surface.imports)))
