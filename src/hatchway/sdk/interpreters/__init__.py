"""The interpreters that Hatchway brings along as sources, and builds where they are used.

Each is a component that exports `hatchway:exec/code@0.1` (`sdk/guest/exec.wit`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULES = {
    "python": "hatchway.sdk.interpreters.python",
    "javascript": "hatchway.sdk.interpreters.javascript",
}
"""Each has a `RECIPE`, and is loaded when it is asked for."""

LANGUAGES = tuple(_MODULES)
"""What there are interpreters for."""


class Recipe(Protocol):
    """How an interpreter is made."""

    @property
    def language(self) -> str:
        """The language it runs, as in `builtin:LANGUAGE`."""
        ...

    @property
    def version(self) -> str:
        """Another one whenever other bytes would come out; letters, digits, dots and dashes."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """What others published and goes in, as references that are pinned to their bytes."""
        ...

    def missing(self) -> str | None:
        """What must be installed before it can be built, and the command; None if nothing."""
        ...

    def build(self, tell: Callable[[str], None], *needed: bytes) -> bytes:
        """The component, twice the same.

        Args:
            tell: Told in one line what is happening.
            needed: The bytes of all that it `needs`, in that order.

        Raises:
            ConfigError: It cannot be built.
        """
        ...


def recipe(language: str) -> Recipe:
    """How the interpreter of `language` is made.

    Raises:
        ConfigError: There is none.
    """
    if language not in _MODULES:
        message = f"there is no interpreter for {printable(language, limit=40)!r}"
        hint = f"there are {', '.join(LANGUAGES)}"
        raise ConfigError(message, code="config.unknown_language", hint=hint)
    found: Recipe = import_module(_MODULES[language]).RECIPE
    return found
