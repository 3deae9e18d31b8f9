"""The words in which a guest is told that something failed: `error-code` and `header-error`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.engine import values
from hatchway.engine.preview2.handles import Failure, StreamFault, held

if TYPE_CHECKING:
    from hatchway.core.exchange import Refusal
    from hatchway.engine.preview2.binding import Host

_NUMBERS = {
    "HTTP-request-body-size": "u64",
    "HTTP-request-header-section-size": "u32",
    "HTTP-request-trailer-section-size": "u32",
    "HTTP-response-body-size": "u64",
    "HTTP-response-header-section-size": "u32",
}
"""Cases whose payload may be a number."""
_TEXTS = {"HTTP-response-content-coding", "internal-error"}
"""Cases whose payload may be a text. None is ever told: a guest could learn from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An `error-code`.

    Attributes:
        code: Its case.
        number: The payload of a case that may have a number.
    """

    code: str
    number: int | None = None


def problem_of(refusal: Refusal) -> Problem:
    """What a guest is told of a refusal: no rule, and nothing that would help it."""
    return Problem(code=refusal.error)


class HttpFailure(Failure):
    """Why a stream of a body failed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def fault(problem: Problem) -> StreamFault:
    """What a stream of a body raises."""
    return StreamFault(HttpFailure(problem))


def put_problem(at: int, problem: Problem) -> None:
    """Make the value at `at` an `error-code`."""
    values.put_case(at, problem.code)
    if problem.code in _NUMBERS:
        kind = _NUMBERS[problem.code]
        values.put_box(at, "variant", lambda box: _put_number(box, kind, problem.number))
    elif problem.code in _TEXTS:
        values.put_box(at, "variant", values.put_none)
    elif problem.code == "DNS-error":
        values.put_box(at, "variant", _put_unknown_dns_error)


def _put_number(at: int, kind: str, number: int | None) -> None:
    values.put_none(at)
    if number is not None:
        values.put_box(at, "option", lambda box: values.put_number(box, kind, number))


def _put_unknown_dns_error(at: int) -> None:
    for field in values.put_record(at, ("rcode", "info-code")):
        values.put_none(field)


def put_failed(at: int, problem: Problem) -> None:
    """Make the value at `at` a result that is an `error-code`."""
    values.put_result(at, is_ok=False)
    values.put_box(at, "result", lambda box: put_problem(box, problem))


def http_error_code(host: Host, _arguments: int, result: int) -> None:
    """The `error-code` behind an error of a stream, if it is one of ours."""
    failure = held(host.guest, host.handles[0], Failure)
    values.put_none(result)
    if isinstance(failure, HttpFailure):
        values.put_box(result, "option", lambda at: put_problem(at, failure.problem))
