"""The `.dep-v0` section: the packages that a Rust binary was built from.

Source: cargo-auditable's PARSING.md: zlib-compressed JSON, `{"packages": [{"name", "version",
"source", …}]}`.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from hatchway.audit.binary import MalformedError

MAX_JSON_BYTES = 8 << 20
MAX_PACKAGES = 20_000
_MAX_WORD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A package that went into a binary.

    Attributes:
        source: `crates.io`, `git`, `local`, `registry` or what else is said.
    """

    name: str
    version: str
    source: str


def read_dependencies(payload: bytes) -> list[Dependency]:
    """The packages that a `.dep-v0` section lists.

    Raises:
        MalformedError: It is not one, or expands to more than 8 MiB.
    """
    values = _values(_inflated(payload))
    packages = values.get("packages") if isinstance(values, dict) else None
    if not isinstance(packages, list) or len(packages) > MAX_PACKAGES:
        raise _malformed("it has no list of packages")
    return [_dependency(item) for item in packages]


def _inflated(payload: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(payload, MAX_JSON_BYTES)
    except zlib.error:
        raise _malformed("it is not compressed with zlib") from None
    if not stream.eof:
        raise _malformed(f"it is cut short or expands to more than {MAX_JSON_BYTES} bytes")
    return text


def _values(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _malformed("it is not JSON") from None


def _dependency(item: object) -> Dependency:
    if not isinstance(item, dict):
        raise _malformed("a package is no object")
    said = {key: item.get(key) for key in ("name", "version", "source")}
    for key, value in said.items():
        if not isinstance(value, str) or len(value) > _MAX_WORD:
            raise _malformed(f"a package's {key} is no short text")
    return Dependency(
        name=str(said["name"]), version=str(said["version"]), source=str(said["source"])
    )


def _malformed(why: str) -> MalformedError:
    return MalformedError(f"not a list of dependencies: {why}")
