"""`[workers]`: which walls must stand around worker processes, and how many there may be."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from hatchway.core.errors import ConfigError
from hatchway.core.isolation import LAYERS, Layer
from hatchway.core.untrusted import harmless, shown
from hatchway.policy.units import parse_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatchway.policy.reading import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """What worker processes must have and may use.

    Attributes:
        require: Layers without which nothing starts.
        calls: Calls that one worker answers before another takes its place.
        at_most: Workers that may run guests at once.
    """

    require: tuple[Layer, ...] = ()
    calls: int = 1000
    at_most: int = 32


class Wall(Protocol):
    """What was found out about one layer on this machine."""

    @property
    def layer(self) -> Layer:
        """Which one."""
        ...

    @property
    def holds(self) -> bool:
        """Whether it stopped what it must stop."""
        ...

    @property
    def detail(self) -> str:
        """What it holds, or why it does not."""
        ...


_MAX_CALLS = 1_000_000
_MAX_WORKERS = 256


def workers_in(root: Table) -> Workers:
    """What the document says about workers.

    Raises:
        ConfigError: A key or a layer that there is not, a layer twice, or a number out of range.
    """
    table = root.table("workers")
    table.only("require", "calls", "at_most")
    return Workers(
        require=_layers(table),
        calls=_count(table, "calls", Workers().calls, _MAX_CALLS),
        at_most=_count(table, "at_most", Workers().at_most, _MAX_WORKERS),
    )


def require_layers(workers: Workers, walls: Callable[[], Iterable[Wall]], *, file: str) -> None:
    """Refuse a machine that lacks a layer that the policy demands.

    Args:
        workers: What the policy says.
        walls: Finds out which layers hold here. Asked only when the policy demands one: it
            takes a process to try them.
        file: The policy.

    Raises:
        ConfigError: `config.missing_layer`. A layer that nobody could try does not hold.
    """
    if not workers.require:
        return
    standing = {wall.layer: wall for wall in walls()}
    missing = [
        f"{layer!r} ({_why(standing.get(layer))})"
        for layer in workers.require
        if layer not in standing or not standing[layer].holds
    ]
    if missing:
        message = f"{file} requires a layer around workers that does not hold here: "
        hint = f"hatchway doctor; or, to do without it, take it out of 'require' in {file}"
        raise ConfigError(message + ", ".join(missing), code="config.missing_layer", hint=hint)


def _why(wall: Wall | None) -> str:
    return "nobody could try it" if wall is None else harmless(wall.detail, limit=300)


def _layers(table: Table) -> tuple[Layer, ...]:
    texts = table.texts("require")
    for index, text in enumerate(texts):
        if text not in LAYERS:
            close = difflib.get_close_matches(text[:64], LAYERS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"layers are {', '.join(LAYERS)}"
            message = f"{shown(text)} is no layer around a worker"
            raise table.error(message, "require", index, hint=hint)
        if text in texts[:index]:
            raise table.error(f"{text!r} stands there twice", "require", index)
    return cast("tuple[Layer, ...]", tuple(texts))


def _count(table: Table, key: str, default: int, most: int) -> int:
    count = table.parsed(key, parse_count, default)
    if not 1 <= count <= most:
        raise table.error(f"{key!r} lies between 1 and {most}, got {shown(count)}", key)
    return count
