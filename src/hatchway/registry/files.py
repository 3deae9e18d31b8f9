"""Files that change all at once or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Make `path` hold `content`; a reader or a crash sees the old content or the new.

    When this returns, a loss of power leaves the new content.

    Args:
        path: Its directory must exist. A symbolic link is replaced, not followed.
        content: All of it.
        mode: Permission bits; by default those of the file that is replaced, or 0600.

    Raises:
        OSError: The old content is still there; or the new one, where only the directory
            could not be brought to the disk.
    """
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk.

    Raises:
        OSError: It cannot be done.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Make sure that a directory is there, for its owner only, and stays there.

    Raises:
        OSError: It cannot be made.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)
