"""wasi:filesystem without a grant: an empty, read-only root that records every attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import (
    DESCRIPTOR,
    DIRECTORY_ENTRY_STREAM,
    Function,
    Host,
    unreachable,
)

if TYPE_CHECKING:
    from hatchway.engine.preview2.binding import Body

ROOT = 0
"""Representation of the only descriptor there is."""

_MAX_PATH = 4096
_WRITES = frozenset({"create", "exclusive", "truncate", "write", "mutate-directory"})


def get_directories(host: Host, _arguments: int, result: int) -> None:
    pair = values.put_items(values.put_items(result, "list", 1), "tuple", 2)
    host.give(pair, DESCRIPTOR, ROOT)
    values.put_text(pair + capi.VALUE_BYTES, b"/")


def _access(result: int) -> None:
    values.put_result(result, is_ok=False)
    values.put_box(result, "result", lambda at: values.put_text(at, b"access", "enum"))


def _denied(capability: str) -> Body:
    """A method that could only work with a grant for the directory itself."""

    def body(host: Host, _arguments: int, result: int) -> None:
        host.deny(capability, "/")
        _access(result)

    return body


def _path(arguments: int, index: int) -> bytes:
    at = arguments + index * capi.VALUE_BYTES + capi.VALUE_PAYLOAD
    path = values.read_vector(at)[:_MAX_PATH]
    return path if path.startswith(b"/") else b"/" + path


def _denied_path(capability: str, index: int) -> Body:
    """A method on a path below the directory; `index` is the path's place."""

    def body(host: Host, arguments: int, result: int) -> None:
        host.deny(capability, _path(arguments, index))
        _access(result)

    return body


def open_at(host: Host, arguments: int, result: int) -> None:
    asked = _flags(arguments, 3) | _flags(arguments, 4)
    host.deny("fs.write" if asked & _WRITES else "fs.read", _path(arguments, 2))
    _access(result)


def _flags(arguments: int, index: int) -> frozenset[str]:
    at = arguments + index * capi.VALUE_BYTES
    first = capi.read_pointer(at + capi.VALUE_PAYLOAD + 8)
    return frozenset(values.read_text(first + item * 16) for item in range(values.list_length(at)))


def get_flags(_host: Host, _arguments: int, result: int) -> None:
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_flags(at, ["read"]))


def get_type(_host: Host, _arguments: int, result: int) -> None:
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: values.put_text(at, b"directory", "enum"))


_STAT = (
    "type", "link-count", "size",
    "data-access-timestamp", "data-modification-timestamp", "status-change-timestamp",
)  # fmt: skip


def stat(_host: Host, _arguments: int, result: int) -> None:
    def fill(at: int) -> None:
        kind, links, size, *times = values.put_record(at, _STAT)
        values.put_text(kind, b"directory", "enum")
        values.put_number(links, "u64", 1)
        values.put_number(size, "u64", 0)
        for time in times:
            values.put_none(time)

    values.put_result(result, is_ok=True)
    values.put_box(result, "result", fill)


def metadata_hash(_host: Host, _arguments: int, result: int) -> None:
    def fill(at: int) -> None:
        for half in values.put_record(at, ("lower", "upper")):
            values.put_number(half, "u64", 0)

    values.put_result(result, is_ok=True)
    values.put_box(result, "result", fill)


def is_same_object(host: Host, _arguments: int, result: int) -> None:
    first, second = host.handles
    values.put_number(result, "bool", first == second)


def succeed(_host: Host, _arguments: int, result: int) -> None:
    values.put_result(result, is_ok=True)


def no_error_code(_host: Host, _arguments: int, result: int) -> None:
    values.put_none(result)


_SELF = (0,)
_METHODS = {
    "read-via-stream": Function(_denied("fs.read"), _SELF),
    "write-via-stream": Function(_denied("fs.write"), _SELF),
    "append-via-stream": Function(_denied("fs.write"), _SELF),
    "advise": Function(succeed, _SELF),
    "sync-data": Function(succeed, _SELF),
    "sync": Function(succeed, _SELF),
    "get-flags": Function(get_flags, _SELF),
    "get-type": Function(get_type, _SELF),
    "set-size": Function(_denied("fs.write"), _SELF),
    "set-times": Function(_denied("fs.write"), _SELF),
    "read": Function(_denied("fs.read"), _SELF),
    "write": Function(_denied("fs.write"), _SELF),
    "read-directory": Function(_denied("fs.read"), _SELF),
    "create-directory-at": Function(_denied_path("fs.write", 1), _SELF),
    "stat": Function(stat, _SELF),
    "stat-at": Function(_denied_path("fs.read", 2), _SELF),
    "set-times-at": Function(_denied_path("fs.write", 2), _SELF),
    "link-at": Function(_denied_path("fs.write", 2), (0, 3)),
    "open-at": Function(open_at, _SELF),
    "readlink-at": Function(_denied_path("fs.read", 1), _SELF),
    "remove-directory-at": Function(_denied_path("fs.write", 1), _SELF),
    "rename-at": Function(_denied_path("fs.write", 1), (0, 2)),
    "symlink-at": Function(_denied_path("fs.write", 2), _SELF),
    "unlink-file-at": Function(_denied_path("fs.write", 1), _SELF),
    "is-same-object": Function(is_same_object, (0, 1)),
    "metadata-hash": Function(metadata_hash, _SELF),
    "metadata-hash-at": Function(_denied_path("fs.read", 2), _SELF),
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
        "[method]directory-entry-stream.read-directory-entry": Function(unreachable, _SELF),
        "filesystem-error-code": Function(no_error_code, _SELF),
    },
}
