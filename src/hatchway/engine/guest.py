"""What one call can see of the world, and what it has used of it.

A `Guest` is made for a run and thrown away with it. The host functions of `preview1` and
`preview2/` change nothing else, so two calls can have nothing in common. It holds no
wasmtime value except the address of the memory it is writing to.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import weakref
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from hatchway.core.call import MAX_LISTED_DENIALS, NOTHING_GATED, Denial, Gated
from hatchway.core.capability import SocketAccess
from hatchway.core.errors import (
    CallCancelledError,
    CallError,
    DeadlineExceededError,
    HostCallsExceededError,
    OutputTooLargeError,
)
from hatchway.core.traces import Traces
from hatchway.core.untrusted import printable
from hatchway.engine import capi
from hatchway.engine.files.roots import Roots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.core.call import Withdrawal
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant
    from hatchway.core.tools import Tools
    from hatchway.engine.extism.plugin import Plugin
    from hatchway.engine.files.nodes import Directory
    from hatchway.engine.files.quota import Quota
    from hatchway.engine.http.exchange import Exchange
    from hatchway.engine.preview1.memory import Memory
    from hatchway.engine.preview1.table import Table
    from hatchway.engine.preview2.handles import Allowance, Held

VIRTUAL_START_NS = 946_684_800 * 10**9
"""2000-01-01T00:00:00Z: the time of day of a guest without a clock."""
VIRTUAL_STEP_NS = 10**6
"""How far that time advances at every reading."""

RANDOM_BLOCK_BYTES = 1 << 16
RANDOM_CHUNK_BYTES = 1 << 16
"""Bytes drawn between two looks at the deadline."""

NAP_NS = 50 * 10**6
"""How long a waiting guest goes without looking whether it was cancelled."""

HEARING_NS = 100 * 10**6
"""How long a run waits, in all, for decisions about requests that its guest has left alone."""

_MAX_ATTEMPT = 1024
_NONE = range(0)

FIRST_HANDLE = 16
"""Smaller numbers are the standard streams of components."""


class Stopped(Exception):  # noqa: N818 - control flow, not an error
    """The host ends the guest; `Guest.stop` says why, or `Guest.exit_code` that it exited."""


@lru_cache(maxsize=16)
def _constant_block(index: int) -> bytes:
    seed = b"hatchway: not random, the same in every call" + index.to_bytes(8, "little")
    return hashlib.shake_256(seed).digest(RANDOM_BLOCK_BYTES)


class Guest:
    """The world of one run.

    Attributes:
        stop: Why the host ended the run, or None. The only word on that which counts.
        exit_code: The status a command ended itself with, or None.
        failure: An exception of our own that must not cross into wasmtime.
        host_calls_left: Counted down by every callback, before it does anything else.
        scratch: Room for the small C structures of one run; see `capi.Scratch`.
        spelling: How the artifact's imports spell the host's functions, with its versions.
        memory: A core module's linear memory, once a host call has found it.
        plugin: What a plug-in for Extism has besides its instance.
        handles: What the handles of a component stand for; see `preview2.handles`.
        last_handle: The number given last.
        tops: The numbers of the directories at the top, once it has asked for them.
        allowance: How much more its handles may stand for, once that matters.
        descriptors: A core module's open files, once a host call has used one.
        ticket: What its requests reach the broker with; None where all of them are denied.
        exchanges: Its requests that are under way, and those it has not let go.
        hearing_left_ns: How long it may still be asked whether what it left alone was allowed.
        tools: The other tools it may call; None where it was granted none.
        traces: What it, and the calls it is part of, have read of the host.
    """

    __slots__ = (
        "__weakref__",
        "_cancellation",
        "_denials",
        "_gated_clock",
        "_gated_env",
        "_gated_random",
        "_grant",
        "_output_left",
        "_quotas",
        "_random_at",
        "_roots",
        "_stdin",
        "_stdin_at",
        "_virtual_ns",
        "_waited_ns",
        "allowance",
        "arguments",
        "deadline_ns",
        "descriptors",
        "environment",
        "exchanges",
        "exit_code",
        "failure",
        "handles",
        "hearing_left_ns",
        "host_calls_left",
        "last_handle",
        "limits",
        "memory",
        "plugin",
        "scratch",
        "spelling",
        "started_ns",
        "stderr",
        "stdout",
        "stop",
        "ticket",
        "timers",
        "tools",
        "tops",
        "traces",
        "unlisted_denials",
    )

    def __init__(
        self,
        arguments: tuple[bytes, ...],
        stdin: bytes,
        grant: Grant,
        cancellation: Withdrawal | None,
        quotas: Mapping[int, Quota] = MappingProxyType({}),
    ) -> None:
        limits = grant.limits
        self.arguments = arguments
        self.environment = grant.environment
        self.limits = limits
        self._grant = grant
        self._quotas = quotas
        self.stdout: list[bytes] = []
        self.stderr: list[bytes] = []
        self.stop: CallError | None = None
        self.exit_code: int | None = None
        self.failure: BaseException | None = None
        self.memory: Memory | None = None
        self.plugin: Plugin | None = None
        self.descriptors: Table | None = None
        self.handles: dict[int, Held | Directory] = {}
        self.last_handle = FIRST_HANDLE
        self.tops = _NONE
        self.allowance: Allowance | None = None
        self._roots: Roots | None = None
        self.scratch = capi.Scratch()
        self.spelling: Mapping[str, str] = {}
        self.timers: list[int] = []
        self.ticket: Ticket | None = None
        self.exchanges: list[Exchange] = []
        self.hearing_left_ns = HEARING_NS
        self.tools: Tools | None = None
        self.traces: Traces = Traces()
        self.unlisted_denials = 0
        self._denials: dict[Denial, None] = {}
        self._stdin = stdin
        self._stdin_at = 0
        self._output_left = limits.output_bytes
        self.host_calls_left = limits.host_calls
        self._cancellation = cancellation
        self._gated_clock = self._gated_random = self._gated_env = 0
        self._virtual_ns = self._waited_ns = self._random_at = 0
        self.started_ns = time.monotonic_ns()
        self.deadline_ns = self.started_ns + int(limits.deadline_seconds * 1e9)

    # Bounds

    def end_for_host_calls(self) -> None:
        """The guest called into the host once too often.

        Raises:
            Stopped: Always.
        """
        limit = self.limits.host_calls
        self.end(HostCallsExceededError(f"the guest called the host more than {limit} times"))

    def check_time(self) -> None:
        """Look whether the run is over.

        Raises:
            Stopped: It was cancelled, or its deadline has passed.
        """
        if self._cancellation is not None and self._cancellation.is_requested:
            self.end(CallCancelledError(self._cancellation.reason or "the call was cancelled"))
        if time.monotonic_ns() >= self.deadline_ns:
            seconds = self.limits.deadline_seconds
            self.end(DeadlineExceededError(f"the guest did not finish within {seconds:g} s"))

    def end(self, reason: CallError) -> NoReturn:
        """End the run because of `reason`, unless it already ends for another.

        Raises:
            Stopped: Always.
        """
        if self.stop is None:
            self.stop = reason
        raise Stopped

    def exit(self, code: int) -> None:
        """The guest exits by itself.

        Raises:
            Stopped: Always.
        """
        self.exit_code = code
        raise Stopped

    def spend_output(self, count: int) -> None:
        """`count` more bytes come out of the guest.

        Raises:
            Stopped: They do not fit any more.
        """
        self._output_left -= count
        if self._output_left < 0:
            limit = self.limits.output_bytes
            self.end(OutputTooLargeError(f"the guest wrote or returned more than {limit} bytes"))

    @property
    def output_bytes(self) -> int:
        """What came out so far, never more than the limit."""
        return self.limits.output_bytes - max(self._output_left, 0)

    @property
    def output_left(self) -> int:
        """How many bytes may still come out."""
        return max(self._output_left, 0)

    # Standard streams

    def read_stdin(self, count: int) -> bytes:
        """The next `count` bytes of stdin, fewer at its end."""
        at = self._stdin_at
        data = self._stdin[at : at + count]
        self._stdin_at = at + len(data)
        return data

    @property
    def stdin_left(self) -> int:
        """Bytes of stdin not yet read."""
        return len(self._stdin) - self._stdin_at

    # Files

    def roots(self) -> Roots:
        """The directories it sees at the top, made when they are first asked for."""
        if self._roots is None:
            # A workspace that held its guest would wait for the garbage collector.
            time_ns = weakref.WeakMethod(self._file_time_ns)
            self._roots = Roots(self._grant, self._quotas, self.traces, lambda: time_of(time_ns))
        return self._roots

    @property
    def workspace_path(self) -> str | None:
        """Its own name for its private directory; None without scratch space."""
        return self._grant.workspace

    @property
    def has_sockets(self) -> bool:
        """Whether it was granted any raw socket or look-up; which ones is for the broker."""
        return self.ticket is not None and any(
            isinstance(capability, SocketAccess) for capability in self._grant.capabilities
        )

    @property
    def has_read_private(self) -> bool:
        """Whether it, or a call of the same tree, has seen anything of the host's directories."""
        return self.traces.has_read

    @property
    def is_scratch_full(self) -> bool:
        """Whether it wanted more scratch space than there was."""
        workspace = None if self._roots is None else self._roots.workspace
        return workspace is not None and workspace.quota.was_exceeded

    def close(self) -> None:
        """Give back every file and every request that the guest left open."""
        for exchange in self.exchanges:
            exchange.close()
        if self.descriptors is not None:
            for descriptor in self.descriptors.values():
                descriptor.close()
        for held in self.handles.values():
            held.close()

    def _file_time_ns(self) -> int:
        """What the guest's own files say about when: its own time, and no reading of it."""
        return self.wall_offset_ns + self.peek_monotonic_ns()

    # Gated sources

    def wall_ns(self) -> int:
        """Unix time in nanoseconds: real with the grant, else virtual and counted."""
        if self._grant.has_clock:
            return time.time_ns()
        return VIRTUAL_START_NS + self._read_virtual_clock()

    def monotonic_ns(self) -> int:
        """Nanoseconds since the run began: real with the grant, else virtual and counted.

        Never the host's own uptime, which would identify the machine.
        """
        if self._grant.has_clock:
            return time.monotonic_ns() - self.started_ns
        return self._read_virtual_clock()

    @property
    def wall_offset_ns(self) -> int:
        """Wall time at the start of the run, so that wall time can be told from monotonic."""
        if self._grant.has_clock:
            return time.time_ns() - time.monotonic_ns() + self.started_ns
        return VIRTUAL_START_NS

    def peek_monotonic_ns(self) -> int:
        """The monotonic time without reading it: for waits, which must not count."""
        if self._grant.has_clock:
            return time.monotonic_ns() - self.started_ns
        return self._virtual_ns

    def _read_virtual_clock(self) -> int:
        self._gated_clock += 1
        self._virtual_ns += VIRTUAL_STEP_NS
        return self._virtual_ns

    def random_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes with the grant, else the next of a constant stream."""
        if self._grant.has_random:
            return os.urandom(count)
        self._gated_random += 1
        block, at = divmod(self._random_at, RANDOM_BLOCK_BYTES)
        self._random_at += count
        data = _constant_block(block)[at : at + count]
        while len(data) < count:
            block += 1
            data += _constant_block(block)[: count - len(data)]
        return data

    def read_environment(self) -> tuple[tuple[str, str], ...]:
        """The granted variables; counted when there are none."""
        if not self.environment:
            self._gated_env += 1
        return self.environment

    # Waiting

    def sleep(self, nanoseconds: int) -> None:
        """Wait in real time; without a clock the virtual time advances by as much.

        Raises:
            Stopped: The deadline came first, or the call was cancelled.
        """
        wake_ns = time.monotonic_ns() + nanoseconds
        while True:
            self.check_time()
            left_ns = min(wake_ns, self.deadline_ns) - time.monotonic_ns()
            if left_ns <= 0 and wake_ns <= self.deadline_ns:
                break
            time.sleep(min(max(left_ns, 0), NAP_NS) / 1e9)
        self._virtual_ns += nanoseconds

    def pass_time(self, nanoseconds: int, *, is_exact: bool = False) -> None:
        """So much time went by in a wait; the virtual time advances in whole steps.

        What is less than a step counts with the next wait, unless the guest asked for exactly
        so long.
        """
        if not is_exact:
            nanoseconds += self._waited_ns
            self._waited_ns = nanoseconds % VIRTUAL_STEP_NS
            nanoseconds -= self._waited_ns
        self._virtual_ns += nanoseconds

    # Denials

    def deny(
        self, capability: str, attempted: bytes | str, function: str, wanted: str = ""
    ) -> None:
        """Record that the guest tried what it was not granted; `wanted` would have allowed it."""
        denial = Denial(
            capability=capability,
            attempted=printable(attempted, limit=_MAX_ATTEMPT),
            function=self.spelling.get(function, function),
            wanted=wanted,
        )
        if denial in self._denials:
            return
        if len(self._denials) < MAX_LISTED_DENIALS:
            self._denials[denial] = None
        else:
            self.unlisted_denials += 1

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The distinct denials so far, in order."""
        return tuple(self._denials)

    @property
    def gated(self) -> Gated:
        """How often substitutes were read."""
        if self._gated_clock or self._gated_random or self._gated_env:
            return Gated(clock=self._gated_clock, random=self._gated_random, env=self._gated_env)
        return NOTHING_GATED


def time_of(guests_time: weakref.WeakMethod[Callable[[], int]]) -> int:
    """The time of a guest that is there as long as its files are."""
    now_ns = guests_time()
    assert now_ns is not None
    return now_ns()


class Running(threading.local):
    """The guest that runs on the current thread.

    Host functions are called on the thread that entered wasmtime, so this needs no lock,
    and a callback cannot find another call's guest.

    Attributes:
        guest: The one that runs; those that called it wait.
        depth: How many there are, one inside the other.
    """

    guest: Guest | None = None
    depth: int = 0
