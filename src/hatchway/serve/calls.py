"""Calls on worker threads, so that a guest never blocks the event loop.

A call normally ends by itself: the deadline of its grant sees to that. Should a native
function not return, the client is answered on time all the same, and the thread is given
up. Threads lost that way are counted; when too many are lost, no new call is accepted.

The threads are our own because the path of a call is short: handing a call over and back
takes two thirds of what anyio's general-purpose workers take.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING

from hatchway.core.call import Cancellation, Outcome
from hatchway.core.errors import DeadlineExceededError, HatchwayError, OverloadedError
from hatchway.core.isolation import LATE_SECONDS, PATIENCE_SECONDS
from hatchway.policy.decide import isolation_of
from hatchway.runtime.results import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.call import ToolCall
    from hatchway.runtime.runtime import Runtime

GRACE_SECONDS = 0.5
"""Beyond a deadline; the sandbox itself stops a guest at most 0.1 s late."""

MAX_LOST_THREADS = 8
MAX_WAITING = 256


class Calls:
    """Runs the calls of one server.

    Args:
        runtime: Answers them.
        at_once: How many run at the same time; more wait, and too many are refused.
        on_lost_thread: Told how many threads are lost, whenever one is.
    """

    def __init__(
        self, runtime: Runtime, *, at_once: int, on_lost_thread: Callable[[int], None]
    ) -> None:
        self._runtime = runtime
        self._at_once = at_once
        self._on_lost_thread = on_lost_thread
        self._waiting: queue.SimpleQueue[_Attempt] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._idle = self._lost = 0

    async def answer(self, call: ToolCall) -> Outcome:
        """The outcome of `call`. When the client goes away, the guest is stopped.

        Raises:
            Exception: What the runtime raised.
        """
        if self._lost >= MAX_LOST_THREADS:
            message = "too many calls do not come back; the server must be restarted"
            return refusal(OverloadedError(message))
        if self._waiting.qsize() >= MAX_WAITING:
            return refusal(OverloadedError(f"{MAX_WAITING} calls are waiting already"))
        attempt = _Attempt(call, asyncio.get_running_loop(), self._seconds, self._give_up)
        self._hand_over(attempt)
        try:
            return await attempt.answer
        finally:
            # Whatever the reason for leaving, nobody is waiting any more.
            attempt.cancellation.request()

    def _hand_over(self, attempt: _Attempt) -> None:
        with self._lock:
            if self._idle <= self._waiting.qsize() and self._threads < self._at_once:
                self._threads += 1
                threading.Thread(target=self._work, name="hatchway-call", daemon=True).start()
        self._waiting.put(attempt)

    def _work(self) -> None:
        """Run calls until the process ends, or until one of them did not come back in time."""
        while True:
            with self._lock:
                self._idle += 1
            attempt = self._waiting.get()
            with self._lock:
                self._idle -= 1
            if not attempt.run(self._runtime):
                with self._lock:
                    self._lost -= 1
                return

    def _seconds(self, call: ToolCall) -> float:
        """How long a call that begins now may take."""
        catalog = self._runtime.catalog
        entry = catalog.entries.get(call.tool)
        policy = None if entry is None else catalog.policy.tools.get(entry.tool.owner)
        if policy is None:
            return GRACE_SECONDS
        seconds = GRACE_SECONDS + policy.limits.deadline_seconds
        if isolation_of(policy, catalog.policy) == "worker":
            # It may have to be started, and it is killed when it is late.
            seconds += PATIENCE_SECONDS + LATE_SECONDS
        return seconds

    def _give_up(self) -> None:
        """A thread did not come back; another one takes its place."""
        with self._lock:
            self._lost += 1
            self._threads -= 1
            lost = self._lost
        self._on_lost_thread(lost)


class _Attempt:
    """One call, from the event loop to a thread and back.

    Args:
        call: The call.
        loop: Where the answer is awaited.
        seconds_of: How long a call that begins now may run.
        on_give_up: Told when it took longer.
    """

    def __init__(
        self,
        call: ToolCall,
        loop: asyncio.AbstractEventLoop,
        seconds_of: Callable[[ToolCall], float],
        on_give_up: Callable[[], None],
    ) -> None:
        self.answer: asyncio.Future[Outcome] = loop.create_future()
        self.cancellation = Cancellation()
        self._call = call
        self._loop = loop
        self._seconds_of = seconds_of
        self._seconds = seconds_of(call)
        self._on_give_up = on_give_up
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._is_done = self._is_given_up = False
        self._watch = loop.call_later(self._seconds, self._look)

    def run(self, runtime: Runtime) -> bool:
        """From the thread: run the call and hand back what came of it; False if too late."""
        # It may have waited for a thread, and begins with the limits of now.
        self._seconds = self._seconds_of(self._call)
        self._began_at = self._loop.time()
        outcome, failure = None, None
        try:
            outcome = runtime.call(self._call, self.cancellation)
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
            failure = error
        with self._lock:
            self._is_done = True
            in_time = not self._is_given_up
        # Once the loop is closed, nobody is waiting any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._finish, outcome, failure)
        return in_time

    def _finish(self, outcome: Outcome | None, failure: BaseException | None) -> None:
        self._watch.cancel()
        if self.answer.done():
            return
        if failure is not None:
            self.answer.set_exception(failure)
        else:
            assert outcome is not None
            self.answer.set_result(outcome)

    def _look(self) -> None:
        """On the loop, when the time may be over: give up, or look again later."""
        ends_at = self._loop.time() + self._seconds
        if self._began_at is not None:
            ends_at = self._began_at + self._seconds
        if ends_at > self._loop.time():
            self._watch = self._loop.call_at(ends_at, self._look)
            return
        with self._lock:
            if self._is_done:
                return
            self._is_given_up = True
        self.cancellation.request()
        if not self.answer.done():
            message = "the tool did not finish in time"
            self.answer.set_result(refusal(DeadlineExceededError(message)))
        self._on_give_up()


def failure_text(error: Exception) -> str:
    """What a client may know of a failure that is not its own or the tool's."""
    code = error.code if isinstance(error, HatchwayError) else "internal"
    return f"the call failed inside Hatchway ({code}); its events say more"
