"""One call, as the server and a worker talk about it, on the thread of the call."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from hatchway.core.call import Execution, Usage
from hatchway.core.errors import CallCancelledError, DeadlineExceededError
from hatchway.core.isolation import LATE_SECONDS
from hatchway.core.tools import DENIED, ToolAnswer
from hatchway.workers import answers, orders
from hatchway.workers.channel import ChannelError

if TYPE_CHECKING:
    from hatchway.core.call import Withdrawal
    from hatchway.core.errors import CallError
    from hatchway.core.tools import Tools
    from hatchway.core.traces import Traces
    from hatchway.workers.channel import Channel

SLICE_SECONDS = 0.05
"""How long the server waits for a worker before it looks whether the call was cancelled."""


_LARGEST_BYTES = 24 << 20
"""Of a message, besides what a guest puts out: arguments of another tool, above all."""


class SilentError(Exception):
    """The worker says nothing, and its time is up. `stop` is what its call is answered with."""

    def __init__(self, stop: CallError) -> None:
        super().__init__(stop.message)
        self.stop = stop


class Around(NamedTuple):
    """What a call has besides its worker.

    Attributes:
        cancellation: Whether it is to end.
        tools: Answers what its guest asks of other tools.
        traces: What the tree of the call has read.
    """

    cancellation: Withdrawal | None
    tools: Tools | None
    traces: Traces | None


class Conversation:
    """One call and its answer.

    Attributes:
        is_over: The worker has said that the guest did not run; it waits for another call.

    Args:
        channel: To a worker that waits for a call.
        told: What it knows of grants.
        order: The call.
        around: What it has besides.
        expected: What is known of its answer.
    """

    def __init__(
        self,
        channel: Channel,
        told: orders.Told,
        order: orders.Order,
        around: Around,
        expected: answers.Expected,
    ) -> None:
        self._channel = channel
        self._told = told
        self._order = order
        self._cancellation, self._tools, self._traces = around
        self._expected = expected
        self._limits = order.grant.limits
        self._began_ns = time.monotonic_ns()
        patience = self._limits.deadline_seconds + LATE_SECONDS
        self._until_ns = self._began_ns + int(patience * 1e9)
        self._cancelled_ns: int | None = None
        self._asked = 0
        self.is_over = False

    @property
    def usage(self) -> Usage:
        """What is known of a call whose worker gave no account of it."""
        return Usage(wall_us=self._elapsed_us)

    @property
    def _elapsed_us(self) -> int:
        return (time.monotonic_ns() - self._began_ns) // 1000

    def answer(self, port: int) -> Execution:
        """Tell the worker of the call, and take its answer. It reaches the broker at `port`.

        Raises:
            CallError: The guest did not run.
            ChannelError: The worker is gone, or says what no worker says.
            SilentError: It says nothing in time.
            ValueError: The call cannot be said.
        """
        self._channel.arena.cancel(wanted=False)
        self._channel.settimeout(SLICE_SECONDS)
        self._channel.largest_bytes = _LARGEST_BYTES + 32 * self._limits.output_bytes
        self._channel.require_silence()
        self._channel.send(orders.order_to_wire(self._order, self._told, port))
        self._told.note(self._order.grant)
        while True:
            words = self._next()
            kind = words[0] if isinstance(words, list) and words else None
            if kind == "result":
                return self._execution(words)
            if kind == "refused":
                error = answers.refusal_from_wire(words)
                self.is_over = True
                raise error
            if kind != "tool":
                message = "a worker says what no worker says"
                raise ChannelError(message)
            self._channel.send(self._answered(answers.asked_from_wire(words)))

    def _next(self) -> Any:
        while True:
            # Before every message: one that never stops asking has no more time than a silent one.
            self._pass_on()
            if time.monotonic_ns() >= self._until_ns:
                raise SilentError(self._why())
            message = self._channel.receive()
            if message is not None:
                return message.value

    def _pass_on(self) -> None:
        """Tell the worker when nobody waits for the call any more; then it has little time."""
        if self._cancelled_ns is None and self._is_cancelled:
            self._cancelled_ns = time.monotonic_ns()
            self._until_ns = min(self._until_ns, self._cancelled_ns + int(LATE_SECONDS * 1e9))
            self._channel.arena.cancel(wanted=True)

    @property
    def _is_cancelled(self) -> bool:
        return self._cancellation is not None and self._cancellation.is_requested

    def _why(self) -> CallError:
        if self._cancelled_ns is not None:
            return self._cancelled()
        seconds = self._limits.deadline_seconds
        return DeadlineExceededError(f"the guest did not finish within {seconds:g} s")

    def _cancelled(self) -> CallCancelledError:
        reason = None if self._cancellation is None else self._cancellation.reason
        return CallCancelledError(reason or "the call was cancelled")

    def _execution(self, words: list[Any]) -> Execution:
        found = answers.result_from_wire(words, self._expected, self._elapsed_us)
        self._note(has_read=found.has_read)
        execution = found.execution
        if isinstance(execution.stop, CallCancelledError):
            # The reason is for the server to know.
            return execution._replace(stop=self._cancelled())
        return execution

    def _note(self, *, has_read: bool) -> None:
        if has_read and self._traces is not None:
            self._traces.has_read = True

    def _answered(self, asked: answers.Asked) -> list[Any]:
        self._note(has_read=asked.has_read)
        self._asked += 1
        if self._tools is None or self._asked > self._limits.host_calls:
            answer = ToolAnswer(code=DENIED, message="no such tool")
        elif asked.operation == "search":
            found = self._tools.search(asked.subject, asked.most)
            answer = ToolAnswer(value=[dict(each) for each in found])
        elif asked.operation == "describe":
            answer = self._tools.describe(asked.subject)
        else:
            answer = self._tools.call(asked.subject, asked.arguments)
        has_read = asked.has_read or (self._traces is not None and self._traces.has_read)
        return orders.answer_to_wire(answer, has_read)
