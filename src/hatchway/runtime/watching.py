"""A thread that looks at the files of a running server, about once a second."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Literal, TypeAlias

from hatchway.core.errors import HatchwayError
from hatchway.core.untrusted import harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.runtime.reloading import Reloader

INTERVAL_SECONDS = 1.0
SETTLE_SECONDS = 0.1
"""Editors write a file in several steps: what is found is left alone until it stays the same."""
MOST_SETTLING = 10
"""How often that is waited for. Files that never rest are dealt with as they are."""

_STOP_SECONDS = 5.0

_Wish: TypeAlias = Literal["reload", "stop"]


class Watcher:
    """Looks at regular intervals, by asking the file system: nothing else is the same everywhere.

    Args:
        reloader: Puts in force what changed.
        tell: Told in one line what could not be recorded.
        interval_seconds: From one look to the next.
    """

    def __init__(
        self,
        reloader: Reloader,
        tell: Callable[[str], None],
        *,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._reloader = reloader
        self._tell = tell
        self._interval_seconds = interval_seconds
        # A signal handler may put something into it, whatever it interrupts.
        self._wishes: queue.SimpleQueue[_Wish] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._watch, name="hatchway-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def reload(self) -> None:
        """Have everything loaded again now. May be called from a signal handler."""
        self._wishes.put("reload")

    def stop(self) -> None:
        """Look no more. What is being loaded or compiled is not waited for long."""
        self._wishes.put("stop")
        self._thread.join(_STOP_SECONDS)

    def _watch(self) -> None:
        while (wish := self._wish(self._interval_seconds)) != "stop":
            try:
                self._look(wish)
            except HatchwayError as error:  # the event log cannot be written
                self._tell(harmless(error.message, limit=400))

    def _look(self, wish: _Wish | None) -> None:
        if wish is None and self._reloader.has_changed():
            wish = self._settled()
        if wish is None:
            self._reloader.look()
        elif wish == "reload":
            self._reloader.reload()

    def _settled(self) -> _Wish | None:
        """Wait until the files rest, or until somebody wishes something."""
        for _ in range(MOST_SETTLING):
            before = self._reloader.signs()
            if (wish := self._wish(SETTLE_SECONDS)) is not None:
                if wish == "stop":
                    self._wishes.put(wish)
                return wish
            if self._reloader.signs() == before:
                break
        return None

    def _wish(self, seconds: float) -> _Wish | None:
        """The most urgent wish, waited for at most so long."""
        wish: _Wish | None = None
        try:
            wish = self._wishes.get(timeout=seconds)
            while wish != "stop":
                wish = self._wishes.get_nowait()
        except queue.Empty:
            pass
        return wish
