"""Every text of an artifact that somebody reads before it runs, with its place.

A model reads names, descriptions and schemas whole: property names and constants as much as
prose. A person who approves a tool also reads its purpose and its reasons. What the manifest
says is taken from its plain values, so that a manifest that was refused is looked at too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hatchway.audit.finding import Evidence
from hatchway.audit.unseen import visibly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hatchway.audit.subject import Subject
    from hatchway.core.tool import Tool
    from hatchway.policy.positions import KeyPath

Reader: TypeAlias = Literal["model", "person"]

MAX_TEXTS = 100_000
MAX_CHARACTERS = 4 << 20
MAX_DEPTH = 64
"""What goes beyond these bounds is not looked at, and said to be not looked at."""

_FOR_MODELS = frozenset(
    {"name", "title", "purpose", "description", "input", "output", "annotations", "result"}
)
"""Keys of a manifest whose values end up in a tool's listing or in its results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleText:
    """One text, and where it stands.

    Attributes:
        field: Its key path in the manifest, or in the tool's visible fields.
        text: As it is; nothing was escaped.
        is_key: It is the last key of `field` itself, not what stands under it.
        tool: The tool it belongs to, as clients call it; the artifact's name for what belongs
            to all.
        reader: Who reads it. What a model reads a person may read too.
        origin: What `field` is a path into: `text` for what no manifest says, such as a
            component's parameter names.
    """

    field: KeyPath
    text: str
    is_key: bool
    tool: str
    reader: Reader
    origin: Literal["manifest", "text"]

    @property
    def place(self) -> str:
        """Its place within its tool, the same wherever the tool stands in its manifest."""
        path = self.field[2:] if self.field[:1] == ("tools",) else self.field
        return visibly(".".join(str(step) for step in path), limit=160)

    @property
    def described(self) -> str:
        """What it is, for the start of a sentence."""
        kind = "key" if self.is_key else "text"
        return f"The {kind} {self.place} of {visibly(self.tool, limit=160)}"

    @property
    def about(self) -> str:
        """What a finding in it is about: its tool and its place."""
        return f"{visibly(self.tool, limit=160)} {self.place}"

    def evidence(self, detail: str) -> Evidence:
        """Its place, with `detail` about what stands there."""
        return Evidence(kind=self.origin, detail=detail, field=self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleTexts:
    """All of them.

    Attributes:
        is_complete: Nothing was left out for its depth or number.
    """

    items: tuple[VisibleText, ...]
    is_complete: bool


def visible_texts(subject: Subject) -> VisibleTexts:
    """Everything that somebody reads of `subject`, keys included."""
    collected = _Collected()
    values = manifest_values(subject)
    for path, text, is_key in collected.within_bounds(values, ()):
        collected.add(
            VisibleText(
                field=path,
                text=text,
                is_key=is_key,
                tool=_tool_of(subject.name, values, path),
                reader=_reader_of(path),
                origin="manifest",
            )
        )
    said = {item.text for item in collected.items if item.reader == "model"}
    for tool in subject.tools:
        for path, text, is_key in collected.within_bounds(_listing(tool), ()):
            if text not in said and not (is_key and len(path) == 1):
                collected.add(
                    VisibleText(
                        field=path,
                        text=text,
                        is_key=is_key,
                        tool=tool.name,
                        reader="model",
                        origin="text",
                    )
                )
    return VisibleTexts(items=tuple(collected.items), is_complete=collected.is_complete)


def manifest_values(subject: Subject) -> Mapping[str, Any]:
    """The manifest as plain values, understood or not; empty without one."""
    if subject.manifest_values is not None:
        return subject.manifest_values
    return {} if subject.manifest is None else subject.manifest.source


class _Collected:
    """Texts so far, and how many more are looked at."""

    def __init__(self) -> None:
        self.items: list[VisibleText] = []
        self.is_complete = True
        self._texts = 0
        self._characters = 0

    def add(self, item: VisibleText) -> None:
        self.items.append(item)

    def within_bounds(self, values: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str, bool]]:
        """The texts and keys inside `values`, in their order, as far as the bounds reach."""
        waiting: list[tuple[KeyPath, Any]] = [(path, values)]
        while waiting:
            here, value = waiting.pop()
            texts = [value] if isinstance(value, str) else [*_keys(value)]
            for text in texts:
                if not self._has_room_for(text):
                    return
                is_key = text is not value
                yield (*here, text) if is_key else here, text, is_key
            inside = _inside(value)
            if len(here) < MAX_DEPTH:
                waiting += [((*here, step), item) for step, item in reversed(inside)]
            else:
                self.is_complete &= not inside

    def _has_room_for(self, text: str) -> bool:
        self._texts += 1
        self._characters += len(text)
        has_room = self._texts <= MAX_TEXTS and self._characters <= MAX_CHARACTERS
        self.is_complete &= has_room
        return has_room


def _keys(value: Any) -> Iterable[str]:
    return value if isinstance(value, dict) else ()


def _inside(value: Any) -> list[tuple[str | int, Any]]:
    """What stands in a table or a list, each with its step of the key path."""
    if isinstance(value, dict):
        return [*value.items()]
    return [*enumerate(value)] if isinstance(value, list) else []


def _listing(tool: Tool) -> dict[str, Any]:
    """What a client is told about `tool`, as far as the artifact has a say in it."""
    return {
        "name": tool.name,
        "title": tool.manifest.annotations.title,
        "description": tool.manifest.description,
        "input": tool.input_schema,
        "output": tool.output_schema,
    }


def _reader_of(path: KeyPath) -> Reader:
    key = path[2] if path[0] == "tools" and len(path) > 2 else path[0]
    return "model" if key in _FOR_MODELS else "person"


def _tool_of(owner: str, values: Mapping[str, Any], path: KeyPath) -> str:
    if path[0] != "tools" or len(path) < 2:
        return owner
    table = values["tools"][path[1]]
    name = table.get("name") if isinstance(table, dict) else None
    return f"{owner}.{name}" if isinstance(name, str) else owner
