"""Artifacts from package registries that nobody here wrote, and what is expected of each.

`requirements/corpus.toml` names them. What is expected was decided by looking at the binary
with other tools than ours, and by knowing where it comes from.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packages import CACHE, PINS, Package, PackageError, read_member

from hatchway.audit.foreign import foreign_abi
from hatchway.audit.hosting import why_not_hostable

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.audit.artifact import Artifact
    from hatchway.core.surface import Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact, and what is expected of it.

    Attributes:
        member: Its whole name in the package.
        digest: Of its bytes; `sha256:` and hexadecimal digits.
        kind: As `kind_of` names it.
        abi: Part of the name of the host it was built for; None when that is this one, or
            none that is known.
        refusal: Part of the reason why it cannot become a tool here; None when it can, or
            when the host it was built for is the reason.
        compile: Whether the tests compile it. What takes long is compiled for the table only.
        uncompilable: Part of what the engine says when it refuses to.
    """

    name: str
    package: Package
    member: str
    digest: str
    kind: str
    abi: str | None = None
    refusal: str | None = None
    compile: bool = False
    uncompilable: str | None = None

    @property
    def is_compiled_daily(self) -> bool:
        """Whether the engine is asked about it in every run of the tests."""
        return self.compile or self.uncompilable is not None


def entries(pins: Path = PINS) -> tuple[Entry, ...]:
    """The corpus, in the order of the file. An unknown key is an error."""
    found: list[Entry] = []
    for table in tomllib.loads(pins.read_text("utf-8"))["package"]:
        artifacts: list[dict[str, Any]] = table.pop("artifact")
        package = Package(**table)
        found += [Entry(package=package, **artifact) for artifact in artifacts]
    return tuple(found)


def read(entry: Entry, cache: Path = CACHE) -> bytes:
    """The bytes of an artifact whose package was fetched.

    Raises:
        PackageError: The package or the artifact is not the pinned one.
    """
    data = read_member(entry.package, entry.member, cache)
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != entry.digest:
        message = f"{entry.member} of {entry.package} is not the artifact that is pinned"
        raise PackageError(message)
    return data


def kind_of(artifact: Artifact) -> str:
    """How a host enters it."""
    if artifact.kind == "component":
        return "command component" if artifact.surface.is_command else "component"
    if artifact.surface.is_command:
        return "command"
    return "reactor" if "_initialize" in artifact.surface.exports else "library"


def surprises(entry: Entry, artifact: Artifact) -> list[str]:
    """Where `artifact` is understood otherwise than expected."""
    found = []
    if kind_of(artifact) != entry.kind:
        found.append(f"is a {kind_of(artifact)}, expected a {entry.kind}")
    abi = foreign_abi(artifact)
    if not _fits(abi, entry.abi):
        found.append(f"was built for {abi}, expected {entry.abi}")
    reason = why_not_hostable(artifact)
    if not _fits(reason, entry.refusal or entry.abi):
        found.append(f"hostable unless: {reason}; expected {entry.refusal or entry.abi}")
    return found


def _fits(told: str | None, expected: str | None) -> bool:
    if told is None or expected is None:
        return told is expected
    return expected in told


def differences(ours: Surface, engines: Surface) -> list[str]:
    """What two readings of one artifact disagree about."""
    found = [
        f"{name}: {getattr(ours, name)} read, {getattr(engines, name)} compiled"
        for name in ("kind", "is_command", "memory_min_bytes", "memory_max_bytes")
        if getattr(ours, name) != getattr(engines, name)
    ]
    for name in ("imports", "exports", "functions"):
        read_here, compiled = getattr(ours, name), getattr(engines, name)
        found += [f"{name}: only read: {item}" for item in read_here if item not in compiled]
        found += [f"{name}: only compiled: {item}" for item in compiled if item not in read_here]
        if sorted(map(str, read_here)) == sorted(map(str, compiled)) and read_here != compiled:
            found.append(f"{name}: in another order")
    return found
