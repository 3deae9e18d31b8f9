"""Tools that are only useful: a chart, a renderer nobody here wrote, a typed component."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.core.call import MediaContent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.serve.client import Answer, Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """One call to a useful tool.

    Attributes:
        deed: What it did, in words.
        made: What came of it, in words; or why it failed.
        facts: The same for programs.
    """

    tool: str
    deed: str
    made: str
    facts: Mapping[str, Any]
    answer: Answer

    @property
    def failed(self) -> bool:
        """The tool did not do its work."""
        return self.answer.is_error


async def try_real_tools(
    client: Conversation, counts: Mapping[str, Any], summary: str, *, with_resvg: bool
) -> tuple[ToolRun, ...]:
    """Draw the counts, render the drawing, measure the summary."""
    components = counts.get("components", [])
    chart = await client.call("chart", {"title": "Errors by component", "bars": components})
    runs = [_image("chart", "drew the counts (written in C)", chart)]
    drawing = _media(chart)
    if with_resvg and drawing is not None:
        svg = drawing.data.decode("utf-8", "replace")
        picture = await client.call("resvg", {"svg": svg})
        runs.append(_image("resvg", "rendered the drawing (from PyPI, unchanged)", picture))
    size = await client.call("text.measure", {"text": summary})
    made = ", ".join(f"{what} {count}" for what, count in (size.structured or {}).items())
    runs.append(
        ToolRun(
            tool="text.measure",
            deed="measured the summary (a typed component)",
            made=made or size.text,
            facts={"structured": size.structured},
            answer=size,
        )
    )
    return tuple(runs)


def _image(tool: str, deed: str, answer: Answer) -> ToolRun:
    media = _media(answer)
    if media is None:
        return ToolRun(tool=tool, deed=deed, made=answer.text, facts={}, answer=answer)
    facts: dict[str, Any] = {"media_type": media.media_type, "bytes": len(media.data)}
    made = f"{media.media_type}, {len(media.data)} bytes"
    if (size := png_size(media.data)) is not None:
        facts["width"], facts["height"] = size
        made += f", {size[0]} × {size[1]} pixels"
    return ToolRun(tool=tool, deed=deed, made=made, facts=facts, answer=answer)


def _media(answer: Answer) -> MediaContent | None:
    blocks = [block for block in answer.content if isinstance(block, MediaContent)]
    return blocks[0] if blocks and not answer.is_error else None


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG image, from its IHDR chunk; None when it is not one."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height
