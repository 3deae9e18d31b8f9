"""JSON in the one form that can be hashed: RFC 8785, the JSON Canonicalization Scheme."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any


def canonical_json(value: Any) -> bytes:
    """`value` as RFC 8785 JSON.

    Raises:
        ValueError: It contains a number that JSON cannot express, or text that is not
            Unicode.
    """
    return _spelled(value).encode()


def canonical_digest(value: Any) -> str:
    """`sha256:` and the hash of `value`'s canonical JSON."""
    return f"sha256:{hashlib.sha256(canonical_json(value)).hexdigest()}"


def _spelled(value: Any) -> str:
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case float():
            return _number(value)
        case list() | tuple():
            return f"[{','.join(_spelled(item) for item in value)}]"
        case dict():
            # Section 3.2.3: keys are ordered by their UTF-16 code units.
            if not all(isinstance(key, str) for key in value):
                message = "a JSON object's keys are text"
                raise ValueError(message)
            pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
            inside = ",".join(f"{_spelled(key)}:{_spelled(item)}" for key, item in pairs)
            return f"{{{inside}}}"
        case _:
            message = f"{type(value).__name__} is not a JSON value"
            raise ValueError(message)


def _number(value: float) -> str:
    """A float as ECMAScript prints it (section 3.2.2.3)."""
    if not math.isfinite(value):
        message = f"{value} is not a JSON number"
        raise ValueError(message)
    if value == int(value) and abs(value) < 1e16:
        return str(int(value))
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    power = int(exponent)
    if 0 < power < 21:
        whole, _, fraction = mantissa.partition(".")
        return f"{whole}{fraction}{'0' * (power - len(fraction))}"
    if -7 < power < 0:
        digits = mantissa.replace(".", "").removeprefix("-")
        sign = "-" if value < 0 else ""
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    return f"{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"
