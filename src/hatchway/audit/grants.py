"""What the two sides say about power, with the place where they say it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from hatchway.audit.finding import Evidence
from hatchway.core.capability import EnvironmentVariable
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.subject import Subject
    from hatchway.core.capability import Capability
    from hatchway.core.manifest import Want
    from hatchway.policy.document import ToolPolicy
    from hatchway.policy.positions import KeyPath

C = TypeVar("C", bound="Capability")


def granted(subject: Subject, kind: type[C]) -> Iterator[tuple[C, Evidence]]:
    """What the operator allows of one kind, each with its line of the policy."""
    entry = subject.entry
    for index, capability in enumerate(() if entry is None else entry.allow):
        if entry is not None and isinstance(capability, kind):
            place = ("tools", entry.name, "allow", index)
            yield (
                capability,
                Evidence(kind="policy", detail=spelled(capability), field=place),
            )


def wanted(subject: Subject, kind: type[C]) -> Iterator[tuple[C, Evidence]]:
    """What the author asks for of one kind, each with its place in the manifest."""
    for place, want in _wants(subject):
        if isinstance(want.capability, kind):
            yield (
                want.capability,
                Evidence(kind="manifest", detail=spelled(want.capability), field=place),
            )


def _wants(subject: Subject) -> Iterator[tuple[KeyPath, Want]]:
    if subject.manifest is None:
        return
    several = "tools" in subject.manifest.source
    for number, tool in enumerate(subject.manifest.tools):
        root: KeyPath = ("tools", number) if several else ()
        for key, wants in (("requires", tool.requires), ("optional", tool.optional)):
            for index, want in enumerate(wants):
                yield (*root, key, index, "capability"), want


def limit_evidence(entry: ToolPolicy, key: str, value: str) -> Evidence:
    """The line of a limit in the policy."""
    place = ("tools", entry.name, "limits", key)
    return Evidence(kind="policy", detail=f"{key} = {value}", field=place)


def spelled(capability: Capability) -> str:
    """A capability as in the policy, but for the value of a variable: it may be a secret."""
    if isinstance(capability, EnvironmentVariable) and capability.value is not None:
        capability = replace(capability, value="…")
    return printable(str(capability))
