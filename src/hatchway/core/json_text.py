"""JSON from clients and guests, read as strictly as RFC 8259 says it."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 64
"""Of a value that goes in or out."""


def encoder(
    *, sort_keys: bool = False, ascii_only: bool = False, compact: bool
) -> Callable[[Any], str]:
    """A function that spells values as JSON text, without spaces when `compact`.

    `json.JSONEncoder` makes a new C encoder for every value, which costs more than a small
    value does. Where CPython's own can be had it is made once, and must agree with it.
    """
    plain = json.JSONEncoder(
        sort_keys=sort_keys,
        ensure_ascii=ascii_only,
        check_circular=False,
        separators=(",", ":") if compact else None,
    )
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    spell: Any = getattr(json.encoder, "encode_basestring" + ("_ascii" if ascii_only else ""))
    try:
        made = make(
            None, plain.default, spell, None, plain.key_separator, plain.item_separator,
            plain.sort_keys, plain.skipkeys, plain.allow_nan,
        )  # fmt: skip
        agrees = "".join(made(_SAMPLE, 0)) == plain.encode(_SAMPLE)
    except TypeError:  # another Python, with another encoder or none
        return plain.encode
    return (lambda value: "".join(made(value, 0))) if agrees else plain.encode


_SAMPLE = {"b": [1, -2.5, True, None, "é\u2028\n"], "a": {}, "": []}


def require_shallow(value: Any) -> None:
    """Refuse what the protocol's own encoder could not follow.

    Raises:
        ValueError: It nests deeper than `MAX_DEPTH`.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    message = f"it nests deeper than {MAX_DEPTH}"
    raise ValueError(message)


def _refused(spelled: str) -> Any:
    message = f"{spelled} is not a JSON number"
    raise ValueError(message)


def _finite(spelled: str) -> float:
    number = float(spelled)
    return number if math.isfinite(number) else _refused(spelled)


def decode(text: str) -> Any:
    """The value in a JSON text.

    Raises:
        ValueError: It is none, or nests so deeply that reading it could exhaust the stack. How
            far Python's own reader goes depends on its version and on what the program has set.
    """
    if text.count("[") + text.count("{") > _MAX_READ_DEPTH:
        _require_readable(text)
    return _read(text)


def _require_readable(text: str) -> None:
    """Refuse what nests too deeply, without following it down."""
    brackets = _NOT_BRACKETS.sub("", _STRINGS.sub("", text))
    # The reader goes down at what opens, and gives up where something else closes than was opened.
    if any(depth > _MAX_READ_DEPTH for depth in accumulate(map(_STEPS.__getitem__, brackets))):
        message = f"it nests deeper than {_MAX_READ_DEPTH}"
        raise ValueError(message)


_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_MAX_READ_DEPTH = 4 * MAX_DEPTH
# A string that has no end is taken to the end, so that no quote is looked at twice.
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^][{}]+")
# Made once: `json.loads` with options makes a new one for every call.
_read = json.JSONDecoder(parse_constant=_refused, parse_float=_finite).decode
