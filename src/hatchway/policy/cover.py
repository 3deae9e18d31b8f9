"""Whether one capability is enough to grant another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.capability import (
    Capability,
    Clock,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def covers(allowed: Capability, wanted: Capability) -> bool:
    """Whether allowing `allowed` is enough to grant `wanted`.

    Coverage never widens: a read-only directory does not cover a writable one, and a
    directory covers its descendants but not its parents. It is transitive. Options that
    only limit (`quota`, `shared`, `private`) play no part.
    """
    match allowed, wanted:
        case FileAccess(), FileAccess():
            return _covers_files(allowed, wanted)
        case HttpAccess(), HttpAccess():
            return _covers_http(allowed, wanted)
        case EnvironmentVariable(), EnvironmentVariable():
            same_value = wanted.value is None or wanted.value == allowed.value
            return wanted.variable == allowed.variable and same_value
        case ToolUse(), ToolUse():
            same_function = allowed.function is None or allowed.function == wanted.function
            return allowed.tool == wanted.tool and same_function
        case SocketAccess(), SocketAccess():
            is_same = (allowed.kind, allowed.host, allowed.port) == (
                *(wanted.kind, wanted.host, wanted.port),
            )
            return is_same and (allowed.is_internal or not wanted.is_internal)
        case (Clock(), Clock()) | (RandomSource(), RandomSource()):
            return True
        case _:
            return False


def covering(allowed: Iterable[Capability], wanted: Capability) -> Capability | None:
    """The first of `allowed` that covers `wanted`, or None."""
    return next((candidate for candidate in allowed if covers(candidate, wanted)), None)


def _covers_files(allowed: FileAccess, wanted: FileAccess) -> bool:
    if wanted.access == "write" and allowed.access == "read":
        return False
    below = _below(allowed.guest_path, wanted.guest_path)
    if below is None:
        return False
    if wanted.host_path is None:
        return True
    # Two directories outside: they must differ by the same steps as inside.
    return allowed.host_path is not None and _below(allowed.host_path, wanted.host_path) == below


def _below(parent: str, child: str) -> tuple[str, ...] | None:
    """The path segments from `parent` down to `child`, or None when it is not below."""
    ours = tuple(part for part in parent.split("/") if part)
    theirs = tuple(part for part in child.split("/") if part)
    return theirs[len(ours) :] if theirs[: len(ours)] == ours else None


def _covers_http(allowed: HttpAccess, wanted: HttpAccess) -> bool:
    if (allowed.scheme, allowed.port) != (wanted.scheme, wanted.port):
        return False
    if wanted.is_internal and not allowed.is_internal:
        return False
    if allowed.methods is not None and (
        wanted.methods is None or not set(wanted.methods) <= set(allowed.methods)
    ):
        return False
    if _below(allowed.path_prefix, wanted.path_prefix) is None:
        return False
    return _covers_host(allowed.host, wanted.host)


def _covers_host(allowed: str, wanted: str) -> bool:
    if allowed == wanted:
        return True
    if not allowed.startswith("*.") or wanted.startswith("*."):
        return False
    # One label, never more: `*.example.com` is not `a.b.example.com`.
    first, _, rest = wanted.partition(".")
    return bool(first) and rest == allowed.removeprefix("*.")
