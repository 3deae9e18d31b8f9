"""The ends of an exchange that a guest cannot bring about by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import Recorded, call_of, grant

from hatchway.core.exchange import Refusal
from hatchway.egress import framing
from hatchway.egress.exchanging import Exchange
from hatchway.egress.framing import GuestSide
from hatchway.egress.outside import Outside
from hatchway.egress.quotas import Quotas
from hatchway.egress.tickets import Admission

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    Message = MutableMapping[str, Any]


class Wire:
    """The server's side of a connection: says nothing, takes nothing, and can be cut."""

    def __init__(self) -> None:
        self.is_cut = False
        self.is_left = False

    async def receive(self) -> Message:
        if self.is_left:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, _: Message) -> None:
        if not self.is_left:
            await asyncio.Event().wait()

    def hang_up(self) -> None:
        self.is_cut = True


def exchange_over(wire: Wire, events: Recorded) -> tuple[Exchange, Admission]:
    """An exchange of a call that may ask one origin."""
    admission = Admission(call_of(), tool_named("fetch"), grant("https://api.example.test"))
    outside = Outside(events, own_port=1, resolve=None)
    guest = GuestSide(wire.receive, wire.send, wire)
    exchange = Exchange(admission, guest, outside, Quotas(lambda: 0.0))
    admission.under_way.add(exchange)
    return exchange, admission


def test_a_guest_that_leaves_before_it_asks_leaves_nothing() -> None:
    wire, events = Wire(), Recorded()
    wire.is_left = True

    async def run() -> Admission:
        exchange, admission = exchange_over(wire, events)
        await exchange.run()
        return admission

    admission = asyncio.run(run())

    assert len(events) == 0
    assert not admission.under_way
    assert admission.failure is None


def test_an_exchange_whose_loop_ends_is_no_failure_of_its_call() -> None:
    async def run() -> Admission:
        exchange, admission = exchange_over(Wire(), Recorded())
        running = asyncio.ensure_future(exchange.run())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert exchange.is_over.is_set()
        return admission

    assert asyncio.run(run()).failure is None


def test_a_guest_that_does_not_listen_to_the_last_word_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(framing, "_FAREWELL_SECONDS", 0.01)
    wire = Wire()
    guest = GuestSide(wire.receive, wire.send, wire)

    asyncio.run(guest.refuse(Refusal(error="internal-error", rule="egress.malformed")))

    assert wire.is_cut
