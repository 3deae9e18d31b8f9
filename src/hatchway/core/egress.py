"""What a call may do on the network, and how its requests find the broker.

A guest never holds a socket. The host functions it calls hand its requests to the broker on
loopback, which decides about each of them, and which alone talks to the world. A TCP connection
of a guest is a tunnel through the broker, and counts as one request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from hatchway.core.limits import KIBIBYTE, MEBIBYTE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from hatchway.core.call import ToolCall
    from hatchway.core.capability import HttpAccess, SocketAccess
    from hatchway.core.secret import Secret
    from hatchway.core.tool import Tool
    from hatchway.core.traces import Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressLimits:
    """What the requests of one call, and of one tool of one tenant, may consume.

    Attributes:
        request_bytes: The body of one request, or what is sent over one connection.
        response_bytes: The body of one response, or what is received over one connection, as
            it comes over the network. The guest unpacks what is compressed itself, within its
            own limits.
        header_bytes: All header fields of one request or one response.
        connect_seconds: Looking a name up, connecting and the TLS handshake.
        first_byte_seconds: From the end of the request to the head of the response.
        total_seconds: From the beginning of a request to the end of its response, or of a
            connection to its end.
        concurrent: Requests under way at once, of one tool and tenant.
        per_minute: Requests begun in a minute, of one tool and tenant.
    """

    request_bytes: int = 16 * MEBIBYTE
    response_bytes: int = 64 * MEBIBYTE
    header_bytes: int = 64 * KIBIBYTE
    connect_seconds: float = 5.0
    first_byte_seconds: float = 30.0
    total_seconds: float = 60.0
    concurrent: int = 16
    per_minute: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSecret:
    """A secret that the broker puts into the requests to one origin.

    Attributes:
        name: What policy, events and errors call it.
        scheme: Of the origin. `http` only where the origin is granted as internal.
        host: Of the origin, exact and lower case.
        port: Of the origin.
        header: The field it is put into, lower case.
        template: The field's value, with `{}` where the secret stands.
        secret: The value itself.
    """

    name: str
    scheme: Literal["http", "https"]
    host: str
    port: int
    header: str
    template: str
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRule:
    """What a call may still reach once it has read something private.

    Attributes:
        may_reach: The origins, and the hosts and ports, that remain. None of them is a grant
            by itself.
    """

    may_reach: tuple[HttpAccess | SocketAccess, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How the broker itself gets to the world; the operator's choice, the same for all tools.

    Attributes:
        proxy: The URL of a proxy that every request is sent through; None for none.
        authorities: A file of certificate authorities (PEM) to trust instead of the system's.
    """

    proxy: str | None = None
    authorities: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressGrant:
    """What the broker may do for one call. It stays with the broker and enters no worker.

    Attributes:
        origins: Where requests may go.
        secrets: What is put into them, by origin.
        flow: What changes after a private read; None where no such rule is switched on.
        sockets: Where TCP connections may lead, and which names may be looked up.
    """

    origins: tuple[HttpAccess, ...]
    sockets: tuple[SocketAccess, ...] = ()
    secrets: tuple[BoundSecret, ...] = ()
    limits: EgressLimits = field(default_factory=EgressLimits)
    flow: FlowRule | None = None
    route: Route = field(default_factory=Route)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Where the broker listens, and what proves to it which call is asking.

    It dies with the call. Whoever holds it can ask for what the call was granted, no more.

    Attributes:
        port: On 127.0.0.1.
        token: Unguessable, never shown.
    """

    port: int
    token: Secret


class Egress(Protocol):
    """Lets calls onto the network, as far as each was granted it."""

    def admit(
        self, call: ToolCall, tool: Tool, grant: EgressGrant, traces: Traces | None = None
    ) -> AbstractContextManager[Ticket]:
        """A ticket for one call; on exit it is void, and what was under way is over and recorded.

        What the other calls of its tree have read is in `traces`, and what it reads gets there.

        Raises:
            InternalError: The broker cannot listen.
        """
        ...
