"""Writing artifacts, and what is about them, to a registry or a layout directory.

Order matters: what is pointed at is there before what points at it, and a tag comes last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import ConfigError, RegistryError
from hatchway.registry.descriptors import (
    EMPTY_CONTENT,
    INDEX,
    MANIFEST,
    MAX_INDEX_BYTES,
    MAX_MANIFEST_BYTES,
    Attachment,
    Descriptor,
    Image,
    WasmConfig,
    build_attachment,
    build_image,
    describe,
    fallback_tag,
)
from hatchway.registry.digests import digest_of
from hatchway.registry.hosts import join_url
from hatchway.registry.images import resolve
from hatchway.registry.json_text import canonical
from hatchway.registry.layout import Layout, attachment_entry, image_entry
from hatchway.registry.oci import Repository
from hatchway.registry.reference import LayoutReference, OciReference
from hatchway.registry.transport import MAX_ERROR_BYTES, Transport, require_success

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.registry.settings import SourceSettings

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What was published.

    Attributes:
        manifest_digest: What signatures are about.
        resolved: The reference, pinned.
    """

    manifest_digest: str
    resolved: str


def push(
    reference: OciReference | LayoutReference,
    artifact: bytes,
    config: WasmConfig,
    *,
    settings: SourceSettings,
    base: Path | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Pushed:
    """Publish an artifact under the tag of a reference, or under its digest only.

    Args:
        reference: Where to. A digest in it is refused: what is published decides that.
        artifact: The `.wasm`.
        config: What its configuration says.
        settings: Credentials and deadlines.
        base: What a relative layout directory starts from; by default the working directory.
        annotations: Of the manifest.

    Raises:
        ConfigError: The reference is pinned, or the directory cannot be written.
        RegistryError: The registry does not take it.
    """
    if reference.is_pinned:
        message = "a digest follows from what is published; name a tag, or nothing"
        raise ConfigError(message, code="config.bad_source")
    image = build_image(artifact, config, annotations)
    if isinstance(reference, LayoutReference):
        _layout(reference, base).add(
            [artifact, image.config, image.manifest], [image_entry(image, reference.tag)]
        )
    else:
        with Transport(settings) as transport:
            _push_image(Publisher(reference, transport, settings), artifact, image, reference.tag)
    return Pushed(manifest_digest=image.digest, resolved=str(reference.pinned(image.digest)))


def attach(
    reference: OciReference | LayoutReference,
    attachment: Attachment,
    *,
    settings: SourceSettings,
    base: Path | None = None,
    annotations: Mapping[str, str] | None = None,
) -> str:
    """Attach something to a published manifest, and give the attachment's own digest.

    Args:
        reference: What it is about, pinned.
        attachment: A Sigstore bundle, for example.
        settings: Credentials and deadlines.
        base: What a relative layout directory starts from.
        annotations: Of the attachment's manifest.

    Raises:
        ConfigError: The reference is not pinned, or the directory cannot be written.
        RegistryError: What it is about is not there, or the registry does not take it.
    """
    if reference.digest is None:
        message = "what a signature is about is named by its digest"
        raise ConfigError(message, code="config.bad_source", hint=f"{reference}@sha256:HEX")
    digest = reference.digest
    if isinstance(reference, LayoutReference):
        layout = _layout(reference, base)
        subject = describe(MANIFEST, resolve(layout, digest, what=layout.spelled).content)
        manifest = build_attachment(attachment, subject, annotations)
        layout.add(
            [attachment.content, EMPTY_CONTENT, manifest], [attachment_entry(manifest, attachment)]
        )
        return digest_of(manifest)
    with Transport(settings) as transport:
        publisher = Publisher(reference, transport, settings)
        document = resolve(publisher, digest, what=publisher.spelled)
        subject = describe(MANIFEST, document.content)
        manifest = build_attachment(attachment, subject, annotations)
        for blob in (attachment.content, EMPTY_CONTENT):
            publisher.put_blob(blob)
        is_listed = publisher.put_manifest(digest_of(manifest), manifest, MANIFEST)
        if not is_listed:
            publisher.list_under_fallback(digest, attachment_entry(manifest, attachment))
    return digest_of(manifest)


def _layout(reference: LayoutReference, base: Path | None) -> Layout:
    return Layout((base or Path.cwd()) / reference.directory)


def _push_image(publisher: Publisher, artifact: bytes, image: Image, tag: str | None) -> None:
    publisher.put_blob(artifact)
    publisher.put_blob(image.config)
    publisher.put_manifest(tag or image.digest, image.manifest, MANIFEST)


class Publisher(Repository):
    """A repository that is written to."""

    def __init__(
        self, reference: OciReference, transport: Transport, settings: SourceSettings
    ) -> None:
        super().__init__(reference, transport, settings, actions="pull,push")

    def put_blob(self, content: bytes) -> None:
        """Upload a blob in one piece, unless it is there.

        Raises:
            RegistryError: The registry does not take it, or hands over to a strange place.
        """
        digest = digest_of(content)
        present = self.request("HEAD", self.url(f"blobs/{digest}"), limit_bytes=0)
        if present.status == 200:
            return
        start = self.request("POST", self.url("blobs/uploads/"), limit_bytes=MAX_ERROR_BYTES)
        require_success(start, f"an upload to {self.spelled}")
        try:
            place = join_url(start.url, start.headers.get("location", ""))
        except ValueError as error:
            message = f"{self.spelled} takes uploads where nothing is sent: {error}"
            raise RegistryError(message, code="registry.redirect") from error
        if place.is_loopback and not start.url.is_loopback:
            message = f"{self.spelled} takes uploads on this machine"
            raise RegistryError(message, code="registry.redirect")
        joint = "&" if "?" in place.target else "?"
        done = self.request(
            "PUT",
            replace(place, target=f"{place.target}{joint}digest={digest}"),
            limit_bytes=MAX_ERROR_BYTES,
            body=content,
            content_type="application/octet-stream",
        )
        require_success(done, f"an upload to {self.spelled}")

    def put_manifest(self, name: str, content: bytes, media_type: str) -> bool:
        """Upload a manifest under a tag or its digest.

        Returns:
            Whether the registry lists it as being about its subject.

        Raises:
            RegistryError: The registry does not take it.
        """
        answer = self.request(
            "PUT",
            self.url(f"manifests/{name}"),
            limit_bytes=MAX_MANIFEST_BYTES,
            body=content,
            content_type=media_type,
        )
        require_success(answer, f"the manifest {name} for {self.spelled}")
        kept = answer.headers.get("docker-content-digest", digest_of(content))
        if kept != digest_of(content):
            message = f"{self.spelled} keeps another manifest than the one that was sent"
            raise RegistryError(message, code="registry.digest_mismatch")
        return "oci-subject" in answer.headers

    def list_under_fallback(self, subject: str, entry: Mapping[str, Any]) -> None:
        """Add an entry to the index under the fallback tag, beside what others put there.

        A registry cannot compare and swap. So the index is read again afterwards, and written
        again while somebody else's writing has crossed ours.

        Raises:
            RegistryError: The index cannot be read or written, or never keeps the entry.
        """
        for _ in range(_ATTEMPTS):
            present = self.fallback(subject)
            if any(each.digest == entry["digest"] for each in present):
                return
            self._write_fallback(subject, [*map(Descriptor.to_json, present), dict(entry)])
        message = f"{self.spelled} does not keep what is attached to {subject}"
        raise RegistryError(message, code="registry.failed", hint="try again")

    def _write_fallback(self, subject: str, entries: list[dict[str, Any]]) -> None:
        content = canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
        if len(content) > MAX_INDEX_BYTES:
            message = f"the index of what is about {subject} is full"
            raise RegistryError(message, code="registry.too_large")
        self.put_manifest(fallback_tag(subject), content, INDEX)
