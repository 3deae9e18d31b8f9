"""Whether a changed policy takes something away from a call that runs."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from hatchway.core.capability import FileAccess, HttpAccess
from hatchway.core.limits import Limits
from hatchway.policy.cover import covers

if TYPE_CHECKING:
    from hatchway.core.capability import Capability
    from hatchway.policy.document import ToolPolicy


def is_narrowed(before: ToolPolicy, after: ToolPolicy) -> bool:
    """Whether a call that `before` allowed holds something that `after` would not give it.

    That is a capability that nothing in `after` covers with options as wide, a limit that
    became smaller, or code of a compiler that `after` does not allow. What `after` adds is
    no reason to stop a call.
    """
    return (
        any(not _is_still_allowed(held, after) for held in before.allow)
        or any(
            getattr(after.limits, limit.name) < getattr(before.limits, limit.name)
            for limit in fields(Limits)
        )
        or after.compiler not in (None, before.compiler)
    )


def _is_still_allowed(held: Capability, after: ToolPolicy) -> bool:
    return any(
        covers(candidate, held) and not _is_tighter(candidate, held) for candidate in after.allow
    )


def _is_tighter(candidate: Capability, held: Capability) -> bool:
    """Whether an option limits `candidate` more than `held`; coverage looks at no options."""
    match candidate, held:
        case FileAccess(), FileAccess():
            if candidate.quota_bytes is None:
                return False
            return held.quota_bytes is None or candidate.quota_bytes < held.quota_bytes
        case HttpAccess(), HttpAccess():
            # What is private may not be sent on everywhere.
            return candidate.is_private and not held.is_private
        case _:
            return False
