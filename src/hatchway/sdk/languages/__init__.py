"""The languages that tools can be written in, by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.sdk.language import Language

LANGUAGES = ("python", "javascript", "c", "rust", "go", "wat")
"""Their names, in the order in which they are offered. Each is a module of its own here."""


def language(name: str) -> Language:
    """The language of that name, which `LANGUAGES` must hold.

    A module of a language has one object, `LANGUAGE`. It is imported when it is asked for: what
    one language needs does not burden the others.
    """
    found: Language = import_module(f"{__name__}.{name}").LANGUAGE
    return found


def languages_of(project: Path) -> tuple[Language, ...]:
    """The languages that recognise the directory as a project of theirs."""
    known = (language(name) for name in LANGUAGES)
    return tuple(each for each in known if each.recognises(project))
