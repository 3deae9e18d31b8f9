"""From a reference to bytes that are what they should be.

The one door through which artifacts come from other machines. Every source is asked in its
own way; what comes back is always the same thing: the artifact, and the reference under which
exactly these bytes can be asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.registry.digests import digest_of, require_digest
from hatchway.registry.https import fetch_web
from hatchway.registry.layout import fetch_layout
from hatchway.registry.npm import fetch_npm
from hatchway.registry.oci import fetch_oci
from hatchway.registry.pypi import fetch_pypi
from hatchway.registry.reference import (
    BuiltinReference,
    LayoutReference,
    NpmReference,
    OciReference,
    PathReference,
    PypiReference,
    Reference,
    RemoteReference,
    WebReference,
)
from hatchway.registry.source import network_refused, read_file
from hatchway.registry.spelling import parse_reference
from hatchway.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatchway.registry.descriptors import Attachment, Image
    from hatchway.registry.images import Pulled
    from hatchway.registry.settings import Network, SourceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An artifact, and what its source says about it. Nothing of that is trusted.

    Attributes:
        artifact: Its bytes.
        resolved: The reference that means these bytes only; None for a path, which cannot.
        image: The documents it was published with, the OCI way.
        attachments: What was attached to them, unverified.
    """

    artifact: bytes
    resolved: str | None = None
    image: Image | None = None
    attachments: tuple[Attachment, ...] = ()

    @property
    def manifest_digest(self) -> str | None:
        """What signatures of an OCI artifact are about; None for all others."""
        return None if self.image is None else self.image.digest


def fetch(
    reference: str | Reference,
    *,
    base: Path,
    limit_bytes: int,
    settings: SourceSettings,
    network: Network,
    build: Callable[[str], bytes] | None = None,
) -> Fetched:
    """The artifact that `reference` names, compared with every digest there is for it.

    Args:
        reference: As a person spells it, or parsed.
        base: What relative paths and directories start from.
        limit_bytes: The largest artifact that is taken.
        settings: Where packages are looked for, and how long it may take.
        network: Whether another machine may be asked.
        build: Makes what is built in, by its name; None where nothing is built.

    Raises:
        ConfigError: The reference is misspelt, or a file cannot be read.
        RegistryError: It cannot be had, is too large, or is not what its digest says.
    """
    parsed = parse_reference(reference) if isinstance(reference, str) else reference
    match parsed:
        case PathReference(path=path):
            artifact = read_file(base / path, limit_bytes=limit_bytes)
            return Fetched(artifact=artifact)
        case LayoutReference():
            return _published(parsed, fetch_layout(parsed, base=base, limit_bytes=limit_bytes))
        case BuiltinReference() if build is not None:
            return _named(parsed, build(parsed.name))
        case BuiltinReference():
            raise network_refused(parsed)
        case remote if network == "refused":
            raise network_refused(remote)
        case _:
            with Transport(settings) as transport:
                return _fetched(parsed, transport, settings, limit_bytes)


def _fetched(
    reference: RemoteReference, transport: Transport, settings: SourceSettings, limit_bytes: int
) -> Fetched:
    if isinstance(reference, OciReference):
        pulled = fetch_oci(reference, transport, settings, limit_bytes=limit_bytes)
        return _published(reference, pulled)
    return _named(reference, _file(reference, transport, settings, limit_bytes))


def _named(
    reference: WebReference | PypiReference | NpmReference | BuiltinReference, artifact: bytes
) -> Fetched:
    """`artifact`, if it is what `reference` says."""
    if reference.digest is not None:
        require_digest(artifact, reference.digest, what=str(reference))
    return Fetched(artifact=artifact, resolved=str(reference.pinned(digest_of(artifact))))


def _file(
    reference: WebReference | PypiReference | NpmReference,
    transport: Transport,
    settings: SourceSettings,
    limit_bytes: int,
) -> bytes:
    match reference:
        case WebReference():
            return fetch_web(reference, transport, limit_bytes=limit_bytes)
        case PypiReference():
            return fetch_pypi(reference, transport, settings, limit_bytes=limit_bytes)
        case NpmReference():
            return fetch_npm(reference, transport, settings, limit_bytes=limit_bytes)


def _published(reference: OciReference | LayoutReference, pulled: Pulled) -> Fetched:
    return Fetched(
        artifact=pulled.artifact,
        resolved=str(reference.pinned(pulled.image.digest)),
        image=pulled.image,
        attachments=pulled.attachments,
    )
