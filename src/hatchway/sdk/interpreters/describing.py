"""What an interpreter says of itself, inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.policy.manifest import parse_manifest_toml
from hatchway.sdk.packing import licensed, packed

if TYPE_CHECKING:
    from pathlib import Path


def described(component: bytes, file: Path) -> bytes:
    """`component` with the manifest in `file` and the licence that it names."""
    manifest = parse_manifest_toml(file.read_text("utf-8"), file=file.name)
    assert manifest.licence is not None
    return packed(licensed(component, manifest.licence), manifest)
