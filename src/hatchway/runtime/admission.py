"""From a reference to a pinned tool: the slow path, once per artifact.

`reference → bytes in the store → outline → manifest → compiled in a child → tools, each
checked → lock entry`. Nothing of it happens during a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit.foreign import foreign_abi
from hatchway.audit.outline import MAX_ARTIFACT_BYTES, outline
from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.manifest import manifest_from_values, parse_manifest_json, parse_manifest_toml
from hatchway.provenance.canonical import canonical_digest
from hatchway.provenance.lockfile import LockedTool
from hatchway.registry.source import read_source
from hatchway.runtime.project import sidecar_of
from hatchway.runtime.toolset import Toolset, tools_of, visible_fields

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.audit.outline import Outline
    from hatchway.core.manifest import Manifest
    from hatchway.core.sandbox import Sandbox
    from hatchway.core.surface import Surface
    from hatchway.registry.store import ArtifactStore

SECTION = "hatchway"
"""The custom section that a manifest travels in."""

_MAX_SIDECAR_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An artifact that passed.

    Attributes:
        lock: What the lockfile will say about it.
        toolset: Its tools.
        manifest: What its author claims, or None.
    """

    name: str
    lock: LockedTool
    surface: Surface
    manifest: Manifest | None
    toolset: Toolset


class Admission:
    """Admits artifacts into a store and a sandbox."""

    def __init__(self, store: ArtifactStore, sandbox: Sandbox) -> None:
        self._store = store
        self._sandbox = sandbox

    def admit(self, name: str, source: str, *, base: Path) -> Admitted:
        """Take in the artifact that `source` names.

        Args:
            name: The policy entry it will belong to.
            source: As the policy spells it.
            base: What relative paths start from.

        Raises:
            ConfigError: The file, its manifest or its sidecar cannot be used.
            AdmissionError: The artifact may not become a tool.
            RegistryError: It cannot be fetched.
        """
        artifact = read_source(source, base=base, limit_bytes=MAX_ARTIFACT_BYTES)
        # From here on only the stored bytes count, whatever happens to the file.
        digest = self._store.put(artifact)
        artifact = self._store.get(digest)
        found = outline(artifact)
        require_hostable(found)
        manifest = _manifest(found, base / source)
        surface = self._sandbox.prepare(artifact, digest)
        toolset = tools_of(name, digest, surface, manifest)
        lock = LockedTool(
            source=source,
            digest=digest,
            size=len(artifact),
            kind=surface.kind,
            imports=surface.imports,
            manifest=None if manifest is None else manifest.source,
            tools=text_hashes(toolset),
        )
        return Admitted(name=name, lock=lock, surface=surface, manifest=manifest, toolset=toolset)


def require_hostable(artifact: Outline) -> None:
    """Refuse a binary that was built for another host, naming it.

    Raises:
        AdmissionError: `admission.foreign_abi`.
    """
    abi = foreign_abi(artifact)
    if abi is not None:
        message = f"built for another host: {abi}"
        hint = "Hatchway runs WASI preview 1 modules and WASI 0.2 components"
        raise AdmissionError(message, code="admission.foreign_abi", hint=hint)


def text_hashes(toolset: Toolset) -> dict[str, str]:
    """A hash of everything a model will see, for each tool."""
    return {
        tool.name: canonical_digest(visible_fields(tool, tool.manifest.annotations))
        for tool in toolset.tools
    }


def pinned_manifest(locked: LockedTool, *, name: str) -> Manifest | None:
    """The manifest that the lockfile pins."""
    if locked.manifest is None:
        return None
    return manifest_from_values(dict(locked.manifest), file=f"the locked manifest of {name}")


def _manifest(artifact: Outline, file: Path) -> Manifest | None:
    """The one manifest of an artifact: its own section, or a sidecar beside it."""
    sections = [section for section in artifact.customs if section.name == SECTION]
    sidecar = sidecar_of(file)
    if len(sections) > 1:
        message = f"the artifact has {len(sections)} manifests; there may be one"
        raise AdmissionError(message, code="admission.manifest")
    if sections and sidecar.exists():
        message = f"the artifact carries a manifest, and {sidecar.name!r} is another one"
        hint = f"remove {sidecar}"
        raise AdmissionError(message, code="admission.manifest", hint=hint)
    if sections:
        return parse_manifest_json(sections[0].payload, file=printable(file.name))
    if sidecar.exists():
        return parse_manifest_toml(_read_sidecar(sidecar), file=str(sidecar))
    return None


def _read_sidecar(sidecar: Path) -> str:
    try:
        with sidecar.open("rb") as stream:
            return stream.read(_MAX_SIDECAR_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {str(sidecar)!r}: {error}"
        raise ConfigError(message, code="config.unreadable") from error
