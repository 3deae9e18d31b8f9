"""The event log: one JSON object a line, appended whole, rotated by size.

Several processes may write to the same log: a line is one `write` to a file opened for
appending. An event that cannot be written is an error, not a shrug: what is not on record
must not have happened.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING

from pydantic_core import to_json

from hatchway.core.errors import ConfigError
from hatchway.core.ocsf import to_ocsf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.events import Event

MAX_FILE_BYTES = 16 << 20
KEPT_FILES = 5
_RECHECK_SECONDS = 1.0


class EventLog:
    """Writes events to a file.

    Args:
        path: The newest file; older ones get `.1`, `.2`, … at the end.
        version: Hatchway's, for the record.
        max_file_bytes: When a new file is begun.
        kept_files: How many older files stay.
    """

    def __init__(
        self,
        path: Path,
        *,
        version: str,
        max_file_bytes: int = MAX_FILE_BYTES,
        kept_files: int = KEPT_FILES,
    ) -> None:
        self._path = path
        self._version = version
        self._max_file_bytes = max_file_bytes
        self._kept_files = kept_files
        self._is_policy_stale = False
        self._lock = threading.Lock()
        self._file = -1
        self._size = 0
        self._is_torn = False
        self._checked_at = 0.0
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise self._unwritable(error) from error

    def emit(self, event: Event) -> None:
        """Put `event` on record.

        Raises:
            ConfigError: It cannot be written.
        """
        if self._is_policy_stale:
            event = event._replace(policy_stale=True)
        line = to_json(to_ocsf(event, version=self._version)) + b"\n"
        try:
            with self._lock:
                self._write(line)
        except OSError as error:
            raise self._unwritable(error) from error

    def _write(self, line: bytes) -> None:
        self._make_room(len(line))
        if self._is_torn:
            # The disk was full; end the broken line so that this one can be read.
            line = b"\n" + line
        written = os.write(self._file, line)
        self._size += written
        self._is_torn = written != len(line)
        if self._is_torn:
            raise OSError(errno.ENOSPC, "no space left for a whole event")

    def mark_policy(self, is_stale: bool) -> None:
        """Have every event from now on say that the policy is stale, or not say so any more."""
        self._is_policy_stale = is_stale

    def close(self) -> None:
        """Close the file. No event may follow."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _unwritable(self, error: OSError) -> ConfigError:
        message = f"cannot write events to {str(self._path)!r}: {error.strerror}"
        hint = "point XDG_STATE_HOME at a directory you may write to"
        return ConfigError(message, code="config.events_unwritable", hint=hint)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        opened = os.open(self._path, flags, 0o600)
        # Only now: a descriptor that is closed already may belong to somebody else.
        if self._file >= 0:
            os.close(self._file)
        self._file, self._is_torn = opened, False
        self._size = os.fstat(self._file).st_size
        self._checked_at = time.monotonic()

    def _make_room(self, count: int) -> None:
        """Follow a rotation by another process, or rotate."""
        now = time.monotonic()
        if now - self._checked_at > _RECHECK_SECONDS:
            self._reopen_if_moved()
            self._checked_at = now
        if self._size + count > self._max_file_bytes and self._size:
            with self._rotating():
                self._reopen_if_moved()
                if self._size + count > self._max_file_bytes:
                    self._rotate()

    def _reopen_if_moved(self) -> None:
        mine = os.fstat(self._file)
        try:
            current = self._path.stat()
            if (current.st_dev, current.st_ino) == (mine.st_dev, mine.st_ino):
                self._size = current.st_size
                return
        except FileNotFoundError:
            pass
        self._open()

    @contextlib.contextmanager
    def _rotating(self) -> Iterator[None]:
        """Only one process rotates at a time."""
        lock = os.open(
            self._path.with_name(f"{self._path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _rotate(self) -> None:
        for number in range(self._kept_files, 0, -1):
            older = rotated(self._path, number)
            newer = self._path if number == 1 else rotated(self._path, number - 1)
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        self._open()


def rotated(path: Path, number: int) -> Path:
    """The file that was the newest one `number` rotations ago."""
    return path.with_name(f"{path.name}.{number}")
