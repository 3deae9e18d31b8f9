"""Landlock: which files, which TCP port, and whom this thread may signal.

It binds the thread that asks for it and what that starts later, never a thread that is there
already. See `include/uapi/linux/landlock.h` and <https://docs.kernel.org/userspace-api/landlock.html>.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import Final

from hatchway.workers.confinement.calling import system_call
from hatchway.workers.confinement.refusing import refused

_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_NET_PORT: Final = 2

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_DIR: Final = 1 << 4
_REMOVE_FILE: Final = 1 << 5
_MAKE_CHAR: Final = 1 << 6
_MAKE_DIR: Final = 1 << 7
_MAKE_REG: Final = 1 << 8
_MAKE_SOCK: Final = 1 << 9
_MAKE_FIFO: Final = 1 << 10
_MAKE_BLOCK: Final = 1 << 11
_MAKE_SYM: Final = 1 << 12
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_IOCTL_DEV: Final = 1 << 15

_READING: Final = _READ_FILE | _READ_DIR
_WRITING: Final = (
    _WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _MAKE_SYM
    | _REFER
    | _TRUNCATE
)
_ON_FILES: Final = _READ_FILE | _WRITE_FILE | _TRUNCATE

_BIND_TCP: Final = 1 << 0
_CONNECT_TCP: Final = 1 << 1

_ABSTRACT_SOCKETS: Final = 1 << 0
_SIGNALS: Final = 1 << 1

TCP_SINCE: Final = 4
"""The version from which Landlock knows ports."""
SCOPES_SINCE: Final = 6
"""The version from which it knows signals and abstract sockets."""


def version() -> int:
    """The version of Landlock that this kernel speaks; 0 for none."""
    try:
        return system_call("landlock_create_ruleset", None, 0, _VERSION)
    except OSError:
        return 0


def restrict(directories: tuple[tuple[int, bool], ...], connect_port: int | None) -> None:
    """Leave this thread only what is in `directories`, each with whether it may be written.

    It may connect to `connect_port` and to no other, and never waits at one. What the kernel's
    version does not know is not held; `version` tells.

    Raises:
        ConfinementError: The kernel has no Landlock, or refuses.
    """
    spoken = version()
    if spoken < 1:
        raise refused("landlock", "this kernel has none, or it is not among its security modules")
    files = _file_rights(spoken)
    try:
        ruleset = _ruleset(spoken, files)
        try:
            for descriptor, is_writable in directories:
                rights = _rights(descriptor, is_writable=is_writable) & files
                rule = struct.pack("<Qi", rights, descriptor)
                system_call("landlock_add_rule", ruleset, _PATH_BENEATH, rule, 0)
            if connect_port is not None and spoken >= TCP_SINCE:
                rule = struct.pack("<QQ", _CONNECT_TCP, connect_port)
                system_call("landlock_add_rule", ruleset, _NET_PORT, rule, 0)
            system_call("landlock_restrict_self", ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        raise refused("landlock", "the kernel refuses the rules", error) from error


def _ruleset(spoken: int, files: int) -> int:
    attributes = struct.pack("<Q", files)
    if spoken >= TCP_SINCE:
        attributes += struct.pack("<Q", _BIND_TCP | _CONNECT_TCP)
    if spoken >= SCOPES_SINCE:
        attributes += struct.pack("<Q", _ABSTRACT_SOCKETS | _SIGNALS)
    return system_call("landlock_create_ruleset", attributes, len(attributes), 0)


def _file_rights(spoken: int) -> int:
    """All that this version handles: what no rule gives back is refused."""
    last = {1: _MAKE_SYM, 2: _REFER, 3: _TRUNCATE, 4: _TRUNCATE}.get(spoken, _IOCTL_DEV)
    return (last << 1) - 1


def _rights(descriptor: int, *, is_writable: bool) -> int:
    rights = _READING | _WRITING if is_writable else _READING
    is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    return rights if is_directory else rights & _ON_FILES
