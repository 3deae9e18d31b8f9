"""How much native stack a thread has for guests.

A guest runs on the stack of the thread that calls it, as deep as `STACK_BYTES`; the guests that it
calls through other tools run on what is left. A thread that has too little would die of a guest
that recurses, and the process with it.
"""

from __future__ import annotations

import ctypes
import sys
import threading

from hatchway.core.limits import KIBIBYTE
from hatchway.engine.settings import STACK_BYTES

HOST_BYTES = 192 * KIBIBYTE
"""What the host's own functions may need between two guests, and before the first."""

_ATTRIBUTES_BYTES = 256  # `pthread_attr_t` is smaller everywhere


class _Measured(threading.local):
    """The most guests that fit into the current thread, once it was asked."""

    most: int | None = None


_measured = _Measured()


def has_room(running: int) -> bool:
    """Whether one more guest fits into the stack of this thread, where `running` are already."""
    most = _measured.most
    if most is None:
        size = stack_bytes()
        most = sys.maxsize if size is None else guests_in(size)
        _measured.most = most
    return running < most


def guests_in(size: int) -> int:
    """How many guests, each called by the one before, fit into so many bytes of stack."""
    return max(0, size - HOST_BYTES) // (STACK_BYTES + HOST_BYTES)


def stack_bytes() -> int | None:
    """The size of the current thread's stack; None where the system does not tell."""
    libc = ctypes.CDLL(None)
    ask = getattr(libc, "pthread_getattr_np", None)
    if ask is None:
        return None
    libc.pthread_self.restype = ctypes.c_void_p
    attributes = ctypes.create_string_buffer(_ATTRIBUTES_BYTES)
    if ask(ctypes.c_void_p(libc.pthread_self()), attributes) != 0:
        return None
    size = ctypes.c_size_t()
    status = libc.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return size.value if status == 0 else None
