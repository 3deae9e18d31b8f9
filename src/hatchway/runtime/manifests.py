"""The one manifest of an artifact: its own section, or a sidecar beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.manifest import manifest_from_values, manifest_values, parse_manifest_toml
from hatchway.policy.reading import read_toml
from hatchway.registry.regular import read_regular
from hatchway.runtime.project import sidecar_of
from hatchway.sdk.packing import SECTION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatchway.audit.artifact import Artifact, CustomSection
    from hatchway.core.manifest import Manifest
    from hatchway.provenance.lockfile import LockedTool

_MAX_SIDECAR_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundManifest:
    """What the author says, as far as it could be understood.

    Attributes:
        manifest: None when there is none, or when it was refused.
        values: The document as plain values, also of one that was refused.
        sidecar: The file it stands in; None when the artifact carries it.
        text: The sidecar's text, for line numbers.
        refused: Why it cannot be used.
    """

    manifest: Manifest | None = None
    values: Mapping[str, Any] | None = None
    sidecar: Path | None = None
    text: str = ""
    refused: ConfigError | None = None

    def usable(self) -> Manifest | None:
        """The manifest, if there is one.

        Raises:
            ConfigError: There is one, and it was refused.
        """
        if self.refused is not None:
            raise self.refused
        return self.manifest


def find_manifest(artifact: Artifact, file: Path) -> FoundManifest:
    """The manifest of the artifact that was read from `file`.

    Raises:
        AdmissionError: There are two of them.
        ConfigError: It is no TOML or JSON, or cannot be read.
    """
    sections = sections_of(artifact)
    sidecar = sidecar_of(file)
    if len(sections) > 1:
        message = f"the artifact has {len(sections)} manifests; there may be one"
        raise AdmissionError(message, code="admission.manifest")
    # A name that is too long for a sidecar has none; a link that leads nowhere is one.
    has_sidecar = os.path.lexists(sidecar)
    if sections and has_sidecar:
        message = f"the artifact carries a manifest, and {sidecar.name!r} is another one"
        hint = f"remove {sidecar}"
        raise AdmissionError(message, code="admission.manifest", hint=hint)
    if sections:
        name = printable(file.name)
        values = manifest_values(sections[0].payload, file=name)
        try:
            found = manifest_from_values(values, file=name)
        except ConfigError as error:
            return FoundManifest(values=values, refused=error)
        return FoundManifest(manifest=found, values=values)
    if has_sidecar:
        return _from_sidecar(sidecar)
    return FoundManifest()


def sections_of(artifact: Artifact) -> list[CustomSection]:
    """The manifests that the artifact carries; more than one is refused by `find_manifest`."""
    return [section for section in artifact.customs if section.name == SECTION]


def pinned_manifest(locked: LockedTool, *, name: str) -> Manifest | None:
    """The manifest that the lockfile pins."""
    if locked.manifest is None:
        return None
    return manifest_from_values(dict(locked.manifest), file=f"the locked manifest of {name}")


def _from_sidecar(sidecar: Path) -> FoundManifest:
    text = read_sidecar(sidecar)
    values = read_toml(text, file=str(sidecar)).values
    try:
        found = parse_manifest_toml(text, file=str(sidecar))
    except ConfigError as error:
        return FoundManifest(values=values, sidecar=sidecar, text=text, refused=error)
    return FoundManifest(manifest=found, values=values, sidecar=sidecar, text=text)


def read_sidecar(sidecar: Path) -> str:
    """The text of a manifest in a file of its own.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return read_regular(sidecar, limit_bytes=_MAX_SIDECAR_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {str(sidecar)!r}: {error}"
        raise ConfigError(message, code="config.unreadable") from error
