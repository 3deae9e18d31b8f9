"""System calls for which Python's standard library has no function.

Only Linux has them. Everywhere else the functions here exist and fail with `ENOSYS`.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from typing import TYPE_CHECKING, Any

from hatchway.workers.confinement.numbers import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47


@functools.cache
def _entry() -> Callable[..., int]:
    libc = ctypes.CDLL(None, use_errno=True)
    function: Any = libc.syscall
    function.restype = ctypes.c_long
    found: Callable[..., int] = function
    return found


def system_call(name: str, *arguments: int | bytes | None) -> int:
    """What the system call `name` returns. Integers go as they are, bytes as a pointer to them.

    Raises:
        OSError: It failed, or this machine has none of that name.
    """
    number = NUMBERS.get(name)
    if number is None or sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), name)
    result: int = _entry()(ctypes.c_long(number), *map(_argument, arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def control(option: int, *arguments: int) -> int:
    """`prctl`, with zeros for what is not given: the kernel refuses some options otherwise.

    Raises:
        OSError: It failed.
    """
    return system_call("prctl", option, *(*arguments, 0, 0, 0, 0)[:4])


def _argument(value: int | bytes | None) -> Any:
    if isinstance(value, int):
        return ctypes.c_long(value)
    return ctypes.c_char_p(value)
