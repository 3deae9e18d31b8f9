"""Waiting for the network without losing sight of the deadline."""

from __future__ import annotations

import math
import select
import time
from typing import TYPE_CHECKING

from hatchway.engine.guest import NAP_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange


def wait(guest: Guest, is_over: Callable[[], bool], *, most_ns: int | None = None) -> bool:
    """Move the bytes of all exchanges of `guest` until `is_over`; False if `most_ns` came first.

    A guest without a clock has its virtual time moved on by as much: what it reaches over the
    network can tell it the time anyway.

    Raises:
        Stopped: The deadline came first, or the call was cancelled.
    """
    started_ns = time.monotonic_ns()
    while True:
        guest.check_time()
        for exchange in guest.exchanges:
            exchange.pump()
        spent_ns = time.monotonic_ns() - started_ns
        if is_over():
            guest.pass_time(spent_ns)
            return True
        if most_ns is not None and spent_ns >= most_ns:
            guest.pass_time(most_ns, is_exact=True)
            return False
        left_ns = NAP_NS if most_ns is None else most_ns - spent_ns
        _nap(guest.exchanges, min(NAP_NS, left_ns, guest.deadline_ns - time.monotonic_ns()))


def _nap(exchanges: Iterable[Exchange], nanoseconds: int) -> None:
    """Sleep until a socket can be used, at most so long."""
    # Not `select.select`, which knows no descriptor above 1023.
    poll = select.poll()
    for exchange in exchanges:
        if interest := exchange.interest:
            poll.register(exchange.fileno(), interest)
    poll.poll(max(0, math.ceil(nanoseconds / 1e6)))
