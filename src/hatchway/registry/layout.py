"""An OCI image layout: a registry that is a directory.

Artifacts reach machines without a network in one, and the artifacts of this machine are
kept in one. Blobs lie under their digests; `index.json` lists what they are. One process
changes a layout at a time, and whatever moment the power fails at, the index names only what
is there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable
from hatchway.registry.descriptors import (
    BUNDLE,
    INDEX,
    MANIFEST,
    MAX_INDEX_BYTES,
    MAX_MANIFEST_BYTES,
    Attachment,
    Descriptor,
    Image,
    describe,
    fallback_tag,
    read_descriptor,
    read_index,
)
from hatchway.registry.digests import digest_of, is_digest
from hatchway.registry.files import (
    make_directory,
    sync_directory,
    write_atomically,
)
from hatchway.registry.images import Document, Pulled, pull
from hatchway.registry.json_text import canonical, malformed, read_object
from hatchway.registry.regular import read_regular
from hatchway.registry.transport import too_large

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hatchway.registry.reference import LayoutReference

_LAYOUT = canonical({"imageLayoutVersion": "1.0.0"})
_EMPTY_INDEX: Mapping[str, Any] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
_NAME = "org.opencontainers.image.ref.name"


def fetch_layout(reference: LayoutReference, *, base: Path, limit_bytes: int) -> Pulled:
    """The artifact a reference names.

    Raises:
        RegistryError: It is not there, or is not what its digests say.
    """
    layout = Layout(base / reference.directory)
    return pull(layout, reference.digest or reference.tag or layout.only(), limit_bytes=limit_bytes)


def image_entry(image: Image, tag: str | None = None) -> dict[str, Any]:
    """How an index lists an artifact."""
    annotations = None if tag is None else {_NAME: tag}
    return describe(MANIFEST, image.manifest, annotations=annotations)


def attachment_entry(manifest: bytes, attachment: Attachment) -> dict[str, Any]:
    """How an index lists what is attached to an artifact."""
    return describe(MANIFEST, manifest, artifactType=attachment.media_type)


class Layout:
    """One directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index = directory / "index.json"
        self._blobs = directory / "blobs" / "sha256"
        self.spelled = f"oci-layout:{directory}"

    # Reading

    def path_of(self, digest: str) -> Path:
        """Where the content of a digest lies, or would.

        Raises:
            RegistryError: It is not a digest.
        """
        if not is_digest(digest):
            message = f"{printable(digest, limit=90)!r} is not a sha256 digest"
            raise RegistryError(message, code="registry.missing")
        return self._blobs / digest.removeprefix("sha256:")

    def read(self, digest: str, *, limit_bytes: int) -> bytes:
        """What lies under a digest, not compared with it.

        Raises:
            RegistryError: There is nothing, or too much.
        """
        try:
            return read_regular(self.path_of(digest), limit_bytes=limit_bytes)
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise too_large(self.spelled, limit_bytes) from error
            message = f"{digest} is not in {self.spelled!r}"
            raise RegistryError(message, code="registry.missing") from error

    def entries(self) -> tuple[Descriptor, ...]:
        """Everything the index lists.

        Raises:
            RegistryError: It cannot be read.
        """
        return read_index(self._document(), what=str(self._index))

    def only(self) -> str:
        """The digest of the one artifact in here.

        Raises:
            RegistryError: There is none, or there are several.
        """
        found = {each.digest for each in self.entries() if each.artifact_type != BUNDLE}
        if len(found) != 1:
            message = f"{self.spelled} holds {len(found)} artifacts, and the source names none"
            hint = f"name one: {self.spelled}:TAG" if found else None
            raise RegistryError(message, code="registry.unsupported", hint=hint)
        return found.pop()

    def document(self, name: str) -> Document:
        """The manifest or index under a tag or a digest."""
        entries = [each for each in self.entries() if name in (each.name, each.digest)]
        digests = {each.digest for each in entries} or ({name} if ":" in name else set())
        if len(digests) != 1:
            message = f"{self.spelled} has {len(digests)} artifacts called {printable(name)!r}"
            raise RegistryError(message, code="registry.not_found")
        (digest,) = digests
        content = self.read(digest, limit_bytes=MAX_MANIFEST_BYTES)
        if digest_of(content) != digest:
            message = f"{digest} in {self.spelled} was changed on disk"
            raise RegistryError(message, code="registry.corrupt")
        return Document(content=content, media_type=entries[0].media_type if entries else None)

    def blob(self, descriptor: Descriptor, *, limit_bytes: int) -> bytes:
        """What a descriptor points at."""
        return self.read(descriptor.digest, limit_bytes=limit_bytes)

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What is about a manifest: entries of the index, or of one under the fallback tag."""
        found: list[Descriptor] = []
        for entry in self.entries():
            if entry.name == fallback_tag(digest):
                what = f"the index {entry.name} in {self.spelled}"
                found += read_index(
                    read_object(self.document(entry.digest).content, what=what), what=what
                )
            elif entry.artifact_type == BUNDLE and self.subject_of(entry) == digest:
                found.append(entry)
        return tuple(found)

    def subject_of(self, entry: Descriptor) -> str | None:
        """Which manifest the manifest of an entry is about.

        Raises:
            RegistryError: It cannot be read.
        """
        what = f"{entry.digest} in {self.spelled}"
        subject = read_object(self.document(entry.digest).content, what=what).get("subject")
        return None if subject is None else read_descriptor(subject, what=what).digest

    def _document(self) -> Mapping[str, Any]:
        try:
            data = read_regular(self._index, limit_bytes=MAX_INDEX_BYTES)
        except FileNotFoundError:
            return _EMPTY_INDEX
        except OSError as error:
            raise malformed(str(self._index), str(error.strerror)) from error
        return read_object(data, what=str(self._index))

    # Writing

    def add(self, blobs: Iterable[bytes], entries: Sequence[Mapping[str, Any]]) -> None:
        """Keep blobs, and list what they are.

        Raises:
            OSError: Something cannot be written; the index is as it was.
            RegistryError: The index cannot be read; it is as it was.
        """
        make_directory(self._blobs)
        with self._exclusively():
            document = self._document()
            read_index(document, what=str(self._index))
            if not (self._directory / "oci-layout").exists():
                write_atomically(self._directory / "oci-layout", _LAYOUT)
            for content in blobs:
                self._keep(content)
            self._write_index(document, _merged(document["manifests"], entries))

    def _keep(self, content: bytes) -> None:
        digest = digest_of(content)
        path = self.path_of(digest)
        with contextlib.suppress(RegistryError):
            if digest_of(self.read(digest, limit_bytes=len(content))) == digest:
                # It was wanted now: whoever tidies up leaves it alone for a while.
                os.utime(path)
                return
        write_atomically(path, content)

    def _write_index(self, document: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> None:
        if self._index.exists() and entries == document["manifests"]:
            return
        content = canonical({**document, "manifests": entries})
        if len(content) > MAX_INDEX_BYTES:
            raise too_large(str(self._index), MAX_INDEX_BYTES)
        write_atomically(self._index, content)

    @contextlib.contextmanager
    def tidying(self) -> Iterator[Tidying]:
        """The layout with nobody else writing to it.

        Raises:
            OSError: It cannot be locked.
        """
        with self._exclusively():
            yield Tidying(self, self._blobs)

    def retain(self, kept: Collection[str]) -> None:
        """List only the entries of these digests. Only for who holds the lock.

        Raises:
            OSError: It cannot be written.
        """
        document = self._document()
        entries = [each for each in document["manifests"] if each["digest"] in kept]
        self._write_index(document, entries)

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Only one process changes this directory at a time."""
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class Tidying:
    """A layout while nobody else changes it."""

    def __init__(self, layout: Layout, blobs: Path) -> None:
        self._layout = layout
        self._blobs = blobs

    def files(self) -> dict[str, os.stat_result]:
        """Everything beside one another: blobs by digest, leftovers by their names."""
        found: dict[str, os.stat_result] = {}
        for entry in os.scandir(self._blobs) if self._blobs.is_dir() else ():
            digest = f"sha256:{entry.name}"
            name = digest if is_digest(digest) else entry.name
            found[name] = entry.stat(follow_symlinks=False)
        for leftover in self._blobs.parent.parent.glob(".*.json.*"):
            found[leftover.name] = leftover.lstat()
        return found

    def remove(self, names: Iterable[str], *, kept: Collection[str]) -> None:
        """Take files away, and list only what is kept.

        The index goes first: what it names is there, whenever the power fails.

        Raises:
            OSError: Something is left.
        """
        self._layout.retain(kept)
        top = self._blobs.parent.parent
        for name in names:
            directory = top if name.startswith(".") and (top / name).exists() else self._blobs
            (directory / name.removeprefix("sha256:")).unlink(missing_ok=True)
        sync_directory(self._blobs)


def _merged(
    present: Iterable[Mapping[str, Any]], added: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The entries of an index with more of them; a tag means the newest only."""
    tags = {_tag(entry) for entry in added} - {None}
    kept = [entry for entry in present if _tag(entry) not in tags]
    known = {entry["digest"] for entry in kept}
    return [*kept, *(entry for entry in added if _tag(entry) or entry["digest"] not in known)]


def _tag(entry: Mapping[str, Any]) -> str | None:
    annotations = entry.get("annotations")
    tag = annotations.get(_NAME) if isinstance(annotations, dict) else None
    return tag if isinstance(tag, str) else None
