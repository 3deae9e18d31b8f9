"""The artifacts on this machine, by digest, in the layout of an OCI image directory.

What is admitted is copied here and hashed here, and only these bytes are scanned, compiled
and run. They are hashed again whenever they are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError, RegistryError
from hatchway.registry.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

_LAYOUT = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()
_INDEX = json.dumps({"schemaVersion": 2, "manifests": []}).encode()


def digest_of(artifact: bytes) -> str:
    """The name of `artifact`: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(artifact).hexdigest()}"


class ArtifactStore:
    """A directory of artifacts under their digests."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._blobs = directory / "blobs" / "sha256"

    def put(self, artifact: bytes) -> str:
        """Keep `artifact`, and give its digest.

        Raises:
            ConfigError: The directory cannot be written.
        """
        digest = digest_of(artifact)
        try:
            self._blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name, content in (("oci-layout", _LAYOUT), ("index.json", _INDEX)):
                if not (self._directory / name).exists():
                    write_atomically(self._directory / name, content)
            if not self._matches(digest):
                write_atomically(self._path(digest), artifact)
        except OSError as error:
            message = f"cannot write to {str(self._directory)!r}: {error.strerror}"
            hint = "point XDG_DATA_HOME at a directory you may write to"
            raise ConfigError(message, code="config.unwritable", hint=hint) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The artifact named `digest`.

        Raises:
            RegistryError: It is not here, or its bytes are not the ones that were stored.
        """
        path = self._path(digest)
        try:
            artifact = path.read_bytes()
        except OSError as error:
            message = f"the artifact {digest} is not in {str(self._directory)!r}"
            hint = "hatchway add its source again; in a project: hatchway trust DIR"
            raise RegistryError(message, code="registry.missing", hint=hint) from error
        if digest_of(artifact) != digest:
            message = f"the stored artifact {digest} was changed on disk"
            hint = f"rm {path}, then admit it again with hatchway add"
            raise RegistryError(message, code="registry.corrupt", hint=hint)
        return artifact

    def __contains__(self, digest: str) -> bool:
        return self._path(digest).exists()

    def _path(self, digest: str) -> Path:
        return self._blobs / digest.removeprefix("sha256:")

    def _matches(self, digest: str) -> bool:
        with contextlib.suppress(RegistryError):
            self.get(digest)
            return True
        return False
