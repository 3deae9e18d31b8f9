"""Giving up every capability, and every way to one.

See capabilities(7). A process without them, that can gain no privileges, keeps the rights of its
user on files; those are Landlock's matter.
"""

from __future__ import annotations

import errno
import struct
from typing import Final

from hatchway.workers.confinement.calling import (
    PR_CAP_AMBIENT,
    PR_CAPBSET_DROP,
    PR_CAPBSET_READ,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_SECUREBITS,
    control,
    system_call,
)

_CLEAR_ALL: Final = 4
_VERSION_3: Final = 0x20080522
_LAST: Final = 63
# Root is nobody special, capabilities do not follow the user id, none is ambient; and all locked.
_SECURE_BITS: Final = 0b11101111


def forbid_gaining() -> None:
    """No program that is started from here on gives its process anything.

    Raises:
        OSError: The kernel refuses.
    """
    control(PR_SET_NO_NEW_PRIVS, 1)


def drop() -> None:
    """Empty every set of capabilities that this thread has.

    Raises:
        OSError: The kernel refuses.
    """
    forbid_gaining()
    for change in (_empty_bounding_set, _lock_secure_bits):
        try:
            change()
        except OSError as error:
            # Both need a capability. Who has none cannot be given any either: no_new_privs.
            if error.errno != errno.EPERM:
                raise
    control(PR_CAP_AMBIENT, _CLEAR_ALL)
    system_call("capset", struct.pack("<Ii", _VERSION_3, 0), bytes(24))


def _empty_bounding_set() -> None:
    for capability in range(_LAST + 1):
        try:
            control(PR_CAPBSET_READ, capability)
        except OSError:
            return  # one more than this kernel knows
        control(PR_CAPBSET_DROP, capability)


def _lock_secure_bits() -> None:
    control(PR_SET_SECUREBITS, _SECURE_BITS)
