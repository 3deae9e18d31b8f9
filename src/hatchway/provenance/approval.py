"""What an operator allowed a tool at the moment it was approved, as one hash."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from hatchway.core.capability import FileAccess
from hatchway.provenance.canonical import canonical_digest

if TYPE_CHECKING:
    from hatchway.core.capability import Capability
    from hatchway.policy.document import ToolPolicy


def policy_digest(entry: ToolPolicy, *, base: str) -> str:
    """The hash of the powers, limits and compiler of an entry.

    It does not depend on the order of the lines, and directories below the policy are named
    from there, so that a project has the same hash on every machine.

    Args:
        entry: What the operator allows.
        base: The absolute directory of the policy.
    """
    return canonical_digest(
        {
            "allow": sorted({_spelled(capability, base) for capability in entry.allow}),
            "limits": asdict(entry.limits),
            "compiler": entry.compiler,
        }
    )


def _spelled(capability: Capability, base: str) -> str:
    if isinstance(capability, FileAccess) and capability.host_path is not None:
        host = PurePath(capability.host_path)
        if host.is_relative_to(base):
            below = f"./{host.relative_to(base).as_posix()}"
            # Unless the policy says otherwise, a directory has the same name inside.
            is_same = capability.guest_path == capability.host_path
            inside = below if is_same else capability.guest_path
            return str(replace(capability, host_path=below, guest_path=inside))
    return str(capability)
