"""Every run is a fresh instance, in the engine that its code belongs to."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from hatchway.core.call import Execution, Usage
from hatchway.core.errors import (
    CallCancelledError,
    DeadlineExceededError,
    GuestExitedError,
    InternalError,
    InvalidArgumentsError,
    NotAuthorizedError,
    OutputTooLargeError,
    OverloadedError,
    ScratchExceededError,
)
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.engine import capi
from hatchway.engine.compiling import CompileBudgets
from hatchway.engine.files.host.usage import used_bytes
from hatchway.engine.files.nodes import FileFault
from hatchway.engine.files.quota import Quota
from hatchway.engine.guest import Guest, Running, Stopped
from hatchway.engine.loading import Loader
from hatchway.engine.program import Ending
from hatchway.engine.settings import MEMORIES_PER_CALL, TABLES_PER_CALL, EngineSettings
from hatchway.engine.stacks import has_room
from hatchway.engine.supply import Supply
from hatchway.engine.ticker import TICK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from hatchway.core.call import Withdrawal
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant, GrantedDirectory
    from hatchway.core.sandbox import Invocation
    from hatchway.core.surface import Compilation, Compiler, Surface
    from hatchway.core.tools import Tools
    from hatchway.core.traces import Traces
    from hatchway.engine.cache import CompiledCache, Description
    from hatchway.engine.program import Program
    from hatchway.engine.supply import Code, Sealed
    from hatchway.engine.ticker import TickerKind

_SLICE_NS = 100_000_000
"""How long a guest runs before the host looks at the time and the cancellation flag."""
_TICK_NS = round(TICK_SECONDS * 1e9)

_NO_FILES: Mapping[str, bytes] = MappingProxyType({})
_NO_QUOTAS: Mapping[int, Quota] = MappingProxyType({})
_MAX_BROUGHT_BACK = 256
"""Files of a workspace that one pattern may name."""

_NO_INPUT = CommandInvocation(arguments=())


class EngineSandbox:
    """Runs guests on wasmtime.

    Args:
        artifacts: Gives the bytes of an artifact whose compiled code must be built again.
        cache: Where compiled code is kept; None keeps it in memory only.
        settings: The engines' configuration.
        budgets: What compiling may cost.
        ticker: Which source of ticks to use; by default the best there is.
        confinement: Asked before something is compiled. Says what the process that compiles
            calls before it reads the artifact, as in `compile_artifact`; None leaves it with
            limits alone.
    """

    def __init__(
        self,
        *,
        artifacts: Callable[[str], bytes],
        cache: CompiledCache | None = None,
        settings: EngineSettings | None = None,
        budgets: CompileBudgets | None = None,
        ticker: TickerKind | None = None,
        confinement: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.settings = settings or EngineSettings()
        self._running = Running()
        self._supply = Supply(
            artifacts=artifacts,
            cache=cache,
            budgets=budgets or CompileBudgets(),
            confinement=confinement,
        )
        self._loader = Loader(
            self._supply, settings=self.settings, running=self._running, ticker=ticker
        )
        self._ready = self._loader.ready
        self.ticker = self._loader.ticker
        self.is_pooled = self._loader.is_pooled
        self._lock = threading.Lock()
        self._inner_places = threading.BoundedSemaphore(self.settings.concurrent_calls)
        self._quotas: dict[tuple[int, int, int], Quota] = {}
        self._process = os.getpid()
        self._epoch_callback = self._make_epoch_callback()
        self._epoch_pointer = ctypes.cast(self._epoch_callback, ctypes.c_void_p).value

    @property
    def wasmtime_version(self) -> str:
        """The version of the wheel."""
        return capi.WASMTIME_VERSION

    # Admission

    def prepare(self, artifact: bytes, digest: str, compiler: Compiler | None = None) -> Surface:
        """Compile `artifact` unless that was done before, and describe it. No code is loaded.

        Raises:
            AdmissionError: It is not valid, imports what no host here provides, or takes
                too much to compile.
        """
        return self._supply.prepare((digest, compiler), artifact).surface

    def surface(self, digest: str, compiler: Compiler | None = None) -> Surface:
        """The description of an artifact that was prepared once, without loading its code.

        Raises:
            AdmissionError: It must be compiled again, and that fails.
        """
        return self._supply.prepare((digest, compiler)).surface

    def compilation(self, digest: str, compiler: Compiler | None = None) -> Compilation | None:
        """Which compiler made the code that a run would use; None while there is no code."""
        known = self._supply.description((digest, compiler))
        return None if known is None else known.compilation

    def adopt(self, code: Code, description: Description, sealed: int) -> None:
        """Load code that another process compiled and checked, from a sealed descriptor.

        Raises:
            AdmissionError: It does not fit this engine or this host.
        """
        self._loader.adopt(code, description, sealed)

    def sealed(self, code: Code) -> AbstractContextManager[tuple[Sealed, ...]]:
        """All that a process must adopt to run `code`, in that order.

        Raises:
            AdmissionError: It must be compiled again, and that fails.
        """
        return self._loader.sealed(code)

    # The path of a call

    def run(
        self,
        digest: str,
        invocation: Invocation,
        grant: Grant,
        cancellation: Withdrawal | None = None,
        ticket: Ticket | None = None,
        tools: Tools | None = None,
        traces: Traces | None = None,
        call_id: str | None = None,  # noqa: ARG002 - what happens in here is in the answer
    ) -> Execution:
        """Run a prepared artifact once, in a store and an instance of its own.

        Raises:
            InvalidArgumentsError: An argument does not fit the function's type.
            OverloadedError: As many calls run as may, or as the thread's stack has room for.
        """
        code = (digest, grant.compiler)
        program, engine, compiler = self._ready.get(code) or self._loader.load(code)
        command = invocation if isinstance(invocation, CommandInvocation) else _NO_INPUT
        guest = Guest(command.arguments, command.stdin, grant, cancellation, self._quotas_of(grant))
        guest.ticket = ticket
        guest.tools = tools
        if traces is not None:
            guest.traces = traces
        if os.getpid() != self._process:
            message = "an engine cannot be used after fork: nothing would stop its guests"
            raise InternalError(message, hint="create the sandbox in the child process")
        if invocation.files:
            _fill(guest, invocation.files)
        running = self._running
        outer = running.guest
        if not has_room(running.depth):
            message = "the stack of this thread is too small for another guest"
            hint = "make the threads that call tools with threading.stack_size(8 << 20)"
            raise OverloadedError(message, hint=hint)
        if not self._starts(outer):
            message = f"{self.settings.concurrent_calls} calls are running already"
            raise OverloadedError(message)
        running.guest = guest
        running.depth += 1
        store = capi.store_new(engine, None, None)
        try:
            context = capi.store_context(store)
            _bound(store, context, guest)
            capi.store_epoch_callback(store, self._epoch_pointer, None, None)
            ending = _explained(guest, program.enter(context, guest, invocation))
            usage = _usage(context, guest, program, ending)
        finally:
            capi.store_delete(store)
            running.guest = outer
            running.depth -= 1
            self._ends(outer)
            guest.close()
        if guest.failure is not None:
            raise guest.failure
        files: Mapping[str, bytes] = _NO_FILES
        if invocation.wanted:
            files, ending = _brought_back(guest, invocation, ending)
        return Execution(
            value=ending.value,
            stdout=b"".join(guest.stdout),
            stderr=b"".join(guest.stderr),
            failed=ending.failed,
            stop=ending.stop,
            frames=ending.frames,
            usage=usage,
            denials=guest.denials,
            unlisted_denials=guest.unlisted_denials,
            gated=guest.gated,
            files=files,
            compiler=compiler,
        )

    def _starts(self, outer: Guest | None) -> bool:
        """Whether there is room for one more call; one that `outer` makes has a place of its own.

        Were they counted together, as many calls as may run could not make a single one, each
        waiting for the others.
        """
        if outer is None:
            return self.ticker.call_starts(self.settings.concurrent_calls)
        return self._inner_places.acquire(blocking=False)

    def _ends(self, outer: Guest | None) -> None:
        if outer is None:
            self.ticker.call_ends()
        else:
            self._inner_places.release()

    def _quotas_of(self, grant: Grant) -> Mapping[int, Quota]:
        """What may still be added to directories with a quota, shared by all their calls."""
        if not grant.directories:
            return _NO_QUOTAS
        quotas: dict[int, Quota] = {}
        for granted in grant.directories:
            if granted.quota_bytes is not None:
                # Not by number: a descriptor that was closed lends its number to another.
                found = os.fstat(granted.descriptor)
                key = (found.st_dev, found.st_ino, granted.quota_bytes)
                with self._lock:
                    quota = self._quotas.get(key)
                    if quota is None:
                        quota = _measured(granted)
                        self._quotas[key] = quota
                quotas[granted.descriptor] = quota
        return quotas

    def forget_quotas(self) -> None:
        """Measure every directory anew: another process may have written to it meanwhile."""
        with self._lock:
            self._quotas.clear()

    def _make_epoch_callback(self) -> ctypes._FuncPointer:
        """What wasmtime calls when a slice of a guest's time is over."""
        running = self._running

        def look(_context: int, _data: int, delta_at: int, _kind_at: int) -> int:
            guest = running.guest
            if guest is None:  # a store outside a run: it has no business running
                return int(capi.error_new(b"no run"))
            try:
                guest.check_time()
            except Stopped:
                return int(capi.error_new(b"stopped by the host"))
            except BaseException as failure:  # noqa: BLE001 - the callback trampoline
                guest.failure = failure
                return int(capi.error_new(b"stopped by the host"))
            ctypes.c_uint64.from_address(delta_at).value = _ticks(guest.deadline_ns)
            return 0

        return capi.EpochCallback(look)


def _ticks(deadline_ns: int) -> int:
    """Ticks until the host should look again: at the deadline, or after a slice."""
    left_ns = min(deadline_ns - time.monotonic_ns(), _SLICE_NS)
    return max(1, -(-left_ns // _TICK_NS))


def _bound(store: int, context: int, guest: Guest) -> None:
    """Put the limits of the grant on a store."""
    limits = guest.limits
    capi.set_fuel(context, limits.fuel)
    capi.set_epoch_deadline(context, _ticks(guest.deadline_ns))
    capi.store_limiter(
        store,
        limits.memory_bytes,
        limits.table_elements,
        limits.instances,
        TABLES_PER_CALL,
        MEMORIES_PER_CALL,
    )


def _measured(granted: GrantedDirectory) -> Quota:
    """The quota of a directory, less what it holds already."""
    try:
        used = used_bytes(granted.descriptor)
    except FileFault as fault:
        message = f"what {granted.guest_path} holds cannot be measured against its quota"
        raise NotAuthorizedError(message, hint="grant a directory that can be read") from fault
    return Quota(granted.quota_bytes, used_bytes=used)


def _fill(guest: Guest, files: Mapping[str, bytes]) -> None:
    """Put what the call brings along into the workspace."""
    workspace = guest.roots().workspace
    if workspace is None:
        message = "the call brings files along, and its limits give it no scratch space"
        raise InvalidArgumentsError(message, hint="the limit scratch=16MiB gives it some")
    try:
        for path, data in files.items():
            workspace.put(path.encode(), data)
    except FileFault as fault:
        limit = guest.limits.scratch_bytes
        message = f"the call's files do not fit into its scratch space of {limit} bytes"
        raise ScratchExceededError(message) from fault


def _explained(guest: Guest, ending: Ending) -> Ending:
    """A program that gave up because its scratch space was full is told so."""
    if not isinstance(ending.stop, GuestExitedError) or not guest.is_scratch_full:
        return ending
    limit = guest.limits.scratch_bytes
    message = f"{ending.stop.message}, after filling its scratch space of {limit} bytes"
    return ending._replace(stop=ScratchExceededError(message, details=ending.stop.details))


def _brought_back(
    guest: Guest, invocation: Invocation, ending: Ending
) -> tuple[Mapping[str, bytes], Ending]:
    """The files that were wanted of a run that went well; they count as output.

    What a function's caller brought along and got back unchanged is nothing new to it.
    """
    workspace = guest.roots().workspace if ending.stop is None else None
    if workspace is None:
        return {}, ending
    known = invocation.files if isinstance(invocation, FunctionInvocation) else _NO_FILES
    files: dict[str, bytes] = {}
    pattern = ""
    try:
        for pattern in invocation.wanted:
            for path, data in workspace.matching(pattern, most=_MAX_BROUGHT_BACK):
                if known.get(path) == data:
                    continue
                guest.spend_output(0 if path in files else len(data) + len(path))
                files[path] = data
    except Stopped:
        return {}, Ending(stop=guest.stop)
    except FileFault:
        message = f"more than {_MAX_BROUGHT_BACK} files of the workspace match {pattern!r}"
        return {}, Ending(stop=OutputTooLargeError(message))
    return dict(sorted(files.items())), ending


_INTERRUPTED = (DeadlineExceededError, CallCancelledError)


def _usage(context: int, guest: Guest, program: Program, ending: Ending) -> Usage:
    fuel = None
    # Interrupted code has not written back what it used.
    if ending.stop is None or not isinstance(ending.stop, _INTERRUPTED):
        capi.get_fuel(context, capi.addressof(guest.scratch) + capi.SCRATCH_FUEL)
        fuel = guest.limits.fuel - guest.scratch[capi.SCRATCH_FUEL // 8]
    wall_us = (time.monotonic_ns() - guest.started_ns) // 1000
    return Usage(wall_us, fuel, program.peak_memory_bytes(guest), guest.output_bytes)
