"""What a language must be able to do so that tools can be written in it.

One module below `languages` fits each language into this shape. A project is a directory; what
is built of it is one artifact, still without its manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build made.

    Attributes:
        artifact: The component or the command, without a manifest. Twice the same for the same
            project.
        notes: What an author may want to know, one line each: which imports were stripped,
            what was left out.
        manifest: The values of a manifest that the build found out by itself, from the source;
            None when the project's own file `tool.toml` is the manifest.
    """

    artifact: bytes
    notes: tuple[str, ...] = ()
    manifest: Mapping[str, Any] | None = None


class Language(Protocol):
    """A language that tools can be written in.

    Attributes:
        name: As it is written after `hatchway new`.
        summary: What one gets, in one line.
    """

    name: str
    summary: str

    def template(self, name: str) -> Mapping[str, str]:
        """The files of a new project called `name`, by path relative to its directory.

        `tool.toml` or WIT, the source, one test, a Makefile, a `.gitignore` and a README.

        Args:
            name: Checked already: lower-case ASCII letters, digits and single dashes between
                them, beginning with a letter, at most 40 characters.
        """
        ...

    def recognises(self, project: Path) -> bool:
        """Whether the directory is a project in this language."""
        ...

    def missing(self) -> str | None:
        """What must be installed before anything can be built, and the command; None if nothing."""
        ...

    def build(self, project: Path, tell: Callable[[str], None]) -> Built:
        """Build the project. Nothing of it runs in this process.

        Args:
            project: Absolute.
            tell: Told in one line what is happening.

        Raises:
            ConfigError: It does not compile, in the words of the compiler, or something is
                missing.
        """
        ...
