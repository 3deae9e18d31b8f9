"""The tools of a plug-in for Extism, and what a call of one hands over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import AdmissionError
from hatchway.core.manifest import ToolManifest
from hatchway.core.tool import Tool
from hatchway.core.untrusted import printable
from hatchway.runtime.offering import GENERATED, Rejected, unfit_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatchway.core.manifest import Manifest
    from hatchway.core.surface import Surface

PLUGIN_ABIS = ("extism", "hyper-mcp")

RAW_PLUGIN_INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "What the function is given."}},
    "additionalProperties": False,
}


def plugin_tools(
    owner: str, digest: str, surface: Surface, manifest: Manifest | None
) -> Iterator[Tool | Rejected]:
    """One tool for each entry of the manifest; without one, for each function.

    Raises:
        AdmissionError: `admission.manifest`: the manifest is not one of a plug-in, or names a
            function that it does not export.
    """
    entries = _plain(surface) if manifest is None else _described(owner, surface, manifest)
    for entry in entries:
        name = owner if entry.name is None else f"{owner}.{entry.name}"
        if (reason := unfit_name(name)) is not None:
            yield Rejected(name=printable(name, limit=160), reason=reason)
            continue
        generated = f"Calls {entry.function} of the plug-in {owner}. {GENERATED}"
        yield Tool(
            name=name,
            owner=owner,
            digest=digest,
            manifest=replace(entry, description=entry.description or entry.purpose or generated),
            input_schema=entry.input or {},
            output_schema=entry.output,
        )


def _plain(surface: Surface) -> Iterator[ToolManifest]:
    for function in surface.plugin:
        # What begins so is a compiler's: `__errno_location` and the like.
        if not function.startswith("_"):
            yield ToolManifest(
                name=function,
                abi="extism",
                function=function,
                input=RAW_PLUGIN_INPUT,
                stdin="{input}",
            )


def _described(owner: str, surface: Surface, manifest: Manifest) -> Iterator[ToolManifest]:
    for entry in manifest.tools:
        if entry.abi not in PLUGIN_ABIS:
            message = f"{owner!r} is a plug-in for Extism, and its manifest says otherwise"
            hint = 'abi = "extism", and the function that it calls: function = "…"'
            raise AdmissionError(message, code="admission.manifest", hint=hint)
        if entry.function not in surface.plugin:
            known = ", ".join(printable(name, limit=60) for name in surface.plugin[:8])
            message = (
                f"the manifest describes the function {printable(entry.function or '')!r}, but "
                f"the plug-in has {known or 'none'}"
            )
            raise AdmissionError(message, code="admission.manifest")
        yield entry


def request_of(manifest: ToolManifest, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a plug-in for hyper-mcp is asked: the request of MCP, in the form of its version."""
    request = {"name": manifest.name, "arguments": arguments}
    if manifest.function == "call":
        return {"params": request}
    return {"request": request, "context": NO_CONTEXT}


NO_CONTEXT: dict[str, Any] = {"id": 0, "_meta": {}}
"""What a plug-in of the second version learns about whoever asks: nothing."""
