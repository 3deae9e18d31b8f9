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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.provenance.lockfile import FILE_NAME as LOCK_NAME
from hatchway.registry.files import write_atomically
from hatchway.registry.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FILE_BYTES = 16 << 20
"""The largest policy, lockfile or sidecar that is read."""
_MAX_KEPT_BYTES = 6 * MAX_FILE_BYTES
_ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTexts:
    """What policy and lockfile said when a project was trusted.

    Attributes:
        lock: Empty where there was no lockfile.
    """

    policy: str
    lock: str = ""


class TrustedProjects:
    """The record of trusted projects, in one file of the user's."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def is_trusted(self, policy: Path) -> bool:
        """Whether `policy` and all that belongs to it are as they were when trusted."""
        return self.contents(policy) is not None

    def contents(self, policy: Path) -> Mapping[str, bytes | None] | None:
        """The files of a project, by identity, if they are as they were when it was trusted.

        Each was read once: what is given here is what was compared. A file that is not there
        has no content. None when the project is not in force.
        """
        recorded = self._files_of(policy)
        if recorded is None:
            return None
        found = {name: _content(Path(name)) for name in recorded}
        is_as_trusted = recorded == {name: _hash(content) for name, content in found.items()}
        return found if is_as_trusted else None

    def watched(self, policy: Path) -> tuple[Path, ...]:
        """The files that decide whether `policy` is in force, besides itself and its lock."""
        return (self._file, *map(Path, self._files_of(policy) or ()))

    def _files_of(self, policy: Path) -> Mapping[str, str] | None:
        recorded = self._records().get(identity(policy))
        if not isinstance(recorded, dict) or identity(policy) not in recorded:
            return None
        return recorded

    def policies(self) -> tuple[Path, ...]:
        """Every policy that was trusted once, in whatever state.

        Raises:
            ConfigError: The record is damaged.
        """
        return tuple(map(Path, self._records()))

    def is_known(self, policy: Path) -> bool:
        """Whether `policy` was trusted once, in whatever state."""
        return identity(policy) in self._records()

    def record(self, policy: Path, sidecars: tuple[Path, ...]) -> None:
        """Trust `policy` as it is now, with its lockfile and `sidecars`.

        Raises:
            ConfigError: The record cannot be written.
        """
        files = (policy, policy.with_name(LOCK_NAME), *sidecars)
        contents = {identity(file): _content(file) for file in files}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._exclusively():
                records = self._records()
                records[identity(policy)] = {
                    name: _hash(content) for name, content in contents.items()
                }
                text = json.dumps(records, indent=2, sort_keys=True)
                self._keep(policy, contents)
                write_atomically(self._file, text.encode(), mode=0o600)
        except OSError as error:
            message = f"cannot write {str(self._file)!r}: {error.strerror}"
            hint = "point XDG_CONFIG_HOME at a directory you may write to"
            raise ConfigError(message, code="config.unwritable", hint=hint) from error

    # What it was that somebody trusted

    def kept(self, policy: Path) -> KeptTexts | None:
        """What policy and lockfile said when `policy` was trusted; None when nobody knows.

        Nothing is handed out that does not have the hashes which were recorded then.
        """
        recorded = self._files_of(policy) or {}
        names = [identity(policy), identity(policy.with_name(LOCK_NAME))]
        try:
            found = json.loads(read_regular(self._kept_file(policy), limit_bytes=_MAX_KEPT_BYTES))
            texts = [found[name] for name in names]
            contents = [None if text is None else text.encode() for text in texts]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if texts[0] is None or [_hash(each) for each in contents] != [*map(recorded.get, names)]:
            return None
        return KeptTexts(policy=texts[0], lock=texts[1] or "")

    def changed_files(self, policy: Path, sidecars: tuple[Path, ...]) -> tuple[Path, ...]:
        """The sidecars that are not as they were when `policy` was trusted."""
        recorded = self._files_of(policy) or {}
        ours = {identity(policy), identity(policy.with_name(LOCK_NAME))}
        names = {identity(file) for file in sidecars} | recorded.keys()
        return tuple(
            Path(name)
            for name in sorted(names - ours)
            if recorded.get(name, _ABSENT) != _hash(_content(Path(name)))
        )

    def _kept_file(self, policy: Path) -> Path:
        name = hashlib.sha256(identity(policy).encode()).hexdigest()
        return self._file.with_suffix("") / f"{name}.json"

    def _keep(self, policy: Path, contents: Mapping[str, bytes | None]) -> None:
        """Keep what policy and lockfile say, so that the next change can be shown."""
        ours = (identity(policy), identity(policy.with_name(LOCK_NAME)))
        file = self._kept_file(policy)
        file.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            texts = {name: _decoded(contents[name]) for name in ours}
        except UnicodeDecodeError:  # nobody can say what that was
            file.unlink(missing_ok=True)
            return
        write_atomically(file, json.dumps(texts, ensure_ascii=False).encode(), mode=0o600)

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


def identity(file: Path) -> str:
    """The one name of a file: its directory's own, and no link followed after that.

    A link to a trusted policy is not that policy: another lockfile lies beside it.
    """
    return str(file.parent.resolve() / file.name)


def _content(file: Path) -> bytes | None:
    """What is in a file; None for what is none, or cannot be read."""
    try:
        return read_regular(file, limit_bytes=MAX_FILE_BYTES)
    except OSError:
        return None


def _decoded(content: bytes | None) -> str | None:
    return None if content is None else content.decode()


def _hash(content: bytes | None) -> str:
    return _ABSENT if content is None else hashlib.sha256(content).hexdigest()
