"""What fetching needs to know of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Network = Literal["allowed", "refused"]
"""Whether a reference may be fetched from another machine."""

PYPI = "https://pypi.org/simple/"
NPM = "https://registry.npmjs.org/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """Where packages are looked for, and how long anything may take.

    Attributes:
        pypi_index: The simple index; may carry a user name and a password.
        npm_registry: The same for npm.
        docker_config: The `config.json` whose `auths` are used; None for none at all.
        deadline_seconds: For one reference, from the first connection to the last byte.
        idle_seconds: For one connection, without a byte.
    """

    pypi_index: str = PYPI
    npm_registry: str = NPM
    docker_config: Path | None = None
    deadline_seconds: float = 300.0
    idle_seconds: float = 20.0
