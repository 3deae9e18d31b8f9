"""Which projects' policies are in force.

A `hatchway.toml` that came with a repository is somebody else's wish until a person says
otherwise. `hatchway trust DIR` records the hashes of the project's policy, lockfile and
sidecars outside the project. When any of them changes by another hand than Hatchway's, the
whole policy is out of force again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.provenance.lockfile import FILE_NAME as LOCK_NAME
from hatchway.registry.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_HASHED_BYTES = 16 << 20
_ABSENT = "absent"


class TrustedProjects:
    """The record of trusted projects, in one file of the user's."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def is_trusted(self, policy: Path) -> bool:
        """Whether `policy` and all that belongs to it are as they were when trusted."""
        recorded = self._records().get(_identity(policy))
        if not isinstance(recorded, dict) or _identity(policy) not in recorded:
            return False
        return recorded == _hashes(recorded)

    def is_known(self, policy: Path) -> bool:
        """Whether `policy` was trusted once, in whatever state."""
        return _identity(policy) in self._records()

    def record(self, policy: Path, sidecars: tuple[Path, ...]) -> None:
        """Trust `policy` as it is now, with its lockfile and `sidecars`.

        Raises:
            ConfigError: The record cannot be written.
        """
        files = (policy, policy.with_name(LOCK_NAME), *sidecars)
        hashes = _hashes([_identity(file) for file in files])
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._exclusively():
                records = self._records()
                records[_identity(policy)] = hashes
                text = json.dumps(records, indent=2, sort_keys=True)
                write_atomically(self._file, text.encode(), mode=0o600)
        except OSError as error:
            message = f"cannot write {str(self._file)!r}: {error.strerror}"
            hint = "point XDG_CONFIG_HOME at a directory you may write to"
            raise ConfigError(message, code="config.unwritable", hint=hint) from error

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Only one process changes the record at a time."""
        descriptor = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _records(self) -> dict[str, dict[str, str]]:
        try:
            records = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            message = f"{str(self._file)!r} cannot be read: {error}"
            hint = f"rm {self._file}, then trust your projects again"
            raise ConfigError(message, code="config.trust_corrupt", hint=hint) from error
        return records if isinstance(records, dict) else {}


def _identity(file: Path) -> str:
    """The one name of a file: its directory's own, and no link followed after that.

    A link to a trusted policy is not that policy: another lockfile lies beside it.
    """
    return str(file.parent.resolve() / file.name)


def _hashes(names: Iterable[str]) -> dict[str, str]:
    """The present hashes of the files in `names`."""
    return {name: _hash(Path(name)) for name in names}


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.sha256(stream.read(_MAX_HASHED_BYTES)).hexdigest()
    except OSError:
        return _ABSENT
