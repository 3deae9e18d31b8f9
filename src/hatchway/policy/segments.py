"""What the segments of a URL's path are, where every server must agree about it."""

from __future__ import annotations

import re
import unicodedata
from typing import cast
from urllib.parse import unquote_to_bytes

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]", re.ASCII)


def plain_segments(path: str) -> tuple[str, ...] | None:
    """The segments of `path`, decoded; None when servers could disagree about what they are.

    That is the case for dot segments and empty ones, also where parameters (`;`) or spaces
    stand behind the dots, for slashes, backslashes and control characters behind escapes, for
    what is escaped twice, and for what is not UTF-8 or no escape at all. A slash at the end
    is nothing special.
    """
    if _BROKEN_ESCAPE.search(path):
        return None
    parts = path.split("/")[1:]
    if parts[-1] == "":
        parts.pop()
    segments = tuple(map(_segment, parts))
    return None if None in segments else cast("tuple[str, ...]", segments)


def _segment(part: str) -> str | None:
    try:
        decoded = unquote_to_bytes(part)
        segment = decoded.decode()
    except UnicodeError:
        return None
    if _ESCAPE.search(decoded):
        return None
    # Some servers fold full-width dots and slashes, so they are looked at in both forms.
    for form in (segment, unicodedata.normalize("NFKC", segment)):
        if "/" in form or "\\" in form or _CONTROL.search(form):
            return None
        if not form.partition(";")[0].strip(". "):
            return None
    return segment
