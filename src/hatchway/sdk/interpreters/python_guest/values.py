"""Values of the code as JSON, whatever they are.

What JSON has no word for becomes the nearest that it has; what is near to nothing is told as
Python shows it. The value is the code's, so every method of it may lie, fail or never return:
it breaks no more than its own answer.
"""

from __future__ import annotations

import base64
import builtins
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json.encoder
import math
import pathlib
import sys
import uuid
from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

globals()["__builtins__"] = vars(builtins).copy()

MAX_DEPTH = 60
MAX_SHOWN = 2000

_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_quoted: Callable[[str], str] = json.encoder.encode_basestring
_is_dataclass, _fields = dataclasses.is_dataclass, dataclasses.fields
_encode64, _isfinite = base64.b64encode, math.isfinite
_digits_limit = sys.get_int_max_str_digits

_SEQUENCES = (list, tuple, collections.deque, array, range)
_SETS: tuple[type[Any], ...] = (set, frozenset, type({}.keys()), type({}.items()))
_LISTS: tuple[type[Any], ...] = (*_SEQUENCES, type({}.values()))
_DATES = (dt.date, dt.time)
_SPELLED = (decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath)


def text_of(value: Any) -> str:
    """`value` as JSON text."""
    return _spelled(value, MAX_DEPTH)


def valid(text: str) -> str:
    """`text` without lone surrogates, which no JSON and no UTF-8 can hold."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def name_of(kind: type) -> str:
    """The name of a class, whatever the class says."""
    return str.__str__(_name(kind))


def shown(value: Any) -> str:
    """`value` as Python shows it, or else what kind of thing it is."""
    try:
        text = str.__str__(repr(value))
    except BaseException:  # noqa: BLE001 - the code's own method
        text = f"<{name_of(type(value))} object>"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _spelled(value: Any, depth: int) -> str:
    if value is None or value is True or value is False:
        return "null" if value is None else "true" if value else "false"
    if depth == 0:
        return _quoted("…")
    try:
        found = _text(value) or _number(value) or _whole(value) or _parts(value, depth - 1)
    except BaseException:  # noqa: BLE001 - the code's own method
        found = None
    return _quoted(valid(shown(value))) if found is None else found


def _text(value: Any) -> str | None:
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return _quoted(valid(str.__str__(value)))
    return None


def _number(value: Any) -> str | None:
    if isinstance(value, enum.Enum):
        return None
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        text = float.__repr__(value)
        return text if _isfinite(float.__pos__(value)) else _quoted(text)
    return None


def _whole(value: Any) -> str | None:
    """What is one thing, and no text."""
    if isinstance(value, enum.Enum):
        return _spelled(value.value, 1)
    if isinstance(value, _DATES):
        return _quoted(value.isoformat())
    if isinstance(value, dt.timedelta):
        return float.__repr__(value.total_seconds())
    if isinstance(value, _SPELLED):
        return _quoted(valid(str(value)))
    if isinstance(value, bytes | bytearray | memoryview):
        return _quoted(_encode64(value).decode())
    return None


def _parts(value: Any, depth: int) -> str | None:
    """What has parts that can be told one by one."""
    if isinstance(value, Mapping):
        return _object(value.items(), depth)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _object(zip(value._fields, value, strict=True), depth)
    if isinstance(value, _LISTS):
        return f"[{','.join([_spelled(item, depth) for item in value])}]"
    if isinstance(value, _SETS):
        return f"[{','.join([_spelled(item, depth) for item in _in_order(value)])}]"
    if _is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in _fields(value)]
        return _object([(name, getattr(value, name)) for name in names], depth)
    return None


def _object(items: Iterable[tuple[Any, Any]], depth: int) -> str:
    members = [f"{_key(key)}:{_spelled(item, depth)}" for key, item in items]
    return f"{{{','.join(members)}}}"


def _key(key: Any) -> str:
    text = shown(key) if isinstance(key, tuple | frozenset) else _spelled(key, 1)
    return text if text.startswith('"') else _quoted(valid(text))


def _in_order(items: Iterable[Any]) -> list[Any]:
    """The same every time: sorted, or else by how they are shown."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: (name_of(type(item)), shown(item)))
