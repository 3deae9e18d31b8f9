"""What an operator allowed a tool at the moment it was approved, as one hash."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from hatchway.core.capability import FileAccess
from hatchway.core.egress import EgressLimits
from hatchway.provenance.canonical import canonical_digest

if TYPE_CHECKING:
    from hatchway.core.capability import Capability
    from hatchway.policy.document import ToolPolicy
    from hatchway.policy.secrets import SecretRule


def policy_digest(entry: ToolPolicy, *, base: str) -> str:
    """The hash of the powers, secrets, limits, compiler and isolation of an entry.

    Of a secret it holds where it comes from and where it goes, and never the value. It does not
    depend on the order of the lines, and directories and files below the policy are named from
    there, so that a project has the same hash on every machine.

    Args:
        entry: What the operator allows.
        base: The absolute directory of the policy.
    """
    allowed: dict[str, Any] = {
        "allow": sorted({_spelled(capability, base) for capability in entry.allow}),
        "limits": asdict(entry.limits),
        "compiler": entry.compiler,
    }
    # What is as it is without a word in the policy is left out: an entry that says nothing of
    # the network, or of workers, was approved like that before there were any.
    if entry.secrets:
        allowed["secrets"] = sorted(_secret(rule, base) for rule in entry.secrets)
    if entry.egress != EgressLimits():
        allowed["egress"] = asdict(entry.egress)
    if entry.isolation is not None:
        allowed["isolation"] = entry.isolation
    return canonical_digest(allowed)


def secret_digests(entry: ToolPolicy | None, *, base: str) -> dict[str, str]:
    """What tells the secrets of an entry apart from any others, by their names.

    Args:
        entry: What the operator allows; None for nothing.
        base: The absolute directory of the policy.
    """
    rules = () if entry is None else entry.secrets
    return {rule.name: canonical_digest(_secret(rule, base)) for rule in rules}


def _secret(rule: SecretRule, base: str) -> list[str]:
    source = rule.source
    if rule.kind == "file" and PurePath(source).is_relative_to(base):
        source = f"./{PurePath(source).relative_to(base).as_posix()}"
    return [rule.name, rule.kind, source, str(rule.origin), rule.header, rule.template]


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
