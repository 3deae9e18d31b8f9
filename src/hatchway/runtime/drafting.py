"""A first manifest for a program that came without one, from what can be seen of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from hatchway.core.untrusted import printable
from hatchway.policy.tool_text import hidden_character

if TYPE_CHECKING:
    from hatchway.core.surface import Surface

MAX_HELP_LINES = 60
MAX_OPTIONS = 30
_LINE = 100

_OPTION = re.compile(
    r"^\s{1,12}(?:-\w,\s+)?--(?P<name>[a-z][a-z0-9-]{0,40})"
    r"(?P<value>[ =](?:<[^>]+>|\[?[A-Z][A-Z0-9_]*\]?))?(?:\s{2,}(?P<about>.*))?$"
)
_ASKS_FOR_FILES = re.compile(r"path_open|wasi:filesystem/")
_OF_NO_USE = frozenset({"help", "version"})


class Option(NamedTuple):
    """One option that a program says it has."""

    name: str
    takes_value: bool
    about: str

    @property
    def parameter(self) -> str:
        """What a manifest would call it."""
        return self.name.replace("-", "_")


def options_in(text: str) -> list[Option]:
    """The long options that a help text lists, each once, in order."""
    found: dict[str, Option] = {}
    for line in text.splitlines():
        match = _OPTION.match(line.expandtabs(8)[:400])
        if match is not None and match["name"] not in _OF_NO_USE:
            about = printable((match["about"] or "").strip(), limit=160)
            if hidden_character(about):
                about = ""
            found.setdefault(match["name"], Option(match["name"], bool(match["value"]), about))
    return list(found.values())[:MAX_OPTIONS]


def draft(stem: str, surface: Surface, said: str) -> str:
    """The text of a manifest that can be read as it is, and says what a person must fill in.

    Args:
        stem: The artifact's name without its ending.
        surface: What the artifact can ask of a host.
        said: What it printed when it was run with `--help`.
    """
    options = options_in(said)
    works_on_files = any(_ASKS_FOR_FILES.search(name) for name in surface.imports)
    lines = [
        f"# A draft for {printable(stem, limit=60)}, from what it imports and says with --help.",
        "# Fill in what is marked <--, remove what should not be offered, then add it again.",
        "",
        'purpose = ""      # <-- what it is for, in one sentence',
        'description = ""  # <-- what the model is told, limits and units included',
        'abi = "argv"',
        "argv = [",
        *_argv(options),
        "]  # <-- add the words that are not options",
    ]
    if works_on_files:
        lines += [
            "# It can open files. A call's own directory is /work, with --limit scratch=16MiB:",
            '# files = [{ path = "in.txt", value = "{text}" }]            # <--',
            '# result = { type = "text", file = "out.txt" }               # <--',
        ]
    lines += ["", *_input(options), "", *_help(said)]
    return "\n".join(lines) + "\n"


def _argv(options: list[Option]) -> list[str]:
    words = [
        _quoted(f"--{option.name}={{{option.parameter}}}")
        if option.takes_value
        else f'{{ value = "--{option.name}", when = "{option.parameter}" }}'
        for option in options
    ]
    return [f"  {word}," for word in words]


def _input(options: list[Option]) -> list[str]:
    lines = ["[input]", 'type = "object"', "additionalProperties = false", "required = []", ""]
    lines.append("[input.properties]")
    for option in options:
        kind = "string" if option.takes_value else "boolean"
        about = f", description = {_quoted(option.about)}" if option.about else ""
        lines.append(f'{option.parameter} = {{ type = "{kind}"{about} }}')
    if not options:
        lines.append('# text = { type = "string", description = "…" }  # <--')
    return lines


def _help(said: str) -> list[str]:
    if not said.strip():
        return ["# It printed nothing when it was run with --help."]
    shown = [f"#   {printable(line, limit=_LINE)}" for line in said.splitlines()[:MAX_HELP_LINES]]
    return ["# What it says with --help:", *shown]


def _quoted(text: str) -> str:
    """A TOML basic string; what is `printable` needs no more than JSON does."""
    return json.dumps(text, ensure_ascii=False)
