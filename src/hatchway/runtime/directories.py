"""The host directories that a policy grants: opened once, and checked as they were opened.

A name can lead elsewhere a moment after it was looked at; a descriptor cannot. So a
directory is opened first, and every question is asked of the descriptor: where it really
is, which directory it is, and which ones lie above it. A link as the granted path is fine
as long as what it leads to may be granted.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from hatchway.core.capability import FileAccess
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.runtime.places import (
    OpenDirectory,
    Where,
    holds,
    identity_of,
    mounts_of_this_process,
    place_of,
    relation_between,
    way_to,
    where_is,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hatchway.policy.document import Policy
    from hatchway.runtime.protected import Protected


_MARKS = (".git", ".mcp.json", ".claude", ".codex", ".cursor", ".vscode")
"""Entries that git and MCP clients obey wherever they find them."""
_REPOSITORY = ("HEAD", "objects", "refs")
"""What git takes for a repository, whatever the directory is called."""
_KERNEL = frozenset(
    (
        *("binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs"),
        *("efivarfs", "fusectl", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs"),
        *("selinuxfs", "sysfs", "tracefs"),
    )
)


# Opening


def open_granted(capability: FileAccess, protected: Protected) -> int:
    """A descriptor of the directory that `capability` grants, open for reading its entries.

    For a writable directory these are places too, beside the given ones: an entry called
    `.git`, or one that MCP clients read in any directory (`.mcp.json`, `.claude`, `.codex`,
    `.cursor`, `.vscode`), in the directory or in one above it; and whatever git takes for a
    repository at or above it. That a directory lies in a working tree is no objection, unless
    `.git` there leads into it. Entries deeper in the directory are not looked for.

    File systems through which the kernel is controlled are refused wherever they are
    mounted, in the directory or around it.

    Raises:
        ConfigError: `config.directory_missing` when there is no such directory or it cannot
            be read; `config.directory_refused` when it may not be granted, or when it cannot
            be found out where it is.
    """
    opened, _ = _open_granted(capability, _Boundary(protected))
    return opened.descriptor


def refused_directories(policy: Policy, protected: Protected) -> Mapping[FileAccess, str]:
    """The directories of `policy` that may not be granted, and why. What is missing is not one."""
    boundary = _Boundary(protected)
    refused: dict[FileAccess, str] = {}
    for entry in policy.tools.values():
        for capability in entry.allow:
            if isinstance(capability, FileAccess):
                try:
                    opened, _ = _open_granted(capability, boundary)
                except ConfigError as error:
                    if error.code == "config.directory_refused":
                        refused[capability] = error.message
                else:
                    os.close(opened.descriptor)
    return refused


class _Boundary:
    """The protected places as they are now."""

    def __init__(self, protected: Protected) -> None:
        self.mounts = mounts_of_this_process()
        self._read = self._places(protected.read)
        self._write = self._places(protected.write)
        home = () if protected.home is None else (protected.home,)
        self._above = self._places((Path("/"), *home))

    def _places(self, paths: Iterable[Path]) -> tuple[tuple[Path, Where], ...]:
        return tuple((path, self.place(path)) for path in paths)

    def place(self, path: Path) -> Where:
        return place_of(way_to(path), self.mounts)

    def objection(self, capability: FileAccess, opened: OpenDirectory, where: Where) -> str | None:
        """Why the directory may not be granted, in words that follow its name."""
        for path, place in self._above:
            if holds(where, place):
                return (
                    f"it {relation_between(where, place)} {_quoted(path)}, which holds far too much"
                )
        if reason := _met(where, self._read, "no tool may reach"):
            return reason
        if kind := self._kernel_kind(opened):
            return f"it belongs to or contains a {kind!r} file system of the kernel"
        if capability.access == "read":
            return None
        if reason := _met(where, self._write, "no tool may write to"):
            return reason
        return self._objection_to_what_is_there(Path(opened.path), where)

    def _kernel_kind(self, opened: OpenDirectory) -> str | None:
        device = f"{os.major(opened.device)}:{os.minor(opened.device)}"
        path = Path(opened.path)
        return next(
            (
                mount.kind
                for mount in self.mounts
                if mount.kind in _KERNEL
                and (mount.device == device or mount.point.is_relative_to(path))
            ),
            None,
        )

    def _objection_to_what_is_there(self, path: Path, where: Where) -> str | None:
        for directory in (path, *path.parents):
            present = [directory / name for name in _MARKS if os.path.lexists(directory / name)]
            if reason := _met(where, self._places(present), "no tool may write to"):
                return reason
            if all(os.path.lexists(directory / name) for name in _REPOSITORY):
                return f"{_quoted(directory)} is a git repository, which no tool may write to"
        return None


def _met(where: Where, places: Iterable[tuple[Path, Where]], why: str) -> str | None:
    for path, place in places:
        if relation := relation_between(where, place):
            return f"it {relation} {_quoted(path)}, which {why}"
    return None


def _open_granted(capability: FileAccess, boundary: _Boundary) -> tuple[OpenDirectory, Where]:
    with contextlib.ExitStack() as stack:
        descriptor = _open(capability)
        stack.callback(os.close, descriptor)
        try:
            opened = _opened(descriptor)
            where = where_is(opened, boundary.mounts)
        except OSError as error:
            raise _refused(
                capability, f"where it is cannot be found out: {error.strerror}"
            ) from error
        if objection := boundary.objection(capability, opened, where):
            raise _refused(capability, objection, path=opened.path)
        stack.pop_all()
    return opened, where


def _open(capability: FileAccess) -> int:
    path = capability.host_path
    if path is None or not path.startswith("/"):
        raise _missing(capability, "it names no absolute directory of this machine")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except OSError as error:
        raise _missing(capability, f"{error.strerror}") from error
    except ValueError as error:
        raise _missing(capability, "no directory can have such a name") from error


def _opened(descriptor: int) -> OpenDirectory:
    """What a descriptor stands for.

    Raises:
        OSError: The system does not tell where it is, or nothing is there any more.
    """
    path = _path_of(descriptor)
    found = os.fstat(descriptor)
    # A deleted directory has a path that ends in " (deleted)", and somebody may have made a
    # directory of that name.
    if not path.is_absolute() or identity_of(path) != (found.st_dev, found.st_ino):
        message = "it was moved or deleted"
        raise FileNotFoundError(0, message)
    return OpenDirectory(descriptor, str(path), found.st_dev, found.st_ino)


def _path_of(descriptor: int) -> Path:
    if sys.platform == "darwin":  # pragma: no cover - the only system with F_GETPATH
        answer = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024))
        return Path(os.fsdecode(answer.rstrip(b"\0")))
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def _quoted(text: object) -> str:
    return f"'{printable(os.fspath(text) if isinstance(text, Path) else str(text))}'"


def _missing(capability: FileAccess, reason: str) -> ConfigError:
    return ConfigError(
        f"{_quoted(capability)} cannot be opened: {reason}",
        code="config.directory_missing",
        hint="create the directory and let this account read it, or correct the policy",
    )


def _refused(capability: FileAccess, reason: str, *, path: str | None = None) -> ConfigError:
    leads = f", which leads to {_quoted(path)}," if path not in (None, capability.host_path) else ""
    return ConfigError(
        f"{_quoted(capability)}{leads} is refused: {reason}",
        code="config.directory_refused",
        hint="make a directory for what this tool needs, and grant that one instead",
    )


# Two tools that write


def refuse_shared_writes(policy: Policy) -> dict[str, ConfigError]:
    """Complaints about directories that two tools may write to, by owner.

    A writable directory that is, contains or lies inside one that another tool may write to
    is refused for both, with `config.directory_refused`, unless both grants say `;shared`.
    Real paths are compared; the directories need not exist. Nothing is said about a tool
    that only reads, or about two grants of one tool.
    """
    mounts = mounts_of_this_process()
    return _shared(
        (owner, capability, place_of(way_to(Path(capability.host_path))[-1:], mounts))
        for owner, capability in _granted(policy)
        if capability.host_path is not None
    )


def _shared(grants: Iterable[tuple[str, FileAccess, Where]]) -> dict[str, ConfigError]:
    complaints: dict[str, ConfigError] = {}
    writing = [grant for grant in grants if grant[1].access == "write"]
    for one, two in itertools.combinations(writing, 2):
        if one[0] == two[0] or (one[1].is_shared and two[1].is_shared):
            continue
        if relation_between(one[2], two[2]):
            complaints.setdefault(one[0], _not_shared(one, two))
            complaints.setdefault(two[0], _not_shared(two, one))
    return complaints


def _not_shared(
    grant: tuple[str, FileAccess, Where], other: tuple[str, FileAccess, Where]
) -> ConfigError:
    relation = relation_between(grant[2], other[2])
    return ConfigError(
        f"{_quoted(grant[1])} is refused: it {relation} what {_quoted(other[0])} may write to "
        f"with {_quoted(other[1])}, and not both are shared",
        code="config.directory_refused",
        hint="give each tool a directory of its own, or add ;shared to both grants",
    )


def _granted(policy: Policy) -> Iterator[tuple[str, FileAccess]]:
    for owner, tool in policy.tools.items():
        for capability in tool.allow:
            if isinstance(capability, FileAccess):
                yield owner, capability


class GrantedDirectories:
    """All directories that a policy grants, opened once and closed together.

    A tool that any complaint is about must not run: what was opened for it stays open, as
    another tool may have been granted the same.

    Attributes:
        descriptors: What was opened, by capability. Empty once they are closed.
        failures: By owner, the first complaint: what cannot be opened or is refused, in the
            order of the policy, then what two tools may write to without saying so.
    """

    def __init__(self, policy: Policy, protected: Protected) -> None:
        self._descriptors: dict[FileAccess, int] = {}
        self._failures: dict[str, ConfigError] = {}
        self.descriptors: Mapping[FileAccess, int] = MappingProxyType(self._descriptors)
        self.failures: Mapping[str, ConfigError] = MappingProxyType(self._failures)
        with contextlib.ExitStack() as stack:
            self._open(policy, protected, stack)
            self._closing = stack.pop_all()

    def close(self) -> None:
        """Close every directory; nothing happens the second time."""
        self._descriptors.clear()
        self._closing.close()

    def _open(self, policy: Policy, protected: Protected, stack: contextlib.ExitStack) -> None:
        grants = list(_granted(policy))
        if not grants:  # looking up every protected place takes milliseconds
            return
        boundary = _Boundary(protected)
        outcomes: dict[FileAccess, Where | ConfigError] = {}
        writing: list[tuple[str, FileAccess, Where]] = []
        for owner, capability in grants:
            if capability not in outcomes:
                outcomes[capability] = self._opened(capability, boundary, stack)
            outcome = outcomes[capability]
            if isinstance(outcome, ConfigError):
                self._failures.setdefault(owner, outcome)
            else:
                writing.append((owner, capability, outcome))
        self._failures.update(_shared(writing) | self._failures)

    def _opened(
        self, capability: FileAccess, boundary: _Boundary, stack: contextlib.ExitStack
    ) -> Where | ConfigError:
        try:
            opened, where = _open_granted(capability, boundary)
        except ConfigError as error:
            return error
        stack.callback(os.close, opened.descriptor)
        self._descriptors[capability] = opened.descriptor
        return where
