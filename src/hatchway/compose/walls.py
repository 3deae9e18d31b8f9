"""Which kernel walls hold on this machine, and that they are those that a policy demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.policy.workers import require_layers

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from hatchway.policy.document import Policy
    from hatchway.workers.confinement.probing import Wall

    FindWalls: TypeAlias = Callable[[], tuple[Wall, ...]]


def walls_here() -> tuple[Wall, ...]:
    """Every layer, tried in a process of its own on this machine. Tried once in each process."""
    from hatchway.workers.confinement.probing import walls

    return walls()


def with_required_walls(policy: Policy, walls: FindWalls) -> Policy:
    """`policy`, on a machine that has every layer that it demands.

    Raises:
        ConfigError: `config.missing_layer`.
    """
    require_layers(policy.workers, walls, file=policy.file)
    return policy
