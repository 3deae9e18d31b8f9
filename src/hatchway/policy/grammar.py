"""Reading the one spelling of power: ``CAPABILITY[=SCOPE][;OPTION[=VALUE]]…``."""

from __future__ import annotations

import contextlib
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
from hatchway.policy.advice import has_userinfo, spellings_near, without_userinfo
from hatchway.policy.authority import address_of, read_authority
from hatchway.policy.egress import FORBIDDEN_METHODS, METHOD
from hatchway.policy.segments import plain_segments
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
_ORIGIN = re.compile(r"(https?)://([^/]*)(/.*)?", re.ASCII)


class _MisspeltError(ConfigError):
    """What is wrong with a text, apart from the text."""

    code = "config.bad_capability"


class _UnknownError(_MisspeltError):
    """A capability of that name does not exist."""


def parse_capability(text: str, *, side: Side, base: str = "/") -> Capability:
    """The capability that `text` spells.

    Args:
        text: As written in a flag, a policy or a manifest.
        side: A policy may name host directories, values and options; a manifest may not.
        base: The absolute directory that relative host paths start from.

    Raises:
        ConfigError: `config.bad_capability`, saying what was expected and what may have been
            meant. It never repeats a name or a password that stands before a host.
    """
    try:
        return _read(text, side, base)
    except _MisspeltError as error:
        why, hint = _diagnosis(text, error, side, base)
        shown = printable(without_userinfo(text))
        message = f"{shown!r} is not a capability: {why}"
        if isinstance(error, _UnknownError) and why == error.message:
            message = f"{why} in {shown!r}"
        raise ConfigError(message, code=error.code, hint=hint) from error.__cause__


def tool_use_of(name: str) -> ToolUse | None:
    """The grant that calling the tool `name` needs; None where there can be no such tool."""
    try:
        return _tool(name)
    except _MisspeltError:
        return None


def parse_origin(text: str) -> HttpAccess:
    """The origin that `text` spells, as a policy writes it where no power is given away.

    Raises:
        ConfigError: `config.bad_capability`, which speaks of an origin and of no capability.
    """
    try:
        return cast("HttpAccess", _read(f"net.http={text}", "allowed", "/"))
    except _MisspeltError as error:
        why, hint = _diagnosis(f"net.http={text}", error, "allowed", "/")
        shown = printable(without_userinfo(text))
        message = f"{shown!r} is not an origin: {why}"
        hint = None if hint is None else hint.replace("net.http=", "").replace(";internal", "")
        raise ConfigError(message, code=error.code, hint=hint) from error.__cause__


def _diagnosis(text: str, error: ConfigError, side: Side, base: str) -> tuple[str, str | None]:
    """What is wrong with a text that could not be read, and what may have been meant."""
    if has_userinfo(text):
        return "an origin has no user name and no password", _SECRETS
    if len(text) > MAX_LENGTH or without_userinfo(text) != text:
        return error.message, error.hint
    hint = error.hint
    if text.startswith(("net.socket=", "net.dns=")):
        hint = _NEEDS_NEITHER
    for near in spellings_near(text):
        # Only what can be read is suggested.
        with contextlib.suppress(ConfigError):
            meant = f"did you mean {str(_read(near, side, base))!r}?"
            return error.message, f"{hint}; {meant}" if hint == _NEEDS_NEITHER else meant
    return error.message, hint


def _read(text: str, side: Side, base: str) -> Capability:  # noqa: C901 - a case per kind
    if len(text) > MAX_LENGTH:
        raise _bad(f"at most {MAX_LENGTH} characters are allowed")
    head, has_scope, scope = text.partition("=")
    if head.split(";", 1)[0] in ("clock", "random"):
        return _without_scope(text)
    if head not in CAPABILITY_NAMES:
        raise _unknown(text, head)
    if not has_scope or not scope:
        raise _bad(f"{head} needs a scope, as in {_EXAMPLES[head]}")
    if _has_control_characters(scope):
        raise _bad("control characters are not allowed")
    if head == "env":
        return _variable(scope, side)
    scope, *options = scope.split(";")
    settings = _options(head, options, side)
    match head:
        case "fs.read" | "fs.write":
            return _files(head, scope, settings, side, base)
        case "net.http":
            return _http(scope, settings)
        case "net.socket" | "net.dns":
            return _socket(head, scope, settings)
        case _:
            return _tool(scope)


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
    "net.socket": ("internal", "private"),
    "net.dns": ("internal",),
    "tool": (),
}


_SECRETS = "use secrets: the broker puts them into requests, and the tool never sees them"
_NEEDS_NEITHER = "HTTP needs neither net.socket nor net.dns, net.http is enough"
_NO_WILDCARD_INSIDE = "'internal' is said of one exact host, never of a wildcard"


def _bad(why: str, hint: str | None = None) -> _MisspeltError:
    return _MisspeltError(why, hint=hint)


def _unknown(text: str, head: str) -> _UnknownError:
    shown = printable(without_userinfo(text) if "@" in text else head)
    return _UnknownError(
        f"unknown capability {shown!r}", hint=_nearest(head, CAPABILITY_NAMES, "known are")
    )


def _nearest(word: str, known: tuple[str, ...], otherwise: str) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"{otherwise} {', '.join(known)}"


def _without_scope(text: str) -> Capability:
    kinds: dict[str, Callable[[], Capability]] = {"clock": Clock, "random": RandomSource}
    if text not in kinds:
        raise _bad(f"{text.split('=', 1)[0].split(';', 1)[0]} takes no scope and no options")
    return kinds[text]()


def _options(head: str, options: list[str], side: Side) -> dict[str, str]:
    settings: dict[str, str] = {}
    for option in options:
        name, has_value, value = option.partition("=")
        if side == "wanted":
            raise _bad("options are the operator's to choose, not the manifest's")
        if name not in _OPTIONS[head]:
            hint = _nearest(name, _OPTIONS[head], "known are") if _OPTIONS[head] else None
            raise _bad(f"{head} has no option {printable(name)!r}", hint)
        if name in settings:
            raise _bad(f"the option {name!r} stands there twice")
        if bool(has_value) != (name in ("quota", "methods")):
            wants = "a value" if name in ("quota", "methods") else "no value"
            raise _bad(f"the option {name!r} takes {wants}")
        settings[name] = value
    return settings


def _variable(scope: str, side: Side) -> Capability:
    variable, has_value, value = scope.partition("=")
    if not VARIABLE.fullmatch(variable):
        raise _bad(f"{printable(variable)!r} is not a variable's name")
    if has_value and side == "wanted":
        raise _bad("a manifest names variables; their values are the operator's")
    return EnvironmentVariable(variable=variable, value=value if has_value else None)


def _files(head: str, scope: str, settings: dict[str, str], side: Side, base: str) -> Capability:
    access = cast("Literal['read', 'write']", head.removeprefix("fs."))
    host, has_guest, guest = scope.partition(":")
    if side == "wanted":
        if has_guest:
            raise _bad("a manifest names the guest directory only")
        return FileAccess(access=access, guest_path=_guest_path(host))
    host_path = absolute_path(_unescaped(host), base)
    quota = None
    if "quota" in settings:
        try:
            quota = parse_bytes(settings["quota"])
        except ValueError as error:
            raise _bad(str(error)) from error
    return FileAccess(
        access=access,
        host_path=host_path,
        guest_path=_guest_path(guest) if has_guest else host_path,
        is_shared="shared" in settings,
        quota_bytes=quota,
    )


def _unescaped(path: str) -> str:
    if not path:
        raise _bad("a directory's name is missing")
    try:
        decoded = unquote(path, errors="strict") if "%" in path else path
    except UnicodeDecodeError as error:
        raise _bad("a path is UTF-8 where it is percent-encoded") from error
    if "\0" in decoded:
        raise _bad("a path cannot contain a NUL byte")
    if _has_control_characters(decoded):
        raise _bad("control characters are not allowed")
    return decoded


def _has_control_characters(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _guest_path(path: str) -> str:
    decoded = _unescaped(path)
    if not decoded.startswith("/"):
        raise _bad(f"the guest directory must be absolute, got {printable(decoded)!r}")
    if ".." in decoded.split("/"):
        raise _bad("the guest directory must not contain '..'")
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


def _http(scope: str, settings: dict[str, str]) -> Capability:
    match = _ORIGIN.fullmatch(scope)
    if match is None:
        if "://" in scope and not scope.lower().startswith(("http://", "https://")):
            raise _bad("the scheme is http or https, and no other")
        raise _bad("expected an origin, as in https://api.example.com")
    scheme = cast("Literal['http', 'https']", match[1])
    host, port = _host_and_port(match[2], DEFAULT_PORTS[scheme])
    if host.startswith("*.") and "internal" in settings:
        raise _bad(_NO_WILDCARD_INSIDE)
    return HttpAccess(
        scheme=scheme,
        host=host,
        port=port,
        path_prefix=_prefix(match[3] or "/"),
        methods=_methods(settings["methods"]) if "methods" in settings else None,
        is_internal="internal" in settings,
        is_private="private" in settings,
    )


def _methods(written: str) -> tuple[str, ...]:
    methods = sorted(set(written.split(",")))
    if not all(METHOD.fullmatch(method) for method in methods):
        upper = sorted({method.upper() for method in methods})
        is_near = written.isascii() and all(METHOD.fullmatch(method) for method in upper)
        hint = f"did you mean 'methods={','.join(upper)}'?" if is_near else None
        raise _bad("methods are upper-case words with commas between them", hint)
    if refused := FORBIDDEN_METHODS.intersection(methods):
        raise _bad(f"{min(refused)} is never sent, whatever is granted")
    return tuple(methods)


def _prefix(written: str) -> str:
    segments = None if set(written) & set("?#") else plain_segments(written)
    if segments is None or any(set(segment) & set("?#") for segment in segments):
        why = "a path prefix has no query, fragment, dot or empty segments, nor disguised ones"
        raise _bad(why)
    return "/" + "/".join(segments)


def _host_and_port(written: str, default: int | None) -> tuple[str, int]:
    is_wildcard = written.startswith("*.")
    try:
        host, port = read_authority(written.removeprefix("*."))
    except ValueError as error:
        raise _bad(str(error)) from error
    if is_wildcard and address_of(host) is not None:
        raise _bad("a wildcard stands before a name, never before an address")
    if is_wildcard and "." not in host:
        raise _bad(f"a wildcard for every name below {host!r} is too wide")
    if port is None:
        port = default
    if port is None:
        raise _bad("expected a port from 1 to 65535, got ''")
    return f"*.{host}" if is_wildcard else host, port


def _socket(head: str, scope: str, settings: dict[str, str]) -> Capability:
    kind = cast("Literal['socket', 'dns']", head.removeprefix("net."))
    host, port = _host_and_port(scope, None)
    if host.startswith("*.") and "internal" in settings:
        raise _bad(_NO_WILDCARD_INSIDE)
    return SocketAccess(
        kind=kind,
        host=host,
        port=port,
        is_internal="internal" in settings,
        is_private="private" in settings,
    )


def _tool(scope: str) -> ToolUse:
    tool, has_function, function = scope.partition(".")
    if not TOOL_NAME.fullmatch(tool):
        raise _bad(f"{printable(tool)!r} is not a tool's name")
    if has_function and not _FUNCTION_NAME.fullmatch(function):
        raise _bad(f"{printable(function)!r} is not a function's name")
    return ToolUse(tool=tool, function=function if has_function else None)
