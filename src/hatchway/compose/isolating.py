"""Which guests run in this process and which in workers: their grants say it."""

from __future__ import annotations

import contextlib
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import InternalError, NotAuthorizedError
from hatchway.policy.decide import isolation_of
from hatchway.runtime.recording import record_violation, record_worker_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.call import Execution, Withdrawal
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant
    from hatchway.core.sandbox import Invocation
    from hatchway.core.surface import Compilation, Compiler, Surface
    from hatchway.core.tools import Tools
    from hatchway.core.traces import Traces
    from hatchway.egress.broker import Broker
    from hatchway.engine.sandbox import EngineSandbox
    from hatchway.policy.document import Policy
    from hatchway.policy.workers import Workers
    from hatchway.runtime.recording import EventSink
    from hatchway.workers.sandbox import Ending, Refused, WorkerSandbox

ENTRY = "hatchway.runtime.worker_process:main"
"""What a worker runs."""


class IsolatingSandbox:
    """Runs each guest where its grant says.

    Args:
        engine: Runs guests in this process, and compiles for all of them.
        broker: Where workers bring their requests.
        events: Where is recorded what workers should not have done.
        settings: What the policy says about workers.
    """

    def __init__(
        self,
        engine: EngineSandbox,
        broker: Broker,
        events: EventSink,
        settings: Callable[[], Workers],
    ) -> None:
        self.engine = engine
        self._broker = broker
        self._events = events
        self._settings = settings
        self._lock = threading.Lock()
        self._workers: WorkerSandbox | None = None

    def prepare(self, artifact: bytes, digest: str, compiler: Compiler | None = None) -> Surface:
        """Compile `artifact` unless that was done before, and describe it."""
        return self.engine.prepare(artifact, digest, compiler)

    def surface(self, digest: str, compiler: Compiler | None = None) -> Surface:
        """The description of an artifact that was prepared once."""
        return self.engine.surface(digest, compiler)

    def compilation(self, digest: str, compiler: Compiler | None = None) -> Compilation | None:
        """Which compiler made the code that a run would use; None while there is no code."""
        return self.engine.compilation(digest, compiler)

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
        """Run a prepared artifact once, in this process or in a worker.

        Raises:
            CallError: It did not run.
        """
        run = self.engine.run if grant.isolation == "thread" else self.workers.run
        return run(digest, invocation, grant, cancellation, ticket, tools, traces, call_id)

    @property
    def workers(self) -> WorkerSandbox:
        """The workers; there are none before somebody needs one.

        Raises:
            NotAuthorizedError: This system has none.
        """
        if sys.platform != "linux":
            message = "this tool runs in a worker process, and only Linux has what those need"
            hint = 'isolation = "thread" in its policy entry runs it without the second wall'
            raise NotAuthorizedError(message, hint=hint)
        with self._lock:
            if self._workers is None:
                self._workers = self._made()
            return self._workers

    def _made(self) -> WorkerSandbox:
        from hatchway.workers.process import Start
        from hatchway.workers.sandbox import WorkerSandbox
        from hatchway.workers.watching import Watcher

        settings = self._settings()
        return WorkerSandbox(
            codes=self.engine,
            start=Start(entry=ENTRY, roots=roots(), require=frozenset(settings.require)),
            calls=settings.calls,
            at_most=settings.at_most,
            watcher=Watcher(),
            listen_at=self._broker.listen_at,
            report=self._record,
        )

    def warm(self, policy: Policy) -> None:
        """Have a worker ready before the first call, if any entry of `policy` needs one."""
        if any(isolation_of(entry, policy) == "worker" for entry in policy.tools.values()):
            with contextlib.suppress(NotAuthorizedError):  # its calls will say so
                self.workers.warm()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            workers, self._workers = self._workers, None
        if workers is not None:
            workers.close()

    def _record(self, found: Ending | Refused) -> None:
        from hatchway.workers.sandbox import Refused

        tenant, owner = found.grant.tenant, found.grant.owner
        if isinstance(found, Refused):
            record_violation(
                self._events,
                tenant=tenant,
                owner=owner,
                layer="seccomp",
                syscall=found.violation.syscall,
                arguments=found.violation.arguments,
                digest=found.digest,
                call_id=found.call_id,
            )
            return
        record_worker_end(
            self._events,
            tenant=tenant,
            owner=owner,
            reason=found.reason,
            status=found.status,
            digest=found.digest,
            call_id=found.call_id,
        )


def roots() -> tuple[str, ...]:
    """The directories that hold what a worker imports."""
    found: dict[str, None] = {}
    for name in ("hatchway", "wasmtime", "msgpack", "h11"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            message = f"{name} cannot be found, so no worker can be started"
            raise InternalError(message)
        found[str(Path(spec.origin).parent.parent)] = None
    return tuple(found)
