"""How a connection or a look-up is handed to the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.exchange import ConnectHead

if TYPE_CHECKING:
    from hatchway.core.egress import Ticket
    from hatchway.core.exchange import LookUpHead, Refusal
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange


def ask(guest: Guest, ticket: Ticket, head: ConnectHead | LookUpHead, function: str) -> Exchange:
    """Begin it. A denial is a denial of the call, made through `function`."""
    # Imported late, for the sake of those who never open a socket.
    from hatchway.engine.http.exchange import open_exchange

    capability = "net.socket" if isinstance(head, ConnectHead) else "net.dns"

    def on_refused(refusal: Refusal) -> None:
        if refusal.is_denial:
            guest.deny(capability, refusal.attempted, function, refusal.wanted)

    return open_exchange(guest, ticket, head, on_refused=on_refused)
