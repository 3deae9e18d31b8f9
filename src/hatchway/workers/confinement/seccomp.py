"""seccomp: the list of system calls, and who is told about every other.

What is not on the list is not made. The kernel asks the holder of the returned descriptor, who
answers that it is not permitted, and so knows what was tried. Where the kernel cannot ask, it
says so itself. See seccomp(2) and seccomp_unotify(2).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import Final

from hatchway.workers.confinement import allowed, filters
from hatchway.workers.confinement.allowed import Needs
from hatchway.workers.confinement.calling import system_call
from hatchway.workers.confinement.numbers import NUMBERS
from hatchway.workers.confinement.refusing import refused

_SET_MODE_FILTER: Final = 1
_TSYNC: Final = 1
_NEW_LISTENER: Final = 1 << 3
_DENIED: Final = filters.fails_with(errno.EPERM)

__all__ = ["Needs", "restrict", "tighten"]


def restrict(needs: Needs) -> int | None:
    """Leave this thread, and those it starts, the system calls on the list.

    Returns:
        The descriptor at which the kernel asks about others; None where it cannot ask.

    Raises:
        ConfinementError: The kernel has no filters, or this processor has no list.
    """
    try:
        return _install(_program(needs, filters.NOTIFY), _NEW_LISTENER)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBUSY):
            raise refused("seccomp", "the kernel refuses the filter", error) from error
    try:
        _install(_program(needs, _DENIED), 0)
    except OSError as error:
        raise refused("seccomp", "the kernel refuses the filter", error) from error
    return None


def tighten(needs: Needs) -> None:
    """Take away from every thread what only loading code needs: new code and, often, paths.

    Raises:
        ConfinementError: The kernel refuses.
    """
    rules = allowed.tighter(needs, NUMBERS)
    code = filters.program(rules, machine=platform.machine(), otherwise=filters.ALLOW)
    try:
        if _install(code, _TSYNC) != 0:
            raise refused("seccomp", "a thread has other filters")
    except OSError as error:
        raise refused("seccomp", "the kernel refuses the filter", error) from error


def _program(needs: Needs, otherwise: int) -> bytes:
    machine = platform.machine()
    if machine not in filters.MACHINES:
        raise refused("seccomp", f"nobody made a list for {machine}")
    rules = allowed.rules(needs, NUMBERS, refused=otherwise)
    return filters.program(rules, machine=machine, otherwise=otherwise)


def _install(code: bytes, flags: int) -> int:
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(held))
    return system_call("seccomp", _SET_MODE_FILTER, flags, program)
