"""Decisions that an admission relied on, and that must still stand when a tool is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.evaluate import LONGEST_OVERRIDE
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from hatchway.policy.document import Policy
    from hatchway.provenance.lockfile import Lockfile


def lapsed(policy: Policy, lock: Lockfile, today: date) -> Mapping[str, ConfigError]:
    """What is wrong with tools that were admitted in spite of a critical finding, by tool.

    Whoever took that on them set a last day. When it is over, or when the decision was taken
    out of the policy, the tool is not offered any more.
    """
    failures: dict[str, ConfigError] = {}
    for name, entry in policy.tools.items():
        locked = lock.tools.get(name)
        if locked is None:
            continue
        standing = {
            override.finding
            for override in entry.overrides
            if today <= override.until <= today + LONGEST_OVERRIDE
        }
        missing = [finding for finding in locked.overrides if finding not in standing]
        if missing:
            message = (
                f"{name!r} was admitted in spite of {printable(missing[0])}, "
                "and no override of it is in effect any more"
            )
            hint = f"renew [[tools.{name}.overrides]], or: hatchway remove {name}"
            failures[name] = ConfigError(message, code="config.override_lapsed", hint=hint)
    return failures
