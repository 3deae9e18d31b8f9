"""Whom a worker is for: what two calls must have in common to meet in one process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from hatchway.core.limits import MEBIBYTE

if TYPE_CHECKING:
    from hatchway.core.grant import Grant
    from hatchway.workers.orders import Order

_MEMORIES, _TABLES, _ELEMENT_BYTES = 4, 128, 16
"""Of an engine with room for one call."""
_OWN_BYTES = 512 * MEBIBYTE
"""What Python, the engine and the code of a large tool need besides what its guest may use."""
_FILE_BYTES = 1 << 40
"""The largest file below a writable directory without a quota."""


class Key(NamedTuple):
    """Whom a worker is for. Two calls that differ in any of it never meet in one process.

    Attributes:
        tenant: Whose calls.
        owner: Which policy entry's.
        digest: The artifact.
        compiler: Whose code of it was pinned.
        directories: Device, number, and whether writable, of each granted one, by its name inside.
        port: Where it reaches the broker; None for entries that are on no network.
        memory_bytes: What one may use.
        file_bytes: The largest file it may write.
    """

    tenant: str
    owner: str
    digest: str
    compiler: str | None
    directories: tuple[tuple[str, int, int, bool], ...]
    port: int | None
    memory_bytes: int
    file_bytes: int


def key_of(order: Order) -> Key:
    """Whom the worker of a call must be for."""
    grant = order.grant
    limits = grant.limits
    return Key(
        tenant=grant.tenant,
        owner=grant.owner,
        digest=order.digest,
        compiler=grant.compiler,
        directories=_places(grant) if grant.directories else (),
        port=None if order.ticket is None else order.ticket.port,
        memory_bytes=_OWN_BYTES
        + _MEMORIES * limits.memory_bytes
        + 2 * limits.scratch_bytes
        + 4 * limits.output_bytes
        + _TABLES * _ELEMENT_BYTES * limits.table_elements,
        file_bytes=_file_bytes(grant) if grant.directories else 0,
    )


def _places(grant: Grant) -> tuple[tuple[str, int, int, bool], ...]:
    """The directories themselves, whatever their names on the host mean by now."""
    found = [(granted, os.fstat(granted.descriptor)) for granted in grant.directories]
    return tuple(
        [
            (granted.guest_path, status.st_dev, status.st_ino, granted.is_writable)
            for granted, status in found
        ]
    )


def _file_bytes(grant: Grant) -> int:
    """The largest file that may be written."""
    writable = [granted for granted in grant.directories if granted.is_writable]
    return max([granted.quota_bytes or _FILE_BYTES for granted in writable], default=0)


def measured_places(grant: Grant) -> set[tuple[int, int]]:
    """The directories whose size counts."""
    if not grant.directories:
        return set()
    found = (
        os.fstat(granted.descriptor)
        for granted in grant.directories
        if granted.is_writable and granted.quota_bytes is not None
    )
    return {(status.st_dev, status.st_ino) for status in found}
