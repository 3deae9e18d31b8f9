"""What everything below a directory of the host holds already, before a quota begins."""

from __future__ import annotations

import contextlib
import os

from hatchway.engine.files.host.answers import attempt, fault_of
from hatchway.engine.files.host.beneath import beneath
from hatchway.engine.files.nodes import Errno, FileFault
from hatchway.engine.files.quota import BYTES_PER_NAME, Inode

_LONG_PATH = 3000
_GONE = {Errno.NOENT, Errno.NOTDIR, Errno.LOOP, Errno.ACCES}
"""Why a directory that was just listed cannot be entered, and holds nothing that counts."""


def used_bytes(directory: int) -> int:
    """What everything below a directory holds, counted as a quota counts it.

    Raises:
        FileFault: It cannot be told.
    """
    used, seen = 0, set[Inode]()
    # A guest makes trees deeper than any stack and any path: where a path gets long, another
    # descriptor is held to start from.
    held = [(attempt(lambda: os.dup(directory)), [b"."])]
    try:
        while held:
            start, paths = held[-1]
            if not paths:
                os.close(held.pop()[0])
                continue
            path = paths.pop()
            try:
                descriptor = beneath(start, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except FileFault as fault:
                if fault.errno not in _GONE:
                    raise
                continue
            if len(path) > _LONG_PATH:
                held.append((descriptor, [b"."]))
                continue
            used += _used_in(descriptor, path, paths, seen)
    except OSError as error:
        raise fault_of(error) from None
    finally:
        for start, _ in held:
            os.close(start)
    return used


def _used_in(descriptor: int, path: bytes, paths: list[bytes], seen: set[Inode]) -> int:
    """What the names in one directory hold; the directories in it are added to `paths`."""
    used = 0
    try:
        with os.scandir(descriptor) as found:
            for item in found:
                name = os.fsencode(item.name)
                used += BYTES_PER_NAME + len(name)
                if item.is_dir(follow_symlinks=False):
                    paths.append(path + b"/" + name)
                    continue
                with contextlib.suppress(OSError):  # gone meanwhile
                    status = item.stat(follow_symlinks=False)
                    inode = (status.st_dev, status.st_ino)
                    used += 0 if inode in seen else status.st_size
                    if status.st_nlink > 1:
                        seen.add(inode)
    finally:
        os.close(descriptor)
    return used
