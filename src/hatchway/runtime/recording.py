"""The events of one call: every denial its own, and exactly one terminal event."""

from __future__ import annotations

import hashlib
import shlex
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
    from collections.abc import Callable, Mapping

    from hatchway.core.call import Execution, Outcome, ToolCall
    from hatchway.core.events import HttpTrace
    from hatchway.core.tool import Tool
    from hatchway.runtime.generations import Changes

_LISTED_FRAMES = 16
_LISTED_NAMES = 100


class EventSink(Protocol):
    """Where events go."""

    def emit(self, event: Event) -> None:
        """Put `event` on record, or raise."""
        ...


class Witness:
    """Puts events on record, and tells whoever watches what no client is told.

    Attributes:
        on_denial: Told one line for every denial that a grant would lift.
        on_failure: Told one line for every request that was allowed and failed all the same.

    Args:
        sink: Where events go.
    """

    def __init__(self, sink: EventSink) -> None:
        self.on_denial: Callable[[str], None] | None = None
        self.on_failure: Callable[[str], None] | None = None
        self._sink = sink

    def emit(self, event: Event) -> None:
        """Put `event` on record, or raise."""
        self._sink.emit(event)
        if self.on_denial is not None and event.name == "capability.denied":
            if "hint" in event.details:
                self.on_denial(f"{event.message}; to allow it: {event.details['hint']}")
        elif self.on_failure is not None and event.http is not None:
            _tell_failure(event.http, self.on_failure)


def _tell_failure(trace: HttpTrace, tell: Callable[[str], None]) -> None:
    """Say why a request that was allowed got no whole answer, and what to look at."""
    if trace.decision == "allowed" and trace.error is not None:
        said = _TO_LOOK_AT.get(trace.error, "")
        tell(f"failed: {trace.method} {trace.origin}: {trace.error}{said}")


_TO_LOOK_AT = {
    "TLS-certificate-error": "; is its authority trusted here? See [egress] authorities",
    "HTTP-response-body-size": "; [tools.NAME.egress] response bounds it",
    "HTTP-request-body-size": "; [tools.NAME.egress] request bounds it",
    "HTTP-response-timeout": "; [tools.NAME.egress] first_byte and total bound it",
    "connection-timeout": "; [tools.NAME.egress] connect bounds it",
    "connection-limit-reached": "; [tools.NAME.egress] concurrent and per_minute bound it",
}


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
