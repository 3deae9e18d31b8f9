"""Our words in MCP's: tools and outcomes as the SDK's types."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from mcp import types

from hatchway.core.call import Content, ResourceContent, TextContent
from hatchway.runtime.effects import annotations_of
from hatchway.runtime.toolset import visible_fields

if TYPE_CHECKING:
    from hatchway.core.call import Outcome
    from hatchway.core.tool import Tool
    from hatchway.policy.document import ToolPolicy


def wire_tool(tool: Tool, entry: ToolPolicy) -> types.Tool:
    """A tool as it is listed. Nothing of it comes from an artifact unchecked.

    Raises:
        ValueError: The SDK would not send it.
    """
    shown = annotations_of(entry.allow, tool.manifest.annotations)
    return types.Tool(
        name=tool.name,
        title=shown.title,
        description=tool.manifest.description,
        input_schema=dict(tool.input_schema),
        output_schema=None if tool.output_schema is None else dict(tool.output_schema),
        annotations=types.ToolAnnotations(
            title=shown.title,
            read_only_hint=shown.read_only,
            destructive_hint=shown.destructive,
            idempotent_hint=shown.idempotent,
            open_world_hint=shown.open_world,
        ),
    )


def shown_fields(shown: types.Tool, tool: Tool) -> dict[str, Any]:
    """What of a listed tool is its author's, under the names by which the lockfile pins it.

    Whatever else it has is shown under its own name, and so is pinned by no lockfile. The hints
    follow from the grants; the claims they were computed from are the author's.
    """
    fields = shown.model_dump(exclude_none=True)
    for ours in ("annotations", "input_schema", "output_schema"):
        fields.pop(ours, None)
    claims = visible_fields(tool, tool.manifest.annotations)["annotations"]
    return {
        "title": None,
        "description": None,
        **fields,
        "input": shown.input_schema,
        "output": shown.output_schema,
        "annotations": claims,
    }


def wire_result(outcome: Outcome) -> types.CallToolResult:
    """An outcome as the client gets it: no hints, no links, no `_meta` of the guest's."""
    return types.CallToolResult(
        content=[_block(block) for block in outcome.content],
        structured_content=None if outcome.structured is None else dict(outcome.structured),
        is_error=outcome.is_error,
    )


def _block(block: Content) -> types.ContentBlock:
    if isinstance(block, TextContent):
        return types.TextContent(type="text", text=block.text)
    if isinstance(block, ResourceContent):
        return types.EmbeddedResource(type="resource", resource=_resource(block))
    data = _base64(block.data)
    if block.kind == "image":
        return types.ImageContent(type="image", data=data, mime_type=block.media_type)
    return types.AudioContent(type="audio", data=data, mime_type=block.media_type)


def _resource(
    block: ResourceContent,
) -> types.TextResourceContents | types.BlobResourceContents:
    uri, media_type, text = block.uri, block.media_type, block.text
    if text is not None:
        return types.TextResourceContents(uri=uri, mime_type=media_type, text=text)
    blob = _base64(block.data)
    return types.BlobResourceContents(uri=uri, mime_type=media_type, blob=blob)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
