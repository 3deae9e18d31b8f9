"""What a program asks for in its own words, read by the same rules as a policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import tomlkit

from hatchway.core.errors import ConfigError
from hatchway.policy.document import VERSION, parse_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.isolation import Isolation
    from hatchway.core.surface import Compiler
    from hatchway.policy.document import Policy

Size: TypeAlias = str | int
"""`"16MiB"`, or a number of bytes."""
Duration: TypeAlias = str | float
"""`"2s"`, or a number of seconds."""

CODE_LIMITS: Mapping[str, str | int] = {
    "fuel": 1_000_000_000_000,
    "deadline": "10s",
    "memory": "256MiB",
    "output": "1MiB",
    "scratch": "16MiB",
}
"""The limits of generated code where nobody says otherwise, as a policy would spell them.

There is more fuel than fits into the deadline, so that time is what governs: how much fuel a line
of Python takes is nothing that anybody could guess.
"""

ENTRY_LIMITS: Mapping[str, str | int] = {**CODE_LIMITS, "fuel": 100_000_000_000}
"""The same for an interpreter that is admitted as a tool.

Nobody watches a server's calls, and the audit takes this much fuel for a bound. It is more than
fits into the deadline as well.
"""

_BYTES = frozenset({"memory", "output", "scratch"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a program wants its code to have.

    Attributes:
        allow: Capabilities in the grammar of `--allow`.
        secrets: Tables as under `[[tools.NAME.secrets]]`.
        limits: By the keys of `[tools.NAME.limits]`; strings with a unit, or plain numbers of
            bytes and seconds.
        compiler: The one to use; None leaves it to the host.
        isolation: Where the code runs; None leaves it to what it was allowed.
        place: What complaints name as the place where all this is written.
    """

    allow: tuple[str, ...] = ()
    secrets: tuple[Mapping[str, str], ...] = ()
    limits: Mapping[str, object] = field(default_factory=dict)
    compiler: Compiler | None = None
    isolation: Isolation | None = None
    place: str = "Sandbox()"

    def policy(self, language: str) -> Policy:
        """A policy with one entry, called like the language.

        Raises:
            ConfigError: Something is misspelt, contradicts itself or cannot be granted.
        """
        limits = {**CODE_LIMITS, **self.limits}
        entry: dict[str, Any] = {
            "source": f"builtin:{language}",
            "allow": list(self.allow),
            "secrets": [dict(secret) for secret in self.secrets],
            "limits": {key: _spelled(key, value) for key, value in limits.items()},
        }
        if self.compiler is not None:
            entry["compiler"] = self.compiler
        if self.isolation is not None:
            entry["isolation"] = self.isolation
        try:
            text = tomlkit.dumps({"version": VERSION, "tools": {language: entry}})
        except (TypeError, ValueError) as error:  # no value of TOML
            message = f"{self.place}: {error}"
            raise ConfigError(message) from error
        return parse_policy(text, file=self.place, base=str(Path.cwd()), commands="run")


def _spelled(key: str, value: object) -> object:
    """A limit as a policy spells it; a number has the unit that its name promises."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if key == "deadline":
        return f"{value:f}s"
    return f"{value}B" if key in _BYTES else value
