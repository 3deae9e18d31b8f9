"""Handing a request to the broker, or recording that there is none to hand it to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.http.handler import deny

if TYPE_CHECKING:
    from hatchway.core.exchange import Refusal, RequestHead
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange


def ask(guest: Guest, head: RequestHead, function: str) -> Exchange | None:
    """The exchange that begins with `head`; None where the call was granted no origin at all.

    `function` is what the guest called, for the record of what it was denied.
    """
    if guest.ticket is None:
        deny(guest, function, head.method, head.scheme, head.authority)
        return None
    # Imported late, for the sake of those who never send a request.
    from hatchway.engine.http.exchange import open_exchange

    def on_refused(refusal: Refusal) -> None:
        if refusal.is_denial:
            guest.deny("net.http", refusal.attempted, function, refusal.wanted)

    return open_exchange(guest, guest.ticket, head, on_refused=on_refused)
