"""What functions of wasi:filesystem answer: results, error codes and records of files.

What reaches for more than was granted is answered with `access` and recorded with its path.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hatchway.engine import values
from hatchway.engine.files.nodes import Directory, Errno, FileFault, Kind, Status
from hatchway.engine.preview2.binding import Function, Host
from hatchway.engine.preview2.file_arguments import directory_of, opened_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Fill = Callable[[int], object]
    """Writes a value at an address; None for a result without payload."""
    Work = Callable[["Host", int], Fill | None]
    """(host, address of the first argument): does it, and says how to write the answer."""

CODES = {
    Errno.ACCES: "access",
    Errno.AGAIN: "would-block",
    Errno.BADF: "bad-descriptor",
    Errno.BUSY: "busy",
    Errno.DQUOT: "quota",
    Errno.EXIST: "exist",
    Errno.FBIG: "file-too-large",
    Errno.ILSEQ: "illegal-byte-sequence",
    Errno.INTR: "interrupted",
    Errno.INVAL: "invalid",
    Errno.ISDIR: "is-directory",
    Errno.LOOP: "loop",
    Errno.MFILE: "insufficient-memory",
    Errno.MLINK: "too-many-links",
    Errno.NAMETOOLONG: "name-too-long",
    Errno.NFILE: "insufficient-memory",
    Errno.NOENT: "no-entry",
    Errno.NOMEM: "insufficient-memory",
    Errno.NOSPC: "insufficient-space",
    Errno.NOTCAPABLE: "access",
    Errno.NOTDIR: "not-directory",
    Errno.NOTEMPTY: "not-empty",
    Errno.NOTSUP: "unsupported",
    Errno.NXIO: "no-such-device",
    Errno.OVERFLOW: "overflow",
    Errno.PERM: "not-permitted",
    Errno.ROFS: "read-only",
    Errno.SPIPE: "invalid-seek",
    Errno.TXTBSY: "text-file-busy",
    Errno.XDEV: "cross-device",
}
"""How WASI calls what went wrong; anything else is `io`."""
KINDS = {
    Kind.BLOCK_DEVICE: b"block-device",
    Kind.CHARACTER_DEVICE: b"character-device",
    Kind.DIRECTORY: b"directory",
    Kind.REGULAR_FILE: b"regular-file",
    Kind.SOCKET: b"socket",
    Kind.SYMBOLIC_LINK: b"symbolic-link",
}
"""How WASI calls what something is; anything else is `unknown`."""


def file_function(
    capability: str,
    work: Work,
    *,
    path: int | None = None,
    new_path: int | None = None,
    handles: tuple[int, ...] = (0,),
) -> Function:
    """A function that answers `result<…, error-code>`.

    Args:
        capability: What a refusal is recorded as.
        work: What it does.
        path: Which argument is the path that a refusal names.
        new_path: Which is the path below a second directory, that may be refused as well.
        handles: Which arguments are handles.
    """

    def body(host: Host, arguments: int, result: int) -> None:
        host.guest.check_time()
        try:
            fill = work(host, arguments)
        except FileFault as fault:
            if fault.errno == Errno.NOTCAPABLE:
                _record(host, arguments, capability, path, new_path)
            code = CODES.get(fault.errno, "io").encode()
            values.put_result(result, is_ok=False)
            values.put_box(result, "result", lambda at: values.put_text(at, code, "enum"))
            return
        values.put_result(result, is_ok=True)
        if fill is not None:
            values.put_box(result, "result", fill)

    return Function(body, handles)


def _record(
    host: Host, arguments: int, capability: str, path: int | None, new_path: int | None
) -> None:
    which, told = 0, b"" if path is None else path_of(arguments, path)
    if new_path is not None and not _refuses(directory_of(host), told):
        which, told = 1, path_of(arguments, new_path)
    if not told.startswith(b"/"):
        top = opened_of(host, which).guest_path
        told = top.rstrip(b"/") + b"/" + told if told else top
    host.deny(capability, told)


def _refuses(directory: Directory, path: bytes) -> bool:
    """Whether no name may be changed there, because of the directory or because of the path."""
    if not directory.is_writable:
        return True
    try:
        directory.status_at(path, follow=False)
    except FileFault as fault:
        return fault.errno == Errno.NOTCAPABLE
    return False


def fill_number(number: int) -> Fill:
    """Writes a `filesize`."""
    return lambda at: values.put_number(at, "u64", number)


def fill_status(status: Status) -> Fill:
    """Writes a `descriptor-stat`."""
    names = (
        "type", "link-count", "size",
        "data-access-timestamp", "data-modification-timestamp", "status-change-timestamp",
    )  # fmt: skip

    def fill(at: int) -> None:
        kind, links, size, *times = values.put_record(at, names)
        values.put_text(kind, KINDS.get(status.kind, b"unknown"), "enum")
        values.put_number(links, "u64", status.links)
        values.put_number(size, "u64", status.size)
        for place, time in zip(times, status[4:], strict=True):
            values.put_none(place)
            values.put_box(place, "option", _fill_time(max(0, time)))

    return fill


def _fill_time(nanoseconds: int) -> Fill:
    def fill(at: int) -> None:
        seconds, rest = values.put_record(at, ("seconds", "nanoseconds"))
        values.put_number(seconds, "u64", nanoseconds // 10**9)
        values.put_number(rest, "u32", nanoseconds % 10**9)

    return fill


def fill_hash(status: Status) -> Fill:
    """Writes a `metadata-hash-value`."""
    told = f"{status.inode}/{status.size}/{status.modified_ns}/{status.changed_ns}"
    digest = hashlib.blake2b(told.encode(), digest_size=16).digest()

    def fill(at: int) -> None:
        halves = values.put_record(at, ("lower", "upper"))
        for index, half in enumerate(halves):
            number = int.from_bytes(digest[8 * index : 8 * index + 8], "little")
            values.put_number(half, "u64", number)

    return fill
