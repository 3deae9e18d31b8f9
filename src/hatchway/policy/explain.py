"""The same decision, in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from hatchway.core.capability import (
    Capability,
    Clock,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
)
from hatchway.policy.authority import is_inside
from hatchway.policy.cover import covering
from hatchway.policy.decide import isolation_of, next_step, what_the_host_lacks
from hatchway.policy.document import unsupported_reason
from hatchway.policy.reach import reach_in_words

if TYPE_CHECKING:
    from hatchway.policy.document import Policy, ToolPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether a tool has a capability, why, and what would change that.

    Attributes:
        is_allowed: What `decide` would say.
        reason: One sentence.
        without: What the guest sees instead, when it is denied.
        hint: The next step, or None when there is nothing to do.
        where: Where the tool's guests run and why, in words; None without an entry.
    """

    is_allowed: bool
    reason: str
    without: str | None = None
    hint: str | None = None
    where: str | None = None


def explain(policy: Policy, owner: str, wanted: Capability) -> Explanation:
    """Why `owner` may or may not use `wanted` under `policy`."""
    entry = policy.tools.get(owner)
    if entry is None:
        return Explanation(
            is_allowed=False,
            reason=f"{policy.file} has no entry for {owner!r}; everything absent is denied",
            hint=f"hatchway add SOURCE --name {owner}",
        )
    return replace(_of_entry(policy, entry, wanted), where=where(policy, entry))


def where(policy: Policy, entry: ToolPolicy) -> str:
    """Where guests of `entry` run, and what decides that."""
    place = isolation_of(entry, policy)
    if entry.isolation is not None:
        reason = f"{policy.file} says so"
    elif place == "worker":
        reason = "it may use the network"
    else:
        reason = "it may not use the network"
    return f"in a {place}, because {reason}"


def _of_entry(policy: Policy, entry: ToolPolicy, wanted: Capability) -> Explanation:
    owner = entry.name
    found = covering(entry.allow, wanted)
    lack = what_the_host_lacks(entry, policy)
    if found is not None and lack is not None:
        return Explanation(is_allowed=False, reason=lack.message, hint=lack.hint)
    if found is not None:
        line = entry.allow_lines[entry.allow.index(found)] if entry.allow_lines else None
        place = policy.file if line is None else f"{policy.file}:{line}"
        reason = f"{found} at {place} covers {wanted}{_conditions(policy, found, wanted)}"
        return Explanation(is_allowed=True, reason=reason)
    allowed = ", ".join(str(capability) for capability in entry.allow) or "nothing"
    unsupported = unsupported_reason(wanted)
    return Explanation(
        is_allowed=False,
        reason=unsupported
        or f"{policy.file} allows {owner!r} {allowed}, and none of that covers {wanted}",
        without=without(wanted),
        hint=None if unsupported else next_step(owner, wanted),
    )


def _conditions(policy: Policy, found: Capability, wanted: Capability) -> str:
    """What else it depends on, or what comes with it, in words that follow."""
    if isinstance(wanted, ToolUse):
        return f"; it reaches {reach_in_words(policy.tools, wanted.tool)}"
    if not isinstance(found, HttpAccess) or not isinstance(wanted, HttpAccess):
        return ""
    said = ""
    if is_inside(wanted.host) and not found.is_internal:
        said += f"; no request arrives, because {wanted.host} is inside and it lacks ';internal'"
    if policy.flow is not None and covering(policy.flow.may_reach, wanted) is None:
        said += "; after a private read it is denied, because [flow] does not name it"
    return said


def without(capability: Capability) -> str:
    """What a guest sees that lacks `capability`."""
    match capability:
        case FileAccess():
            return "no directory; every attempt answers ENOTCAPABLE and is recorded with its path"
        case HttpAccess():
            return "HTTP-request-denied; every attempt is recorded with its origin"
        case SocketAccess():
            return "access-denied; every attempt is recorded with its host"
        case EnvironmentVariable():
            return "an environment without that variable"
        case Clock():
            return "a time that starts at 2000-01-01 and advances 1 ms per reading"
        case RandomSource():
            return "the same constant stream every call, unfit for keys"
        case ToolUse():
            return "no such tool"
        case _:
            assert_never(capability)
