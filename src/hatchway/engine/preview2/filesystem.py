"""wasi:filesystem on the directories of the grant and on the workspace.

What the functions are given is read by `file_arguments`, what they answer is written by
`file_answers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.files.nodes import Directory, Errno, File, FileFault, Wish
from hatchway.engine.files.nothing import NoFiles
from hatchway.engine.preview2.binding import (
    DESCRIPTOR,
    DIRECTORY_ENTRY_STREAM,
    INPUT_STREAM,
    OUTPUT_STREAM,
    Function,
    Host,
)
from hatchway.engine.preview2.file_answers import (
    CODES,
    KINDS,
    file_function,
    fill_hash,
    fill_number,
    fill_status,
)
from hatchway.engine.preview2.file_arguments import (
    argument_at,
    directory_of,
    flags_of,
    follows,
    node_of,
    number_of,
    path_of,
    time_of,
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
    from hatchway.engine.preview2.file_answers import Fill

_BYTES = capi.VALUE_BYTES


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
    how, what = flags_of(arguments, 3), flags_of(arguments, 4)
    wish = _wish(arguments, how, what)
    directory, path = directory_of(host), path_of(arguments, 2)
    node = directory.open(path, wish)
    opened = OpenFile(node, directory.guest_path + b"/" + path) if isinstance(node, File) else node
    number = keep(host.guest, opened)
    return lambda at: host.give(at, DESCRIPTOR, number)


def _wish(arguments: int, how: frozenset[str], what: frozenset[str]) -> Wish:
    is_directory = "directory" in how
    return Wish(
        follow=follows(arguments, 1),
        reads="read" in what or "write" not in what,
        # For a directory the flag only says what may be done below it.
        writes="write" in what and not is_directory,
        create="create" in how,
        exclusive="exclusive" in how,
        truncate="truncate" in how,
        directory=is_directory,
    )


_open_to_read = file_function("fs.read", open_at, path=2)
_open_to_change = file_function("fs.write", open_at, path=2)


def _open(host: Host, arguments: int, result: int) -> None:
    wish = _wish(arguments, flags_of(arguments, 3), flags_of(arguments, 4))
    (_open_to_change if wish.changes else _open_to_read).body(host, arguments, result)


def get_flags(host: Host, _arguments: int) -> Fill:
    node = node_of(host)
    if isinstance(node, Directory):
        names = ["read", "mutate-directory"] if node.is_writable else ["read"]
    else:
        names = [name for name, has in (("read", node.reads), ("write", node.writes)) if has]
    return lambda at: values.put_flags(at, names)


def get_type(host: Host, _arguments: int) -> Fill:
    node = node_of(host)
    # That a directory is one says nothing about what is in it.
    kind = b"directory" if node.is_directory else KINDS.get(node.status().kind, b"unknown")
    return lambda at: values.put_text(at, kind, "enum")


def stat(host: Host, _arguments: int) -> Fill:
    return fill_status(node_of(host).status())


def stat_at(host: Host, arguments: int) -> Fill:
    follow = follows(arguments, 1)
    return fill_status(directory_of(host).status_at(path_of(arguments, 2), follow=follow))


def metadata_hash(host: Host, _arguments: int) -> Fill:
    return fill_hash(node_of(host).status())


def metadata_hash_at(host: Host, arguments: int) -> Fill:
    follow = follows(arguments, 1)
    return fill_hash(directory_of(host).status_at(path_of(arguments, 2), follow=follow))


def set_times(host: Host, arguments: int) -> None:
    node_of(host).set_times(time_of(arguments, 1), time_of(arguments, 2))


def set_times_at(host: Host, arguments: int) -> None:
    times = time_of(arguments, 3), time_of(arguments, 4)
    path, follow = path_of(arguments, 2), follows(arguments, 1)
    directory_of(host).set_times_at(path, *times, follow=follow)


def set_size(host: Host, arguments: int) -> None:
    size = number_of(arguments, 1)
    _written(host).set_size(size)


def _written(host: Host) -> File:
    """The file that is to be changed; a directory that cannot be changed says why itself."""
    node = node_of(host)
    if isinstance(node, Directory):
        raise FileFault(Errno.ISDIR if node.is_writable else Errno.NOTCAPABLE)
    if not node.writes:
        raise FileFault(Errno.BADF)
    return node


def _read_from(host: Host) -> File:
    node = node_of(host)
    if isinstance(node, Directory):
        raise FileFault(Errno.NOTCAPABLE if isinstance(node, NoFiles) else Errno.ISDIR)
    if not node.reads:
        raise FileFault(Errno.BADF)
    return node


def read(host: Host, arguments: int) -> Fill:
    count = min(values.read_number(argument_at(arguments, 1), "u64"), MAX_READ)
    data = _read_from(host).read(number_of(arguments, 2), count)

    def fill(at: int) -> None:
        first = values.put_items(at, "tuple", 2)
        values.put_bytes(first, data)
        values.put_number(first + _BYTES, "bool", len(data) < count or not count)

    return fill


def write(host: Host, arguments: int) -> Fill:
    file = _written(host)
    place = number_of(arguments, 2)
    return fill_number(file.write(place, values.read_bytes_list(argument_at(arguments, 1))))


def advise(host: Host, _arguments: int) -> None:
    node_of(host)


def sync(host: Host, _arguments: int) -> None:
    node = node_of(host)
    if isinstance(node, File):
        node.sync()


# Streams


def read_via_stream(host: Host, arguments: int) -> Fill:
    return _stream(host, _read_from(host), number_of(arguments, 1), INPUT_STREAM)


def write_via_stream(host: Host, arguments: int) -> Fill:
    return _stream(host, _written(host), number_of(arguments, 1), OUTPUT_STREAM)


def append_via_stream(host: Host, _arguments: int) -> Fill:
    return _stream(host, _written(host), 0, OUTPUT_STREAM, appends=True)


def _stream(host: Host, file: File, offset: int, resource: int, *, appends: bool = False) -> Fill:
    number = keep(host.guest, FileStream(file.again(), offset, appends=appends))
    return lambda at: host.give(at, resource, number)


# Names


def read_directory(host: Host, _arguments: int) -> Fill:
    number = keep(host.guest, Listing(directory_of(host).entries()))
    return lambda at: host.give(at, DIRECTORY_ENTRY_STREAM, number)


def read_directory_entry(host: Host, _arguments: int) -> Fill:
    entry = next(held(host.guest, host.handles[0], Listing).entries, None)

    def fill_entry(at: int) -> None:
        kind, name = values.put_record(at, ("type", "name"))
        assert entry is not None
        values.put_text(kind, KINDS.get(entry.kind, b"unknown"), "enum")
        values.put_text(name, entry.name)

    def fill(at: int) -> None:
        values.put_none(at)
        if entry is not None:
            values.put_box(at, "option", fill_entry)

    return fill


def create_directory_at(host: Host, arguments: int) -> None:
    directory_of(host).make_directory(path_of(arguments, 1))


def remove_directory_at(host: Host, arguments: int) -> None:
    directory_of(host).remove_directory(path_of(arguments, 1))


def unlink_file_at(host: Host, arguments: int) -> None:
    directory_of(host).unlink(path_of(arguments, 1))


def readlink_at(host: Host, arguments: int) -> Fill:
    target = directory_of(host).read_link(path_of(arguments, 1))
    try:
        target.decode()
    except UnicodeDecodeError:  # wasmtime aborts the process over a string that is none
        raise FileFault(Errno.ILSEQ) from None
    return lambda at: values.put_text(at, target)


def symlink_at(host: Host, arguments: int) -> None:
    directory_of(host).make_link(path_of(arguments, 2), path_of(arguments, 1))


def link_at(host: Host, arguments: int) -> None:
    if follows(arguments, 1):
        raise FileFault(Errno.INVAL)
    directory_of(host).link(path_of(arguments, 2), directory_of(host, 1), path_of(arguments, 4))


def rename_at(host: Host, arguments: int) -> None:
    directory_of(host).rename(path_of(arguments, 1), directory_of(host, 1), path_of(arguments, 3))


def is_same_object(host: Host, _arguments: int, result: int) -> None:
    values.put_number(result, "bool", _identity(node_of(host)) == _identity(node_of(host, 1)))


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
    "read-via-stream": file_function("fs.read", read_via_stream),
    "write-via-stream": file_function("fs.write", write_via_stream),
    "append-via-stream": file_function("fs.write", append_via_stream),
    "advise": file_function("fs.read", advise),
    "sync-data": file_function("fs.read", sync),
    "sync": file_function("fs.read", sync),
    "get-flags": file_function("fs.read", get_flags),
    "get-type": file_function("fs.read", get_type),
    "set-size": file_function("fs.write", set_size),
    "set-times": file_function("fs.write", set_times),
    "read": file_function("fs.read", read),
    "write": file_function("fs.write", write),
    "read-directory": file_function("fs.read", read_directory),
    "create-directory-at": file_function("fs.write", create_directory_at, path=1),
    "stat": file_function("fs.read", stat),
    "stat-at": file_function("fs.read", stat_at, path=2),
    "set-times-at": file_function("fs.write", set_times_at, path=2),
    "link-at": file_function("fs.write", link_at, path=2, new_path=4, handles=(0, 3)),
    "open-at": Function(_open, (0,)),
    "readlink-at": file_function("fs.read", readlink_at, path=1),
    "remove-directory-at": file_function("fs.write", remove_directory_at, path=1),
    "rename-at": file_function("fs.write", rename_at, path=1, new_path=3, handles=(0, 2)),
    "symlink-at": file_function("fs.write", symlink_at, path=2),
    "unlink-file-at": file_function("fs.write", unlink_file_at, path=1),
    "is-same-object": Function(is_same_object, (0, 1)),
    "metadata-hash": file_function("fs.read", metadata_hash),
    "metadata-hash-at": file_function("fs.read", metadata_hash_at, path=2),
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
        "[method]directory-entry-stream.read-directory-entry": file_function(
            "fs.read", read_directory_entry
        ),
        "filesystem-error-code": Function(error_code, (0,)),
    },
}
