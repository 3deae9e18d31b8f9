"""Limits as a policy writes them: a key, a unit, and the values between which each may lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hatchway.core.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.policy.reading import Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """How a limit is written and between which values it may lie."""

    attribute: str
    parse: Callable[[object], float]
    smallest: float
    largest: float
    spelled: str


def limits_in(table: Table, keys: Mapping[str, Range], defaults: T) -> T:
    """`defaults` with what `table` says otherwise; every one of its keys is one of `keys`.

    Raises:
        ConfigError: With file and line.
    """
    table.only(*keys)
    values: dict[str, Any] = {}
    for key, spec in keys.items():
        value = table.parsed(key, spec.parse, getattr(defaults, spec.attribute))
        if not spec.smallest <= value <= spec.largest:
            written = shown(table.values[key])
            raise table.error(f"{key!r} lies between {spec.spelled}, got {written}", key)
        values[spec.attribute] = value
    return type(defaults)(**values)
