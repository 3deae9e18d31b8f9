"""Requests of one tool that arrive together: each gets its turn, and none is refused for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from egress_calls import BOUND_SECONDS, admitted, grant
from egress_servers import echo, serving

from hatchway.core.egress import EgressLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_ONCE = 40
"""More than may look up a name at the same time."""


class Slow:
    """A name server that answers when as many have asked as may, and notes how many waited."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self.waiting = 0
        self.peak = 0

    def __call__(self, _host: str, _port: int) -> Sequence[str]:
        with self._lock:
            self.waiting += 1
            self.peak = max(self.peak, self.waiting)
            if self.waiting == self._most:
                self._enough.set()
        self._enough.wait(BOUND_SECONDS)
        with self._lock:
            self.waiting -= 1
        return ["127.0.0.1"]


def test_more_lookups_than_may_be_under_way_wait_for_their_turn() -> None:
    resolver = Slow(16)
    limits = EgressLimits(concurrent=AT_ONCE, connect_seconds=BOUND_SECONDS)
    answers: list[int | None] = []

    with serving(echo) as origin:
        url = f"http://api.example.test:{origin.port}"
        with admitted(grant(f"{url};internal", limits=limits), resolver) as call:
            askers = [
                threading.Thread(target=lambda: answers.append(call.ask("GET", url).status))
                for _ in range(AT_ONCE)
            ]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join(BOUND_SECONDS)

    assert answers == [200] * AT_ONCE
    assert resolver.peak == 16
