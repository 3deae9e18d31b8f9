"""Which policies and artifacts lie below a directory."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hatchway.core.errors import ConfigError, HatchwayError
from hatchway.policy.document import FILE_NAME

_PASSED_OVER = frozenset({"node_modules", "site-packages", ".venv", ".tox", ".nox", ".cache"})
"""Directories of other people's files. They are named, because anybody can call one so."""

_OF_TOOLS = frozenset({".git", ".hg", ".jj", ".svn", "__pycache__"})
"""Directories that no checkout brings along, or that hold nothing but what Python compiled."""


@dataclass(frozen=True, slots=True)
class Below:
    """What lies below a directory, in a steady order.

    Attributes:
        passed_over: Directories that were not looked into.
        unreadable: What could not be listed, and could hold anything.
    """

    policies: list[Path] = field(default_factory=list)
    artifacts: list[Path] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, HatchwayError]] = field(default_factory=list)

    def note_unreadable(self, error: OSError) -> None:
        """Put a directory on the list of what cannot be read."""
        message = f"cannot read {str(error.filename)!r}: {error.strerror}"
        found = ConfigError(message, code="config.unreadable")
        self.unreadable.append((Path(error.filename), found))


def files_below(directory: Path, *, limit: int) -> Below:
    """The policies and the artifacts below `directory`.

    Args:
        directory: No link in it is followed.
        limit: How many of both are enough.

    Raises:
        ConfigError: There are more.
    """
    below = Below()
    top = directory.resolve()
    for here, inside, names in os.walk(directory, onerror=below.note_unreadable):
        entered = sorted(name for name in inside if name not in _PASSED_OVER | _OF_TOOLS)
        below.passed_over.extend(
            path
            for path in (Path(here, name) for name in sorted(inside))
            if path.name in _PASSED_OVER or _leads_out(path, top)
        )
        inside[:] = entered
        for name in sorted(names):
            if name == FILE_NAME:
                below.policies.append(Path(here, name))
            elif name.lower().endswith(".wasm"):
                below.artifacts.append(Path(here, name))
        if len(below.policies) + len(below.artifacts) > limit:
            raise too_many(directory, limit)
    return below


def _leads_out(path: Path, top: Path) -> bool:
    """Whether it is a link to elsewhere.

    Links are not followed. What one leads to is walked where it stands, if that is here at all.
    """
    return path.is_symlink() and not path.resolve().is_relative_to(top)


def too_many(directory: Path, limit: int) -> ConfigError:
    """The complaint about more artifacts than anybody audits at once."""
    message = f"there are more than {limit} artifacts below {str(directory)!r}"
    return ConfigError(message, hint="audit a directory further down")
