"""What a docstring says: about a function, and about each of its parameters."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SECTION = re.compile(r"(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$")
_PARAMETERS = ("Args", "Arguments", "Parameters")
_ENTRY = re.compile(r"\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class Words:
    """A docstring, taken apart.

    Attributes:
        description: What stands before the first section; a paragraph is one line.
        parameters: What the section `Args` says, by parameter.
    """

    description: str
    parameters: Mapping[str, str]


def words_of(docstring: str | None) -> Words:
    """The parts of a docstring as Google's style writes them; empty when there is none."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    sections = list(_sections(lines))
    parameters: dict[str, str] = {}
    for name, block in sections:
        if name in _PARAMETERS:
            parameters |= _entries(block)
    description = next((_paragraphs(block) for name, block in sections if not name), "")
    return Words(description, parameters)


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    name, block = "", list[str]()
    for line in lines:
        if found := _SECTION.match(line):
            yield name, block
            name, block = found[1], []
        else:
            block.append(line)
    yield name, block


def _paragraphs(lines: list[str]) -> str:
    parts = "\n".join(lines).strip().split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in parts if part.strip())


def _entries(lines: list[str]) -> dict[str, str]:
    """The entries of a section: a name and a colon, then lines that are indented further."""
    found: dict[str, list[str]] = {}
    outer = min((_indent(line) for line in lines if line.strip()), default=0)
    words: list[str] = []
    for line in lines:
        entry = _ENTRY.match(line.strip()) if _indent(line) == outer else None
        if entry is not None:
            words = found.setdefault(entry[1], [entry[2]])
        elif line.strip():
            words.append(line.strip())
    return {name: " ".join(parts).strip() for name, parts in found.items()}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
