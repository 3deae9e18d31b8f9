"""Files of no name, in memory where there is such a thing, that nobody can change once sealed."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from typing import IO

if sys.platform == "linux":
    import fcntl


def memory_file() -> IO[bytes]:
    """An empty file that only its descriptor leads to.

    Where the platform has no sealed memory files it is an unlinked temporary file, which
    no other process can open either.
    """
    if sys.platform != "linux":
        return tempfile.TemporaryFile()
    descriptor = os.memfd_create("hatchway-code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    return os.fdopen(descriptor, "w+b")


def seal(file: IO[bytes]) -> None:
    """From now on nobody changes `file`, whoever has a descriptor of it.

    Raises:
        OSError: Somebody has it mapped for writing, or has sealed it otherwise.
    """
    if sys.platform == "linux":
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, seals)


def fix_size(file: IO[bytes], size: int) -> None:
    """From now on `file` has `size` bytes, zeros to begin with, whoever writes to it."""
    file.truncate(size)
    if sys.platform == "linux":
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
        fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, seals)


def mapped(descriptor: int) -> mmap.mmap:
    """The content of a file, to be read.

    Privately: until Linux 6.7 no other mapping of a sealed file could be made.

    Raises:
        ValueError: It is empty.
    """
    return mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
