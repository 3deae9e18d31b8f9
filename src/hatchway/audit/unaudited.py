"""What should have been audited and could not be: nothing is known about it."""

from __future__ import annotations

from dataclasses import dataclass

from hatchway.core.untrusted import harmless, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Unaudited:
    """A file that stopped its own audit, and nobody else's.

    Attributes:
        file: A policy, an artifact or a directory, as a report names files.
        code: Of the error.
        message: What was expected and what was found.
        hint: What to do next.
    """

    file: str
    code: str
    message: str
    hint: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """The same for programs."""
        return {
            "file": printable(self.file, limit=4096),
            "code": self.code,
            "message": harmless(self.message),
            "hint": None if self.hint is None else harmless(self.hint),
        }
