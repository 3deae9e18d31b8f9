"""Which workers there are: ahead of need, assigned, at work, and over.

One thread starts and ends them. It has to be one that lives: the kernel ends a worker with the
thread that started it. A worker that nobody has been assigned to is spare; one that was assigned
serves that tenant and entry, or nobody.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatchway.core.errors import OverloadedError
from hatchway.workers.channel import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.workers.keys import Key
    from hatchway.workers.process import Worker

_LOG = logging.getLogger(__name__)

FREEZE_SECONDS = 0.02
"""How long a worker goes on running after a call, while there is no next one."""
SPARE = 1
"""Workers that wait for nobody in particular."""
IDLE_SECONDS = 60.0
"""How long a worker waits for its next call before it is ended."""
_RETRY_SECONDS = 1.0
_END_SECONDS = 10.0


@dataclass
class _State:
    """What the pool and its thread share; guarded by `changed`.

    Attributes:
        start: Starts a worker.
        at_most: Workers in all.
        spare: Those that nobody was assigned to.
        idle: Those that wait for their next call.
        leaving: Those that are to be ended.
        at_work: How many are at a call.
        waiting: Calls that could begin if there were a worker.
        blocked: Calls that wait for others to end.
        taken: Calls so far.
        is_warm: There is to be a spare one at all times.
        is_dozing: The thread sleeps for long, and has to be told when a worker is at work.
        failure: Why the last attempt to start one failed; None if it did not.
        failures: How many attempts have failed.
    """

    start: Callable[[], Worker]
    at_most: int
    changed: threading.Condition = field(default_factory=threading.Condition)
    spare: list[Worker] = field(default_factory=list)
    idle: dict[Key, list[Worker]] = field(default_factory=dict)
    leaving: list[Worker] = field(default_factory=list)
    at_work: int = 0
    waiting: int = 0
    blocked: int = 0
    taken: int = 0
    is_warm: bool = False
    is_dozing: bool = False
    is_closed: bool = False
    failure: str | None = None
    failures: int = 0

    @property
    def count(self) -> int:
        """All that there are."""
        return len(self.spare) + self.at_work + sum(map(len, self.idle.values()))


class Pool:
    """Workers, as calls take them and give them back.

    Args:
        start: Starts one; called on the pool's own thread.
        at_most: Workers at work at once for calls from outside; as many again may be for the calls
            that those make.
    """

    def __init__(self, start: Callable[[], Worker], *, at_most: int) -> None:
        self._at_most = at_most
        self._state = _State(start, 2 * at_most + SPARE)
        self._thread: threading.Thread | None = None
        self._outer = 0
        self._finalizer = weakref.finalize(self, _close, self._state)

    def warm(self) -> None:
        """Have a spare worker ready soon."""
        with self._state.changed:
            self._state.is_warm = True
            self._run_thread()
            self._state.changed.notify_all()

    def take(self, key: Key, seconds: float, *, is_inner: bool) -> Worker:
        """A worker for `key`: an idle one of its own, else one that nobody was assigned to.

        Raises:
            OverloadedError: There is none, and none becomes free in so many seconds.
        """
        state = self._state
        until = time.monotonic() + seconds
        with state.changed:
            self._run_thread()
            state.taken += 1
            # Whoever runs two guests is likely to run more; a command that runs one is not.
            state.is_warm |= state.taken > 1
            failures = state.failures
            while True:
                may_begin = is_inner or self._outer < self._at_most
                worker = _idle_or_spare(state, key) if may_begin else None
                if worker is not None:
                    self._outer += not is_inner
                    state.at_work += 1
                    worker.thaw()
                    if state.is_dozing or _has_work(state):
                        state.changed.notify_all()
                    return worker
                left = until - time.monotonic()
                is_hopeless = state.count == 0 and state.failures > failures
                if left <= 0 or state.is_closed or is_hopeless:
                    raise _none_free(state, self._outer)
                _wait(state, left, for_a_new_one=may_begin)

    def give_back(self, worker: Worker, key: Key, *, is_inner: bool) -> None:
        """Its call is over; a spoilt one is ended."""
        state = self._state
        with state.changed:
            self._outer -= not is_inner
            state.at_work -= 1
            worker.idle_since = time.monotonic()
            if worker.is_spoilt or not worker.is_assigned or state.is_closed:
                state.leaving.append(worker)
            else:
                state.idle.setdefault(key, []).append(worker)
            # Waking somebody for nothing would cost more than the call.
            if state.waiting or state.blocked or _has_work(state):
                state.changed.notify_all()

    def close(self) -> None:
        """End all of them; those at work end with their calls."""
        self._finalizer()
        with self._state.changed:
            thread = self._thread if self._state.at_work == 0 else None
        if thread is not None:
            thread.join(_END_SECONDS)

    def _run_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_keep, args=(self._state,), name="hatchway-workers", daemon=True
            )
            self._thread.start()


def _wait(state: _State, seconds: float, *, for_a_new_one: bool) -> None:
    """Until something changes; who may begin as soon as there is a worker has one started."""
    if for_a_new_one:
        _make_room(state)
    state.waiting += for_a_new_one
    state.blocked += not for_a_new_one
    state.changed.notify_all()
    try:
        state.changed.wait(seconds)
    finally:
        state.waiting -= for_a_new_one
        state.blocked -= not for_a_new_one


def _idle_or_spare(state: _State, key: Key) -> Worker | None:
    """One that may be had at once; of those that wait for `key` the one that worked last."""
    of_its_own = state.idle.get(key)
    while of_its_own:
        worker = of_its_own.pop()
        if not of_its_own:
            del state.idle[key]
        # What goes on in it between two calls may be refused something, too.
        if worker.is_alive and not worker.is_refused:
            return worker
        state.leaving.append(worker)
    while state.spare:
        worker = state.spare.pop()
        if worker.is_alive:
            return worker
        state.leaving.append(worker)
    return None


def _make_room(state: _State) -> None:
    """End the worker that has been idle longest, when there are as many as may be."""
    if state.count < state.at_most or not state.idle:
        return
    key = min(state.idle, key=lambda each: state.idle[each][0].idle_since)
    state.leaving.append(state.idle[key].pop(0))
    if not state.idle[key]:
        del state.idle[key]


def _none_free(state: _State, outer: int) -> OverloadedError:
    if state.failure is not None:
        message = f"no worker can be started: {state.failure}"
        return OverloadedError(message, hint="hatchway doctor")
    message = f"{outer} calls are running in workers already, and none becomes free in time"
    return OverloadedError(message, hint="at_most in [workers] allows more of them")


# The thread. It knows the state and not the pool, which may go away.


def _keep(state: _State) -> None:
    """Start workers where some are wanted, and end those that are not."""
    while True:
        with state.changed:
            if not _has_work(state):
                pause = _pause(state)
                state.is_dozing = pause > FREEZE_SECONDS
                state.changed.wait(pause)
                state.is_dozing = False
            _retire(state)
            _freeze(state)
            leaving, state.leaving = state.leaving, []
            wants = _wants(state)
            if state.is_closed and not leaving and state.at_work == 0:
                return
        stuck = [worker for worker in leaving if not _end(worker)]
        if stuck:
            with state.changed:
                state.leaving += stuck
        if wants:
            _start(state)


def _pause(state: _State) -> float:
    """How long the thread may sleep: not long where something is to be frozen soon."""
    is_awake = any(not each.is_frozen for workers in state.idle.values() for each in workers)
    return FREEZE_SECONDS if is_awake or state.at_work else IDLE_SECONDS / 4


def _freeze(state: _State) -> None:
    """Stop those that have had no call for a moment, and with them what a call left behind.

    Stopping one after each call, and waking it for the next, would cost a third of a small call.
    """
    before = time.monotonic() - FREEZE_SECONDS
    for key, workers in list(state.idle.items()):
        for worker in [
            each for each in workers if not each.is_frozen and each.idle_since <= before
        ]:
            try:
                worker.freeze()
            except ChannelError:  # it has ended, or cannot be stopped
                _remove(state, key, worker)


def _remove(state: _State, key: Key, worker: Worker) -> None:
    state.idle[key].remove(worker)
    if not state.idle[key]:
        del state.idle[key]
    state.leaving.append(worker)


def _has_work(state: _State) -> bool:
    is_over = state.is_closed and (bool(state.spare or state.idle) or state.at_work == 0)
    return bool(state.leaving) or _wants(state) or is_over


def _wants(state: _State) -> bool:
    wanted = max(SPARE if state.is_warm else 0, state.waiting)
    return not state.is_closed and len(state.spare) < wanted and state.count < state.at_most


def _retire(state: _State) -> None:
    """Put those on the way out that have been idle too long; all of them, once it is closed."""
    before = time.monotonic() - IDLE_SECONDS
    for key, workers in list(state.idle.items()):
        stay = [each for each in workers if each.idle_since > before and not state.is_closed]
        state.leaving += [each for each in workers if each not in stay]
        if stay:
            state.idle[key] = stay
        else:
            del state.idle[key]
    if state.is_closed:
        state.leaving += state.spare
        state.spare = []


def _start(state: _State) -> None:
    try:
        worker = state.start()
    except (ChannelError, OSError) as error:
        _LOG.warning("a worker cannot be started: %s", error)
        with state.changed:
            state.failure = str(error)
            state.failures += 1
            state.changed.notify_all()
            state.changed.wait_for(lambda: state.is_closed, timeout=_RETRY_SECONDS)
        return
    with state.changed:
        state.failure = None
        state.spare.append(worker)
        state.changed.notify_all()


def _end(worker: Worker) -> bool:
    try:
        return worker.end()
    except OSError:
        return True


def _close(state: _State) -> None:
    with state.changed:
        state.is_closed = True
        state.changed.notify_all()
