"""How many requests may begin, and how many may be under way, of one tool and tenant."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.egress.refusals import failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.core.egress import EgressLimits
    from hatchway.egress.tickets import Subject

MAX_EXCHANGES = 256
"""Under way at once, of everybody. Each takes three descriptors, the inside half counted."""
_MAX_BUCKETS = 4096


@dataclass(slots=True)
class _Bucket:
    """What is left of a minute's requests: it fills evenly, to no more than a minute's worth."""

    level: float
    filled_at: float

    def take(self, per_minute: int, now: float) -> bool:
        gained = (now - self.filled_at) * per_minute / 60
        self.level, self.filled_at = min(float(per_minute), self.level + gained), now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Quotas:
    """Counts requests. It belongs to the broker's loop.

    Args:
        clock: Seconds that only advance.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._under_way: Counter[Subject] = Counter()
        self._buckets: dict[Subject, _Bucket] = {}

    @contextlib.contextmanager
    def taken(self, subject: Subject, limits: EgressLimits) -> Iterator[None]:
        """One request of `subject` is under way.

        Raises:
            Refused: It would be one too many.
        """
        if not self._bucket(subject, limits).take(limits.per_minute, self._clock()):
            raise failed("connection-limit-reached", "egress.per_minute")
        if self._under_way[subject] >= limits.concurrent:
            raise failed("connection-limit-reached", "egress.concurrent")
        if self._under_way.total() >= MAX_EXCHANGES:
            raise failed("connection-limit-reached", "egress.busy")
        self._under_way[subject] += 1
        try:
            yield
        finally:
            self._under_way[subject] -= 1
            if not self._under_way[subject]:
                del self._under_way[subject]

    def _bucket(self, subject: Subject, limits: EgressLimits) -> _Bucket:
        bucket = self._buckets.pop(subject, None)
        if bucket is None:
            bucket = _Bucket(level=float(limits.per_minute), filled_at=self._clock())
        # At the end again, so that the first one is the one that waits longest.
        self._buckets[subject] = bucket
        if len(self._buckets) > _MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        return bucket
