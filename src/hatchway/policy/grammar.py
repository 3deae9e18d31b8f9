"""Reading the one spelling of power: ``CAPABILITY[=SCOPE][;OPTION[=VALUE]]…``."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import unquote

from hatchway.core.capability import (
    CAPABILITY_NAMES,
    DEFAULT_PORTS,
    Capability,
    Clock,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
)
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.units import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

Side = Literal["allowed", "wanted"]
"""Which side of a decision a text stands on: the operator's, or an author's manifest."""

MAX_LENGTH = 4096
"""Characters in one capability; a path of the longest kind Linux takes fits."""

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_ORIGIN = re.compile(r"(https?)://([^/]*)(/.*)?", re.ASCII)


def parse_capability(text: str, *, side: Side, base: str = "/") -> Capability:  # noqa: C901 - a case per kind
    """The capability that `text` spells.

    Args:
        text: As written in a flag, a policy or a manifest.
        side: A policy may name host directories, values and options; a manifest may not.
        base: The absolute directory that relative host paths start from.

    Raises:
        ConfigError: `config.bad_capability`, saying what was expected.
    """
    if len(text) > MAX_LENGTH:
        raise _bad(text, f"at most {MAX_LENGTH} characters are allowed")
    head, has_scope, scope = text.partition("=")
    if head.split(";", 1)[0] in ("clock", "random"):
        return _without_scope(text)
    if head not in CAPABILITY_NAMES:
        raise _unknown(text, head)
    if not has_scope or not scope:
        raise _bad(text, f"{head} needs a scope, as in {_EXAMPLES[head]}")
    if _has_control_characters(scope):
        raise _bad(text, "control characters are not allowed")
    if head == "env":
        return _variable(text, scope, side)
    scope, *options = scope.split(";")
    settings = _options(text, head, options, side)
    match head:
        case "fs.read" | "fs.write":
            return _files(text, head, scope, settings, side, base)
        case "net.http":
            return _http(text, scope, settings)
        case "net.socket" | "net.dns":
            return _socket(text, head, scope)
        case _:
            return _tool(text, scope)


_EXAMPLES = {
    "fs.read": "fs.read=./docs:/docs",
    "fs.write": "fs.write=./out:/out",
    "net.http": "net.http=https://api.example.com",
    "net.socket": "net.socket=db.example.com:5432",
    "net.dns": "net.dns=db.example.com:5432",
    "env": "env=LANG",
    "tool": "tool=render",
}

_OPTIONS: dict[str, tuple[str, ...]] = {
    "fs.read": (),
    "fs.write": ("shared", "quota"),
    "net.http": ("methods", "internal", "private"),
    "net.socket": (),
    "net.dns": (),
    "tool": (),
}


def _bad(text: str, why: str) -> ConfigError:
    return ConfigError(
        f"{printable(text)!r} is not a capability: {why}", code="config.bad_capability"
    )


def _unknown(text: str, head: str) -> ConfigError:
    close = difflib.get_close_matches(head, CAPABILITY_NAMES, n=1)
    known = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(CAPABILITY_NAMES)}"
    return ConfigError(
        f"unknown capability {printable(head)!r} in {printable(text)!r}",
        code="config.bad_capability",
        hint=known,
    )


def _without_scope(text: str) -> Capability:
    kinds: dict[str, Callable[[], Capability]] = {"clock": Clock, "random": RandomSource}
    if text not in kinds:
        raise _bad(text, f"{text.split('=', 1)[0].split(';', 1)[0]} takes no scope and no options")
    return kinds[text]()


def _options(text: str, head: str, options: list[str], side: Side) -> dict[str, str]:
    settings: dict[str, str] = {}
    for option in options:
        name, has_value, value = option.partition("=")
        if side == "wanted":
            raise _bad(text, "options are the operator's to choose, not the manifest's")
        if name not in _OPTIONS[head]:
            raise _bad(text, f"{head} has no option {printable(name)!r}")
        if name in settings:
            raise _bad(text, f"the option {name!r} stands there twice")
        if bool(has_value) != (name in ("quota", "methods")):
            wants = "a value" if name in ("quota", "methods") else "no value"
            raise _bad(text, f"the option {name!r} takes {wants}")
        settings[name] = value
    return settings


def _variable(text: str, scope: str, side: Side) -> Capability:
    variable, has_value, value = scope.partition("=")
    if not VARIABLE.fullmatch(variable):
        raise _bad(text, f"{printable(variable)!r} is not a variable's name")
    if has_value and side == "wanted":
        raise _bad(text, "a manifest names variables; their values are the operator's")
    return EnvironmentVariable(variable=variable, value=value if has_value else None)


def _files(
    text: str, head: str, scope: str, settings: dict[str, str], side: Side, base: str
) -> Capability:
    access = cast("Literal['read', 'write']", head.removeprefix("fs."))
    host, has_guest, guest = scope.partition(":")
    if side == "wanted":
        if has_guest:
            raise _bad(text, "a manifest names the guest directory only")
        return FileAccess(access=access, guest_path=_guest_path(text, host))
    host_path = absolute_path(_unescaped(text, host), base)
    quota = None
    if "quota" in settings:
        try:
            quota = parse_bytes(settings["quota"])
        except ValueError as error:
            raise _bad(text, str(error)) from error
    return FileAccess(
        access=access,
        host_path=host_path,
        guest_path=_guest_path(text, guest) if has_guest else host_path,
        is_shared="shared" in settings,
        quota_bytes=quota,
    )


def _unescaped(text: str, path: str) -> str:
    if not path:
        raise _bad(text, "a directory's name is missing")
    try:
        decoded = unquote(path, errors="strict") if "%" in path else path
    except UnicodeDecodeError as error:
        raise _bad(text, "a path is UTF-8 where it is percent-encoded") from error
    if "\0" in decoded:
        raise _bad(text, "a path cannot contain a NUL byte")
    if _has_control_characters(decoded):
        raise _bad(text, "control characters are not allowed")
    return decoded


def _has_control_characters(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _guest_path(text: str, path: str) -> str:
    decoded = _unescaped(text, path)
    if not decoded.startswith("/"):
        raise _bad(text, f"the guest directory must be absolute, got {printable(decoded)!r}")
    if ".." in decoded.split("/"):
        raise _bad(text, "the guest directory must not contain '..'")
    return absolute_path(decoded, "/")


def absolute_path(path: str, base: str) -> str:
    """`path` made absolute and free of ``.``, ``..`` and doubled slashes, textually."""
    joined = path if path.startswith("/") else f"{base}/{path}"
    kept: list[str] = []
    for part in joined.split("/"):
        if part == "..":
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept)


def _http(text: str, scope: str, settings: dict[str, str]) -> Capability:
    match = _ORIGIN.fullmatch(scope)
    if match is None:
        raise _bad(text, f"expected an origin, as in {_EXAMPLES['net.http']}")
    scheme = cast("Literal['http', 'https']", match[1])
    host, port = _host_and_port(text, match[2], DEFAULT_PORTS[scheme])
    methods = tuple(sorted(set(settings["methods"].split(",")))) if "methods" in settings else None
    if methods is not None and not all(_METHOD.fullmatch(method) for method in methods):
        raise _bad(text, "methods are upper-case words with commas between them")
    return HttpAccess(
        scheme=scheme,
        host=host,
        port=port,
        path_prefix=_prefix(text, match[3]),
        methods=methods,
        is_internal="internal" in settings,
        is_private="private" in settings,
    )


def _prefix(text: str, written: str | None) -> str:
    prefix = _unescaped(text, written or "/")
    parts = prefix.split("/")
    if "?" in prefix or "#" in prefix or "." in parts or ".." in parts or "" in parts[1:-1]:
        raise _bad(text, "a path prefix has no query, fragment, dot or empty segments")
    return "/" + "/".join(part for part in parts if part)


def _host_and_port(text: str, written: str, default: int | None) -> tuple[str, int]:
    host, has_port, port = written.partition(":")
    host = host.lower()
    if not _HOST.fullmatch(host):
        raise _bad(text, f"{printable(host)!r} is not a host name")
    if not has_port and default is not None:
        return host, default
    if not _PORT.fullmatch(port) or not 0 < int(port) < 1 << 16:
        raise _bad(text, f"expected a port from 1 to 65535, got {printable(port)!r}")
    return host, int(port)


def _socket(text: str, head: str, scope: str) -> Capability:
    kind = cast("Literal['socket', 'dns']", head.removeprefix("net."))
    host, port = _host_and_port(text, scope, None)
    return SocketAccess(kind=kind, host=host, port=port)


def _tool(text: str, scope: str) -> Capability:
    tool, has_function, function = scope.partition(".")
    if not TOOL_NAME.fullmatch(tool):
        raise _bad(text, f"{printable(tool)!r} is not a tool's name")
    if has_function and not _FUNCTION_NAME.fullmatch(function):
        raise _bad(text, f"{printable(function)!r} is not a function's name")
    return ToolUse(tool=tool, function=function if has_function else None)
