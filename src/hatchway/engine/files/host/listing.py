"""The names in a directory of the host, as a guest is told of them."""

from __future__ import annotations

import os
import stat

from hatchway.engine.files.host.answers import KINDS
from hatchway.engine.files.nodes import Entry, Errno, FileFault, Kind

_MAX_ENTRIES = 1 << 16
"""Names in one directory that a guest may list."""


def listed(descriptor: int) -> list[Entry]:
    """The names in an open directory that a guest can spell, in no order."""
    entries: list[Entry] = []
    with os.scandir(descriptor) as found:
        for item in found:
            name = os.fsencode(item.name)
            if _is_text(name):
                entries.append(Entry(name, item.inode(), _kind_of(item)))
            if len(entries) > _MAX_ENTRIES:
                raise FileFault(Errno.OVERFLOW)
    return entries


def _kind_of(item: os.DirEntry[str]) -> Kind:
    try:
        return KINDS.get(stat.S_IFMT(item.stat(follow_symlinks=False).st_mode), Kind.UNKNOWN)
    except OSError:  # gone already
        return Kind.UNKNOWN


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
