"""Numbers with units, as people write them in files and flags."""

from __future__ import annotations

import re

from hatchway.core.limits import GIBIBYTE, KIBIBYTE, MEBIBYTE
from hatchway.core.untrusted import shown

_BYTE_UNITS = {"B": 1, "KiB": KIBIBYTE, "MiB": MEBIBYTE, "GiB": GIBIBYTE}
_SECOND_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}

# Twelve digits are more than any limit here may reach, and keep the arithmetic small.
_NUMBER_AND_UNIT = re.compile(r"([0-9]{1,12})([A-Za-z]+)", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([A-Za-z]+)", re.ASCII)


def parse_bytes(text: object) -> int:
    """The number of bytes in a size such as ``64MiB``.

    Raises:
        ValueError: Saying what was expected.
    """
    if isinstance(text, str) and (match := _NUMBER_AND_UNIT.fullmatch(text)):
        unit = _BYTE_UNITS.get(match[2])
        if unit is not None:
            return int(match[1]) * unit
    message = f"expected a size with one of the units B, KiB, MiB, GiB, got {shown(text)}"
    raise ValueError(message)


def parse_seconds(text: object) -> float:
    """The number of seconds in a duration such as ``5s`` or ``250ms``.

    Raises:
        ValueError: Saying what was expected.
    """
    if isinstance(text, str) and (match := _DURATION.fullmatch(text)):
        unit = _SECOND_UNITS.get(match[2])
        if unit is not None:
            return float(match[1]) * unit
    message = f"expected a duration with one of the units ms, s, m, got {shown(text)}"
    raise ValueError(message)


def parse_count(value: object) -> int:
    """A whole number.

    Raises:
        ValueError: Saying what was expected.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    message = f"expected a whole number without a unit, got {shown(value)}"
    raise ValueError(message)


def spell_seconds(seconds: float) -> str:
    """A duration in the unit people would choose: ``5s``, ``250ms``."""
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def spell_bytes(size: int) -> str:
    """A size in the largest unit that keeps it whole: ``64MiB``, ``1000B``."""
    unit = next(unit for unit in reversed(_BYTE_UNITS) if size % _BYTE_UNITS[unit] == 0)
    return f"{size // _BYTE_UNITS[unit]}{unit}"
