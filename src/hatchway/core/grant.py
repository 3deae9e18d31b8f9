"""Exactly what one call may touch and use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.core.capability import Clock, RandomSource

if TYPE_CHECKING:
    from hatchway.core.capability import Capability
    from hatchway.core.egress import EgressGrant
    from hatchway.core.isolation import Isolation
    from hatchway.core.limits import Limits
    from hatchway.core.surface import Compiler


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedDirectory:
    """A directory of the host, as one call may use it.

    Attributes:
        guest_path: Its absolute name inside.
        descriptor: It, opened once and checked, and held by whoever loaded the policy.
        is_writable: Whether anything below it may be changed.
        quota_bytes: The most it may grow to, or None.
    """

    guest_path: str
    descriptor: int
    is_writable: bool
    quota_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The power and the limits of one call. Only `policy.decide` makes one.

    Attributes:
        capabilities: What was granted, as policy spells it.
        environment: The variables the guest sees, with their values.
        limits: What the call may consume.
        directories: The host's directories that the guest sees.
        workspace: The guest's name for its private directory; None without scratch space.
        compiler: The one whose code may run; None where the host chose.
        egress: What the broker may do for the call; None where no origin was granted.
        isolation: Where the guest runs.
        tenant: Whose call it is, and
        owner: which policy entry's: no worker ever serves two tenants or two entries.
    """

    capabilities: tuple[Capability, ...]
    environment: tuple[tuple[str, str], ...]
    limits: Limits
    directories: tuple[GrantedDirectory, ...] = ()
    workspace: str | None = None
    compiler: Compiler | None = None
    egress: EgressGrant | None = None
    isolation: Isolation = "thread"
    tenant: str = ""
    owner: str = ""

    @property
    def has_clock(self) -> bool:
        """Whether the guest sees real time."""
        return any(isinstance(capability, Clock) for capability in self.capabilities)

    @property
    def has_random(self) -> bool:
        """Whether the guest draws unpredictable bytes."""
        return any(isinstance(capability, RandomSource) for capability in self.capabilities)
