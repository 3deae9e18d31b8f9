"""From imported functions to the powers they can exercise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from hatchway.audit.capability_rows import TABLE, Row
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.artifact import Import
    from hatchway.audit.capability_rows import Certainty

Family: TypeAlias = Literal["files", "http", "sockets", "threads", "tools", "hosts"]

CAPABILITIES: dict[str, str] = {
    "fs.read": "reads files and directories",
    "fs.write": "changes files and directories",
    "net.http": "sends HTTP requests",
    "net.socket": "uses TCP or UDP sockets",
    "net.dns": "looks up host names",
    "thread": "starts threads",
    "tool": "calls other tools",
    "env": "reads environment variables",
    "args": "reads its command line",
    "stdio": "reads standard input, writes standard output and error",
    "clock.wall": "reads the time of day",
    "clock.monotonic": "reads a stopwatch, and waits",
    "random": "draws random bytes",
    "exit": "ends the program",
}
"""Every name an audit uses, in the order it prints them; `host:<namespace>` comes last."""

HOST = "host:"
"""What the capability of a function begins with that no host of ours provides."""

FAMILIES: dict[Family, tuple[str, ...]] = {
    "files": ("fs.read", "fs.write"),
    "http": ("net.http",),
    "sockets": ("net.socket", "net.dns"),
    "threads": ("thread",),
    "tools": ("tool",),
    "hosts": (HOST,),
}
"""The serious capabilities, by what is declared and judged together."""

ORDINARY = frozenset({"env", "args", "stdio", "clock.wall", "clock.monotonic", "random", "exit"})
"""What the runtime of nearly every language imports, whatever the program does."""

GATED = frozenset({"env", "clock.wall", "clock.monotonic", "random"})
"""The ordinary ones that need a grant to give something real."""

_VERSION = re.compile(r"(.*)@(0\.[23]\.[0-9][0-9A-Za-z.+-]*)", re.DOTALL)
_PACKAGE = re.compile(
    r"([A-Za-z][A-Za-z0-9-]*:[A-Za-z][A-Za-z0-9-]*)(?:/[^@]*)?(?:@.*)?", re.DOTALL
)
_MODULES = ("wasi_snapshot_preview1", "hatchway_fetch_0_1", "extism:host/env", "wasi")
_FETCH = "hatchway:egress/fetch"
_FETCH_VERSION = re.compile(r"0\.1\.[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A function that an artifact imports, and one thing it is good for.

    Attributes:
        function: The import.
        capability: The power; None for plumbing.
        certainty: Whether every use exercises it.
        note: What it lets the guest do, after "it".
    """

    function: Import
    capability: str | None
    certainty: Certainty
    note: str

    @property
    def family(self) -> Family | None:
        """The serious family it belongs to, or None."""
        return None if self.capability is None else family_of(self.capability)


def uses_of(imports: Iterable[Import]) -> tuple[Use, ...]:
    """What each of `imports` is good for, in their order."""
    return tuple(
        Use(function=item, capability=row.capability, certainty=row.certainty, note=row.note)
        for item in imports
        for row in rows_for(item)
    )


def capabilities_of(imports: Iterable[Import]) -> dict[str, tuple[str, ...]]:
    """The powers `imports` can exercise, each with the functions that do or may.

    It is an upper bound: what is not here, the artifact cannot ask for. Names and spellings
    are printable.
    """
    found: dict[str, set[str]] = {}
    for use in uses_of(imports):
        if use.capability is not None:
            found.setdefault(use.capability, set()).add(printable(str(use.function)))
    known = [name for name in CAPABILITIES if name in found]
    hosts = sorted(name for name in found if name not in CAPABILITIES)
    return {name: tuple(sorted(found[name])) for name in (*known, *hosts)}


def rows_for(item: Import) -> tuple[Row, ...]:
    """What the table says about one import; `host:…` for what no host of ours provides.

    An interface of a version that nobody here knows is both: what its name says, and foreign.
    """
    interface, is_ours = _interface(item)
    rows = _matching(interface, item.name) if item.kind == "function" else ()
    if is_ours and rows:
        return rows
    foreign = Row(
        function=item.name,
        capability=HOST + _host_name(item),
        certainty="does",
        note="asks for something that no host of Hatchway's provides",
    )
    return (*rows, foreign)


def family_of(capability: str) -> Family | None:
    """The serious family of `capability`; None for ordinary ones."""
    if capability.startswith(HOST):
        return "hosts"
    return next((name for name, members in FAMILIES.items() if capability in members), None)


def _interface(item: Import) -> tuple[str, bool]:
    """The key of the table, and whether such imports are provided at all."""
    if not item.is_component:
        match = _VERSION.fullmatch(item.namespace)
        interface = match[1] if match else item.namespace
        return interface, interface in _MODULES
    interface, _, version = item.namespace.partition("@")
    if interface == _FETCH:
        return interface, _FETCH_VERSION.fullmatch(version) is not None
    match = _VERSION.fullmatch(item.namespace)
    if match is not None:
        return match[1], True
    return interface, interface.startswith("hatchway:")


def _matching(interface: str, function: str) -> tuple[Row, ...]:
    others = TABLE["hatchway:*"] if interface.startswith("hatchway:") else ()
    rows = TABLE.get(interface, others)
    exact = tuple(row for row in rows if row.function == function)
    if exact:
        return exact
    general = [row for row in rows if _begins(row, function)]
    longest = max((len(row.function) for row in general), default=0)
    return tuple(row for row in general if len(row.function) == longest)


def _begins(row: Row, function: str) -> bool:
    return row.function.endswith("*") and function.startswith(row.function[:-1])


def _host_name(item: Import) -> str:
    """The WIT package without its version, or the namespace as it is."""
    name = item.namespace or item.name
    match = _PACKAGE.fullmatch(name)
    return match[1] if match else printable(name, limit=64)
