"""Putting changed files in force while a server runs: all of them together, or none.

Policy, lock and the record of trust are read as one generation. When that fails, the last
good generation stays, and every event says so until a good one comes.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from hatchway.core.errors import ConfigError, HatchwayError, InternalError
from hatchway.core.untrusted import harmless
from hatchway.runtime.generations import Generation, changes_between
from hatchway.runtime.recording import EventSink, record_reloaded, record_stale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path

    from hatchway.policy.document import ToolPolicy
    from hatchway.runtime.catalog import Catalog, Quarantined
    from hatchway.runtime.generations import Changes
    from hatchway.runtime.project import Reading
    from hatchway.runtime.runtime import Runtime

PATIENCE = 30
"""How many looks in a row may find a command at work before that counts as a broken edit."""

_FRESH_NS = 2_000_000_000
"""Beyond the coarsest time stamp: two changes within one can look like one."""

Signs: TypeAlias = tuple[object, ...]


def signs_of(files: tuple[Path, ...]) -> Signs:
    """What tells one state of `files` from another, without reading them."""
    return tuple(map(_sign_of, files))


def _sign_of(file: Path) -> Signs:
    try:
        found = file.stat()
    except (OSError, ValueError) as error:
        return (str(file), type(error).__name__)
    return (
        str(file),
        found.st_mode,
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def are_fresh(signs: Signs, now_ns: int) -> bool:
    """Whether a file changed so lately that it could change again without showing it."""
    return any(
        isinstance(sign, tuple) and isinstance(sign[-1], int) and sign[-1] > now_ns - _FRESH_NS
        for sign in signs
    )


class _Same(Enum):
    """What is there is what is in force."""

    AS_BEFORE = "as before"


class MarkedEvents(EventSink, Protocol):
    """Events that say whether the policy was stale when they happened."""

    def mark_policy(self, is_stale: bool) -> None:
        """Have every event from now on say that the policy is stale, or not say so any more."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where generations come from, and who is told.

    Attributes:
        watched: The files that one depends on.
        read: Policy and lock as they are, each read once. Raises BlockingIOError while one of
            our own commands is changing them.
        build: The generation of one such reading.
        today: The day, which ends overrides.
        admit_new: Admits what the policy names and the lock does not; None where only a
            command may do so.
        events: Where it is recorded, and what marks every event while the policy is stale.
        report: Puts on record what a catalog cannot offer.
        tell: Told in one line what happened.
    """

    watched: Callable[[], tuple[Path, ...]]
    read: Callable[[], Reading]
    build: Callable[[Reading], Generation]
    today: Callable[[], date]
    admit_new: Callable[[], None] | None
    events: MarkedEvents
    report: Callable[[Catalog], None]
    tell: Callable[[str], None]


@dataclass
class _Memory:
    """What a reloader remembers from one look to the next.

    Attributes:
        good: What the generation in force was built from.
        built: Its digest, and the day on which it was built; None to build in any case.
        signs: Of the files when they were last read; None to read them in any case.
        complaint: What is wrong with the files; None while they are in force.
        waits: How many looks in a row found one of our commands at work.
        attempted: Entries that admission was tried for, and has no use trying again.
    """

    good: Reading
    built: tuple[str, date] | None = None
    signs: Signs | None = None
    complaint: tuple[str, str] | None = None
    waits: int = 0
    attempted: Mapping[str, ToolPolicy] = field(default_factory=dict)


class Reloader:
    """Keeps a runtime in step with its files. Safe to use from many threads.

    Args:
        runtime: What is kept in step.
        sources: Where generations come from, and who is told.
        reading: What the present generation was built from.
    """

    def __init__(self, runtime: Runtime, sources: Sources, reading: Reading) -> None:
        self._runtime = runtime
        self._sources = sources
        self._lock = threading.Lock()
        self._memory = _Memory(
            good=reading,
            built=(reading.digest, sources.today()),
            attempted=_not_admitted(runtime.catalog),
        )
        self._admitting: threading.Thread | None = None
        self._is_admission_due = False

    def signs(self) -> Signs:
        """What the files are like now."""
        try:
            files = self._sources.watched()
        except HatchwayError as error:
            return (self._sources.today(), error.message)
        return (self._sources.today(), *signs_of(files))

    def has_changed(self) -> bool:
        """Whether the files may say something else than at the last look."""
        return self._memory.signs != self.signs()

    def look(self) -> None:
        """Put in force what changed since the last time, if anything did."""
        with self._lock:
            if self.has_changed():
                self._take_up()

    def reload(self) -> None:
        """Put in force what is there, whether it seems to have changed or not."""
        with self._lock:
            self._memory.built = None
            self._memory.attempted = {}
            self._take_up()

    def _take_up(self) -> None:
        signs, now_ns = self.signs(), time.time_ns()
        # What changed a moment ago is read once more, when it has become older.
        self._memory.signs = None if are_fresh(signs, now_ns) else signs
        built = self._built(self._sources.read)
        match built:
            case _Same.AS_BEFORE:
                pass
            case None:
                self._wait_for_a_command()
            case HatchwayError():
                self._keep_the_last(built)
            case Generation():
                is_mended, self._memory.complaint = self._memory.complaint is not None, None
                self._put_in_force(built, is_news=is_mended)

    def _built(self, read: Callable[[], Reading]) -> Generation | HatchwayError | _Same | None:
        """What comes of what is read; None while one of our commands is at it."""
        try:
            reading = read()
            self._memory.waits = 0
            about = (reading.digest, self._sources.today())
            if about == self._memory.built and self._memory.complaint is None:
                return _Same.AS_BEFORE
            generation = self._sources.build(reading)
        except BlockingIOError:
            return None
        except HatchwayError as error:
            return error
        except Exception as failure:  # noqa: BLE001 - the top of the thread that watches
            return InternalError(f"the policy cannot be loaded: {type(failure).__name__}")
        self._memory.good, self._memory.built = reading, about
        return generation

    def _wait_for_a_command(self) -> None:
        self._memory.signs = None
        self._memory.waits += 1
        if self._memory.waits >= PATIENCE:
            message = "a command that changes the policy does not end"
            self._keep_the_last(ConfigError(message, code="config.unsettled"))

    def _keep_the_last(self, error: HatchwayError) -> None:
        self._age_the_last()
        complaint = (error.code, error.message)
        if complaint == self._memory.complaint:
            return
        self._memory.complaint = complaint
        self._sources.events.mark_policy(is_stale=True)
        said = harmless(error.message, limit=400)
        self._sources.tell(f"the policy was not reloaded, the last good one stays: {said}")
        record_stale(self._sources.events, error)

    def _age_the_last(self) -> None:
        """What was allowed until a day ends with it, also while the files are broken."""
        good = self._memory.good
        if self._memory.built != (good.digest, self._sources.today()):
            built = self._built(lambda: good)
            if isinstance(built, Generation):
                self._put_in_force(built, is_news=False)

    def _put_in_force(self, generation: Generation, *, is_news: bool) -> None:
        before, after = self._runtime.catalog, generation.catalog
        withdrawn = self._runtime.replace(generation)
        self._sources.events.mark_policy(is_stale=self._memory.complaint is not None)
        changes = changes_between(before, after)
        if changes or is_news:
            self._announce(changes, withdrawn)
        known = {_key(item) for item in before.quarantined}
        lost = tuple(
            item
            for item in after.quarantined
            if _key(item) not in known and not self._may_be_admitted(item, after)
        )
        for item in lost:
            self._sources.tell(f"{item.name} is not offered: {harmless(item.error.message)}")
        for notice in after.notices:
            if notice not in before.notices:
                self._sources.tell(harmless(notice.message))
        self._sources.report(replace(after, quarantined=lost))
        self._admit_what_is_new(after)

    def _announce(self, changes: Changes, withdrawn: int) -> None:
        said = harmless(str(changes), limit=400) or "it says what it said before"
        cancelled = f"; calls cancelled: {withdrawn}" if withdrawn else ""
        self._sources.tell(f"the policy was reloaded: {said}{cancelled}")
        record_reloaded(self._sources.events, changes, withdrawn)

    # Admission: may take minutes, and a narrower policy must not wait for it

    def _may_be_admitted(self, item: Quarantined, catalog: Catalog) -> bool:
        return self._sources.admit_new is not None and item.owner not in catalog.lock.tools

    def _admit_what_is_new(self, catalog: Catalog) -> None:
        wanted, known = _not_admitted(catalog), self._memory.attempted
        self._memory.attempted = wanted
        if self._sources.admit_new is None or wanted.items() <= known.items():
            return
        self._is_admission_due = True
        if self._admitting is None or not self._admitting.is_alive():
            self._admitting = threading.Thread(
                target=self._admit, name="hatchway-admission", daemon=True
            )
            self._admitting.start()

    def _admit(self) -> None:
        assert self._sources.admit_new is not None
        while True:
            with self._lock:
                if not self._is_admission_due:
                    self._admitting = None
                    return
                self._is_admission_due = False
            try:
                self._sources.admit_new()
                self.look()
            except HatchwayError as error:  # the files are broken again, or the event log is
                self._sources.tell(harmless(error.message, limit=400))


def _not_admitted(catalog: Catalog) -> Mapping[str, ToolPolicy]:
    return {
        name: replace(entry, allow_lines=())
        for name, entry in catalog.policy.tools.items()
        if name not in catalog.lock.tools
    }


def _key(item: Quarantined) -> tuple[str, str, str]:
    return item.owner, item.name, item.error.code
