"""JSON that a registry says: read strictly, and never deeper than it can be."""

from __future__ import annotations

import json
from typing import Any

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable


def read_object(data: bytes, *, what: str) -> dict[str, Any]:
    """The one object that `data` is.

    Raises:
        RegistryError: `registry.malformed`: it is not JSON, names a key twice, or is nested
            deeper than Python reads.
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise malformed(what, printable(str(error), limit=120)) from error
    if not isinstance(value, dict):
        raise malformed(what, "it is not an object")
    return value


def malformed(what: str, why: str) -> RegistryError:
    """The complaint about a document that is not what its specification says."""
    return RegistryError(f"{what} cannot be used: {why}", code="registry.malformed")


def canonical(value: object) -> bytes:
    """One spelling of a document of ours, so that it always has the same digest."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "it names a key twice"
        raise ValueError(message)
    return found
