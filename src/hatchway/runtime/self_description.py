"""What a plug-in for hyper-mcp says about its own tools, asked once, when it is admitted.

Such a plug-in is asked at run time what it offers, and could say something else every time. So
it is asked before anybody approves it, in a run without any grant. What it says is turned into a
manifest, read as strictly as one from a file, audited and pinned. From then on the lockfile is
asked instead.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hatchway.core.call import Principal
from hatchway.core.errors import AdmissionError, ConfigError, InvalidOutputError
from hatchway.core.limits import Limits
from hatchway.core.manifest import ToolManifest
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.tool import Tool
from hatchway.core.untrusted import printable
from hatchway.policy.decide import decide
from hatchway.policy.document import LOCAL_TENANT, Policy, ToolPolicy
from hatchway.policy.manifest import MAX_TOOLS, manifest_from_values
from hatchway.runtime.offering import Rejected
from hatchway.runtime.plugin_results import decoded
from hatchway.runtime.plugin_tools import NO_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.manifest import Manifest
    from hatchway.core.sandbox import Sandbox
    from hatchway.core.surface import Compiler, Surface

_VERSIONS = (("call_tool", "list_tools"), ("call", "describe"))
"""What is called, and what describes it; the second version first, as a plug-in may have both."""

_QUESTIONS = {"describe": b"", "list_tools": json.dumps({"context": NO_CONTEXT}).encode()}
_DEADLINE_SECONDS = 5.0

_KEPT = {"description": "description", "inputSchema": "input", "outputSchema": "output"}
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


def describes_itself(surface: Surface) -> bool:
    """Whether it is a plug-in that has to be asked what it offers."""
    return _version_of(surface) is not None


def description_of(
    sandbox: Sandbox, owner: str, digest: str, surface: Surface, compiler: Compiler | None
) -> tuple[Manifest, tuple[Rejected, ...]]:
    """The manifest that the plug-in's own words make, and the tools that were left out of it.

    Raises:
        AdmissionError: `admission.manifest`: it fails to describe itself, or nothing of what it
            describes can be a tool.
    """
    version = _version_of(surface)
    assert version is not None
    function, describe = version
    answer = _asked(sandbox, owner, digest, describe, compiler)
    return manifest_in(answer, owner=owner, function=function)


def manifest_in(
    answer: bytes, *, owner: str, function: str
) -> tuple[Manifest, tuple[Rejected, ...]]:
    """The manifest that an answer makes, and the tools that were left out of it.

    Args:
        answer: What the plug-in gave back when it was asked.
        owner: The entry it will belong to.
        function: What is to be called for each of its tools.

    Raises:
        AdmissionError: `admission.manifest`: nothing in it can be a tool.
    """
    tables: list[Mapping[str, Any]] = []
    rejected: list[Rejected] = []
    for item in _listed(answer, owner):
        table = _table(item, function)
        try:
            manifest_from_values({"tools": [table]}, file=owner)
        except ConfigError as error:
            name = printable(str(item.get("name")), limit=160)
            rejected.append(Rejected(name=name, reason=error.message))
        else:
            tables.append(table)
    try:
        return manifest_from_values({"tools": tables}, file=owner), tuple(rejected)
    except ConfigError as error:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in rejected[:4])
        raise _undescribed(owner, reasons or error.message) from error


def _version_of(surface: Surface) -> tuple[str, str] | None:
    offered = frozenset(surface.plugin)
    return next((version for version in _VERSIONS if offered.issuperset(version)), None)


def _asked(
    sandbox: Sandbox, owner: str, digest: str, function: str, compiler: Compiler | None
) -> bytes:
    """What it answers when it is asked for its tools."""
    limits = Limits(deadline_seconds=_DEADLINE_SECONDS)
    entry = ToolPolicy(name=owner, source="", limits=limits, compiler=compiler)
    manifest = ToolManifest(name=None)
    tool = Tool(
        name=owner, owner=owner, digest=digest, manifest=manifest, input_schema={},
        output_schema=None,
    )  # fmt: skip
    operator = Principal(tenant=LOCAL_TENANT, subject="operator", door="cli")
    grant = decide(tool, Policy(tools={owner: entry}), operator)
    invocation = CommandInvocation(
        arguments=(owner.encode(),), stdin=_QUESTIONS[function], function=function
    )
    execution = sandbox.run(digest, invocation, grant)
    if execution.stop is not None:
        raise _undescribed(owner, execution.stop.message)
    if execution.failed:
        raise _undescribed(owner, printable(str(execution.value), limit=200))
    return execution.stdout


def _listed(data: bytes, owner: str) -> list[Mapping[str, Any]]:
    """The tools in an answer, as it lists them."""
    try:
        answer = decoded(data, "description")
    except InvalidOutputError as error:
        raise _undescribed(owner, error.message) from error
    tools = answer.get("tools") if isinstance(answer, dict) else None
    if not isinstance(tools, list) or not all(isinstance(item, dict) for item in tools):
        raise _undescribed(owner, "there is no list of tools in its answer")
    if len(tools) > MAX_TOOLS:
        raise _undescribed(owner, f"it lists {len(tools)} tools, and may list {MAX_TOOLS}")
    return tools


def _table(item: Mapping[str, Any], function: str) -> dict[str, Any]:
    """A tool of MCP as a table of a manifest; what has no place there is left out."""
    table: dict[str, Any] = {"name": item.get("name"), "abi": "hyper-mcp", "function": function}
    for theirs, ours in _KEPT.items():
        if item.get(theirs) is not None:
            table[ours] = item[theirs]
    claims = item.get("annotations")
    claims = claims if isinstance(claims, dict) else {}
    hints = {key: claims[key] for key in _HINTS if isinstance(claims.get(key), bool)}
    title = item.get("title") or claims.get("title")
    if isinstance(title, str):
        hints["title"] = title
    if hints:
        table["annotations"] = hints
    return table


def _undescribed(owner: str, reason: str) -> AdmissionError:
    message = f"{owner!r} does not describe its tools: {reason}"
    hint = "write a manifest beside it (docs/extism.md)"
    return AdmissionError(message, code="admission.manifest", hint=hint)
