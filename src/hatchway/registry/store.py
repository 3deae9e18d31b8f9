"""The artifacts on this machine, by digest, in an OCI image layout.

What is admitted is copied here and hashed here, and only these bytes are scanned, compiled
and run. They are hashed again whenever they are read. The index lists every artifact with
its configuration and what was published about it. Layouts of earlier versions list nothing;
their artifacts are found by their digests all the same.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError, RegistryError
from hatchway.registry.collecting import Removed, listed, superfluous
from hatchway.registry.descriptors import (
    EMPTY_CONTENT,
    MANIFEST,
    Attachment,
    Image,
    WasmConfig,
    build_attachment,
    build_image,
    describe,
    read_manifest,
)
from hatchway.registry.digests import digest_of, is_digest
from hatchway.registry.images import attachments_of
from hatchway.registry.json_text import malformed, read_object
from hatchway.registry.layout import Layout, attachment_entry, image_entry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

__all__ = ["ArtifactStore", "Removed", "digest_of"]

_MAX_ARTIFACT_BYTES = 1 << 30
_COMPONENT = b"\x00asm\x0d\x00\x01\x00"


class ArtifactStore:
    """A directory of artifacts under their digests."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._layout = Layout(directory)

    def put(
        self,
        artifact: bytes,
        *,
        image: Image | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> str:
        """Keep `artifact` with what was published about it, and give its digest.

        Args:
            artifact: Its bytes.
            image: The documents it was published with; by default some are made for it.
            attachments: What was attached to them.

        Raises:
            ConfigError: The directory cannot be written.
            RegistryError: The index is damaged, or `image` is another artifact's.
        """
        digest = digest_of(artifact)
        image = image or build_image(artifact, _config_of(artifact))
        _require_about(image, artifact)
        subject = describe(MANIFEST, image.manifest)
        about = [build_attachment(each, subject) for each in attachments]
        blobs = [artifact, image.config, image.manifest]
        if attachments:
            blobs += [EMPTY_CONTENT, *(each.content for each in attachments), *about]
        entries = [image_entry(image)]
        entries += map(attachment_entry, about, attachments)
        with self._writing():
            self._layout.add(blobs, entries)
        return digest

    def get(self, digest: str) -> bytes:
        """The artifact named `digest`.

        Raises:
            RegistryError: It is not here, or its bytes are not the ones that were stored.
        """
        try:
            artifact = self._layout.read(digest, limit_bytes=_MAX_ARTIFACT_BYTES)
        except RegistryError as error:
            message = f"the artifact {digest} is not in {str(self._directory)!r}"
            hint = "hatchway add its source again; in a project: hatchway trust DIR"
            raise RegistryError(message, code="registry.missing", hint=hint) from error
        if digest_of(artifact) != digest:
            message = f"the stored artifact {digest} was changed on disk"
            path = self._layout.path_of(digest)
            hint = f"rm {path}, then admit it again with hatchway add"
            raise RegistryError(message, code="registry.corrupt", hint=hint)
        return artifact

    def attachments(self, digest: str) -> tuple[Attachment, ...]:
        """What was published about an artifact, by its digest or that of its manifest.

        Raises:
            RegistryError: Something was changed on disk.
        """
        images = [
            each.digest
            for each in listed(self._layout)
            if each.subject is None and digest in (each.digest, each.artifact)
        ]
        found = (each for image in images for each in attachments_of(self._layout, image))
        return tuple(dict.fromkeys(found))

    def __contains__(self, digest: str) -> bool:
        return is_digest(digest) and self._layout.path_of(digest).exists()

    def collect(self, keep: Collection[str], *, dry_run: bool) -> tuple[Removed, ...]:
        """Remove every artifact that is not in `keep`, with all that belongs to it.

        What was stored within the last hour stays: another process may be about to pin it.

        Args:
            keep: Digests of artifacts.
            dry_run: Only say what would be removed.

        Raises:
            ConfigError: The directory cannot be written.
            RegistryError: The index is damaged.
        """
        if not self._directory.is_dir():
            return ()
        with self._writing(), self._layout.tidying() as tidying:
            removed, kept = superfluous(
                listed(self._layout), tidying.files(), keep, now_seconds=time.time()
            )
            if removed and not dry_run:
                tidying.remove((each.name for each in removed), kept=kept)
        return removed

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"cannot write to {str(self._directory)!r}: {error.strerror}"
            hint = "point XDG_DATA_HOME at a directory you may write to"
            raise ConfigError(message, code="config.unwritable", hint=hint) from error


def _require_about(image: Image, artifact: bytes) -> None:
    """Refuse documents that are about other bytes.

    Raises:
        RegistryError: `registry.malformed`.
    """
    what = f"the manifest {image.digest}"
    manifest = read_manifest(read_object(image.manifest, what=what), what=what)
    found = (manifest.layer.digest, manifest.layer.size, manifest.config.digest)
    if found != (digest_of(artifact), len(artifact), digest_of(image.config)):
        raise malformed(what, "it is about another artifact")


def _config_of(artifact: bytes) -> WasmConfig:
    """What can be said of an artifact by its first eight bytes."""
    return WasmConfig(os="wasip2" if artifact.startswith(_COMPONENT) else "wasip1")
