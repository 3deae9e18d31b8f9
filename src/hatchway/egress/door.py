"""Who may speak to the broker: only what shows a ticket, and says nothing else.

Any program of this machine can connect, and so can a web page in a browser. What they cannot do
is show a token. They get the same empty answer whatever they try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.exchange import PATH, TOKEN_HEADER
from hatchway.egress.exchanging import Exchange
from hatchway.egress.framing import GuestSide

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from hatchway.egress.outside import Outside
    from hatchway.egress.quotas import Quotas
    from hatchway.egress.tickets import Admission, Admissions

_TOKEN_FIELD = TOKEN_HEADER.encode("ascii")
_OF_BROWSERS = (b"origin", b"referer", b"cookie")
_REFUSED = [(b"content-length", b"0"), (b"connection", b"close")]


class Door:
    """The broker as an ASGI application.

    Args:
        admissions: The calls on the network.
        outside: What their exchanges share.
        quotas: What they count towards.
    """

    def __init__(self, *, admissions: Admissions, outside: Outside, quotas: Quotas) -> None:
        self._admissions = admissions
        self._outside = outside
        self._quotas = quotas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        line = scope["state"]["line"]

        def begin(admission: Admission) -> Exchange:
            guest = GuestSide(receive, send, line)
            return Exchange(admission, guest, self._outside, self._quotas)

        token = self._token(scope)
        exchange = None if token is None else self._admissions.enter(token, begin)
        if exchange is None:
            await send({"type": "http.response.start", "status": 403, "headers": _REFUSED})
            await send({"type": "http.response.body", "body": b""})
            return
        line.admit()
        await exchange.run()

    def _token(self, scope: Scope) -> bytes | None:
        """The token that is shown, where everything else is as it has to be."""
        asked = (scope["method"], scope["raw_path"], scope["query_string"], scope["http_version"])
        if asked != ("POST", PATH.encode("ascii"), b"", "1.1"):
            return None
        fields: list[tuple[bytes, bytes]] = scope["headers"]
        if any(name in _OF_BROWSERS or name.startswith(b"sec-") for name, _ in fields):
            return None
        # A request that names another host than the line it came over was misled.
        if [value for name, value in fields if name == b"host"] != [scope["state"]["line"].host]:
            return None
        tokens = [value for name, value in fields if name == _TOKEN_FIELD]
        return tokens[0] if len(tokens) == 1 else None
