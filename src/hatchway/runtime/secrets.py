"""The values of the secrets that a policy names, and what keeps them out of every answer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.redaction import Redactor
from hatchway.egress.secret_sources import resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hatchway.core.egress import BoundSecret, Route
    from hatchway.core.secret import Secret
    from hatchway.policy.document import Policy, ToolPolicy


def with_secrets(
    policy: Policy,
    environment: Mapping[str, str] = os.environ,
    *,
    needed_by: Collection[str] | None = None,
) -> Policy:
    """`policy` with the values of its secrets.

    Each source is asked once, however many entries name it: it may be a keyring that wants a
    password.

    Args:
        policy: Says where they come from.
        environment: The host's variables.
        needed_by: The entries whose secrets are wanted; None for all of them.

    Raises:
        ConfigError: There is none where one is wanted.
    """
    sources = _Sources(environment)
    wanted = [
        (name, entry)
        for name, entry in policy.tools.items()
        if entry.secrets and (needed_by is None or name in needed_by)
    ]
    return replace(policy, secrets={name: sources.bound(entry) for name, entry in wanted})


def secret_files(policy: Policy) -> frozenset[Path]:
    """The files that `policy` takes secrets from."""
    rules = (rule for entry in policy.tools.values() for rule in entry.secrets)
    return frozenset(Path(rule.source) for rule in rules if rule.kind == "file")


def require_authorities(route: Route) -> None:
    """Refuse a route whose authorities cannot be believed, before anything depends on them.

    Raises:
        ConfigError: `config.authorities`.
    """
    if route.authorities is None:
        return
    from hatchway.egress.trusting import objection_to_authorities  # it loads TLS

    if (objection := objection_to_authorities(route.authorities)) is not None:
        message = f"[egress] authorities: {route.authorities!r} {objection}"
        hint = "name a file of certificates in PEM, or leave the system's authorities"
        raise ConfigError(message, code="config.authorities", hint=hint)


def redactor_of(policy: Policy) -> Redactor | None:
    """What finds every secret of `policy`, whichever tool it is for; None where it has none."""
    held = [secret for bound in policy.secrets.values() for secret in bound]
    return Redactor((each.name, each.secret) for each in held) if held else None


class _Sources:
    """What every source answered so far."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._answers: dict[tuple[str, str], Secret] = {}

    def bound(self, entry: ToolPolicy) -> tuple[BoundSecret, ...]:
        """The secrets of `entry`, each with its value.

        Raises:
            ConfigError: One has none.
        """
        bound: list[BoundSecret] = []
        for rule in entry.secrets:
            asked = (rule.kind, rule.source)
            if asked not in self._answers:
                self._answers[asked] = resolve(rule, self._environment)
            bound.append(rule.bound(self._answers[asked]))
        return tuple(bound)
