"""The one place that hands out power."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatchway.core.capability import (
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    SocketAccess,
    ToolUse,
    encode_path,
)
from hatchway.core.egress import EgressGrant
from hatchway.core.errors import NotAuthorizedError
from hatchway.core.grant import Grant, GrantedDirectory
from hatchway.policy.authority import is_inside
from hatchway.policy.cover import covering
from hatchway.policy.document import unsupported_reason

if TYPE_CHECKING:
    from hatchway.core.call import Principal
    from hatchway.core.capability import Capability
    from hatchway.core.isolation import Isolation
    from hatchway.core.secret import Secret
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
    isolation = isolation_of(entry, policy)
    if isolation == "thread":
        _refuse_sockets(entry)
    if lack := what_the_host_lacks(entry, policy):
        raise NotAuthorizedError(lack.message, hint=lack.hint)
    return Grant(
        capabilities=entry.allow,
        environment=_environment(entry, policy),
        limits=entry.limits,
        directories=_directories(entry, policy),
        workspace=_workspace(tool, entry),
        compiler=entry.compiler,
        egress=_egress(entry, policy),
        isolation=isolation,
        tenant=policy.tenant,
        owner=entry.name,
    )


def _refuse_sockets(entry: ToolPolicy) -> None:
    """Sockets are for guests behind a second wall."""
    for item in entry.allow:
        if isinstance(item, SocketAccess):
            message = f"{item} is allowed to {entry.name!r}, which runs in a thread"
            revoke = shlex.quote(str(item))
            hint = f'isolation = "worker", or: hatchway revoke {entry.name} {revoke}'
            raise NotAuthorizedError(message, hint=hint)


def isolation_of(entry: ToolPolicy, policy: Policy) -> Isolation:
    """Where guests of `entry` run: as it says, as the policy says, else by what it was granted.

    What may talk to the network runs in a worker unless somebody decided otherwise.
    """
    if entry.isolation is not None:
        return entry.isolation
    if policy.isolation is not None:
        return policy.isolation
    return "worker" if is_on_network(entry) else "thread"


def is_on_network(entry: ToolPolicy) -> bool:
    """Whether guests of `entry` may talk to anybody over the network."""
    return any(isinstance(item, HttpAccess | SocketAccess) for item in entry.allow)


def inside(grant: Grant) -> Grant:
    """`grant` as the sandbox may know it: without what the broker does for the call."""
    return replace(grant, egress=None)


def bounded(grant: Grant, *, fuel: int, deadline_seconds: float) -> Grant:
    """`grant` for a call within another one, which has only so much left for it."""
    limits = grant.limits
    return replace(
        grant,
        limits=replace(
            limits,
            fuel=min(limits.fuel, fuel),
            deadline_seconds=min(limits.deadline_seconds, deadline_seconds),
        ),
    )


def next_step(owner: str, capability: Capability) -> str:
    """What an operator can do so that `owner` gets `capability`. For stderr and events only."""
    if isinstance(capability, FileAccess) and capability.host_path is None:
        # The author names the directory inside; the one outside is the operator's to choose.
        guest = encode_path(capability.guest_path)
        return f"hatchway grant {owner} {capability.name}=DIRECTORY:{guest}"
    if isinstance(capability, HttpAccess | SocketAccess) and is_inside(capability.host):
        # An author cannot ask for that; without it the origin would be granted and not reached.
        capability = replace(capability, is_internal=True)
    spelled = shlex.quote(str(capability))
    return unsupported_reason(capability) or f"hatchway grant {owner} {spelled}"


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is allowed, and that this host does not have."""

    message: str
    hint: str


def what_the_host_lacks(entry: ToolPolicy, policy: Policy) -> Lack | None:
    """The first of what `entry` allows that `policy` brought none of.

    That is a variable, a directory, another tool, or the value of a secret.
    """
    for item in entry.allow:
        if isinstance(item, ToolUse) and item.tool not in policy.tools:
            message = f"{item} is allowed to {entry.name!r}, but no entry is called {item.tool!r}"
            remove = f"hatchway revoke {entry.name} {item}"
            return Lack(message, f"hatchway add SOURCE --name {item.tool}, or: {remove}")
        if (
            isinstance(item, EnvironmentVariable)
            and item.value is None
            and item.variable not in policy.host_environment
        ):
            message = f"{item} is allowed to {entry.name!r}, but the host has no such variable"
            return Lack(message, f"set {item.variable}, or: hatchway revoke {entry.name} {item}")
        if isinstance(item, FileAccess) and item not in policy.directories:
            # A client may read this: the name inside is all it needs to know.
            place = f"{item.name}={encode_path(item.guest_path)}"
            message = f"{place} is allowed to {entry.name!r}, but that directory cannot be used"
            return Lack(
                message, f"hatchway doctor says why, or: hatchway revoke {entry.name} {item}"
            )
    brought = _values(entry, policy)
    for rule in entry.secrets:
        if rule.name not in brought:
            message = (
                f"{entry.name!r} uses the secret {rule.name}, and the host has no value for it"
            )
            return Lack(message, f"see to it that {rule.kind}:{rule.source} yields one")
    return None


def _environment(entry: ToolPolicy, policy: Policy) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            item.variable,
            policy.host_environment[item.variable] if item.value is None else item.value,
        )
        for item in entry.allow
        if isinstance(item, EnvironmentVariable)
    )


def _egress(entry: ToolPolicy, policy: Policy) -> EgressGrant | None:
    origins = tuple(item for item in entry.allow if isinstance(item, HttpAccess))
    sockets = tuple(item for item in entry.allow if isinstance(item, SocketAccess))
    if not origins and not sockets:
        return None
    values = _values(entry, policy)
    return EgressGrant(
        origins=origins,
        sockets=sockets,
        # Where a value goes is said by the policy, whatever came with the value.
        secrets=tuple(rule.bound(values[rule.name]) for rule in entry.secrets),
        limits=entry.egress,
        flow=policy.flow,
        route=policy.route,
    )


def _values(entry: ToolPolicy, policy: Policy) -> dict[str, Secret]:
    return {brought.name: brought.secret for brought in policy.secrets.get(entry.name, ())}


def _directories(entry: ToolPolicy, policy: Policy) -> tuple[GrantedDirectory, ...]:
    return tuple(
        GrantedDirectory(
            guest_path=item.guest_path,
            descriptor=policy.directories[item],
            is_writable=item.access == "write",
            quota_bytes=item.quota_bytes,
        )
        for item in entry.allow
        if isinstance(item, FileAccess)
    )


def _workspace(tool: Tool, entry: ToolPolicy) -> str | None:
    """The name of the call's private directory, for tools that may have one."""
    if entry.limits.scratch_bytes:
        workspace = tool.manifest.workspace
        for item in entry.allow:
            if isinstance(item, FileAccess) and item.guest_path == workspace:
                # One name for two directories: nobody could tell which one a program means.
                message = f"two directories of {tool.name!r} are called {workspace}"
                hint = f"hatchway revoke {tool.owner} {item}, and grant it under another name"
                raise NotAuthorizedError(message, hint=hint)
        return workspace
    if tool.manifest.uses_workspace:
        message = f"{tool.name!r} works on files, and its limits give it no scratch space"
        hint = f"hatchway add SOURCE --name {tool.owner} --limit scratch=16MiB"
        raise NotAuthorizedError(message, hint=hint)
    return None
