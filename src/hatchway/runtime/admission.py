"""From a reference to a pinned tool: the slow path, once per artifact.

`reference → bytes in the store → read → manifest → compiled in a child → tools, each checked
→ what an audit compares → lock entry`. Nothing of it happens during a call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hatchway.audit.foreign import foreign_abi
from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.core.errors import AdmissionError
from hatchway.provenance.canonical import canonical_digest
from hatchway.provenance.lockfile import LockedTool
from hatchway.registry.fetching import fetch
from hatchway.registry.spelling import place_of
from hatchway.runtime.manifests import find_manifest, pinned_manifest
from hatchway.runtime.self_description import describes_itself, description_of
from hatchway.runtime.subjects import subject_of
from hatchway.runtime.toolset import Toolset, tools_of, visible_fields
from hatchway.runtime.trusting import bundles_beside

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatchway.audit.artifact import Artifact
    from hatchway.audit.subject import Neighbour, Subject
    from hatchway.core.manifest import Manifest
    from hatchway.core.sandbox import Sandbox
    from hatchway.core.surface import Compilation, Compiler, Surface
    from hatchway.registry.settings import SourceSettings
    from hatchway.registry.store import ArtifactStore
    from hatchway.runtime.offering import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An artifact that could be read, compiled and described.

    Whether it may become a tool is decided by an audit of its subject under a policy.

    Attributes:
        lock: What the lockfile will say about it, the grade excepted.
        compilation: Which compiler made its code.
        toolset: Its tools.
        manifest: What its author claims, or None.
        subject: What an audit compares, without a policy.
    """

    name: str
    lock: LockedTool
    surface: Surface
    compilation: Compilation
    manifest: Manifest | None
    toolset: Toolset
    subject: Subject


class Admission:
    """Admits artifacts into a store and a sandbox."""

    def __init__(
        self,
        store: ArtifactStore,
        sandbox: Sandbox,
        sources: SourceSettings,
        build: Callable[[str], bytes] | None = None,
    ) -> None:
        """Sources that begin with `builtin:` are made by `build`; None where nothing is built."""
        self._sources = sources
        self._build = build
        self._store = store
        self._sandbox = sandbox

    def admit(
        self,
        name: str,
        source: str,
        *,
        base: Path,
        compiler: Compiler | None = None,
        neighbours: tuple[Neighbour, ...] = (),
    ) -> Candidate:
        """Take in the artifact that `source` names.

        Args:
            name: The policy entry it will belong to.
            source: As the policy spells it.
            base: What relative paths start from.
            compiler: The one that was pinned.
            neighbours: The other tools of the policy.

        Raises:
            ConfigError: The file, its manifest or its sidecar cannot be used.
            AdmissionError: The artifact may not become a tool.
            RegistryError: It cannot be fetched.
        """
        fetched = fetch(
            source,
            base=base,
            limit_bytes=MAX_ARTIFACT_BYTES,
            settings=self._sources,
            network="allowed",
            build=self._build,
        )
        # From here on only the stored bytes count, whatever happens to the file.
        place = base / place_of(source)
        digest = self._store.put(
            fetched.artifact,
            image=fetched.image,
            attachments=(*fetched.attachments, *bundles_beside(place)),
        )
        artifact = self._store.get(digest)
        found = read_artifact(artifact)
        require_hostable(found)
        manifest = find_manifest(found, place).usable()
        candidate = self._described(
            name, source, artifact, found, manifest, compiler=compiler, neighbours=neighbours
        )
        lock = replace(
            candidate.lock, resolved=fetched.resolved, manifest_digest=fetched.manifest_digest
        )
        return replace(candidate, lock=lock)

    def again(
        self,
        name: str,
        locked: LockedTool,
        *,
        compiler: Compiler | None = None,
        neighbours: tuple[Neighbour, ...] = (),
    ) -> Candidate:
        """What an entry of a lockfile pins, from the stored bytes and the pinned manifest.

        Raises:
            AdmissionError: The artifact may not become a tool.
            RegistryError: It is not on this machine, or was changed on disk.
        """
        artifact = self._store.get(locked.digest)
        found = read_artifact(artifact)
        require_hostable(found)
        manifest = pinned_manifest(locked, name=name)
        return self._described(
            name, locked.source, artifact, found, manifest, compiler=compiler, neighbours=neighbours
        )

    def _described(
        self,
        name: str,
        source: str,
        data: bytes,
        found: Artifact,
        manifest: Manifest | None,
        *,
        compiler: Compiler | None,
        neighbours: tuple[Neighbour, ...],
    ) -> Candidate:
        digest = found.digest
        surface = self._sandbox.prepare(data, digest, compiler)
        rejected: tuple[Rejected, ...] = ()
        if manifest is None and describes_itself(surface):
            manifest, rejected = description_of(self._sandbox, name, digest, surface, compiler)
        compilation = self._sandbox.compilation(digest, compiler)
        assert compilation is not None
        toolset = tools_of(name, digest, surface, manifest)
        toolset = replace(toolset, rejected=(*toolset.rejected, *rejected))
        lock = LockedTool(
            source=source,
            digest=digest,
            size=len(data),
            kind=surface.kind,
            imports=surface.imports,
            manifest=None if manifest is None else manifest.source,
            tools=text_hashes(toolset),
        )
        subject = subject_of(
            name=name,
            data=data,
            manifest=manifest,
            engine_imports=surface.imports,
            neighbours=neighbours,
            artifact=found,
        )
        return Candidate(
            name=name,
            lock=lock,
            surface=surface,
            compilation=compilation,
            manifest=manifest,
            toolset=toolset,
            subject=subject,
        )


def require_agreement(artifact: Artifact, surface: Surface) -> None:
    """Refuse a binary in which the engine sees other imports than we do.

    Raises:
        AdmissionError: `admission.disagreement`.
    """
    if artifact.surface.imports != surface.imports:
        message = "the engine and the audit do not read the same imports in it"
        hint = "hatchway never runs such a file; please report it"
        raise AdmissionError(message, code="admission.disagreement", hint=hint)


def require_hostable(artifact: Artifact) -> None:
    """Refuse a binary that was built for another host, naming it.

    Raises:
        AdmissionError: `admission.foreign_abi`.
    """
    abi = foreign_abi(artifact)
    if abi is not None:
        message = f"built for another host: {abi}"
        hint = "Hatchway runs WASI preview 1 modules, WASI 0.2 components and Extism plug-ins"
        raise AdmissionError(message, code="admission.foreign_abi", hint=hint)


def texts_of(toolset: Toolset) -> dict[str, dict[str, Any]]:
    """Everything a model will see, for each tool."""
    return {tool.name: visible_fields(tool, tool.manifest.annotations) for tool in toolset.tools}


def text_hashes(toolset: Toolset) -> dict[str, str]:
    """A hash of everything a model will see, for each tool."""
    return {name: canonical_digest(text) for name, text in texts_of(toolset).items()}
