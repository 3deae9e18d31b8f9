"""Reading what strangers wrote: JSON and base64, strictly, with bounds."""

from __future__ import annotations

import base64
import json
from typing import Any

MAX_DEPTH = 32
"""Of a JSON document; a Sigstore bundle needs seven."""


class UnreadableError(ValueError):
    """A text is not what it has to be; whoever reads it says what that was."""


def read_json(data: bytes, *, limit_bytes: int) -> Any:
    """The one value in a JSON text.

    Refused are texts that two readers could understand differently: a key that stands twice in
    an object, numbers that are not JSON, anything but UTF-8. So is what nests deeper than
    `MAX_DEPTH`.

    Raises:
        ValueError: It is not JSON as told, or larger than the limit.
    """
    if len(data) > limit_bytes:
        raise UnreadableError(f"it is larger than {limit_bytes} bytes")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refused)
    except RecursionError as error:
        raise _too_deep() from error
    _require_shallow(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("a key stands twice in one object")
    return found


def _refused(constant: str) -> Any:
    raise UnreadableError(f"{constant} is not a JSON number")


def _require_shallow(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for item in level
            if isinstance(item, dict | list)
            for part in (item.values() if isinstance(item, dict) else item)
        ]
        if not any(isinstance(item, dict | list) for item in level):
            return
    raise _too_deep()


def _too_deep() -> UnreadableError:
    return UnreadableError(f"it nests deeper than {MAX_DEPTH}")


def read_base64(text: Any) -> bytes:
    """The bytes that standard base64 spells, with padding and nothing else in it.

    Python's own strict decoder still takes stray bits in the last character, so that several
    texts mean the same bytes. Only the one that encoding would give is taken.

    Raises:
        ValueError: It is not that.
    """
    if not isinstance(text, str):
        raise UnreadableError("base64 is text")
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise UnreadableError("it is not base64") from error
    if base64.b64encode(found).decode() != text:
        raise UnreadableError("it is not base64 as one writes it")
    return found
