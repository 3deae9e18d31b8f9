"""Reading a manifest: `tool.toml`, a sidecar, or the section inside an artifact."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from hatchway.core.errors import ConfigError
from hatchway.core.manifest import Annotations, Manifest, ToolManifest, Want
from hatchway.core.untrusted import printable
from hatchway.policy import mapping
from hatchway.policy.grammar import TOOL_NAME, parse_capability
from hatchway.policy.reading import MAX_DOCUMENT_BYTES, Table, read_toml
from hatchway.policy.schema import safe_schema
from hatchway.policy.tool_text import hidden_character

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.manifest import Abi, JsonStyle, ResultMapping

MAX_TOOLS = 200
"""Tools one artifact may describe."""
MAX_DESCRIPTION = 4096

HYPER_MCP_FUNCTIONS = ("call", "call_tool")
"""What a plug-in for hyper-mcp exports to be called: in its first version, and in its second."""

_FUNCTION = re.compile(r"[A-Za-z0-9_.:/@#-]{1,256}", re.ASCII)

_LICENCE = re.compile(r"[A-Za-z0-9(][A-Za-z0-9.()+ -]{0,127}", re.ASCII)

_TOOL_KEYS = (
    "purpose",
    "description",
    "abi",
    "function",
    "json",
    "parameters",
    "input",
    "output",
    "argv",
    "stdin",
    "workspace",
    "files",
    "result",
    "annotations",
    "requires",
    "optional",
)


def parse_manifest_toml(text: str, *, file: str) -> Manifest:
    """The manifest in a `tool.toml` or a sidecar.

    Raises:
        ConfigError: With file, line and the nearest valid key.
    """
    return _manifest(read_toml(text, file=file))


def manifest_values(data: bytes, *, file: str) -> dict[str, Any]:
    """The document in an artifact's `hatchway` section, not looked at any further.

    Raises:
        ConfigError: It is not a JSON object.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        message = f"{file}: the manifest is larger than {MAX_DOCUMENT_BYTES} bytes"
        raise ConfigError(message, code="config.too_large")
    try:
        values = json.loads(data, object_pairs_hook=_unique, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        message = f"{file}: the manifest is not valid JSON: {printable(str(error))}"
        raise ConfigError(message, code="config.syntax") from error
    if not isinstance(values, dict):
        message = f"{file}: the manifest must be an object"
        raise ConfigError(message)
    return values


def manifest_from_values(values: Mapping[str, Any], *, file: str) -> Manifest:
    """The manifest in already parsed values, as the lockfile keeps them."""
    return _manifest(Table(values, file=file))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        message = "a key stands there twice"
        raise ValueError(message)
    return values


def _refused(constant: str) -> Any:
    message = f"{constant} is not JSON"
    raise ValueError(message)


def _manifest(root: Table) -> Manifest:
    _require_keepable(root)
    several = "tools" in root
    if several:
        root.only("name", "version", "licence", "purpose", "tools")
    else:
        root.only("name", "version", "licence", *_TOOL_KEYS)
    name = root.text("name", limit=64)
    if name is not None and not TOOL_NAME.fullmatch(name):
        raise root.error(f"{printable(name)!r} is not a tool's name", "name")
    purpose = _visible(root, "purpose", 512)
    tables = root.tables("tools") if several else [root]
    if not 0 < len(tables) <= MAX_TOOLS:
        raise root.error(f"a manifest describes 1 to {MAX_TOOLS} tools", "tools")
    tools = tuple(_tool(table, purpose, is_root=not several) for table in tables)
    named = [tool.name for tool in tools if tool.name is not None]
    if len(set(named)) != len(named):
        raise root.error("two tools have the same name", "tools")
    return Manifest(
        name=name,
        version=root.text("version", limit=64),
        licence=_licence(root),
        tools=tools,
        source=root.values,
    )


def _require_keepable(root: Table) -> None:
    """Refuse what the lockfile could not keep: dates, endless numbers, text out of Unicode."""
    try:
        json.dumps(root.values, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise root.error(f"a manifest holds JSON values only: {printable(str(error))}") from error


def _tool(table: Table, purpose: str, *, is_root: bool) -> ToolManifest:
    name = None
    if not is_root:
        table.only("name", *_TOOL_KEYS)
        name = table.text("name", limit=256)
        if not name or not _FUNCTION.fullmatch(name):
            raise table.error("every one of several tools needs a name", "name")
    abi = cast("Abi | None", table.choice("abi", _ABIS))
    _only_with_abi(table, abi)
    schema = _schema(table, "input")
    results = mapping.results(table, abi)
    if "output" in table and not _answers_in_json(abi, results):
        raise table.error("'output' needs result = \"json\"", "output")
    return ToolManifest(
        name=name,
        purpose=_visible(table, "purpose", 512) or purpose,
        description=_visible(table, "description", MAX_DESCRIPTION),
        abi=abi,
        function=_function(table, abi),
        json=cast("JsonStyle", table.choice("json", ("wit", "plain"), "wit")),
        parameters=_parameters(table),
        input=schema,
        output=_schema(table, "output"),
        argv=mapping.command_line(table, schema),
        stdin=mapping.template(table, "stdin", schema),
        workspace=mapping.workspace(table),
        files=mapping.input_files(table, schema),
        results=results,
        annotations=_annotations(table.table("annotations")),
        requires=_wants(table, "requires"),
        optional=_wants(table, "optional"),
    )


_ABIS = ("json", "argv", "extism", "hyper-mcp")
_NOT_A_PLUGIN = 'only plug-ins have functions to choose from: abi = "extism"'

_WITHOUT_EFFECT: dict[str | None, Mapping[str, str]] = {
    None: {
        "function": _NOT_A_PLUGIN,
        **dict.fromkeys(
            ("input", "output", "argv", "stdin", "workspace", "files", "result"),
            'a command needs abi = "json" or abi = "argv"; a component needs neither',
        ),
    },
    "json": {
        "function": _NOT_A_PLUGIN,
        **dict.fromkeys(("argv", "stdin"), 'with abi = "json" both streams carry JSON'),
        **dict.fromkeys(("json", "parameters"), "a command has [input] for that"),
    },
    "argv": {
        "function": _NOT_A_PLUGIN,
        **dict.fromkeys(("json", "parameters"), "a command has [input] for that"),
    },
    "extism": {
        "argv": "a plug-in has no command line",
        **dict.fromkeys(("json", "parameters"), "a plug-in has [input] for that"),
    },
    "hyper-mcp": {
        **dict.fromkeys(
            ("argv", "stdin", "workspace", "files", "result"),
            "such a plug-in takes a request and answers with content",
        ),
        **dict.fromkeys(("json", "parameters"), "a plug-in has [input] for that"),
    },
}
"""Keys that nothing would act on and what to do about them, by abi."""


def _only_with_abi(table: Table, abi: str | None) -> None:
    """Refuse keys that would have no effect with this abi."""
    for key, hint in _WITHOUT_EFFECT[abi].items():
        if key in table:
            raise table.error(f"{key!r} has no effect here", key, hint=hint)
    if abi is not None and "input" not in table:
        kind = "command" if abi in ("json", "argv") else "plug-in"
        raise table.error(f"a {kind} needs an input schema", "abi", hint="[input]")


def _function(table: Table, abi: str | None) -> str | None:
    """Which function of a plug-in this is."""
    function = table.text("function", limit=256)
    if abi == "hyper-mcp" and function not in HYPER_MCP_FUNCTIONS:
        known = " or ".join(map(repr, HYPER_MCP_FUNCTIONS))
        raise table.error(f"with abi = 'hyper-mcp' the function is {known}", "function")
    if abi == "extism" and not function:
        hint = 'function = "count_vowels"'
        raise table.error("a plug-in's tool needs the function it calls", "function", hint=hint)
    return function


def _answers_in_json(abi: str | None, results: tuple[ResultMapping, ...]) -> bool:
    return abi == "hyper-mcp" or "json" in {result.kind for result in results}


def _visible(table: Table, key: str, limit: int) -> str:
    text = table.text(key, limit=limit, default="") or ""
    if hidden := hidden_character(text):
        raise table.error(f"{key!r} contains the hidden character {hidden}", key)
    return text


def _licence(root: Table) -> str | None:
    licence = root.text("licence", limit=128)
    if licence is not None and not _LICENCE.fullmatch(licence):
        message = f"{printable(licence)!r} is not an SPDX licence expression"
        raise root.error(message, "licence", hint='licence = "Apache-2.0"')
    return licence


def _parameters(table: Table) -> Mapping[str, str]:
    """What is said about the parameters of a function, by their names."""
    described = table.table("parameters")
    return {name: _visible(described, name, 1024) for name in described}


def _schema(table: Table, key: str) -> Mapping[str, Any] | None:
    if key not in table:
        return None
    try:
        return safe_schema(table.table(key).values)
    except ValueError as error:
        raise table.error(f"{key!r}: {error}", key, code="config.schema") from error


def _annotations(table: Table) -> Annotations:
    hints = {
        "readOnlyHint": "read_only",
        "destructiveHint": "destructive",
        "idempotentHint": "idempotent",
        "openWorldHint": "open_world",
    }
    table.only("title", *hints)
    claims = {attribute: table.flag(key) for key, attribute in hints.items()}
    return Annotations(title=_visible(table, "title", 128) or None, **claims)


def _wants(table: Table, key: str) -> tuple[Want, ...]:
    wants: list[Want] = []
    for item in table.tables(key):
        item.only("capability", "reason")
        spelled = item.text("capability", limit=4096)
        reason = _visible(item, "reason", 512)
        if not spelled or not reason:
            missing = "reason" if spelled else "capability"
            hint = '{ capability = "clock", reason = "stamps the report" }'
            raise item.error(f"every entry of {key!r} needs a {missing}", missing, hint=hint)
        try:
            capability = parse_capability(spelled, side="wanted")
        except ConfigError as error:
            raise item.error(
                error.message, "capability", code=error.code, hint=error.hint
            ) from error
        wants.append(Want(capability=capability, reason=reason))
    return tuple(wants)
