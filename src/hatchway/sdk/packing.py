"""Putting a manifest into the artifact it describes.

A manifest inside travels with its artifact, and digest and signature cover it. It is one custom
section at the end; engines ignore such sections, and everything else keeps its bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatchway.core.manifest import Manifest

SECTION = "hatchway"
"""The name of the section."""

_CUSTOM = b"\0"


def packed(artifact: bytes, manifest: Manifest) -> bytes:
    """`artifact` with `manifest` inside, always the same for the same two.

    It must not have one already: a section is appended, and two are refused at admission.
    """
    document = json.dumps(
        manifest.source, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    name = SECTION.encode()
    content = _length(len(name)) + name + document.encode()
    return artifact + _CUSTOM + _length(len(content)) + content


def _length(value: int) -> bytes:
    """An unsigned LEB128 integer (WebAssembly core specification, section 5.2.2)."""
    spelled = bytearray()
    while value >= 0x80:
        spelled.append(value & 0x7F | 0x80)
        value >>= 7
    spelled.append(value)
    return bytes(spelled)
