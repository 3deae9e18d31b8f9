"""HTTP/1.1 between the halves of egress, without a socket: one request, and its answer.

Nothing that comes from a guest is in its header fields. h11 takes a hundredth of a second to
import, so this module is imported by the first call that has a ticket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from hatchway.core.exchange import PATH, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.egress import Ticket

_OK = 200


class Carrier:
    """What is said to the broker, and what it says, apart from the frames."""

    def __init__(self, ticket: Ticket) -> None:
        self._connection = h11.Connection(h11.CLIENT)
        self._ticket = ticket

    def opening(self) -> bytes:
        """What a request begins with."""
        return self._said(
            h11.Request(
                method="POST",
                target=PATH,
                headers=[
                    ("host", f"127.0.0.1:{self._ticket.port}"),
                    (TOKEN_HEADER, self._ticket.token.reveal()),
                    ("transfer-encoding", "chunked"),
                    ("connection", "close"),
                ],
            )
        )

    def carry(self, frames: bytes) -> bytes:
        """`frames` as a part of the request's body."""
        return self._said(h11.Data(data=frames))

    def closing(self) -> bytes:
        """What a request ends with."""
        return self._said(h11.EndOfMessage())

    def receive(self, data: bytes) -> Iterator[bytes]:
        """The parts of the answer's body that come with `data`.

        Raises:
            ValueError: That is no answer of a broker that knows the ticket.
            EOFError: The answer is over.
        """
        try:
            self._connection.receive_data(data)
            yield from self._heard()
        except h11.RemoteProtocolError as error:
            raise ValueError(str(error)) from error

    def _heard(self) -> Iterator[bytes]:
        while True:
            match self._connection.next_event():
                case h11.NEED_DATA:
                    return
                case h11.Data() as event:
                    yield bytes(event.data)
                case h11.Response() as event if event.status_code != _OK:
                    message = f"the broker answered with {event.status_code}"
                    raise ValueError(message)
                case h11.EndOfMessage():
                    raise EOFError
                case _:  # a head, or the announcement of one
                    pass

    def _said(self, event: h11.Event) -> bytes:
        data = self._connection.send(event)
        assert data is not None
        return data
