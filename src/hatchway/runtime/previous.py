"""What was pinned before, so that one command can go back to it.

Kept in Hatchway's own directory, one file for each policy, and never in the project: going
back is an operator's means, and whoever sends a project must not choose where it leads.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import ConfigError
from hatchway.provenance.canonical import canonical_json
from hatchway.provenance.lockfile import parse_entry, sealed_values, written
from hatchway.registry.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from hatchway.provenance.lockfile import LockedTool

KEPT = 5
"""Earlier pins of one tool."""

_OF_THE_ARTIFACT = (
    "source", "manifest_digest", "digest", "size", "kind", "imports", "manifest", "tools",
    "signers",
)  # fmt: skip
_VERSION = 1
_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """One tool as it was pinned before.

    Attributes:
        tool: Its entry in the lockfile.
        allow: What its policy entry allowed then, as it was spelled.
        secrets: What tells its secrets of then apart from any others.
    """

    tool: LockedTool
    allow: tuple[str, ...]
    secrets: tuple[str, ...] = ()


def is_same_artifact(one: LockedTool, other: LockedTool) -> bool:
    """Whether two entries pin the same thing, whatever was decided about it."""
    before, after = one.to_values(), other.to_values()
    return canonical_json({key: before[key] for key in _OF_THE_ARTIFACT}) == canonical_json(
        {key: after[key] for key in _OF_THE_ARTIFACT}
    )


class PreviousPins:
    """The earlier pins of one policy's tools, newest first.

    Args:
        directory: Where the files of all policies are.
        policy_file: Whose.
    """

    def __init__(self, directory: Path, policy_file: Path) -> None:
        self._directory = directory
        identity = str(policy_file.parent.resolve() / policy_file.name)
        self._file = directory / f"{hashlib.sha256(identity.encode()).hexdigest()}.json"

    def of(self, name: str) -> tuple[Previous, ...]:
        """The earlier pins of a tool, newest first.

        Raises:
            ConfigError: The file is damaged.
        """
        return tuple(_read(self._file).get(name, ()))

    def remember(self, name: str, previous: Previous, *, known: Collection[str]) -> None:
        """Keep what was pinned, before something else is.

        Args:
            name: The tool.
            previous: What was pinned.
            known: The tools that the policy has; what is kept of others is dropped.

        Raises:
            ConfigError: It cannot be written, or the file is damaged.
        """
        with self._changing() as kept:
            for other in kept.keys() - set(known):
                del kept[other]
            others = [
                item
                for item in kept.get(name, [])
                if not is_same_artifact(item.tool, previous.tool)
            ]
            kept[name] = [previous, *others][:KEPT]

    def forget_since(self, name: str, tool: LockedTool) -> None:
        """Drop `tool`, which is pinned again, and what was kept after it."""
        with self._changing() as kept:
            pins = [item.tool for item in kept.get(name, [])]
            if tool in pins:
                kept[name] = kept[name][pins.index(tool) + 1 :]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, list[Previous]]]:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                kept = _read(self._file)
                yield kept
                write_atomically(self._file, _spelled(kept).encode(), mode=0o600)
            finally:
                os.close(lock)
        except OSError as error:
            message = f"cannot write to {str(self._directory)!r}: {error.strerror}"
            hint = "point XDG_DATA_HOME at a directory you may write to"
            raise ConfigError(message, code="config.unwritable", hint=hint) from error


def digests_to_keep(directory: Path) -> frozenset[str]:
    """The artifacts that some rollback of some policy needs, for whoever prunes the store.

    Raises:
        ConfigError: A file is damaged; then nothing may be pruned.
    """
    return frozenset(
        item.tool.digest
        for file in sorted(directory.glob("*.json"))
        for pins in _read(file).values()
        for item in pins
    )


def _spelled(kept: dict[str, list[Previous]]) -> str:
    tools = {
        name: [
            {
                "allow": list(item.allow),
                "secrets": list(item.secrets),
                "entry": sealed_values(name, item.tool),
            }
            for item in pins
        ]
        for name, pins in kept.items()
        if pins
    }
    return written({"version": _VERSION, "tools": tools})


def _read(file: Path) -> dict[str, list[Previous]]:
    try:
        with file.open("rb") as stream:
            return _parsed(json.loads(stream.read(_MAX_BYTES)))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        message = f"{str(file)!r} cannot be read: {error}"
        hint = f"rm {file}; only going back to earlier versions is lost with it"
        raise ConfigError(message, code="config.lock_corrupt", hint=hint) from error


def _parsed(document: Any) -> dict[str, list[Previous]]:
    if document.keys() != {"version", "tools"} or document["version"] != _VERSION:
        message = "it is of another version"
        raise ValueError(message)
    return {
        name: [_previous(name, item) for item in items] for name, items in document["tools"].items()
    }


def _previous(name: str, item: Any) -> Previous:
    # There were no secrets when the first of these files were written.
    known = {"secrets": [], **item} if isinstance(item, dict) else {}
    if known.keys() != {"allow", "secrets", "entry"}:
        message = "an earlier pin does not have exactly the known keys"
        raise ValueError(message)
    for key in ("allow", "secrets"):
        texts = known[key]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            message = "what an earlier pin allowed is not a list of text"
            raise ValueError(message)
    return Previous(
        tool=parse_entry(name, known["entry"]),
        allow=tuple(known["allow"]),
        secrets=tuple(known["secrets"]),
    )
