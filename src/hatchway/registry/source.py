"""Reading the bytes that a reference names, without asking anybody."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError, RegistryError
from hatchway.core.untrusted import printable
from hatchway.registry.layout import fetch_layout
from hatchway.registry.reference import BuiltinReference, LayoutReference, PathReference, Reference
from hatchway.registry.regular import read_regular
from hatchway.registry.spelling import parse_reference

if TYPE_CHECKING:
    from pathlib import Path


def read_source(reference: str, *, base: Path, limit_bytes: int) -> bytes:
    """The bytes of the artifact that `reference` names on this machine.

    No other machine is ever asked: `fetch` does that, where it may.

    Args:
        reference: A path, or a layout directory; relative ones start at `base`.
        base: The directory of the document that holds the reference.
        limit_bytes: The largest artifact that is read.

    Raises:
        ConfigError: There is no such regular file, or it cannot be read.
        RegistryError: It is larger than the limit, or would have to be fetched.
    """
    match parse_reference(reference):
        case PathReference(path=path):
            return read_file(base / path, limit_bytes=limit_bytes)
        case LayoutReference() as layout:
            return fetch_layout(layout, base=base, limit_bytes=limit_bytes).artifact
        case remote:
            raise network_refused(remote)


def is_elsewhere(reference: str) -> bool:
    """Whether it would have to be fetched or built first; not so for what is misspelt."""
    try:
        return not isinstance(parse_reference(reference), PathReference | LayoutReference)
    except ConfigError:
        return False


def network_refused(reference: Reference) -> RegistryError:
    """The complaint about a reference to what is not on this machine, where it cannot be had."""
    spelled = printable(str(reference))
    done = "built" if isinstance(reference, BuiltinReference) else "fetched"
    message = f"{spelled!r} would have to be {done}, and nothing is {done} here"
    hint = f"hatchway add {spelled}"
    return RegistryError(message, code="registry.network_refused", hint=hint)


def read_file(path: Path, *, limit_bytes: int) -> bytes:
    """The artifact in a regular file.

    Raises:
        ConfigError: There is none, or it cannot be read.
        RegistryError: It is larger than the limit.
    """
    try:
        return read_regular(path, limit_bytes=limit_bytes)
    except OSError as error:
        if error.errno == errno.EFBIG:
            message = f"{str(path)!r} is larger than {limit_bytes} bytes"
            raise RegistryError(message, code="registry.too_large") from error
        message = f"cannot read {str(path)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unreadable") from error
