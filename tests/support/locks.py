"""Lockfiles changed by another hand than Hatchway's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hatchway.provenance.canonical import canonical_digest
from hatchway.provenance.lockfile import written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def edit_lock(file: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change an entry, and leave its hash as it is."""
    document = json.loads(file.read_text())
    change(document["tools"][name])
    file.write_text(written(document))


def forge_lock(file: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change an entry, and give it the hash of what it says now."""

    def forged(entry: dict[str, Any]) -> None:
        change(entry)
        values = {key: value for key, value in entry.items() if key != "integrity"}
        entry["integrity"] = canonical_digest({"name": name, **values})

    edit_lock(file, name, forged)
