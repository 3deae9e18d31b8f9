"""Everything Hatchway raises on purpose.

The tree says whose problem it is, and so which exit code the command line ends with::

    HatchwayError
    ├── ConfigError             2   the operator's files or arguments
    ├── AdmissionError          3   the artifact cannot be admitted
    ├── RegistryError           3   the artifact cannot be fetched
    ├── CallError               1   one call cannot be completed
    │   ├── UnknownToolError        2
    │   ├── InvalidArgumentsError   2
    │   ├── NotAuthorizedError      4
    │   ├── OverloadedError         1
    │   ├── CallCancelledError      1
    │   ├── BudgetExhaustedError    1
    │   ├── TooDeepError            1
    │   └── GuestError              1   the guest was stopped or answered wrongly
    ├── CodeError               1   generated code failed, and somebody asked for its value
    └── InternalError          70   a bug of ours

Callers match on the class or on `code`, which is stable; never on the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.code import CodeException


class HatchwayError(Exception):
    """An expected failure with a stable code and, where there is one, a next step.

    Attributes:
        code: Dotted and stable, for programs.
        hint: What to do next, for people. Never sent to an MCP client.
        details: Small, JSON-ready facts about the failure.
        exit_status: What a command that ends with this error exits with.
    """

    code: str = "internal"
    exit_status: ClassVar[int] = 70

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.hint = hint
        self.details: dict[str, object] = dict(details or {})

    @property
    def message(self) -> str:
        """The one-line text, without code or hint."""
        return str(self)


class ConfigError(HatchwayError):
    """A file, flag or environment of the operator's is wrong."""

    code = "config.invalid"
    exit_status = 2


class AdmissionError(HatchwayError):
    """An artifact may not become a tool."""

    code = "admission.refused"
    exit_status = 3


class RegistryError(HatchwayError):
    """An artifact cannot be fetched or stored."""

    code = "registry.failed"
    exit_status = 3


class CallError(HatchwayError):
    """One call cannot be completed. Its text may be shown to the client."""

    code = "call.failed"
    exit_status = 1


class UnknownToolError(CallError):
    """No tool of that name may be called here."""

    code = "call.unknown_tool"
    exit_status = 2


class InvalidArgumentsError(CallError):
    """The arguments do not fit the tool's schema."""

    code = "call.invalid_arguments"
    exit_status = 2


class NotAuthorizedError(CallError):
    """Policy does not cover what the tool requires, or the caller has no policy here."""

    code = "call.not_authorized"
    exit_status = 4


class OverloadedError(CallError):
    """Too many calls are running already."""

    code = "call.overloaded"


class CallCancelledError(CallError):
    """The client withdrew the call, and the guest was stopped."""

    code = "call.cancelled"


class BudgetExhaustedError(CallError):
    """A call made too many calls of other tools, or let them use too much."""

    code = "call.budget_exhausted"


class TooDeepError(CallError):
    """As many calls stand inside each other as may."""

    code = "call.too_deep"


class GuestError(CallError):
    """The guest ran and was stopped, or ended badly."""

    code = "guest.failed"


class GuestTrappedError(GuestError):
    """The guest executed an instruction that traps; `details["trap"]` names it."""

    code = "guest.trapped"


class GuestExitedError(GuestError):
    """The guest exited with a status other than zero, in `details["exit_code"]`."""

    code = "guest.exited"


class FuelExhaustedError(GuestError):
    """The guest used all the fuel of its grant."""

    code = "guest.fuel_exhausted"


class DeadlineExceededError(GuestError):
    """The guest did not finish within its wall-clock time."""

    code = "guest.deadline_exceeded"


class MemoryExceededError(GuestError):
    """The guest needs more linear memory or table space at start than its limits allow.

    Growth later on is not an error: it answers -1 and the guest decides.
    """

    code = "guest.memory_exceeded"


class OutputTooLargeError(GuestError):
    """The guest wrote or returned more bytes than its limit."""

    code = "guest.output_too_large"


class ScratchExceededError(GuestError):
    """The guest filled its scratch space."""

    code = "guest.scratch_exceeded"


class HostCallsExceededError(GuestError):
    """The guest called the host more often than its limit."""

    code = "guest.host_calls_exceeded"


class InvalidOutputError(GuestError):
    """The guest finished, but its answer is not what its manifest or type promises."""

    code = "guest.invalid_output"


class UncheckedOutputError(GuestError):
    """The guest's answer could not be looked through for secrets in time, so nobody gets it."""

    code = "guest.output_unchecked"


class WorkerFailedError(GuestError):
    """The worker process that ran the guest died, or said what no worker says; `details` why."""

    code = "guest.worker_failed"


class CodeError(HatchwayError):
    """Code that an interpreter ran did not come to its end, and somebody asked for its value.

    Attributes:
        exception: What the code raised; None when Hatchway stopped or refused it, and then
            `code` says why.
    """

    code = "code.failed"
    exit_status = 1

    def __init__(
        self,
        message: str,
        *,
        exception: CodeException | None = None,
        code: str | None = None,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, details=details)
        self.exception = exception


class InternalError(HatchwayError):
    """A bug in Hatchway."""

    code = "internal"
    exit_status = 70
