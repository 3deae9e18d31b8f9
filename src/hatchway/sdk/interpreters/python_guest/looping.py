"""An event loop for `asyncio` where there are no sockets and no threads: timers and no more."""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _Timers:
    """What the loop waits with."""

    def select(self, timeout: float | None) -> list[Any]:
        """Let the time until the next timer go by.

        Raises:
            RuntimeError: There is none, and nothing else that could ever happen.
        """
        if timeout is None:
            message = "what is awaited can never happen: no task is ready, and no timer runs"
            raise RuntimeError(message)
        if timeout > 0:
            time.sleep(timeout)
        return []

    def close(self) -> None:
        """Nothing to close."""


class Loop(asyncio.base_events.BaseEventLoop):
    """Runs tasks. What would go to a thread is done at once."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Timers()

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else could wake it."""

    def run_in_executor(  # type: ignore[override]  # a future that is done already will do
        self,
        executor: object,  # noqa: ARG002 - there is none
        func: Callable[..., Any],
        *args: Any,
    ) -> asyncio.Future[Any]:
        """Call `func` now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits the future
            future.set_exception(error)
        return future


class _Policy(asyncio.events._BaseDefaultEventLoopPolicy):  # type: ignore[name-defined,misc]  # noqa: SLF001
    _loop_factory = Loop


def install() -> None:
    """Make it the loop that `asyncio` uses."""
    asyncio.events._event_loop_policy = _Policy()  # type: ignore[attr-defined]  # noqa: SLF001
