"""The events of one call: every denial its own, and exactly one terminal event."""

from __future__ import annotations

import hashlib
import shlex
import signal
import time
from typing import TYPE_CHECKING, Any, Protocol

from hatchway.core.call import Gated, Usage
from hatchway.core.errors import (
    CallCancelledError,
    CallError,
    GuestError,
    GuestExitedError,
    GuestTrappedError,
    HatchwayError,
    InvalidOutputError,
)
from hatchway.core.events import Event, Severity
from hatchway.core.json_text import encoder
from hatchway.core.untrusted import harmless, printable
from hatchway.policy.grammar import TOOL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatchway.core.call import Execution, Outcome, ToolCall
    from hatchway.core.isolation import Layer, WorkerEnd
    from hatchway.core.tool import Tool
    from hatchway.runtime.generations import Changes

_LISTED_FRAMES = 16
_LISTED_NAMES = 100


class EventSink(Protocol):
    """Where events go."""

    def emit(self, event: Event) -> None:
        """Put `event` on record, or raise."""
        ...


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def digest_of_arguments(arguments: Mapping[str, Any]) -> str:
    """What events know of the arguments."""
    return f"sha256:{hashlib.sha256(_encode(arguments).encode('ascii')).hexdigest()}"


_encode = encoder(sort_keys=True, ascii_only=True, compact=True)


def record_denials(sink: EventSink, call: ToolCall, tool: Tool, execution: Execution) -> None:
    """One event for every distinct thing the guest tried without a grant."""
    for denial in execution.denials:
        sink.emit(
            Event(
                name="capability.denied",
                time_ms=now_ms(),
                severity=Severity.MEDIUM,
                message=f"{tool.name} was denied {denial.capability} {denial.attempted}",
                principal=call.principal,
                call_id=call.call_id,
                parent_call_id=call.parent_id,
                tool=tool.name,
                digest=tool.digest,
                code="capability.denied",
                capability=denial.capability,
                attempted=denial.attempted,
                function=printable(denial.function),
                details={"hint": _hint(tool, denial.wanted)} if denial.wanted else {},
            )
        )


def _hint(tool: Tool, wanted: str) -> str:
    """What would allow it: a grant of the policy, or of whoever ran code without an entry there."""
    if TOOL_NAME.fullmatch(tool.owner) is None:
        return f"--allow {shlex.quote(wanted)}"
    return f"hatchway grant {tool.owner} {shlex.quote(wanted)}"


def record_end(
    sink: EventSink,
    call: ToolCall,
    tool: Tool | None,
    outcome: Outcome,
    execution: Execution | None,
    inner: Mapping[str, int] | None = None,
) -> None:
    """The terminal event of a call that was answered with `outcome`.

    `inner` says how many calls of other tools it made, and how many were not let through.
    """
    error = outcome.error
    # The client chose the name, and it may be anything.
    name = tool.name if tool is not None else printable(call.tool, limit=128)
    sink.emit(
        Event(
            name=_terminal(outcome, execution),
            time_ms=now_ms(),
            severity=_severity(error, is_error=outcome.is_error),
            message=_sentence(name, outcome),
            principal=call.principal,
            call_id=call.call_id,
            tool=name,
            digest=None if tool is None else tool.digest,
            code=None if error is None else error.code,
            arguments_digest=digest_of_arguments(call.arguments),
            compiler=execution.compiler if execution is not None else None,
            usage=execution.usage if execution is not None else None,
            gated=execution.gated if execution is not None else None,
            denials=_denials(execution),
            frames=execution.frames[:_LISTED_FRAMES] if execution is not None else (),
            parent_call_id=call.parent_id,
            depth=0 if call.parent_id is None else call.depth,
            details={**_facts(error), **(inner or {})},
        )
    )


def record_bug(sink: EventSink, call: ToolCall, tool: Tool | None, failure: BaseException) -> None:
    """The terminal event of a call that ended in a bug of ours, or was interrupted."""
    code = failure.code if isinstance(failure, HatchwayError) else "internal"
    sink.emit(
        Event(
            name="call.failed",
            time_ms=now_ms(),
            severity=Severity.HIGH,
            message=f"the call failed inside Hatchway: {type(failure).__name__}",
            principal=call.principal,
            call_id=call.call_id,
            tool=tool.name if tool is not None else printable(call.tool, limit=128),
            digest=None if tool is None else tool.digest,
            code=code,
            usage=Usage(),
            gated=Gated(),
            parent_call_id=call.parent_id,
            depth=0 if call.parent_id is None else call.depth,
        )
    )


def record_leak(sink: EventSink, call: ToolCall, tool: Tool, names: list[str]) -> None:
    """The answer held secrets, by name; they were taken out."""
    listed = ", ".join(names)
    sink.emit(
        Event(
            name="secret.leak_blocked",
            time_ms=now_ms(),
            severity=Severity.HIGH,
            message=harmless(f"{tool.name} gave back {listed}, which was taken out", limit=500),
            principal=call.principal,
            call_id=call.call_id,
            tool=tool.name,
            digest=tool.digest,
            code="secret.leak_blocked",
            details={"secrets": names[:_LISTED_NAMES]},
        )
    )


def record_reloaded(sink: EventSink, changes: Changes, withdrawn: int) -> None:
    """A changed policy is in force; `withdrawn` calls were cancelled by it."""
    names = {
        "added": list(changes.added[:_LISTED_NAMES]),
        "removed": list(changes.removed[:_LISTED_NAMES]),
        "changed": list(changes.changed[:_LISTED_NAMES]),
    }
    said = str(changes) or "it says what it said before"
    sink.emit(
        Event(
            name="policy.reloaded",
            time_ms=now_ms(),
            severity=Severity.INFORMATIONAL,
            message=harmless(f"the policy was reloaded: {said}", limit=500),
            details={**names, "cancelled": withdrawn},
        )
    )


def record_stale(sink: EventSink, error: HatchwayError) -> None:
    """A changed policy cannot be put in force, and the one before it stays."""
    message = f"the last good policy stays in force: {error.message}"
    sink.emit(
        Event(
            name="policy.stale",
            time_ms=now_ms(),
            severity=Severity.HIGH,
            message=harmless(message, limit=500),
            code=error.code,
            details={"hint": harmless(error.hint, limit=500)} if error.hint else {},
        )
    )


def record_violation(
    sink: EventSink,
    *,
    tenant: str,
    owner: str,
    layer: Layer,
    syscall: str,
    arguments: Sequence[int] = (),
    digest: str | None = None,
    call_id: str | None = None,
) -> None:
    """A worker tried what its walls forbid, and was refused.

    No guest can do so: its own attempts end at the engine, as denials. Either the engine was
    overcome, or it does what it did not do when the walls were built.

    Args:
        sink: Where it is recorded.
        tenant: Whose worker it is.
        owner: Its policy entry.
        layer: The wall that stopped it.
        syscall: The system call, by name.
        arguments: Of the system call, as the kernel saw them.
        digest: The artifact that it ran.
        call_id: The call that it was answering, where that is known.
    """
    tried = printable(syscall, limit=64)
    sink.emit(
        Event(
            name="worker.violation",
            time_ms=now_ms(),
            severity=Severity.HIGH,
            message=harmless(f"the worker of {owner} was refused {tried} by {layer}", limit=500),
            tenant=tenant,
            call_id=call_id,
            tool=owner,
            digest=digest,
            code="worker.violation",
            attempted=tried,
            details={
                "layer": layer,
                "syscall": tried,
                "arguments": [f"{value & _WORD:#x}" for value in arguments[:_ARGUMENTS]],
            },
        )
    )


_ARGUMENTS = 6
_WORD = (1 << 64) - 1


def record_worker_end(
    sink: EventSink,
    *,
    tenant: str,
    owner: str,
    reason: WorkerEnd,
    status: int | None = None,
    digest: str | None = None,
    call_id: str | None = None,
) -> None:
    """A worker ended that nobody sent away. One that is recycled leaves no event.

    Args:
        sink: Where it is recorded.
        tenant: Whose worker it was; empty where it had not been given to anybody.
        owner: Its policy entry; empty likewise.
        reason: How it ended.
        status: Its exit status, negative for a signal; None where nobody knows it.
        digest: The artifact that it ran.
        call_id: The call that it was answering, where that is known.
    """
    signal_name = _signal_name(status)
    by = "" if signal_name is None else f" by {signal_name}"
    whose = f"the worker of {owner}" if owner else "a worker"
    sink.emit(
        Event(
            name="worker.ended",
            time_ms=now_ms(),
            severity=Severity.HIGH if reason in _ALARMING else Severity.MEDIUM,
            message=harmless(f"{whose} {_ENDS[reason]}{by}", limit=500),
            tenant=tenant or None,
            call_id=call_id,
            tool=owner or None,
            digest=digest,
            code="guest.worker_failed",
            details={"reason": reason, "signal": signal_name, "status": status},
        )
    )


_ENDS: dict[WorkerEnd, str] = {
    "crashed": "died",
    "hung": "did not answer in time, and was killed",
    "misspoke": "said what no worker says, and was killed",
    "unready": "did not get ready",
}
_ALARMING: frozenset[WorkerEnd] = frozenset(("crashed", "misspoke"))
"""Ends that a guest should not be able to bring about."""


def _signal_name(status: int | None) -> str | None:
    if status is None or status >= 0:
        return None
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal, or none
        return f"signal {-status}"


def _terminal(outcome: Outcome, execution: Execution | None) -> Any:
    if execution is None:
        return "call.refused"
    return "call.failed" if outcome.is_error else "call.completed"


def _severity(error: CallError | None, *, is_error: bool) -> Severity:
    """How loud a call's end is: a trap is a security signal, not an error message."""
    match error:
        case None:
            return Severity.LOW if is_error else Severity.INFORMATIONAL
        case GuestTrappedError():
            return Severity.HIGH
        case GuestExitedError() | InvalidOutputError() | CallCancelledError():
            return Severity.LOW
        case GuestError():
            return Severity.MEDIUM
        case _:
            return Severity.LOW


def _sentence(name: str, outcome: Outcome) -> str:
    if outcome.error is not None:
        return harmless(f"{name}: {outcome.error.message}", limit=500)
    return f"{name} {'reported a failure' if outcome.is_error else 'completed'}"


def _denials(execution: Execution | None) -> int:
    if execution is None:
        return 0
    return len(execution.denials) + execution.unlisted_denials


def _facts(error: CallError | None) -> Mapping[str, Any]:
    """What is known about an error besides its code: small, and never guest text."""
    if error is None:
        return {}
    facts = {key: value for key, value in error.details.items() if key in ("trap", "exit_code")}
    if error.hint:
        facts["hint"] = harmless(error.hint, limit=500)
    return facts
