"""What inner calls may use: every call pays for all of those below it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hatchway.core.errors import BudgetExhaustedError
from hatchway.policy.decide import bounded

if TYPE_CHECKING:
    from hatchway.core.grant import Grant


class Budget:
    """What the calls below one call may still use, all together, however deep they stand.

    Attributes:
        calls: How many more there may be.
        fuel: What they may use that is not set aside for one of them.
        ends_at: When the call that pays is over at the latest, as `time.monotonic` counts.
        chain: This budget, and those that it is a part of.

    Args:
        grant: Of the call that pays.
        above: The budget of the call that this one was made by, if any.
    """

    __slots__ = ("calls", "chain", "ends_at", "fuel")

    def __init__(self, grant: Grant, above: Budget | None) -> None:
        limits = grant.limits
        self.calls = limits.inner_calls
        self.fuel = limits.inner_fuel
        self.ends_at = time.monotonic() + limits.deadline_seconds
        self.chain: tuple[Budget, ...] = (self,) if above is None else (self, *above.chain)

    def begin(self) -> None:
        """One more call.

        Raises:
            BudgetExhaustedError: It is one too many, or nothing is left that it could use.
        """
        for budget in self.chain:
            if (spent := _spent(budget)) is not None:
                raise BudgetExhaustedError(spent)
        for budget in self.chain:
            budget.calls -= 1

    def reserve(self, grant: Grant) -> Grant:
        """`grant` with no more fuel and time than is left, which is set aside for it."""
        fuel = min(grant.limits.fuel, *(budget.fuel for budget in self.chain))
        left = min(budget.ends_at for budget in self.chain) - time.monotonic()
        for budget in self.chain:
            budget.fuel -= fuel
        # A deadline that has passed stops the guest at its first look at the time.
        return bounded(grant, fuel=fuel, deadline_seconds=max(left, 0.0))

    def give_back(self, fuel: int) -> None:
        """So much of what was set aside was not used."""
        for budget in self.chain:
            budget.fuel += fuel


def _spent(budget: Budget) -> str | None:
    """What is all used up, if anything is."""
    if budget.calls <= 0:
        return "no more calls of other tools are allowed: inner_calls in the limits are used up"
    if budget.fuel <= 0:
        return "no fuel is left for calls of other tools: inner_fuel in the limits is used up"
    if budget.ends_at <= time.monotonic():
        return "no time is left for calls of other tools"
    return None
