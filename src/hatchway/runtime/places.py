"""Where a directory is, in every way in which two places can be compared.

Two directories are compared in three ways, and one that says "the same" or "inside" is
enough. By real path, which also speaks for what does not exist yet. By device and inode,
which sees through bind mounts and through names that differ in case only. By the place in
the file system that the mount table tells, which sees a bind mount of something further
down in a protected place.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Identity: TypeAlias = tuple[int, int]
Origins: TypeAlias = tuple[tuple[str, Path], ...]

_MOUNT_TABLE = Path("/proc/self/mountinfo")
_MOST_LINKS = 40  # as many as Linux follows


@dataclass(frozen=True, slots=True)
class OpenDirectory:
    """A directory that is open.

    Attributes:
        descriptor: Whoever holds this value closes it.
        path: Where it really was when it was looked at, free of links.
        device: Together with `inode`, which directory it is.
        inode: See `device`.
    """

    descriptor: int
    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table."""

    device: str
    root: Path
    point: Path
    kind: str


@dataclass(frozen=True, slots=True)
class Where:
    """A place, known in all the ways in which it can be compared with another.

    Attributes:
        names: Real paths. A protected place has several when links lead to it: whoever
            replaces one of the links replaces the place.
        identity: Device and inode; None for what does not exist.
        lineage: Identities of itself and of everything above it.
        origins: File system and place in it, without regard to where that is mounted.
        mounted: The origins of what is mounted below it, for a granted directory.
    """

    names: tuple[Path, ...]
    identity: Identity | None
    lineage: frozenset[Identity]
    origins: Origins
    mounted: Origins = ()


def _lies_in(inner: Where, outer: Where) -> bool:
    """Whether `inner` is `outer` or lies anywhere below it."""
    return (
        outer.identity in inner.lineage
        or any(one.is_relative_to(two) for one in inner.names for two in outer.names)
        or _are_under(inner.origins, outer.origins)
    )


def _are_under(inner: Origins, outer: Origins) -> bool:
    return any(
        device == other and one.is_relative_to(two) for device, one in inner for other, two in outer
    )


def holds(directory: Where, place: Where) -> bool:
    """Whether the directory is the place or contains the whole of it."""
    return _lies_in(place, directory) or _are_under(place.origins, directory.mounted)


def relation_between(directory: Where, place: Where) -> str | None:
    """How the directory and the place overlap, as a verb; None when they do not."""
    contains = holds(directory, place) or _are_under(directory.mounted, place.origins)
    if _lies_in(directory, place):
        return "is" if contains else "lies inside"
    return "contains" if contains else None


def mounts_of_this_process(table: Path = _MOUNT_TABLE) -> tuple[Mount, ...]:
    """What is mounted where; nothing on systems that have no such table."""
    try:
        text = os.fsdecode(table.read_bytes())
    except OSError:
        return ()
    return tuple(_mount(line) for line in text.split("\n") if line)


def _mount(line: str) -> Mount:
    # proc_pid_mountinfo(5): ID PARENT MAJOR:MINOR ROOT POINT OPTIONS… - KIND SOURCE OPTIONS
    _, _, device, root, point, *rest = line.split(" ")
    kind = rest[rest.index("-") + 1]
    return Mount(device, Path(_unescaped(root)), Path(_unescaped(point)), kind)


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _origin(path: Path, mounts: Iterable[Mount]) -> Origins:
    above = {path, *path.parents}
    holding = [mount for mount in mounts if mount.point in above]
    # Sorting keeps the order of what is equal: the last one mounted on a point hides the others.
    nearest = sorted(holding, key=lambda mount: len(mount.point.parts))[-1:]
    return tuple((mount.device, mount.root / path.relative_to(mount.point)) for mount in nearest)


def way_to(path: Path) -> tuple[Path, ...]:
    """The real paths of every link on the way to `path`, and of where the way ends.

    What is missing on the way is taken as it is written. A way of too many links leads
    nowhere, and ends at the last of them.
    """
    links: list[Path] = []
    here = Path("/")
    remaining = list(path.absolute().parts[:0:-1])
    while remaining and len(links) < _MOST_LINKS:
        name = remaining.pop()
        if name == "..":
            here = here.parent
            continue
        target = _target(here / name)
        if target is None:
            here /= name
            continue
        links.append(here / name)
        here = Path("/") if target.is_absolute() else here
        remaining.extend(part for part in reversed(target.parts) if not part.startswith("/"))
    return (*links, links[-1] if remaining else here)


def _target(path: Path) -> Path | None:
    """What a link says; None for anything else, or nothing."""
    try:
        return path.readlink()
    except (OSError, ValueError):
        return None


def identity_of(path: Path) -> Identity | None:
    """Device and inode of what `path` leads to; None for nothing."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def place_of(names: tuple[Path, ...], mounts: tuple[Mount, ...]) -> Where:
    """A place by its real paths, the last of which is where it is."""
    above = {identity_of(parent) for name in names for parent in name.parents}
    own = identity_of(names[-1])
    return Where(
        names=names,
        identity=own,
        lineage=frozenset(item for item in (own, *above) if item is not None),
        origins=tuple(origin for name in names for origin in _origin(name, mounts)),
    )


def where_is(opened: OpenDirectory, mounts: tuple[Mount, ...]) -> Where:
    """What was opened, its ancestors found upwards from the descriptor.

    Raises:
        OSError: The way up cannot be gone.
    """
    path = Path(opened.path)
    lineage = set()
    for depth in range(1, len(path.parts)):
        found = os.stat("/".join([".."] * depth), dir_fd=opened.descriptor)
        lineage.add((found.st_dev, found.st_ino))
    own = (opened.device, opened.inode)
    mounted = tuple((mount.device, mount.root) for mount in mounts if path in mount.point.parents)
    return Where((path,), own, frozenset({own, *lineage}), _origin(path, mounts), mounted)
