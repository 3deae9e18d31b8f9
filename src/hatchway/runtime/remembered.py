"""The last entry of every tool that was approved here, whatever became of it in the lockfile.

A tool that was removed, or whose entry somebody took out of the lockfile, and that is added again
would otherwise be a stranger, and a stranger is compared with nothing. Kept in Hatchway's own
directory, one file for each policy: whoever sends a project must not choose what is remembered.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
from typing import TYPE_CHECKING

from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.policy.origins import origin_of
from hatchway.provenance.drift import drift_between
from hatchway.provenance.lockfile import Lockfile, parse_lockfile
from hatchway.registry.files import write_atomically
from hatchway.registry.regular import read_regular
from hatchway.runtime.trust import MAX_FILE_BYTES, identity

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from hatchway.provenance.lockfile import LockedTool

KEPT = 200
"""Tools that the policy does not have any more."""


def is_same_place(one: LockedTool, other: LockedTool, *, base: str) -> bool:
    """Whether two entries are of one repository, package or file, whatever the version.

    Args:
        one: An entry.
        other: Another.
        base: The absolute directory that relative paths start from.
    """
    places = [origin_of(tool.source, base=base) or tool.source for tool in (one, other)]
    return places[0] == places[1]


def require_as_approved(
    name: str, before: LockedTool | None, new: LockedTool, *, base: str
) -> None:
    """Refuse what nobody has looked at in the place of what somebody approved.

    Args:
        name: The policy entry.
        before: What was approved last under that name; None for a stranger.
        new: What is about to be pinned.
        base: The absolute directory that relative paths start from.

    Raises:
        AdmissionError: `admission.drift`: it comes from the same place, and can do more, says
            something else or is signed by others.
    """
    if before is None or not is_same_place(before, new, base=base):
        return
    drift = drift_between(before, new)
    if drift.kind == "blocked":
        message = f"{name!r} is not what was approved before ({', '.join(drift.reasons)})"
        hint = f"hatchway add {shlex.quote(new.source)} --name {name}"
        raise AdmissionError(message, code="admission.drift", hint=hint)


class RememberedPins:
    """What was approved last, of the tools of one policy. It is written like a lockfile.

    Args:
        directory: Where the files of all policies are.
        policy_file: Whose.
    """

    def __init__(self, directory: Path, policy_file: Path) -> None:
        self._directory = directory
        name = hashlib.sha256(identity(policy_file).encode()).hexdigest()
        self._file = directory / f"{name}.lock"

    def of(self, name: str) -> LockedTool | None:
        """What was approved last under a name; None for a stranger.

        Raises:
            ConfigError: The file is damaged.
        """
        return self._read().tools.get(name)

    def note(self, name: str, tool: LockedTool, *, known: Collection[str]) -> None:
        """Remember what was approved.

        Args:
            name: The tool.
            tool: Its entry.
            known: The tools that the policy has.

        Raises:
            ConfigError: It cannot be written, or the file is damaged.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                before = self._read()
                after = _without_too_many(before.with_tool(name, tool), {*known, name})
                if after.to_text() != before.to_text():
                    write_atomically(self._file, after.to_text().encode(), mode=0o600)
            finally:
                os.close(lock)
        except OSError as error:
            message = f"cannot write to {str(self._directory)!r}: {error.strerror}"
            hint = "point XDG_DATA_HOME at a directory you may write to"
            raise ConfigError(message, code="config.unwritable", hint=hint) from error

    def _read(self) -> Lockfile:
        hint = f"rm {self._file}; removed tools are then strangers when they come back"
        try:
            text = read_regular(self._file, limit_bytes=MAX_FILE_BYTES).decode()
            return parse_lockfile(text, file=str(self._file))
        except (FileNotFoundError, NotADirectoryError):
            return Lockfile()
        except ConfigError as error:
            raise ConfigError(error.message, code=error.code, hint=hint) from error
        except (OSError, UnicodeDecodeError) as error:
            message = f"{str(self._file)!r} cannot be read: {error}"
            raise ConfigError(message, code="config.lock_corrupt", hint=hint) from error


def _without_too_many(pins: Lockfile, known: Collection[str]) -> Lockfile:
    """Of the tools that nobody has any more, so many that the file stays small."""
    others = sorted(pins.tools.keys() - set(known))
    for name in others[KEPT:]:
        pins = pins.without_tool(name)
    return pins
