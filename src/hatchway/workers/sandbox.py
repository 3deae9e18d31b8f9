"""Runs guests in worker processes, behind the same protocol as the engine of this process.

The call's own thread talks to its worker: it sends the call, answers what the guest asks of other
tools, passes a cancellation on, and takes the result. A worker that is silent past the deadline is
killed, whatever it hangs in. What one says is checked, and holds for its call alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hatchway.core.call import Execution
from hatchway.core.errors import (
    CallError,
    GuestExitedError,
    InternalError,
    InvalidArgumentsError,
    OverloadedError,
    WorkerFailedError,
)
from hatchway.core.isolation import PATIENCE_SECONDS
from hatchway.workers.answers import Expected
from hatchway.workers.channel import ChannelError
from hatchway.workers.conversation import Around, Conversation, SilentError
from hatchway.workers.keys import key_of, measured_places
from hatchway.workers.orders import Order
from hatchway.workers.pool import Pool
from hatchway.workers.process import Assignment, Piece, Worker
from hatchway.workers.shapes import result_type

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from hatchway.core.call import Withdrawal
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant
    from hatchway.core.isolation import WorkerEnd
    from hatchway.core.sandbox import Invocation
    from hatchway.core.surface import Compilation, Compiler, Surface
    from hatchway.core.tools import Tools
    from hatchway.core.traces import Traces
    from hatchway.workers.keys import Key
    from hatchway.workers.process import Start
    from hatchway.workers.watching import Violation, Watcher


class _Sealed(Protocol):
    """Compiled code on its way into a worker."""

    @property
    def code(self) -> tuple[str, Compiler | None]: ...

    @property
    def description(self) -> tuple[Surface, Compilation]: ...

    @property
    def descriptor(self) -> int: ...


class Codes(Protocol):
    """Where compiled code comes from."""

    def sealed(
        self, code: tuple[str, Compiler | None]
    ) -> AbstractContextManager[tuple[_Sealed, ...]]:
        """All that a process must adopt to run `code`, in that order."""
        ...


class Closable(Protocol):
    """Something that is given up when a worker ends."""

    def close(self) -> object:
        """Give it up."""
        ...


class Ending(NamedTuple):
    """An end of a worker that nobody asked for.

    Attributes:
        grant: Of the call it was at.
        digest: What it ran.
        call_id: That call.
        reason: How it ended.
        status: Its exit status, negative for a signal; None where it was we who ended it.
    """

    grant: Grant
    digest: str
    call_id: str | None
    reason: WorkerEnd
    status: int | None = None


class Refused(NamedTuple):
    """A system call that the kernel refused a worker, in or after the call that it names."""

    grant: Grant
    digest: str
    call_id: str | None
    violation: Violation


class WorkerSandbox:
    """Runs guests in worker processes.

    Args:
        codes: Gives compiled code.
        start: How workers are started.
        calls: How many one answers before another takes its place.
        at_most: How many may be at work.
        watcher: Hears from the kernel what workers were refused; None where nobody listens.
        listen_at: Has the broker accept connections at a socket in a worker's own network. The
            socket is its from then on.
        report: Told of every end and every refusal that should not have been.
    """

    def __init__(
        self,
        *,
        codes: Codes,
        start: Start,
        calls: int = 1000,
        at_most: int = 32,
        watcher: Watcher | None = None,
        listen_at: Callable[[socket.socket], Closable] | None = None,
        report: Callable[[Ending | Refused], None] = lambda _: None,
    ) -> None:
        self._codes = codes
        self._calls = calls
        self._watcher = watcher
        self._listen_at = listen_at
        self._report = report
        self._pool = Pool(lambda: Worker.start(start), at_most=at_most)
        self._thread = threading.local()
        self._process = os.getpid()
        self._lock = threading.Lock()
        # A lock is gone with the last call that holds it or waits for it.
        self._measured: weakref.WeakValueDictionary[tuple[int, int], threading.RLock] = (
            weakref.WeakValueDictionary()
        )

    def warm(self) -> None:
        """Have a worker ready before the first call."""
        self._pool.warm()

    def close(self) -> None:
        """End all workers."""
        self._pool.close()
        if self._watcher is not None:
            self._watcher.close()

    def run(
        self,
        digest: str,
        invocation: Invocation,
        grant: Grant,
        cancellation: Withdrawal | None = None,
        ticket: Ticket | None = None,
        tools: Tools | None = None,
        traces: Traces | None = None,
        call_id: str | None = None,
    ) -> Execution:
        """Run a prepared artifact once, in a process that serves this tenant and entry alone.

        Raises:
            InvalidArgumentsError: An argument does not fit the function's type.
            OverloadedError: No worker becomes free in time.
            AdmissionError: The code does not fit.
        """
        if os.getpid() != self._process:
            message = "workers cannot be used after fork: they talk to the parent"
            raise InternalError(message, hint="create the sandbox in the child process")
        depth: int = getattr(self._thread, "depth", 0)
        self._thread.depth = depth + 1
        has_read = traces is not None and traces.has_read
        order = Order(digest, invocation, grant, ticket, tools is not None, has_read, call_id)
        try:
            around = Around(cancellation, tools, traces)
            measured = measured_places(grant)
            if not measured:
                return self._run(order, around, is_inner=depth > 0)
            with self._alone_in(measured, grant):
                return self._run(order, around, is_inner=depth > 0)
        finally:
            self._thread.depth = depth

    def _run(self, order: Order, around: Around, *, is_inner: bool) -> Execution:
        key = key_of(order)
        seconds = order.grant.limits.deadline_seconds
        if not is_inner:  # which is a part of a call whose time runs already
            seconds = max(seconds, PATIENCE_SECONDS)
        worker = self._pool.take(key, seconds, is_inner=is_inner)
        worker.is_spoilt = True  # until the call has come to a good end
        try:
            worker.at_work = (order.grant, order.digest, order.call_id)
            try:
                if not worker.is_assigned:
                    self._assign(worker, key, order)
            except ChannelError as error:
                return self._failed(worker, order, error)
            return self._asked(worker, order, around)
        finally:
            self._pool.give_back(worker, key, is_inner=is_inner)

    def _assign(self, worker: Worker, key: Key, order: Order) -> None:
        """Tell a worker what it is for, and have what it tells us heard."""
        port = key.port
        if port is not None and worker.listener is not None and self._listen_at is not None:
            port = worker.port
            listener, worker.listener = worker.listener, None
            worker.holds.callback(self._listen_at(listener).close)
        with self._codes.sealed((order.digest, order.grant.compiler)) as found:
            pieces = tuple(
                Piece(
                    digest=each.code[0],
                    pinned=each.code[1],
                    surface=each.description[0],
                    compilation=each.description[1],
                    descriptor=each.descriptor,
                )
                for each in found
            )
            worker.assign(
                Assignment(
                    pieces=pieces,
                    directories=order.grant.directories,
                    port=port,
                    memory_bytes=key.memory_bytes,
                    file_bytes=key.file_bytes,
                    table_elements=order.grant.limits.table_elements,
                ),
                lambda violations: self._watch(worker, violations),
            )

    def _watch(self, worker: Worker, violations: int) -> None:
        """Have it heard what the kernel refuses a worker."""
        if self._watcher is None:
            os.close(violations)
        else:
            worker.holds.callback(
                self._watcher.watch(
                    violations, partial(_tell, weakref.WeakMethod(self._heard), worker)
                )
            )

    def _heard(self, worker: Worker, violation: Violation) -> None:
        """The kernel refused a worker something: it answers its call, and no other."""
        worker.is_refused = True
        if worker.at_work is not None:
            self._report(Refused(*worker.at_work, violation))

    def _asked(self, worker: Worker, order: Order, around: Around) -> Execution:
        """Have `worker` answer."""
        assignment = worker.assignment
        assert assignment is not None
        piece = assignment.pieces[-1]
        expected = Expected(
            order.grant.limits,
            piece.compilation.compiler,
            result_type(order.invocation, piece.surface),
        )
        conversation = Conversation(worker.channel, worker.told, order, around, expected)
        try:
            execution = conversation.answer(assignment.port or 0)
            is_good = execution.stop is None or isinstance(execution.stop, GuestExitedError)
        except SilentError as silent:
            worker.kill()
            self._report(Ending(order.grant, order.digest, order.call_id, "hung"))
            return Execution(stop=silent.stop, usage=conversation.usage)
        except ChannelError as error:
            return self._failed(worker, order, error)._replace(usage=conversation.usage)
        except ValueError as error:
            message = f"the call cannot be handed to a worker: {error}"
            raise InvalidArgumentsError(message) from error
        except CallError:
            if conversation.is_over:
                self._settle(worker)
            raise
        if is_good:
            self._settle(worker)
        return execution

    def _settle(self, worker: Worker) -> None:
        """A call has come to a good end."""
        worker.calls += 1
        worker.channel.wipe()
        worker.is_spoilt = worker.is_refused or worker.calls >= self._calls

    def _failed(self, worker: Worker, order: Order, error: ChannelError) -> Execution:
        """What a call comes to whose worker is gone, or cannot be believed."""
        status = worker.last_words(patience=error.is_end)
        worker.kill()
        details: dict[str, object] = {}
        if not worker.is_assigned:
            reason: WorkerEnd = "unready"
            message = f"the worker for the guest did not get ready: {error.message}"
        elif status is None:
            reason = "misspoke"
            message = f"the worker that ran the guest was ended: {error.message}"
        else:
            reason = "crashed"
            name = _signal_name(status)
            how = f"was killed by {name}" if name else f"ended with status {status}"
            message = f"the worker that ran the guest {how}"
            details = {"signal": name} if name else {"status": status}
        self._report(Ending(order.grant, order.digest, order.call_id, reason, status))
        return Execution(stop=WorkerFailedError(message, details={"reason": reason, **details}))

    @contextlib.contextmanager
    def _alone_in(self, places: set[tuple[int, int]], grant: Grant) -> Iterator[None]:
        """Let no two workers write at once to a directory with a quota: each counts for itself.

        Raises:
            OverloadedError: Another call goes on too long.
        """
        until = grant.limits.deadline_seconds
        with contextlib.ExitStack() as stack:
            for place in sorted(places):
                with self._lock:
                    lock = self._measured.setdefault(place, threading.RLock())
                if not lock.acquire(timeout=until):
                    message = "another call is writing to the same directory, which has a quota"
                    raise OverloadedError(message)
                stack.callback(lock.release)
            yield


def _tell(
    heard: weakref.WeakMethod[Callable[[Worker, Violation], None]],
    worker: Worker,
    violation: Violation,
) -> None:
    """Pass a violation on; the watcher keeps no sandbox alive that nobody uses any more."""
    tell = heard()
    if tell is not None:
        tell(worker, violation)


def _signal_name(status: int) -> str | None:
    try:
        return signal.Signals(-status).name if status < 0 else None
    except ValueError:
        return f"signal {-status}"
