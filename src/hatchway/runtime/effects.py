"""What a tool can do to the world, computed from what it is granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.capability import (
    Clock,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
)
from hatchway.core.manifest import Annotations

if TYPE_CHECKING:
    from hatchway.core.capability import Capability

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def annotations_of(allow: tuple[Capability, ...], claim: Annotations) -> Annotations:
    """The annotations a client is shown.

    They follow from the grants: what is not granted cannot happen. The author's claims
    can only make them more cautious.
    """
    writes = any(_writes(capability) for capability in allow)
    is_open = any(isinstance(item, HttpAccess | SocketAccess | ToolUse) for item in allow)
    varies = any(isinstance(item, Clock | RandomSource) for item in allow) or is_open or writes
    return Annotations(
        title=claim.title,
        read_only=not writes and claim.read_only is not False,
        destructive=writes or claim.destructive is True,
        idempotent=not varies and claim.idempotent is not False,
        open_world=is_open or claim.open_world is True,
    )


def _writes(capability: Capability) -> bool:
    match capability:
        case FileAccess(access=access):
            return access == "write"
        case HttpAccess(methods=methods):
            return methods is None or not set(methods) <= _SAFE_METHODS
        case SocketAccess() | ToolUse():
            return True
        case _:
            return False
