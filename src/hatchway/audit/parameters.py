"""The parameters of tools, as models are asked to fill them in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatchway.audit.finding import Evidence
from hatchway.audit.visible import MAX_DEPTH, manifest_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatchway.audit.subject import Subject
    from hatchway.policy.positions import KeyPath

MAX_SCHEMAS = 20_000
"""Subschemas of one input that are looked at; a schema that is accepted has fewer."""
_SHORT = 64
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_GAP = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One subschema of a tool's input.

    Attributes:
        tool: As clients call it.
        field: Its key path in the manifest, or in the tool's visible fields.
        values: The keywords, unchecked.
        about: The tool's own description.
        abi: As the manifest spells it; None for a component's function.
    """

    tool: str
    field: KeyPath
    values: Mapping[str, Any]
    about: str
    abi: object
    origin: Literal["manifest", "text"]

    @property
    def name(self) -> str | None:
        """The parameter's name; None for what is not a property."""
        is_property = len(self.field) > 1 and self.field[-2] == "properties"
        return str(self.field[-1]) if is_property else None

    @property
    def place(self) -> str:
        """Its place within its tool; not escaped."""
        path = self.field[2:] if self.field[0] == "tools" else self.field
        return ".".join(str(step) for step in path)

    @property
    def is_open_text(self) -> bool:
        """Whether it takes any text of some length."""
        if "enum" in self.values or "const" in self.values:
            return False
        longest = self.values.get("maxLength")
        is_short = isinstance(longest, int) and longest < _SHORT
        return _allows_text(self.values.get("type", "string")) and not is_short

    def evidence(self, detail: str, *keys: str | int) -> Evidence:
        """Its place, or that of a keyword of it."""
        return Evidence(kind=self.origin, detail=detail, field=(*self.field, *keys))


def words_of(name: str) -> str:
    """The words of a parameter's name, small: `apiKey`, `api_key` and `API-Key` are one."""
    return _GAP.sub(" ", _HUMP.sub(" ", name).lower()).strip()


def input_schemas(subject: Subject) -> Iterator[Schema]:
    """Every subschema of every tool's input."""
    for root in _roots(subject):
        yield from _below(root)


def _roots(subject: Subject) -> Iterator[Schema]:
    values = manifest_values(subject)
    tables = values.get("tools")
    several = isinstance(tables, list)
    for index, table in enumerate(tables if isinstance(tables, list) else [values]):
        schema = table.get("input") if isinstance(table, dict) else None
        if isinstance(schema, dict):
            name = table.get("name")
            yield Schema(
                tool=f"{subject.name}.{name}" if several and name else subject.name,
                field=("tools", index, "input") if several else ("input",),
                values=schema,
                about=str(table.get("description") or table.get("purpose") or ""),
                abi=table.get("abi"),
                origin="manifest",
            )
    for tool in subject.tools:
        if tool.function is not None:
            yield Schema(
                tool=tool.name,
                field=("input",),
                values=tool.input_schema,
                about=tool.manifest.description,
                abi=None,
                origin="text",
            )


def _below(root: Schema) -> Iterator[Schema]:
    """`root` and the subschemas inside it, in their order."""
    waiting: list[tuple[KeyPath, Any]] = [(root.field, root.values)]
    seen = 0
    while waiting and seen < MAX_SCHEMAS:
        path, values = waiting.pop()
        seen += 1
        if isinstance(values, dict):
            yield Schema(
                tool=root.tool,
                field=path,
                values=values,
                about=root.about,
                abi=root.abi,
                origin=root.origin,
            )
            if len(path) < MAX_DEPTH:
                waiting += [((*path, *step), part) for step, part in reversed([*_parts(values)])]


def _parts(values: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """The subschemas that stand directly in one."""
    for keyword, value in values.items():
        if keyword in ("properties", "$defs") and isinstance(value, dict):
            yield from (((keyword, name), part) for name, part in value.items())
        elif keyword in ("oneOf", "anyOf", "allOf", "prefixItems") and isinstance(value, list):
            yield from (((keyword, index), part) for index, part in enumerate(value))
        elif keyword in ("items", "additionalProperties"):
            yield (keyword,), value


def _allows_text(kinds: object) -> bool:
    return kinds == "string" or (isinstance(kinds, list) and "string" in kinds)
