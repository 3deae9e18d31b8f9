"""Reading an artifact out of whatever keeps it the OCI way: a registry, or a directory.

A name is resolved once. What it resolved to is hashed, and from there on only digests are
asked for, so a tag that moves in between moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable
from hatchway.registry.descriptors import (
    BUNDLE,
    INDEX,
    MANIFEST,
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    MAX_CONFIG_BYTES,
    Attachment,
    Descriptor,
    Image,
    attached_layer,
    check_config,
    media_type_of,
    not_wasm,
    only_wasm,
    read_index,
    read_manifest,
)
from hatchway.registry.digests import digest_of, require_digest
from hatchway.registry.json_text import malformed, read_object
from hatchway.registry.transport import too_large


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A manifest or an index, hashed.

    Attributes:
        media_type: As whoever keeps it says; None where nothing is said.
    """

    content: bytes
    media_type: str | None

    @property
    def digest(self) -> str:
        """Its own name."""
        return digest_of(self.content)


class Shelf(Protocol):
    """One repository of a registry, or one layout directory. Nothing it hands out is checked."""

    @property
    def spelled(self) -> str:
        """What messages call it."""

    def document(self, name: str) -> Document:
        """The manifest or index under a tag or a digest.

        Raises:
            RegistryError: There is none.
        """

    def blob(self, descriptor: Descriptor, *, limit_bytes: int) -> bytes:
        """What a descriptor points at.

        Raises:
            RegistryError: It is not there.
        """

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What is said to be about the manifest `digest`.

        Raises:
            RegistryError: It cannot be found out.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An artifact with all that was published about it."""

    artifact: bytes
    image: Image
    attachments: tuple[Attachment, ...]


def pull(shelf: Shelf, name: str, *, limit_bytes: int) -> Pulled:
    """The artifact under a tag or a digest.

    Raises:
        RegistryError: It is not there, is no Wasm artifact, or is not what its digests say.
    """
    what = f"{shelf.spelled} ({printable(name, limit=80)})"
    document = resolve(shelf, name, what=what)
    manifest = read_manifest(read_object(document.content, what=what), what=what)
    config = _fetched(shelf, manifest.config, MAX_CONFIG_BYTES)
    check_config(config, manifest.layer, what=what)
    artifact = _fetched(shelf, manifest.layer, limit_bytes)
    return Pulled(
        artifact=artifact,
        image=Image(manifest=document.content, config=config),
        attachments=attachments_of(shelf, document.digest),
    )


def resolve(shelf: Shelf, name: str, *, what: str) -> Document:
    """The manifest that a tag or digest stands for, through an index if need be.

    Raises:
        RegistryError: It is not there, is not what its digest says, or is of another kind.
    """
    document = _document(shelf, name)
    values = read_object(document.content, what=what)
    kind = media_type_of(values, document.media_type, what=what)
    if kind == INDEX:
        entry = only_wasm(read_index(values, what=what), what=what)
        document = _document(shelf, entry.digest)
        values = read_object(document.content, what=what)
        kind = media_type_of(values, document.media_type, what=what)
    if kind != MANIFEST:
        raise not_wasm(what, kind, [])
    return document


def attachments_of(shelf: Shelf, digest: str) -> tuple[Attachment, ...]:
    """The bundles that are attached to a manifest, each hashed and none verified.

    Raises:
        RegistryError: There are too many, or one is not what it is said to be.
    """
    entries = [entry for entry in shelf.referrers(digest) if entry.artifact_type == BUNDLE]
    distinct = sorted({entry.digest for entry in entries})
    if len(distinct) > MAX_ATTACHMENTS:
        message = f"{shelf.spelled} has more than {MAX_ATTACHMENTS} attachments for {digest}"
        raise RegistryError(message, code="registry.too_large")
    return tuple(_attachment(shelf, each, digest) for each in distinct)


def _attachment(shelf: Shelf, digest: str, subject: str) -> Attachment:
    what = f"the attachment {digest} in {shelf.spelled}"
    values = read_object(_document(shelf, digest).content, what=what)
    layer = attached_layer(values, subject, what=what)
    content = _fetched(shelf, layer, MAX_ATTACHMENT_BYTES)
    return Attachment(media_type=layer.media_type, content=content)


def _document(shelf: Shelf, name: str) -> Document:
    document = shelf.document(name)
    if ":" in name:  # a digest; a tag has none
        require_digest(document.content, name, what=f"the manifest in {shelf.spelled}")
    return document


def _fetched(shelf: Shelf, descriptor: Descriptor, limit_bytes: int) -> bytes:
    if descriptor.size > limit_bytes:
        raise too_large(shelf.spelled, limit_bytes)
    what = f"{printable(descriptor.media_type, limit=60)} in {shelf.spelled}"
    content = shelf.blob(descriptor, limit_bytes=descriptor.size)
    if len(content) != descriptor.size:
        raise malformed(what, f"it is {len(content)} bytes, and was announced as {descriptor.size}")
    return require_digest(content, descriptor.digest, what=what)
