"""wasi:filesystem on the directories of the grant and on the workspace.

What reaches for more than was granted is answered with `access` and recorded with its path.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.files.nodes import NOW, Directory, Errno, File, FileFault, Kind, Status, Wish
from hatchway.engine.files.nothing import NoFiles
from hatchway.engine.preview2.binding import (
    DESCRIPTOR,
    DIRECTORY_ENTRY_STREAM,
    INPUT_STREAM,
    OUTPUT_STREAM,
    Function,
    Host,
)
from hatchway.engine.preview2.handles import (
    MAX_READ,
    Failure,
    FileStream,
    Listing,
    OpenFile,
    held,
    keep,
    tops,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Fill = Callable[[int], object]
    """Writes a value at an address; None for a result without payload."""
    Work = Callable[["Host", int], Fill | None]
    """(host, address of the first argument): does it, and says how to write the answer."""

_BYTES = capi.VALUE_BYTES
_MAX_OFFSET = (1 << 63) - 1

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
_KINDS = {
    Kind.BLOCK_DEVICE: b"block-device",
    Kind.CHARACTER_DEVICE: b"character-device",
    Kind.DIRECTORY: b"directory",
    Kind.REGULAR_FILE: b"regular-file",
    Kind.SOCKET: b"socket",
    Kind.SYMBOLIC_LINK: b"symbolic-link",
}


# Arguments


def _at(arguments: int, index: int) -> int:
    return arguments + index * _BYTES


def _path(arguments: int, index: int) -> bytes:
    return values.read_vector(_at(arguments, index) + capi.VALUE_PAYLOAD)


def _number(arguments: int, index: int) -> int:
    number: int = values.read_number(_at(arguments, index), "u64")
    if number > _MAX_OFFSET:
        raise FileFault(Errno.INVAL)
    return number


def _flags(arguments: int, index: int) -> frozenset[str]:
    at = _at(arguments, index)
    first = capi.read_pointer(at + capi.VALUE_PAYLOAD + 8)
    return frozenset(values.read_text(first + item * 16) for item in range(values.list_length(at)))


def _follows(arguments: int, index: int) -> bool:
    return "symlink-follow" in _flags(arguments, index)


def _time(arguments: int, index: int) -> int | None:
    """A `new-timestamp`: nanoseconds, `NOW`, or None for leaving it."""
    at = _at(arguments, index) + capi.VALUE_PAYLOAD
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


def _opened(host: Host, which: int = 0) -> OpenFile | Directory:
    opened = host.guest.handles[host.handles[which]]
    assert isinstance(opened, OpenFile | Directory)
    return opened


def _node(host: Host, which: int = 0) -> File | Directory:
    opened = _opened(host, which)
    return opened.file if isinstance(opened, OpenFile) else opened


def _directory(host: Host, which: int = 0) -> Directory:
    node = _node(host, which)
    if not isinstance(node, Directory):
        raise FileFault(Errno.NOTDIR)
    return node


# Answers


def _function(
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
    which, told = 0, b"" if path is None else _path(arguments, path)
    if new_path is not None and not _refuses(_directory(host), told):
        which, told = 1, _path(arguments, new_path)
    if not told.startswith(b"/"):
        top = _opened(host, which).guest_path
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


def _fill_number(number: int) -> Fill:
    return lambda at: values.put_number(at, "u64", number)


def _fill_status(status: Status) -> Fill:
    names = (
        "type", "link-count", "size",
        "data-access-timestamp", "data-modification-timestamp", "status-change-timestamp",
    )  # fmt: skip

    def fill(at: int) -> None:
        kind, links, size, *times = values.put_record(at, names)
        values.put_text(kind, _KINDS.get(status.kind, b"unknown"), "enum")
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


def _fill_hash(status: Status) -> Fill:
    told = f"{status.inode}/{status.size}/{status.modified_ns}/{status.changed_ns}"
    digest = hashlib.blake2b(told.encode(), digest_size=16).digest()

    def fill(at: int) -> None:
        halves = values.put_record(at, ("lower", "upper"))
        for index, half in enumerate(halves):
            number = int.from_bytes(digest[8 * index : 8 * index + 8], "little")
            values.put_number(half, "u64", number)

    return fill


# Directories at the top


def get_directories(host: Host, _arguments: int, result: int) -> None:
    directories = host.guest.roots().directories
    first = values.put_items(result, "list", len(directories))
    for index, number in enumerate(tops(host.guest)):
        pair = values.put_items(first + index * _BYTES, "tuple", 2)
        host.give(pair, DESCRIPTOR, number)
        values.put_text(pair + _BYTES, directories[index].guest_path)


# Descriptors


def open_at(host: Host, arguments: int) -> Fill:
    how, what = _flags(arguments, 3), _flags(arguments, 4)
    wish = _wish(arguments, how, what)
    directory, path = _directory(host), _path(arguments, 2)
    node = directory.open(path, wish)
    opened = OpenFile(node, directory.guest_path + b"/" + path) if isinstance(node, File) else node
    number = keep(host.guest, opened)
    return lambda at: host.give(at, DESCRIPTOR, number)


def _wish(arguments: int, how: frozenset[str], what: frozenset[str]) -> Wish:
    is_directory = "directory" in how
    return Wish(
        follow=_follows(arguments, 1),
        reads="read" in what or "write" not in what,
        # For a directory the flag only says what may be done below it.
        writes="write" in what and not is_directory,
        create="create" in how,
        exclusive="exclusive" in how,
        truncate="truncate" in how,
        directory=is_directory,
    )


_open_to_read = _function("fs.read", open_at, path=2)
_open_to_change = _function("fs.write", open_at, path=2)


def _open(host: Host, arguments: int, result: int) -> None:
    wish = _wish(arguments, _flags(arguments, 3), _flags(arguments, 4))
    (_open_to_change if wish.changes else _open_to_read).body(host, arguments, result)


def get_flags(host: Host, _arguments: int) -> Fill:
    node = _node(host)
    if isinstance(node, Directory):
        names = ["read", "mutate-directory"] if node.is_writable else ["read"]
    else:
        names = [name for name, has in (("read", node.reads), ("write", node.writes)) if has]
    return lambda at: values.put_flags(at, names)


def get_type(host: Host, _arguments: int) -> Fill:
    node = _node(host)
    # That a directory is one says nothing about what is in it.
    kind = b"directory" if node.is_directory else _KINDS.get(node.status().kind, b"unknown")
    return lambda at: values.put_text(at, kind, "enum")


def stat(host: Host, _arguments: int) -> Fill:
    return _fill_status(_node(host).status())


def stat_at(host: Host, arguments: int) -> Fill:
    follow = _follows(arguments, 1)
    return _fill_status(_directory(host).status_at(_path(arguments, 2), follow=follow))


def metadata_hash(host: Host, _arguments: int) -> Fill:
    return _fill_hash(_node(host).status())


def metadata_hash_at(host: Host, arguments: int) -> Fill:
    follow = _follows(arguments, 1)
    return _fill_hash(_directory(host).status_at(_path(arguments, 2), follow=follow))


def set_times(host: Host, arguments: int) -> None:
    _node(host).set_times(_time(arguments, 1), _time(arguments, 2))


def set_times_at(host: Host, arguments: int) -> None:
    times = _time(arguments, 3), _time(arguments, 4)
    path, follow = _path(arguments, 2), _follows(arguments, 1)
    _directory(host).set_times_at(path, *times, follow=follow)


def set_size(host: Host, arguments: int) -> None:
    size = _number(arguments, 1)
    _written(host).set_size(size)


def _written(host: Host) -> File:
    """The file that is to be changed; a directory that cannot be changed says why itself."""
    node = _node(host)
    if isinstance(node, Directory):
        raise FileFault(Errno.ISDIR if node.is_writable else Errno.NOTCAPABLE)
    if not node.writes:
        raise FileFault(Errno.BADF)
    return node


def _read_from(host: Host) -> File:
    node = _node(host)
    if isinstance(node, Directory):
        raise FileFault(Errno.NOTCAPABLE if isinstance(node, NoFiles) else Errno.ISDIR)
    if not node.reads:
        raise FileFault(Errno.BADF)
    return node


def read(host: Host, arguments: int) -> Fill:
    count = min(values.read_number(_at(arguments, 1), "u64"), MAX_READ)
    data = _read_from(host).read(_number(arguments, 2), count)

    def fill(at: int) -> None:
        first = values.put_items(at, "tuple", 2)
        values.put_bytes(first, data)
        values.put_number(first + _BYTES, "bool", len(data) < count or not count)

    return fill


def write(host: Host, arguments: int) -> Fill:
    file = _written(host)
    place = _number(arguments, 2)
    return _fill_number(file.write(place, values.read_bytes_list(_at(arguments, 1))))


def advise(host: Host, _arguments: int) -> None:
    _node(host)


def sync(host: Host, _arguments: int) -> None:
    node = _node(host)
    if isinstance(node, File):
        node.sync()


# Streams


def read_via_stream(host: Host, arguments: int) -> Fill:
    return _stream(host, _read_from(host), _number(arguments, 1), INPUT_STREAM)


def write_via_stream(host: Host, arguments: int) -> Fill:
    return _stream(host, _written(host), _number(arguments, 1), OUTPUT_STREAM)


def append_via_stream(host: Host, _arguments: int) -> Fill:
    return _stream(host, _written(host), 0, OUTPUT_STREAM, appends=True)


def _stream(host: Host, file: File, offset: int, resource: int, *, appends: bool = False) -> Fill:
    number = keep(host.guest, FileStream(file.again(), offset, appends=appends))
    return lambda at: host.give(at, resource, number)


# Names


def read_directory(host: Host, _arguments: int) -> Fill:
    number = keep(host.guest, Listing(_directory(host).entries()))
    return lambda at: host.give(at, DIRECTORY_ENTRY_STREAM, number)


def read_directory_entry(host: Host, _arguments: int) -> Fill:
    entry = next(held(host.guest, host.handles[0], Listing).entries, None)

    def fill_entry(at: int) -> None:
        kind, name = values.put_record(at, ("type", "name"))
        assert entry is not None
        values.put_text(kind, _KINDS.get(entry.kind, b"unknown"), "enum")
        values.put_text(name, entry.name)

    def fill(at: int) -> None:
        values.put_none(at)
        if entry is not None:
            values.put_box(at, "option", fill_entry)

    return fill


def create_directory_at(host: Host, arguments: int) -> None:
    _directory(host).make_directory(_path(arguments, 1))


def remove_directory_at(host: Host, arguments: int) -> None:
    _directory(host).remove_directory(_path(arguments, 1))


def unlink_file_at(host: Host, arguments: int) -> None:
    _directory(host).unlink(_path(arguments, 1))


def readlink_at(host: Host, arguments: int) -> Fill:
    target = _directory(host).read_link(_path(arguments, 1))
    try:
        target.decode()
    except UnicodeDecodeError:  # wasmtime aborts the process over a string that is none
        raise FileFault(Errno.ILSEQ) from None
    return lambda at: values.put_text(at, target)


def symlink_at(host: Host, arguments: int) -> None:
    _directory(host).make_link(_path(arguments, 2), _path(arguments, 1))


def link_at(host: Host, arguments: int) -> None:
    if _follows(arguments, 1):
        raise FileFault(Errno.INVAL)
    _directory(host).link(_path(arguments, 2), _directory(host, 1), _path(arguments, 4))


def rename_at(host: Host, arguments: int) -> None:
    _directory(host).rename(_path(arguments, 1), _directory(host, 1), _path(arguments, 3))


def is_same_object(host: Host, _arguments: int, result: int) -> None:
    values.put_number(result, "bool", _identity(_node(host)) == _identity(_node(host, 1)))


def _identity(node: File | Directory) -> object:
    try:
        return type(node), node.status().inode
    except FileFault:
        return node


def error_code(host: Host, _arguments: int, result: int) -> None:
    failure = held(host.guest, host.handles[0], Failure)
    values.put_none(result)
    if failure.errno is not None:
        code = CODES.get(failure.errno, "io").encode()
        values.put_box(result, "option", lambda at: values.put_text(at, code, "enum"))


_METHODS = {
    "read-via-stream": _function("fs.read", read_via_stream),
    "write-via-stream": _function("fs.write", write_via_stream),
    "append-via-stream": _function("fs.write", append_via_stream),
    "advise": _function("fs.read", advise),
    "sync-data": _function("fs.read", sync),
    "sync": _function("fs.read", sync),
    "get-flags": _function("fs.read", get_flags),
    "get-type": _function("fs.read", get_type),
    "set-size": _function("fs.write", set_size),
    "set-times": _function("fs.write", set_times),
    "read": _function("fs.read", read),
    "write": _function("fs.write", write),
    "read-directory": _function("fs.read", read_directory),
    "create-directory-at": _function("fs.write", create_directory_at, path=1),
    "stat": _function("fs.read", stat),
    "stat-at": _function("fs.read", stat_at, path=2),
    "set-times-at": _function("fs.write", set_times_at, path=2),
    "link-at": _function("fs.write", link_at, path=2, new_path=4, handles=(0, 3)),
    "open-at": Function(_open, (0,)),
    "readlink-at": _function("fs.read", readlink_at, path=1),
    "remove-directory-at": _function("fs.write", remove_directory_at, path=1),
    "rename-at": _function("fs.write", rename_at, path=1, new_path=3, handles=(0, 2)),
    "symlink-at": _function("fs.write", symlink_at, path=2),
    "unlink-file-at": _function("fs.write", unlink_file_at, path=1),
    "is-same-object": Function(is_same_object, (0, 1)),
    "metadata-hash": _function("fs.read", metadata_hash),
    "metadata-hash-at": _function("fs.read", metadata_hash_at, path=2),
}

RESOURCES = {
    "wasi:filesystem/types": {
        "descriptor": DESCRIPTOR,
        "directory-entry-stream": DIRECTORY_ENTRY_STREAM,
    }
}

FUNCTIONS: dict[str, dict[str, Function]] = {
    "wasi:filesystem/preopens": {"get-directories": Function(get_directories)},
    "wasi:filesystem/types": {
        **{f"[method]descriptor.{name}": function for name, function in _METHODS.items()},
        "[method]directory-entry-stream.read-directory-entry": _function(
            "fs.read", read_directory_entry
        ),
        "filesystem-error-code": Function(error_code, (0,)),
    },
}
