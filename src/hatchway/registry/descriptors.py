"""The documents of an OCI registry, as far as WebAssembly needs them.

Media types are compared with short lists. The layout of an artifact is the CNCF's: one
manifest, a configuration for Wasm, and exactly one layer that is the `.wasm` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable, shown
from hatchway.registry.digests import digest_of, is_digest
from hatchway.registry.json_text import canonical, malformed, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
WASM_CONFIG = "application/vnd.wasm.config.v0+json"
WASM_LAYER = "application/wasm"
EMPTY = "application/vnd.oci.empty.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

EMPTY_CONTENT = b"{}"
MAX_MANIFEST_BYTES = 1 << 20
MAX_INDEX_BYTES = 4 << 20
MAX_CONFIG_BYTES = 1 << 20
MAX_ATTACHMENT_BYTES = 1 << 20
MAX_ATTACHMENTS = 32
MAX_INDEX_ENTRIES = 10_000

_DOCKER = ("application/vnd.docker.", "application/vnd.oci.image.config.v1+json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What points at content: its type, its digest and its size."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    architecture: str | None = None
    name: str | None = None
    document: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As it was read, with whatever else stood there."""
        return dict(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A manifest and its configuration, byte for byte as they were published."""

    manifest: bytes
    config: bytes

    @property
    def digest(self) -> str:
        """Of the manifest: what signatures and tags are about."""
        return digest_of(self.manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Something published about an artifact, such as a signature. Nothing in it is checked."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WasmManifest:
    """Where the two parts of an artifact are."""

    config: Descriptor
    layer: Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class WasmConfig:
    """What the configuration says about an artifact: claims, compared with nothing here.

    Attributes:
        os: `wasip1` for core modules, `wasip2` for components.
        created: RFC 3339.
        imports: Of a component.
        exports: Of a component.
        target: The world it was built for.
        author: Whoever made it.
    """

    os: Literal["wasip1", "wasip2"]
    created: str = "1970-01-01T00:00:00Z"
    imports: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    target: str | None = None
    author: str | None = None


def describe(media_type: str, content: bytes, **more: object) -> dict[str, Any]:
    """A descriptor of `content`, with further members."""
    found = {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}
    return {key: value for key, value in found.items() if value is not None}


def read_descriptor(value: object, *, what: str) -> Descriptor:
    """A descriptor as a registry spells it.

    Raises:
        RegistryError: It is none, or its digest is made by another algorithm.
    """
    if not isinstance(value, dict):
        raise malformed(what, f"{shown(value)} is not a descriptor")
    media_type, digest, size = (value.get(key) for key in ("mediaType", "digest", "size"))
    if not isinstance(media_type, str) or not isinstance(digest, str):
        raise malformed(what, "a descriptor has no media type or no digest")
    if not is_digest(digest):
        named = printable(digest, limit=90)
        raise malformed(what, f"{named!r} is not a sha256 digest, and no other kind is compared")
    if type(size) is not int or size < 0:
        raise malformed(what, f"{shown(size)} is not a size")
    platform, annotations = value.get("platform"), value.get("annotations")
    return Descriptor(
        media_type=media_type,
        digest=digest,
        size=size,
        artifact_type=_text(value, "artifactType"),
        architecture=_text(platform, "architecture"),
        name=_text(annotations, "org.opencontainers.image.ref.name"),
        document=value,
    )


def _text(values: object, key: str) -> str | None:
    found = values.get(key) if isinstance(values, dict) else None
    return found if isinstance(found, str) else None


def media_type_of(document: Mapping[str, Any], said: str | None, *, what: str) -> str:
    """The media type of a manifest, in itself and as a registry says it.

    Raises:
        RegistryError: The two differ, or there is neither.
    """
    own = document.get("mediaType", said)
    if not isinstance(own, str) or (said is not None and own != said):
        raise malformed(what, f"it calls itself {shown(own)}, the registry {shown(said)}")
    return own


def read_manifest(document: Mapping[str, Any], *, what: str) -> WasmManifest:
    """The parts of a Wasm artifact.

    Raises:
        RegistryError: It is something else; a container image is told apart.
    """
    if document.get("schemaVersion") != 2:
        raise malformed(what, "its schema version is not 2")
    config = read_descriptor(document.get("config"), what=what)
    layers = document.get("layers")
    if not isinstance(layers, list) or len(layers) > MAX_INDEX_ENTRIES:
        raise malformed(what, "it has no list of layers")
    parts = [read_descriptor(layer, what=what) for layer in layers]
    if config.media_type != WASM_CONFIG or [part.media_type for part in parts] != [WASM_LAYER]:
        raise not_wasm(what, config.media_type, parts)
    return WasmManifest(config=config, layer=parts[0])


def not_wasm(what: str, config: str, layers: list[Descriptor]) -> RegistryError:
    """The complaint about an artifact of another kind."""
    kinds = ", ".join(printable(layer.media_type, limit=60) for layer in layers[:3]) or "nothing"
    if any(kind.startswith(_DOCKER) for kind in (config, *(each.media_type for each in layers))):
        message = f"{what} is a container image, and Hatchway runs none"
        hint = "publish the .wasm itself, as one application/wasm layer; see docs/sources.md"
    else:
        message = f"{what} is not a Wasm artifact: {printable(config, limit=60)} with {kinds}"
        hint = f"expected {WASM_CONFIG} with exactly one layer, {WASM_LAYER}"
    return RegistryError(message, code="registry.unsupported", hint=hint)


def read_index(document: Mapping[str, Any], *, what: str) -> tuple[Descriptor, ...]:
    """The entries of an index.

    Raises:
        RegistryError: It is none, or has more entries than anybody looks at.
    """
    entries = document.get("manifests")
    if document.get("schemaVersion") != 2 or not isinstance(entries, list):
        raise malformed(what, "it is not an index")
    if len(entries) > MAX_INDEX_ENTRIES:
        raise malformed(what, f"it has more than {MAX_INDEX_ENTRIES} entries")
    return tuple(read_descriptor(entry, what=what) for entry in entries)


def only_wasm(entries: tuple[Descriptor, ...], *, what: str) -> Descriptor:
    """The one manifest of an index that is for Wasm.

    Raises:
        RegistryError: There is none, or there are several to choose from.
    """
    found = [
        entry
        for entry in entries
        if entry.media_type == MANIFEST
        and (entry.architecture == "wasm" or entry.artifact_type == WASM_CONFIG)
    ]
    if len(found) != 1:
        message = f"{what} is an index with {len(found)} Wasm manifests; exactly one is followed"
        hint = "name one by its digest: @sha256:…" if found else None
        raise RegistryError(message, code="registry.unsupported", hint=hint)
    return found[0]


def check_config(data: bytes, layer: Descriptor, *, what: str) -> None:
    """Refuse a configuration that is about another artifact.

    Raises:
        RegistryError: `registry.malformed`.
    """
    document = read_object(data, what=f"the configuration of {what}")
    if document.get("architecture") != "wasm":
        raise malformed(what, f"its architecture is {shown(document.get('architecture'))}")
    if document.get("layerDigests") != [layer.digest]:
        raise malformed(what, "its configuration is about another layer")


def build_image(
    artifact: bytes, config: WasmConfig, annotations: Mapping[str, str] | None = None
) -> Image:
    """The documents of an artifact that is published; the same input gives the same bytes."""
    layer = describe(WASM_LAYER, artifact)
    document: dict[str, Any] = {
        "created": config.created,
        "architecture": "wasm",
        "os": config.os,
        "layerDigests": [layer["digest"]],
    }
    if config.author is not None:
        document["author"] = config.author
    if config.os == "wasip2":
        component = {"imports": sorted(config.imports), "exports": sorted(config.exports)}
        document["component"] = component | ({"target": config.target} if config.target else {})
    settings = canonical(document)
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": describe(WASM_CONFIG, settings),
        "layers": [layer],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return Image(manifest=canonical(manifest), config=settings)


def build_attachment(
    attachment: Attachment, subject: Mapping[str, Any], annotations: Mapping[str, str] | None = None
) -> bytes:
    """The manifest that ties something to the manifest `subject` describes."""
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": attachment.media_type,
        "config": describe(EMPTY, EMPTY_CONTENT),
        "layers": [describe(attachment.media_type, attachment.content)],
        "subject": {key: subject[key] for key in ("mediaType", "digest", "size")},
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return canonical(manifest)


def attachment_parts(document: Mapping[str, Any], *, what: str) -> tuple[str, tuple[str, ...]]:
    """Which manifest an attachment is about, and the digests of all it consists of.

    Raises:
        RegistryError: It cannot be read.
    """
    subject = read_descriptor(document.get("subject"), what=what).digest
    layers = document.get("layers")
    parts = [document.get("config"), *(layers if isinstance(layers, list) else [])]
    return subject, tuple(read_descriptor(part, what=what).digest for part in parts)


def attached_layer(document: Mapping[str, Any], subject: str, *, what: str) -> Descriptor:
    """Where the content of an attachment is, if it is about `subject`.

    Raises:
        RegistryError: It is about something else, or is not one thing.
    """
    about = read_descriptor(document.get("subject"), what=what)
    layers = document.get("layers")
    if about.digest != subject:
        raise malformed(what, f"it is about {about.digest}")
    if document.get("artifactType") != BUNDLE or not isinstance(layers, list) or len(layers) != 1:
        raise malformed(what, f"it is not one layer of {BUNDLE}")
    layer = read_descriptor(layers[0], what=what)
    if layer.media_type != BUNDLE:
        raise malformed(what, f"its layer is {printable(layer.media_type, limit=80)}")
    return layer


def fallback_tag(digest: str) -> str:
    """Where registries without a referrers API keep what is about `digest`."""
    return digest.replace(":", "-")
