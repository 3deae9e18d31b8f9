"""What a file that a guest made is, by its first bytes and its name together.

A guest's word for its type counts for nothing, and neither does a name alone: a client opens an
image in another way than a text. What is no type of this list is plain text, or just bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"})
"""What is shown as an image."""

BYTES = "application/octet-stream"

_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "json": "application/json",
    "csv": "text/csv",
    "md": "text/markdown",
}

_BEGINNINGS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "application/pdf": re.compile(rb"%PDF-"),
    "application/zip": re.compile(rb"PK\x03\x04"),
}
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)?<svg[\s>/]")
_LOOKED_AT = 1024

_DATA_URL = re.compile(r"data:(image/[a-z+.-]{1,20});base64,")


class Image(NamedTuple):
    """An image that a guest made."""

    media_type: str
    data: bytes


def media_type_of(name: str, data: bytes) -> str:
    """The media type of a file, from our own list.

    Args:
        name: Its path, as the guest chose it.
        data: What it holds.
    """
    named = _ENDINGS.get(name.rpartition(".")[2].lower(), "text/plain")
    if named in IMAGES or named in _BEGINNINGS:
        return named if _begins_like(named, data) else _plain(data)
    return named if _plain(data) == "text/plain" else BYTES


def image_in(text: str) -> Image | None:
    """The image that a data URL holds; None where it is none, or not what it says it is."""
    found = _DATA_URL.match(text)
    if found is None or found[1] not in IMAGES:
        return None
    try:
        data = base64.b64decode(text[found.end() :], validate=True)
    except (binascii.Error, ValueError):
        return None
    return Image(found[1], data) if _begins_like(found[1], data) else None


def _begins_like(media_type: str, data: bytes) -> bool:
    if media_type == "image/svg+xml":
        return _plain(data) == "text/plain" and _SVG.match(data[:_LOOKED_AT]) is not None
    return _BEGINNINGS[media_type].match(data) is not None


def _plain(data: bytes) -> str:
    if b"\0" in data:
        return BYTES
    try:
        data.decode()
    except UnicodeDecodeError:
        return BYTES
    return "text/plain"
