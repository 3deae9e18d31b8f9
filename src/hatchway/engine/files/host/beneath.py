"""Opening what is below a directory and nowhere else, with `openat2`."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from typing import Any, ClassVar

from hatchway.engine.files.host.answers import FAULTS
from hatchway.engine.files.nodes import Errno, FileFault

_OPENAT2 = 437
"""Its number on every Linux architecture (include/uapi/asm-generic/unistd.h)."""
_NO_MAGIC_LINKS, _BENEATH = 0x02, 0x08
_RACES = 128
"""How often a path is tried again that something else keeps renaming."""
PATH_ONLY = getattr(os, "O_PATH", 0)
"""Hold what is found without opening it."""

_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_: ClassVar[Any] = [
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    ]


def is_available() -> bool:
    """Whether this system can keep a guest inside a directory."""
    if platform.system() != "Linux":
        return False
    try:
        descriptor = os.open("/", PATH_ONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.close(beneath(descriptor, b".", PATH_ONLY))
    except FileFault:
        return False
    finally:
        os.close(descriptor)
    return True


def beneath(directory: int, path: bytes, flags: int, mode: int = 0) -> int:
    """Open `path` below `directory`.

    Raises:
        FileFault: It cannot be opened; `NOTCAPABLE` when it leads out.
    """
    how = _How(flags | os.O_CLOEXEC, mode, _BENEATH | _NO_MAGIC_LINKS)
    for _ in range(_RACES):
        descriptor: int = _libc.syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(directory),
            ctypes.c_char_p(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        if number == errno.EXDEV:
            raise FileFault(Errno.NOTCAPABLE)
        if number not in (errno.EAGAIN, errno.EINTR):
            raise FileFault(FAULTS.get(number, Errno.IO))
    raise FileFault(Errno.AGAIN)
