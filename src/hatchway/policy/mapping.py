"""How a manifest maps parameters to a command's input, and its output to content.

A command has a command line, a standard input and a directory of its own to be filled, and a
standard output and that directory to be read. Everything here names one of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from hatchway.core.manifest import Argument, InputFile, ResultMapping
from hatchway.core.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.manifest import Abi, ContentType
    from hatchway.policy.reading import Table

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}", re.ASCII)
"""A parameter's place in a template of `argv`, `stdin` or `files`."""

MAX_TEMPLATE = 4096
MAX_FILES = 64
"""Files that a manifest may put into a workspace."""
MAX_RESULTS = 16
MAX_PATH_BYTES = 1024
MAX_PATH_PARTS = 32
MAX_NAME_BYTES = 255
MAX_WORKSPACE_BYTES = 256

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
_AUDIO = ("audio/wav", "audio/mpeg", "audio/ogg", "audio/flac")

MEDIA_TYPES: dict[str, tuple[str, ...]] = {
    "image": _IMAGES,
    "audio": _AUDIO,
    "resource": (
        "text/plain",
        "text/csv",
        "text/markdown",
        "text/html",
        "application/json",
        "application/xml",
        "application/pdf",
        "application/zip",
        "application/octet-stream",
        *_IMAGES,
        *_AUDIO,
    ),
}
"""What a result may be declared as. The host passes on no media type it does not know.

A resource is a document, an archive, a picture or a sound: something that a client shows or
keeps. Left out is what a client might act on by itself: programs and scripts, lists of links,
and every parameter, because `text/html` with a profile is an application to some clients.
Anything else can travel as `application/octet-stream`.
"""

# As `fnmatch` reads it: a `]` right at the start belongs to the set.
_SET = re.compile(r"\[!?+\]?+[^\]]*+\]")


# Command lines


def command_line(table: Table, schema: Mapping[str, Any] | None) -> tuple[Argument, ...]:
    """The elements of the command line in `argv`."""
    return tuple(
        _argument(table, index, item, schema) for index, item in enumerate(table.items("argv"))
    )


def _argument(table: Table, index: int, item: Any, schema: Mapping[str, Any] | None) -> Argument:
    if isinstance(item, str):
        found = Argument(template=item)
    elif (
        isinstance(item, dict)
        and set(item) == {"value", "when"}
        and all(isinstance(part, str) for part in item.values())
    ):
        found = Argument(template=item["value"], when=item["when"])
    else:
        hint = 'argv = ["--width={width}", { value = "--wide", when = "wide" }]'
        raise table.error("expected a string or { value, when }", "argv", index, hint=hint)
    if "\0" in found.template:
        raise table.error("an argument cannot contain a NUL byte", "argv", index)
    places = [*PLACE.findall(found.template), *([] if found.when is None else [found.when])]
    for place in places:
        _require_known(table, place, schema, "argv", index)
    if found.when is not None and _property(schema, found.when).get("type") != "boolean":
        raise table.error(f"{found.when!r} must be a boolean parameter", "argv", index)
    return found


def _property(schema: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    properties = (schema or {}).get("properties", {})
    return cast("Mapping[str, Any]", properties.get(name, {}))


def _require_known(
    table: Table, place: str, schema: Mapping[str, Any] | None, *keys: str | int
) -> None:
    if place not in (schema or {}).get("properties", {}):
        raise table.error(f"{{{place}}} is not a parameter of the input schema", *keys)


def template(table: Table, key: str, schema: Mapping[str, Any] | None) -> str | None:
    """The template under `key`, every place of which is a parameter; None when it is absent."""
    text = table.text(key, limit=MAX_TEMPLATE)
    for place in PLACE.findall(text or ""):
        _require_known(table, place, schema, key)
    return text


# The workspace


def workspace(table: Table) -> str:
    """The guest's name for its private directory."""
    return table.parsed("workspace", _guest_directory, "/work")


def _guest_directory(value: object) -> str:
    path = _path_text(value, MAX_WORKSPACE_BYTES)
    if not path.startswith("/"):
        message = f"expected an absolute directory, got {shown(path)}"
        raise ValueError(message)
    if path != "/":
        _require_plain_parts(path[1:])
    return path


def input_files(table: Table, schema: Mapping[str, Any] | None) -> tuple[InputFile, ...]:
    """What a call's arguments put into the workspace, in the order it was written down."""
    tables = table.tables("files")
    if len(tables) > MAX_FILES:
        message = f"a manifest maps {MAX_FILES} files at most, got {len(tables)}"
        raise table.error(message, "files")
    files = tuple(_input_file(each, schema) for each in tables)
    paths = {file.path for file in files}
    if len(paths) < len(files):
        raise table.error("two files have the same path", "files")
    for index, file in enumerate(files):
        if not paths.isdisjoint(_parents(file.path)):
            message = f"{shown(file.path)} lies below a path that is a file itself"
            raise table.error(message, "files", index)
    return files


def _input_file(table: Table, schema: Mapping[str, Any] | None) -> InputFile:
    table.only("path", "value")
    path: str | None = table.parsed("path", _workspace_path, None)
    value = template(table, "value", schema)
    if path is None or value is None:
        missing = "path" if path is None else "value"
        hint = 'files = [{ path = "in.svg", value = "{svg}" }]'
        raise table.error(f"every one of 'files' needs a {missing}", missing, hint=hint)
    return InputFile(path=path, value=value)


def _parents(path: str) -> list[str]:
    """The directories that a file at `path` is in."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _workspace_path(value: object) -> str:
    """A path of one file below the workspace.

    Raises:
        ValueError: It is no such path.
    """
    path = _path_text(value, MAX_PATH_BYTES)
    if path.startswith("/"):
        message = f"expected a path below the workspace, got {shown(path)}"
        raise ValueError(message)
    _require_plain_parts(path)
    return path


def _result_file(value: object) -> str:
    """The same, or a pattern of such paths."""
    path = _workspace_path(value)
    if "**" in path:
        message = f"'*' matches within one directory, and '**' is no more than that: {shown(path)}"
        raise ValueError(message)
    if any("[" in _SET.sub("", part) for part in path.split("/")):
        message = f"'[' is never closed in {shown(path)}; '[[]' stands for the character itself"
        raise ValueError(message)
    return path


def _path_text(value: object, limit: int) -> str:
    if not isinstance(value, str):
        message = f"expected a path, got {shown(value)}"
        raise ValueError(message)  # noqa: TRY004 - `Table.parsed` tells it with file and line
    if len(value.encode()) > limit:
        message = f"a path may have {limit} bytes, got {len(value.encode())}"
        raise ValueError(message)
    if "\0" in value:
        message = "a path cannot contain a NUL byte"
        raise ValueError(message)
    return value


def _require_plain_parts(path: str) -> None:
    parts = path.split("/")
    if len(parts) > MAX_PATH_PARTS:
        message = f"a path may have {MAX_PATH_PARTS} parts, got {len(parts)}"
        raise ValueError(message)
    for part in parts:
        if part in ("", ".", ".."):
            message = f"a path has no empty, '.' or '..' part: {shown(path)}"
            raise ValueError(message)
        if len(part.encode()) > MAX_NAME_BYTES:
            message = f"a name in a path may have {MAX_NAME_BYTES} bytes, got {len(part.encode())}"
            raise ValueError(message)


# Results


def results(table: Table, abi: Abi | None) -> tuple[ResultMapping, ...]:
    """What of a command's output becomes content, in order."""
    mappings = _mappings(table, "json" if abi == "json" else "text")
    stdout = [mapping for mapping in mappings if mapping.file is None]
    files = [mapping.file for mapping in mappings if mapping.file is not None]
    if len(stdout) > 1:
        raise table.error("only one result can be standard output", "result")
    if len(set(files)) < len(files):
        raise table.error("two results name the same file", "result")
    if [mapping.kind for mapping in mappings].count("json") > 1:
        raise table.error("only one result can be JSON", "result")
    if abi == "json" and [mapping.kind for mapping in stdout] != ["json"]:
        message = 'with abi = "json" one result is the JSON on standard output'
        hint = 'result = [{ type = "json" }, { type = "text", file = "report.txt" }]'
        raise table.error(message, "result", hint=hint)
    return mappings


def _mappings(table: Table, default: ContentType) -> tuple[ResultMapping, ...]:
    value = table.values.get("result", default)
    if isinstance(value, dict):
        return (_mapping(table.table("result")),)
    if isinstance(value, list):
        tables = table.tables("result")
        if not 0 < len(tables) <= MAX_RESULTS:
            raise table.error(f"expected 1 to {MAX_RESULTS} results, got {len(tables)}", "result")
        return tuple(_mapping(each) for each in tables)
    if value in ("text", "json"):
        return (ResultMapping(kind=cast("ContentType", value)),)
    hint = 'result = "text", "json" or { type = "image", media_type = "image/png" }'
    raise table.error("expected a kind of result", "result", hint=hint)


def _mapping(table: Table) -> ResultMapping:
    table.only("type", "media_type", "file")
    kind = table.choice("type", ("text", "json", *MEDIA_TYPES))
    if kind is None:
        raise table.error("a result table needs a type", "type")
    mapping = ResultMapping(
        kind=cast("ContentType", kind),
        media_type=_media_type(table, kind),
        file=table.parsed("file", _result_file, None),
    )
    if kind == "json" and mapping.is_pattern:
        raise table.error("a JSON result is one file, and not a pattern", "file")
    return mapping


def _media_type(table: Table, kind: str) -> str | None:
    if kind not in MEDIA_TYPES:
        if "media_type" in table:
            message = f"a {kind} result has no media_type"
            raise table.error(message, "media_type")
        return None
    media_type = table.choice("media_type", MEDIA_TYPES[kind])
    if media_type is None:
        raise table.error(f"a result of type {kind!r} needs a media_type", "media_type")
    return media_type
