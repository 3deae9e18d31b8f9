"""Standard input, output and error: there, closed, full, or read by nobody any more.

A program may be started without them. The next file it opens would then get the number of one,
and words for people would end in that file. So every missing stream is replaced by one that
leads nowhere, before anything else is opened.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TypeGuard

from hatchway.cli.output import complain
from hatchway.core.errors import ConfigError

READER_GONE = 141
"""What a shell says of a program that wrote to a pipe nobody reads: 128 and the signal's 13."""

_LOST = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What a write fails with when its bytes can go nowhere."""


def require_streams() -> None:
    """Replace the standard streams that were closed before we began.

    Raises:
        ConfigError: `config.unwritable`: standard output is one of them, and somebody may
            rely on what would have been written there.
    """
    # The lowest free number is given out, so in this order each gets its own.
    missing = [number for number in (0, 1, 2) if not _is_open(number)]
    for number in missing:
        opened = os.open(os.devnull, os.O_RDWR)
        assert opened == number
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a number
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - dito
    if 1 in missing:
        message = "standard output is closed"
        hint = "what is not wanted goes to /dev/null"
        raise ConfigError(message, code="config.unwritable", hint=hint)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def is_lost_output(error: BaseException) -> TypeGuard[OSError]:
    """Whether `error` is a write that went nowhere; one to a file of a name would name it."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _LOST


def flushed(status: int) -> int:
    """What to exit with, once all that was printed has been written or lost.

    Args:
        status: Of the command. What it says of its work counts more than what became of words.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        return status or status_of_loss(error)
    return status


def status_of_loss(error: OSError | None) -> int:
    """Say that output was lost, if anybody can still be told; what to exit with.

    Args:
        error: What the write failed with; None when nobody read what was written.
    """
    # Python writes what is left when it ends, and would complain once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if error is None or error.errno == errno.EPIPE:
        return READER_GONE
    message = f"the output could not be written: {error.strerror}"
    complain(ConfigError(message, code="config.unwritable"))
    return ConfigError.exit_status
