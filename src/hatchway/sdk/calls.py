"""`calls.toml`: calls of a finished tool, and what each must come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatchway.policy.reading import Table, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "calls.toml"
_MOST_CALLS = 500
_EXPECTED = ("result", "text", "error", "code", "denied", "leaves")
_KEYS = ("name", "function", "arguments", "files", "allow", *_EXPECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """One call, and what is expected of it. What is None is not looked at.

    Attributes:
        name: What the call shows, for people.
        function: The tool after the project's name; None for the only one there is.
        arguments: As a client would send them.
        files: Text of the files that lie in granted directories, by their path inside.
        allow: What is granted besides what the whole table grants.
        result: The structured result; one without a name of its own is meant by its value.
        text: The text of the content, whole.
        error: Part of what the tool says when it fails.
        code: Of the error that stopped it.
        denied: Capabilities that were denied to it, in any order; empty means none.
        leaves: Text of files that are there afterwards, by their path inside.
    """

    name: str
    function: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    result: Any = None
    has_result: bool = False
    text: str | None = None
    error: str | None = None
    code: str | None = None
    denied: tuple[str, ...] | None = None
    leaves: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The whole file.

    Attributes:
        allow: What every call is granted, spelled as after `--allow`.
        limits: What every call is limited to, spelled as in a policy.
        places: File and line of everything that is granted, by how it is spelled.
    """

    allow: tuple[str, ...] = ()
    limits: Mapping[str, str | int] = field(default_factory=dict)
    calls: tuple[ExpectedCall, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)


def parse_calls(text: str, *, file: str) -> Calls:
    """The calls that a text spells.

    Raises:
        ConfigError: With file, line and the nearest valid key.
    """
    root = read_toml(text, file=file)
    root.only("allow", "limits", "call")
    tables = root.tables("call")
    if len(tables) > _MOST_CALLS:
        raise root.error(f"there may be {_MOST_CALLS} calls", "call")
    calls = tuple(_call(table) for table in tables)
    names = [call.name for call in calls]
    if len(set(names)) != len(names):
        raise root.error("two calls have the same name", "call")
    return Calls(
        allow=tuple(root.texts("allow")),
        limits=dict(root.table("limits").values),
        calls=calls,
        places={
            text: f"{file}:{table.line('allow', index)}"
            for table in reversed([root, *tables])
            for index, text in enumerate(table.texts("allow"))
        },
    )


def _call(table: Table) -> ExpectedCall:
    table.only(*_KEYS)
    name = table.text("name", limit=200)
    if not name:
        raise table.error("every call needs a name", "name")
    if not any(key in table for key in _EXPECTED):
        expected = ", ".join(_EXPECTED)
        raise table.error(f"{name!r} expects nothing; one of {expected}", "name")
    is_failure = "error" in table or "code" in table
    if is_failure and ("result" in table or "text" in table):
        raise table.error("a call gives a result or fails, and not both", "name")
    return ExpectedCall(
        name=name,
        function=table.text("function", limit=256),
        arguments=table.table("arguments").values,
        files=_texts(table, "files"),
        allow=tuple(table.texts("allow")),
        result=table.values.get("result"),
        has_result="result" in table,
        text=table.text("text", limit=1 << 20),
        error=table.text("error", limit=4096),
        code=table.text("code", limit=128),
        denied=tuple(sorted(table.texts("denied"))) if "denied" in table else None,
        leaves=_texts(table, "leaves"),
    )


def _texts(table: Table, key: str) -> dict[str, str]:
    """Texts by absolute path."""
    inner = table.table(key)
    found: dict[str, str] = {}
    for path in inner:
        parts = path.split("/")
        if parts[0] or len(parts) < 3 or {"", ".", ".."} & set(parts[1:]):
            message = f"{path!r} is not a file below a directory: '/in/data.csv'"
            raise inner.error(message, path)
        found[path] = inner.text(path, limit=1 << 20) or ""
    return found
