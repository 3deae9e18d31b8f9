"""The one place that hands out power."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.capability import EnvironmentVariable
from hatchway.core.errors import NotAuthorizedError
from hatchway.core.grant import Grant
from hatchway.policy.cover import covering
from hatchway.policy.document import unsupported_reason

if TYPE_CHECKING:
    from hatchway.core.call import Principal
    from hatchway.core.capability import Capability
    from hatchway.core.tool import Tool
    from hatchway.policy.document import Policy, ToolPolicy


def decide(tool: Tool, policy: Policy, principal: Principal) -> Grant:
    """What one call of `tool` by `principal` may touch and use.

    The grant is what the operator allows the tool, whole or not at all: when something
    the tool requires is not covered the call is refused, and nothing is narrowed.

    Raises:
        NotAuthorizedError: The policy is another tenant's, has no entry for the tool, or
            does not cover what the tool requires.
    """
    if principal.tenant != policy.tenant:
        message = f"no policy speaks for tenant {principal.tenant!r}"
        raise NotAuthorizedError(message)
    entry = policy.tools.get(tool.owner)
    if entry is None:
        message = f"no policy entry allows {tool.owner!r} to run"
        raise NotAuthorizedError(message)
    for want in tool.requires:
        if covering(entry.allow, want.capability) is None:
            message = f"{tool.name!r} requires {want.capability}, which no policy entry covers"
            raise NotAuthorizedError(message, hint=next_step(tool.owner, want.capability))
    return Grant(
        capabilities=entry.allow,
        environment=_environment(entry, policy),
        limits=entry.limits,
    )


def next_step(owner: str, capability: Capability) -> str:
    """What an operator can do so that `owner` gets `capability`. For stderr and events only."""
    return unsupported_reason(capability) or f"hatchway grant {owner} {capability}"


def missing_variable(entry: ToolPolicy, policy: Policy) -> EnvironmentVariable | None:
    """The first variable that `entry` inherits and the host does not have, or None."""
    for capability in entry.allow:
        if (
            isinstance(capability, EnvironmentVariable)
            and capability.value is None
            and capability.variable not in policy.host_environment
        ):
            return capability
    return None


def _environment(entry: ToolPolicy, policy: Policy) -> tuple[tuple[str, str], ...]:
    missing = missing_variable(entry, policy)
    if missing is not None:
        message = f"{missing} is allowed to {entry.name!r}, but the host has no such variable"
        raise NotAuthorizedError(message, hint=f"set {missing.variable}, or revoke it")
    return tuple(
        (
            item.variable,
            policy.host_environment[item.variable] if item.value is None else item.value,
        )
        for item in entry.allow
        if isinstance(item, EnvironmentVariable)
    )
