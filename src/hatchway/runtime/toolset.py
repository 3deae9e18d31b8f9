"""The tools that one admitted artifact offers, each checked by itself.

A tool that cannot be offered (a type without a JSON form, a name no client would take) is
left out with a reason; the others are not affected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import AdmissionError
from hatchway.core.manifest import Annotations, ToolManifest
from hatchway.core.tool import Tool
from hatchway.core.untrusted import printable
from hatchway.core.wit import unsupported_in
from hatchway.policy.tool_text import hidden_character
from hatchway.runtime.code_tools import (
    CODE_INPUT,
    CODE_OUTPUT,
    description_of,
    fits_interface,
    is_interpreter,
)
from hatchway.runtime.offering import BAD_NAME, GENERATED, TOOL_NAME, Rejected
from hatchway.runtime.plugin_tools import plugin_tools
from hatchway.runtime.wit_schema import input_schema, label_in, output_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.manifest import JsonStyle, Manifest
    from hatchway.core.surface import Surface
    from hatchway.core.wit import WitFunction


RAW_COMMAND_INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "args": {
            "type": "array",
            "items": {"type": "string", "maxLength": 65536},
            "maxItems": 1024,
            "description": "The command line after the program's name.",
        },
        "stdin": {"type": "string", "description": "What the program reads from standard input."},
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolset:
    """What an artifact offers, and what it does not."""

    tools: tuple[Tool, ...]
    rejected: tuple[Rejected, ...]


def tools_of(owner: str, digest: str, surface: Surface, manifest: Manifest | None) -> Toolset:
    """The tools of the artifact `digest`, admitted as `owner`.

    Raises:
        AdmissionError: It offers nothing at all, or the manifest does not fit it.
    """
    tools: list[Tool] = []
    rejected: list[Rejected] = []
    if surface.functions:
        candidates = _functions(owner, digest, surface, manifest)
    elif surface.is_plugin:
        candidates = plugin_tools(owner, digest, surface, manifest)
    elif surface.is_command:
        candidates = _commands(owner, digest, manifest)
    else:
        what = ", ".join(printable(name, limit=60) for name in surface.exports[:8]) or "nothing"
        message = f"the {surface.kind} offers no tool: it exports {what}"
        hint = "a command exports _start; a component exports functions or wasi:cli/run"
        raise AdmissionError(message, code="admission.no_tools", hint=hint)
    taken: set[str] = set()
    for candidate in candidates:
        if isinstance(candidate, Rejected):
            rejected.append(candidate)
        elif candidate.name in taken:
            reason = "another function of the artifact has the same name"
            rejected.append(Rejected(name=candidate.name, reason=reason))
        else:
            taken.add(candidate.name)
            tools.append(candidate)
    if not tools:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in rejected[:4])
        message = f"none of the artifact's functions can be a tool ({reasons})"
        raise AdmissionError(message, code="admission.no_tools")
    return Toolset(tools=tuple(tools), rejected=tuple(rejected))


def visible_fields(tool: Tool, annotations: Annotations) -> dict[str, Any]:
    """Everything of a tool that a model may see, for pinning.

    Args:
        tool: The tool.
        annotations: What its author claims. The hints that a client is shown are computed from
            the grants, which the policy pins; of them only the claims are the author's.
    """
    return {
        "name": tool.name,
        "title": annotations.title,
        "description": tool.manifest.description,
        "input": tool.input_schema,
        "output": tool.output_schema,
        "annotations": {
            "read_only": annotations.read_only,
            "destructive": annotations.destructive,
            "idempotent": annotations.idempotent,
            "open_world": annotations.open_world,
        },
    }


def binary_safe(tool: Tool) -> Tool:
    """`tool`, taking its standard input as base64: a pipe's bytes need not be text."""
    if tool.function is not None or tool.manifest.abi is not None:
        return tool
    stdin = {"type": "string", "contentEncoding": "base64"}
    properties = {**RAW_COMMAND_INPUT["properties"], "stdin": stdin}
    return replace(tool, input_schema={**RAW_COMMAND_INPUT, "properties": properties})


# Commands


def _commands(owner: str, digest: str, manifest: Manifest | None) -> Iterator[Tool | Rejected]:
    if manifest is None:
        raw = ToolManifest(
            name=None,
            description=f"Runs the program {owner}. {GENERATED}",
            input=RAW_COMMAND_INPUT,
        )
        yield _command(owner, owner, digest, raw)
        return
    for entry in manifest.tools:
        if entry.abi not in ("json", "argv"):
            message = 'the manifest of a command must say abi = "json" or abi = "argv"'
            raise AdmissionError(message, code="admission.manifest")
        name = owner if entry.name is None else f"{owner}.{entry.name}"
        if not TOOL_NAME.fullmatch(name):
            yield Rejected(name=printable(name, limit=160), reason=BAD_NAME)
            continue
        yield _command(name, owner, digest, entry)


def _command(name: str, owner: str, digest: str, entry: ToolManifest) -> Tool:
    description = entry.description or entry.purpose or f"Runs {owner}. {GENERATED}"
    return Tool(
        name=name,
        owner=owner,
        digest=digest,
        manifest=replace(entry, description=description),
        input_schema=entry.input or {},
        output_schema=entry.output,
    )


# Component functions


def _functions(
    owner: str, digest: str, surface: Surface, manifest: Manifest | None
) -> Iterator[Tool | Rejected]:
    described = _descriptions(surface, manifest)
    names = [function.name for function in surface.functions]
    for function in surface.functions:
        entry = described.get(function.qualified_name, _UNDESCRIBED)
        if is_interpreter(function):
            yield _interpreter(owner, digest, entry, function)
            continue
        is_unique = names.count(function.name) == 1
        name = _tool_name(owner, function, entry.json, is_unique=is_unique)
        reason = _unfit(name, function)
        if reason is not None:
            yield Rejected(name=printable(name, limit=160), reason=reason)
            continue
        description = entry.description or entry.purpose or _generated(function)
        yield Tool(
            name=name,
            owner=owner,
            digest=digest,
            manifest=replace(entry, description=description),
            input_schema=_described(input_schema(function, entry.json), entry, function),
            output_schema=output_schema(function, entry.json),
            function=function,
        )


def _interpreter(
    owner: str, digest: str, entry: ToolManifest, function: WitFunction
) -> Tool | Rejected:
    """The one tool that an interpreter is: it has the name of its entry."""
    if not fits_interface(function):
        name = printable(f"{owner}.{function.name}", limit=160)
        return Rejected(name=name, reason="its type is not that of hatchway:exec/code.run")
    described = description_of(entry.description or entry.purpose, owner)
    return Tool(
        name=owner,
        owner=owner,
        digest=digest,
        manifest=replace(entry, description=described),
        input_schema=CODE_INPUT,
        output_schema=CODE_OUTPUT,
        function=function,
    )


_UNDESCRIBED = ToolManifest(name=None)


def _descriptions(surface: Surface, manifest: Manifest | None) -> dict[str, ToolManifest]:
    """Which entry of the manifest describes which function, by qualified name."""
    if manifest is None:
        return {}
    found: dict[str, ToolManifest] = {}
    for entry in manifest.tools:
        if entry.abi is not None:
            message = "a component's functions are called by type; 'abi' is for commands"
            raise AdmissionError(message, code="admission.manifest")
        matching = [
            function.qualified_name
            for function in surface.functions
            if entry.name is None or entry.name in _names_of(function, entry.json)
        ]
        if not matching:
            known = ", ".join(printable(f.name, limit=60) for f in surface.functions[:8])
            message = f"the manifest describes {entry.name!r}, but the component exports {known}"
            raise AdmissionError(message, code="admission.manifest")
        for name in matching:
            found[name] = entry
    return found


def _names_of(function: WitFunction, style: JsonStyle) -> tuple[str, ...]:
    """What a manifest may call a function."""
    return function.name, function.qualified_name, label_in(function.name, style)


def _described(
    schema: dict[str, Any], entry: ToolManifest, function: WitFunction
) -> dict[str, Any]:
    """`schema` with what the manifest says about its parameters."""
    properties = dict(schema["properties"])
    for name, words in entry.parameters.items():
        if name not in properties:
            message = f"the manifest describes a parameter {printable(name, limit=60)!r}"
            hint = f"{printable(function.name, limit=60)} takes {', '.join(properties) or 'none'}"
            raise AdmissionError(message, code="admission.manifest", hint=hint)
        properties[name] = {**properties[name], "description": words}
    return {**schema, "properties": properties}


def _tool_name(owner: str, function: WitFunction, style: JsonStyle, *, is_unique: bool) -> str:
    own = label_in(function.name, style)
    if is_unique or function.interface is None:
        return f"{owner}.{own}"
    interface = function.interface.partition("@")[0].rpartition("/")[2]
    return f"{owner}.{interface}.{own}"


def _unfit(name: str, function: WitFunction) -> str | None:
    """Why a function cannot be a tool, or None."""
    if function.name.startswith("["):
        return "methods and constructors of resources cannot be tools"
    if not TOOL_NAME.fullmatch(name):
        return BAD_NAME
    labels = [label for label, _ in function.parameters]
    if any(hidden_character(label) for label in labels):
        return "a parameter's name has hidden characters"
    for kind in (*(kind for _, kind in function.parameters), function.result):
        if (unsupported := unsupported_in(kind)) is not None:
            return f"its type uses {unsupported}, which has no JSON form"
    return None


def _generated(function: WitFunction) -> str:
    labels = ", ".join(label for label, _ in function.parameters)
    return f"Calls {function.name}({labels}). {GENERATED}"
