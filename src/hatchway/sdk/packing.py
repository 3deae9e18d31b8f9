"""Putting a manifest and a licence into the artifact they are about.

What is inside travels with its artifact, and digest and signature cover it. Each is one custom
section at the end; engines ignore such sections, and everything else keeps its bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatchway.core.manifest import Manifest

SECTION = "hatchway"
"""The name of the section."""

LICENCES = "licenses"
"""The section of a licence (WebAssembly/tool-conventions, OCI annotations)."""

_CUSTOM = b"\0"


def packed(artifact: bytes, manifest: Manifest) -> bytes:
    """`artifact` with `manifest` inside, always the same for the same two.

    It must not have one already: a section is appended, and two are refused at admission.
    """
    document = json.dumps(
        manifest.source, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    return artifact + _section(SECTION, document.encode())


def licensed(artifact: bytes, licence: str) -> bytes:
    """`artifact` with `licence`, an SPDX expression, inside. It must not have one already."""
    return artifact + _section(LICENCES, licence.encode())


def _section(name: str, payload: bytes) -> bytes:
    spelled = name.encode()
    content = _length(len(spelled)) + spelled + payload
    return _CUSTOM + _length(len(content)) + content


def _length(value: int) -> bytes:
    """An unsigned LEB128 integer (WebAssembly core specification, section 5.2.2)."""
    spelled = bytearray()
    while value >= 0x80:
        spelled.append(value & 0x7F | 0x80)
        value >>= 7
    spelled.append(value)
    return bytes(spelled)
