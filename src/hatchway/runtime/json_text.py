"""JSON from clients and guests, read as strictly as RFC 8259 says it."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 64
"""Of a value that goes in or out."""


def require_shallow(value: Any) -> None:
    """Refuse what the protocol's own encoder could not follow.

    Raises:
        ValueError: It nests deeper than `MAX_DEPTH`.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for item in level
            if isinstance(item, dict | list)
            for part in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    message = f"it nests deeper than {MAX_DEPTH}"
    raise ValueError(message)


def _refused(spelled: str) -> Any:
    message = f"{spelled} is not a JSON number"
    raise ValueError(message)


def _finite(spelled: str) -> float:
    number = float(spelled)
    return number if math.isfinite(number) else _refused(spelled)


# Made once: `json.loads` with options makes a new one for every call.
decode = json.JSONDecoder(parse_constant=_refused, parse_float=_finite).decode
"""The value in a JSON text. Raises ValueError, or RecursionError for a very deep one."""
