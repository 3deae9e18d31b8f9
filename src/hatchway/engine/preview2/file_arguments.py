"""What functions of wasi:filesystem are given: reading their arguments and handles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.files.nodes import NOW, Directory, Errno, File, FileFault
from hatchway.engine.preview2.handles import OpenFile

if TYPE_CHECKING:
    from hatchway.engine.preview2.binding import Host

_BYTES = capi.VALUE_BYTES
_MAX_OFFSET = (1 << 63) - 1


def argument_at(arguments: int, index: int) -> int:
    """The address of the argument at `index`."""
    return arguments + index * _BYTES


def path_of(arguments: int, index: int) -> bytes:
    """A path, as the guest spelled it."""
    return values.read_vector(argument_at(arguments, index) + capi.VALUE_PAYLOAD)


def number_of(arguments: int, index: int) -> int:
    """An offset or a size."""
    number: int = values.read_number(argument_at(arguments, index), "u64")
    if number > _MAX_OFFSET:
        raise FileFault(Errno.INVAL)
    return number


def flags_of(arguments: int, index: int) -> frozenset[str]:
    """The names of the flags that are set."""
    at = argument_at(arguments, index)
    first = capi.read_pointer(at + capi.VALUE_PAYLOAD + 8)
    return frozenset(values.read_text(first + item * 16) for item in range(values.list_length(at)))


def follows(arguments: int, index: int) -> bool:
    """Whether `path-flags` say that a link at the end of the path is followed."""
    return "symlink-follow" in flags_of(arguments, index)


def time_of(arguments: int, index: int) -> int | None:
    """A `new-timestamp`: nanoseconds, `NOW`, or None for leaving it."""
    at = argument_at(arguments, index) + capi.VALUE_PAYLOAD
    tag = values.read_text(at)
    if tag != "timestamp":
        return NOW if tag == "now" else None
    record = capi.read_pointer(at + 16)
    first = capi.read_pointer(record + capi.VALUE_PAYLOAD + 8) + capi.RECORD_ENTRY_VALUE
    seconds: int = values.read_number(first, "u64")
    nanoseconds: int = values.read_number(first + capi.RECORD_ENTRY_BYTES, "u32")
    if seconds > _MAX_OFFSET // 10**9 - 1:
        raise FileFault(Errno.OVERFLOW)
    return seconds * 10**9 + nanoseconds


def opened_of(host: Host, which: int = 0) -> OpenFile | Directory:
    """What the guest has open under the handle argument number `which`."""
    opened = host.guest.handles[host.handles[which]]
    assert isinstance(opened, OpenFile | Directory)
    return opened


def node_of(host: Host, which: int = 0) -> File | Directory:
    """The file or directory behind the handle argument number `which`."""
    opened = opened_of(host, which)
    return opened.file if isinstance(opened, OpenFile) else opened


def directory_of(host: Host, which: int = 0) -> Directory:
    """The directory behind the handle argument number `which`; anything else is a fault."""
    node = node_of(host, which)
    if not isinstance(node, Directory):
        raise FileFault(Errno.NOTDIR)
    return node
