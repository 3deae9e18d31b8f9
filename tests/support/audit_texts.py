"""Subjects of an audit that say something: with a manifest, or as a component."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from audit_subjects import artifact_of, subject_with

from hatchway.audit.subject import Neighbour, Subject
from hatchway.core.errors import ConfigError
from hatchway.core.manifest import ToolManifest
from hatchway.core.tool import Tool
from hatchway.core.wit import Primitive, WitFunction
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.runtime.toolset import tools_of
from hatchway.runtime.wit_schema import input_schema

if TYPE_CHECKING:
    from hatchway.core.manifest import Manifest


def subject_saying(manifest: str, *neighbours: Neighbour, **changes: Any) -> Subject:
    """A command with this manifest, which may be one that is refused."""
    understood = _understood(manifest)
    artifact = artifact_of()
    tools: tuple[Tool, ...] = ()
    if understood is not None:
        tools = tools_of("tool", artifact.digest, artifact.surface, understood).tools
    facts: dict[str, Any] = {
        "artifact": artifact,
        "manifest": understood,
        "manifest_values": tomllib.loads(manifest),
        "tools": tools,
        "neighbours": neighbours,
    }
    return subject_with(**(facts | changes))


def _understood(manifest: str) -> Manifest | None:
    try:
        return parse_manifest_toml(manifest, file="tool.tool.toml")
    except ConfigError:
        return None


def component_of(*functions: WitFunction, description: str = "") -> Subject:
    """A component without a manifest that exports these functions."""
    tools = tuple(
        tool_named(f"tool.{function.name}", description, function) for function in functions
    )
    return subject_with(tools=tools)


def function_of(name: str, *labels: str) -> WitFunction:
    """A function that takes texts of these names."""
    parameters = tuple((label, Primitive("string")) for label in labels)
    return WitFunction(name=name, interface=None, parameters=parameters, result=None)


def tool_named(name: str, description: str = "", function: WitFunction | None = None) -> Tool:
    """A tool as it is listed."""
    return Tool(
        name=name,
        owner=name.partition(".")[0],
        digest="sha256:" + "0" * 64,
        manifest=ToolManifest(name=None, description=description),
        input_schema={} if function is None else input_schema(function),
        output_schema=None,
        function=function,
    )


def neighbour_with(*names: str) -> Neighbour:
    """Another entry of the policy, with tools of these names."""
    owner = names[0].partition(".")[0]
    return Neighbour(owner=owner, tools=tuple(tool_named(name) for name in names))
