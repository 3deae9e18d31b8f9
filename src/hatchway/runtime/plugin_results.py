"""What a plug-in for hyper-mcp answers: content of MCP, none of which is taken at its word."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hatchway.core.call import Content, MediaContent, ResourceContent, TextContent
from hatchway.core.errors import InvalidOutputError
from hatchway.core.json_text import decode, encoder, require_shallow
from hatchway.core.untrusted import printable
from hatchway.policy.mapping import MEDIA_TYPES
from hatchway.runtime.media import image_in, media_type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.tool import Tool

MAX_BLOCKS = 256

_dumped = encoder(compact=False)


def plugin_answer(
    tool: Tool, data: bytes
) -> tuple[tuple[Content, ...], Mapping[str, Any] | None, bool]:
    """The content, the structured content, and whether the plug-in says that it failed.

    Text, images, sounds and embedded resources are passed on, the latter three with media types
    of the host's own. Links, annotations and `_meta` are not.

    Raises:
        InvalidOutputError: It is not an answer of that form.
    """
    answer = _object(decoded(data, "answer"), "its answer")
    blocks = answer.get("content", [])
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS:
        message = f"the plug-in's content is not a list of at most {MAX_BLOCKS} blocks"
        raise InvalidOutputError(message)
    content = tuple(
        block
        for index, item in enumerate(blocks)
        if (block := _block(tool, index, _object(item, "a block of its content"))) is not None
    )
    structured = answer.get("structuredContent")
    if structured is not None:
        structured = _object(structured, "its structured content")
        content = content or (TextContent(text=_dumped(structured)),)
    return content, structured, answer.get("isError") is True


def decoded(data: bytes, what: str) -> Any:
    """The JSON that a plug-in gave back.

    Raises:
        InvalidOutputError: It is none, or nests too deep.
    """
    try:
        value = decode(data.decode())
        require_shallow(value)
        _dumped(value).encode()  # an escape may stand for half a character
    except (ValueError, RecursionError) as error:
        message = f"the plug-in's {what} is not JSON: {printable(str(error), limit=120)}"
        raise InvalidOutputError(message) from error
    return value


def _block(tool: Tool, index: int, item: Mapping[str, Any]) -> Content | None:
    match item.get("type"):
        case "text":
            return TextContent(text=_text(item, "text"))
        case "image":
            return _image(item)
        case "audio":
            return _audio(item)
        case "resource":
            return _resource(tool, index, _object(item.get("resource", item), "a resource"))
        case _:
            return None


def _image(item: Mapping[str, Any]) -> Content:
    found = image_in(f"data:{_text(item, 'mimeType')};base64,{_text(item, 'data')}")
    if found is None:
        message = "the plug-in gave back an image that is none, or of a kind nobody shows"
        raise InvalidOutputError(message)
    return MediaContent(kind="image", data=found.data, media_type=found.media_type)


def _audio(item: Mapping[str, Any]) -> Content:
    media_type = _text(item, "mimeType")
    if media_type not in MEDIA_TYPES["audio"]:
        message = "the plug-in gave back a sound of a kind that nobody plays"
        raise InvalidOutputError(message)
    return MediaContent(kind="audio", data=_bytes(item, "data"), media_type=media_type)


def _resource(tool: Tool, index: int, item: Mapping[str, Any]) -> Content:
    """A document under a name of the host's: what the plug-in calls it could lead anywhere."""
    data = _bytes(item, "blob") if "blob" in item else _text(item, "text").encode()
    uri = f"hatchway:///{quote(tool.name)}/{index}"
    return ResourceContent(uri=uri, media_type=media_type_of("", data), data=data)


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        message = f"the plug-in gave back content whose {key!r} is no text"
        raise InvalidOutputError(message)
    return value


def _bytes(item: Mapping[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode(_text(item, key), validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"the plug-in gave back content whose {key!r} is not base64"
        raise InvalidOutputError(message) from error


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        message = f"the plug-in gave back JSON in which {what} is no object"
        raise InvalidOutputError(message)
    return value
