"""Why an exchange ends before its time, as an exception on its way to the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.exchange import Refusal

if TYPE_CHECKING:
    from hatchway.core.exchange import ErrorCode


class Refused(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """The exchange ends here.

    Attributes:
        refusal: Why, for the guest and for people.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.rule)
        self.refusal = refusal


def denied(rule: str, attempted: str, wanted: str = "") -> Refused:
    """Policy stops it. The guest learns no more than that."""
    return Refused(
        Refusal(error="HTTP-request-denied", rule=rule, attempted=attempted, wanted=wanted)
    )


def failed(error: ErrorCode, rule: str) -> Refused:
    """A limit stops it, or the network."""
    return Refused(Refusal(error=error, rule=rule))


CALL_IS_OVER = Refusal(error="connection-terminated", rule="egress.call_is_over")
GUEST_HAS_LEFT = Refusal(error="connection-terminated", rule="egress.cut_off")
TOO_LONG = Refusal(error="HTTP-response-timeout", rule="egress.total_seconds")
NOT_FRAMES = Refusal(error="internal-error", rule="egress.malformed")
NOTHING_ASKED = Refusal(error="internal-error", rule="egress.nothing_asked")
