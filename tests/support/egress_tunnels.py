"""Tunnels through the broker, as a guest would open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from egress_calls import Line

from hatchway.core.egress import EgressGrant, FlowRule
from hatchway.core.exchange import ConnectHead, Kind, addresses_in, head_frame
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from egress_calls import Admitted, Answer

    from hatchway.core.capability import SocketAccess
    from hatchway.core.events import SocketTrace
    from hatchway.core.exchange import Head

NAME = "db.example.test"
INSIDE = "127.0.0.1"
PUBLIC = "93.184.216.34"


def granted(*texts: str, after_private: Sequence[str] | None = None, **more: Any) -> EgressGrant:
    """A grant of these sockets, in the words of a policy."""
    sockets = [cast("SocketAccess", parse_capability(text, side="allowed")) for text in texts]
    if after_private is not None:
        far = [parse_capability(f"net.socket={text}", side="allowed") for text in after_private]
        more["flow"] = FlowRule(may_reach=tuple(cast("SocketAccess", each) for each in far))
    return EgressGrant(origins=(), sockets=tuple(sockets), **more)


def to(port: int, options: str = ";internal", host: str = INSIDE) -> str:
    return f"net.socket={host}:{port}{options}"


def begun(call: Admitted, head: Head) -> Line:
    line = Line(call.ticket)
    line.raw(head_frame(head))
    return line


def asked(call: Admitted, head: Head) -> Answer:
    """What comes back where the guest has nothing to say."""
    with begun(call, head) as line:
        line.end()
        return line.answer()


def connected(call: Admitted, port: int, host: str = INSIDE, **more: Any) -> Line:
    """A tunnel that is open."""
    line = begun(call, ConnectHead(address=host, port=port, **more))
    kind, _ = next(line.frames())
    assert kind is Kind.HEAD
    return line


def addresses_of(answer: Answer) -> list[str]:
    assert answer.head is not None, answer.rule
    return list(map(str, addresses_in(answer.head)))


def sockets(call: Admitted) -> list[SocketTrace]:
    return [event.socket for event in call.events.events if event.socket is not None]


async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says what it hears, and closes when there is no more."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()
