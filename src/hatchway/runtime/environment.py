"""The host's environment, of which a tool sees what it was granted by name."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from hatchway.core.capability import EnvironmentVariable

if TYPE_CHECKING:
    from hatchway.policy.document import Policy


def with_host_environment(policy: Policy) -> Policy:
    """`policy` with the host's values of the variables it inherits, and no others."""
    wanted = {
        capability.variable
        for entry in policy.tools.values()
        for capability in entry.allow
        if isinstance(capability, EnvironmentVariable) and capability.value is None
    }
    return replace(
        policy,
        host_environment={name: os.environ[name] for name in wanted if name in os.environ},
    )
