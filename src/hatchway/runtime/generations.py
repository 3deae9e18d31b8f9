"""Generations: what can be called at one time, and who is still being served from it.

A call keeps the generation it started in until it ends. Only then are the directories closed
that were opened for it. When a later generation takes something away that the call holds,
the call is withdrawn.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatchway.policy.narrowing import is_narrowed
from hatchway.policy.reach import reach

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.call import Cancellation
    from hatchway.runtime.catalog import Catalog, Entry

WITHDRAWN = "the call was cancelled: the policy changed"
"""What a client is told about a call that a new generation took away."""


class Running:
    """One call of a generation."""

    __slots__ = ("cancellation", "tool")

    def __init__(self, tool: str, cancellation: Cancellation) -> None:
        self.tool = tool
        self.cancellation = cancellation


class Generation:
    """One catalog, the calls that run in it, and what must be closed after the last of them.

    Args:
        catalog: What can be called.
        close: Gives back what was opened for it. Called once, on whichever thread is last.
    """

    def __init__(self, catalog: Catalog, close: Callable[[], None] | None = None) -> None:
        self.catalog = catalog
        self._close = close
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._is_retired = False

    def enter(self, call: Running) -> bool:
        """Whether `call` may begin here; not when another generation has taken over."""
        with self._lock:
            if self._is_retired:
                return False
            self._running.add(call)
            return True

    def leave(self, call: Running) -> None:
        """`call` has ended, and uses nothing of this generation any more."""
        with self._lock:
            self._running.remove(call)
            is_last = self._is_retired and not self._running
        if is_last:
            self._end()

    def retire(self) -> None:
        """No call begins here any more."""
        with self._lock:
            is_over = not self._is_retired and not self._running
            self._is_retired = True
        if is_over:
            self._end()

    def withdraw_what_is_narrowed(self, now: Catalog) -> int:
        """Withdraw the calls that `now` would not give what they hold; how many there are."""
        with self._lock:
            running = tuple(self._running)
        affected = {
            name for name in {call.tool for call in running} if self._is_affected(name, now)
        }
        withdrawn = [call for call in running if call.tool in affected]
        for call in withdrawn:
            call.cancellation.impose(WITHDRAWN)
        return len(withdrawn)

    def _is_affected(self, name: str, now: Catalog) -> bool:
        before, after = self.catalog.entries.get(name), now.entries.get(name)
        if before is None:
            return False  # it never found its tool, and holds nothing
        if after is None or after.tool.owner != before.tool.owner:
            return True
        owner = before.tool.owner
        return is_narrowed(self.catalog.policy, now.policy, owner) or self._has_lost(owner, now)

    def _has_lost(self, owner: str, now: Catalog) -> bool:
        """Whether a tool that calls of `owner` may reach cannot be called any more."""
        reached = reach(self.catalog.policy.tools, owner)[1:]
        return any(
            name not in now.entries
            for name, entry in self.catalog.entries.items()
            if entry.tool.owner in reached
        )

    @property
    def is_in_use(self) -> bool:
        """Whether a call still runs in it."""
        with self._lock:
            return bool(self._running)

    def _end(self) -> None:
        if self._close is not None:
            self._close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How one generation differs from the one before, by the names that clients use.

    Attributes:
        changed: Another artifact, another description, other capabilities or other limits.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        marked = (("+", self.added), ("-", self.removed), ("~", self.changed))
        return ", ".join(f"{mark}{name}" for mark, names in marked for name in names)


def changes_between(before: Catalog, after: Catalog) -> Changes:
    """What a client, or an operator, would notice."""
    return Changes(
        added=tuple(name for name in after.entries if name not in before.entries),
        removed=tuple(name for name in before.entries if name not in after.entries),
        changed=tuple(
            name
            for name, entry in after.entries.items()
            if name in before.entries
            and _essence(before, before.entries[name]) != _essence(after, entry)
        ),
    )


def _essence(catalog: Catalog, entry: Entry) -> object:
    # Where an entry stands in the file is no part of what it says.
    return entry.tool, replace(catalog.policy.tools[entry.tool.owner], allow_lines=())
