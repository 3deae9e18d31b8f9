"""Reading files that somebody else may have made into something else."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_regular(path: Path, *, limit_bytes: int) -> bytes:
    """The content of a regular file; a link to one is followed.

    Nothing else is read: opening does not wait for the other end of a FIFO, and what was
    opened is looked at before anything is read of it.

    Raises:
        OSError: There is no such file, it cannot be read, it is something else than a regular
            file, or it is larger than the limit.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have such a name") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        # Looked at before a file object is made of it: Python makes none of a directory.
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {limit_bytes} bytes")
    return data
