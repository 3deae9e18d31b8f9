"""Whether a changed policy takes something away from a call that runs."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from hatchway.core.capability import FileAccess, HttpAccess, SocketAccess
from hatchway.policy.cover import covering, covers
from hatchway.policy.decide import isolation_of
from hatchway.policy.reach import reach

if TYPE_CHECKING:
    from hatchway.core.capability import Capability
    from hatchway.core.egress import EgressLimits
    from hatchway.core.limits import Limits
    from hatchway.policy.document import Policy, ToolPolicy


def is_narrowed(before: Policy, after: Policy, name: str) -> bool:
    """Whether a call that `before` allowed the entry `name` holds what `after` would not give it.

    That is a capability that nothing in `after` covers with options as wide, a limit that
    became smaller, a secret that is another one or none any more, code of a compiler that
    `after` does not allow, or a place in Hatchway's own process where `after` wants a worker.
    For an entry with origins it is also another way to the network, or less that may be
    reached after a private read. It holds as well what the tools hold that it was granted,
    and those that these were. What `after` adds is no reason to stop a call.
    """
    return any(
        entry not in after.tools or _is_itself_narrowed(before, after, entry)
        for entry in reach(before.tools, name)
    )


def _is_itself_narrowed(before: Policy, after: Policy, name: str) -> bool:
    held, left = before.tools[name], after.tools[name]
    return (
        any(not _is_still_allowed(capability, left) for capability in held.allow)
        or _is_smaller(left.limits, held.limits)
        or _is_smaller(left.egress, held.egress)
        or not set(held.secrets) <= set(left.secrets)
        or left.compiler not in (None, held.compiler)
        or _is_walled_in(before, after, name)
        or (_has_origins(held) and _is_network_narrowed(before, after))
    )


def _is_walled_in(before: Policy, after: Policy, name: str) -> bool:
    """Whether what runs without a kernel wall should have one.

    An origin that `after` adds sends the next call to a worker. This one cannot reach it.
    """
    held = before.tools[name]
    left = replace(after.tools[name], allow=held.allow)
    return isolation_of(held, before) == "thread" and isolation_of(left, after) == "worker"


def _is_smaller(after: Limits | EgressLimits, before: Limits | EgressLimits) -> bool:
    return any(getattr(after, limit.name) < getattr(before, limit.name) for limit in fields(before))


def _has_origins(entry: ToolPolicy) -> bool:
    return any(isinstance(capability, HttpAccess | SocketAccess) for capability in entry.allow)


def _is_network_narrowed(before: Policy, after: Policy) -> bool:
    if before.route != after.route:
        return True
    if after.flow is None:
        return False
    # Everything could be reached without a rule, which no list is as wide as.
    return before.flow is None or any(
        covering(after.flow.may_reach, origin) is None for origin in before.flow.may_reach
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
        case HttpAccess() | SocketAccess(), HttpAccess() | SocketAccess():
            # What is private may not be sent on everywhere.
            return candidate.is_private and not held.is_private
        case _:
            return False
