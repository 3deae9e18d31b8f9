"""What was audited on this machine and may be offered: the one thing a lockfile cannot claim.

A lockfile can come with a project, and then its author wrote it, grade and all. So what was
audited here stands in a file of ours, outside every project, by the hash of the whole entry and
of what the policy allows. Whatever is not in it is audited once more before it is offered.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import TYPE_CHECKING

from hatchway.audit.rules import RULES_VERSION
from hatchway.provenance.canonical import canonical_digest
from hatchway.registry.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.provenance.lockfile import LockedTool

KEPT = 10_000
"""Approvals that are remembered; what fell out is audited again."""

_MAX_BYTES = 4 << 20


class Approvals:
    """The record of what was audited here, in one file of ours."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def holds(self, name: str, locked: LockedTool, policy: str) -> bool:
        """Whether exactly this was audited before, by the rules of today.

        Args:
            name: The policy entry.
            locked: Its entry in the lockfile.
            policy: The hash of what the policy allows it now.
        """
        return _name_of(name, locked, policy) in self._read()

    def record(self, name: str, locked: LockedTool, policy: str) -> None:
        """Remember that it was audited, and that nothing critical stands.

        A record that cannot be written is only a delay: it is audited again next time.
        """
        approved = _name_of(name, locked, policy)
        with contextlib.suppress(OSError), self._exclusively():
            others = [item for item in self._read() if item != approved]
            text = json.dumps([*others, approved][-KEPT:], indent=0)
            write_atomically(self._file, text.encode(), mode=0o600)

    def _read(self) -> list[str]:
        """The hashes, the newest last. A file that is damaged approves nothing."""
        try:
            with self._file.open("rb") as stream:
                found = json.loads(stream.read(_MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return []
        return [item for item in found if isinstance(item, str)] if type(found) is list else []

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Only one process changes the record at a time."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _name_of(name: str, locked: LockedTool, policy: str) -> str:
    return canonical_digest(
        {"tool": name, "entry": locked.to_values(), "policy": policy, "rules": RULES_VERSION}
    )
