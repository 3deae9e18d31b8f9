"""The error of a process that cannot give up what it must give up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.core.isolation import Layer


class ConfinementError(ConfigError):
    """A wall around a worker cannot be put up here; nothing may run without it."""

    code = "config.unconfined"


def refused(layer: Layer, what: str, error: OSError | None = None) -> ConfinementError:
    """The error that says which layer failed, and at what."""
    reason = "" if error is None else f": {printable(error.strerror or str(error), limit=100)}"
    message = f"the layer {layer} cannot be put up: {what}{reason}"
    return ConfinementError(message, hint="hatchway doctor", details={"layer": layer})
