"""Reading the bytes that a reference names."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError, RegistryError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMES = ("https:", "http:", "oci:", "pypi:", "npm:", "file:")


def read_source(reference: str, *, base: Path, limit_bytes: int) -> bytes:
    """The bytes of the artifact that `reference` names.

    Args:
        reference: A path; relative ones start at `base`.
        base: The directory of the document that holds the reference.
        limit_bytes: The largest artifact that is read.

    Raises:
        ConfigError: There is no such regular file, or it cannot be read.
        RegistryError: It is larger than the limit, or of a kind this version cannot fetch.
    """
    if reference.startswith(_SCHEMES):
        message = f"this version of Hatchway cannot fetch {printable(reference)!r} yet"
        hint = "download the file and name its path"
        raise RegistryError(message, code="registry.unsupported", hint=hint)
    path = base / reference
    try:
        # Non-blocking, so that a FIFO cannot hold us up; what is opened is then looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        message = f"cannot read {str(path)!r}: {why}"
        raise ConfigError(message, code="config.unreadable") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        # Looked at before a file object is made of it: Python makes none of a directory.
        os.close(descriptor)
        message = f"{str(path)!r} is not a regular file"
        raise ConfigError(message, code="config.unreadable")
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        message = f"{str(path)!r} is larger than {limit_bytes} bytes"
        raise RegistryError(message, code="registry.too_large")
    return data
