"""Raw sockets of guests: TCP connections that lead through the broker, and look-ups of names.

What a guest connects to is an address. Which names led to it is remembered here, for the call in
which they were looked up, and is not for the guest to say. Nothing is looked up a second time.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING

from hatchway.core.exchange import Kind, ResponseHead, addresses_head
from hatchway.egress.refusals import denied
from hatchway.egress.relaying import Relay
from hatchway.policy.authority import read_host
from hatchway.policy.tunnels import host_of, judge_connection, judge_look_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hatchway.core.addresses import Address
    from hatchway.core.exchange import ConnectHead, LookUpHead, Refusal
    from hatchway.egress.framing import GuestSide
    from hatchway.egress.outside import Outside
    from hatchway.egress.recording import SocketRecord
    from hatchway.egress.tickets import Admission, Stoppable
    from hatchway.policy.tunnels import SocketVerdict

_MAX_ADDRESSES = 16
"""Addresses of one name that a guest is told."""
_OPEN = ResponseHead(status=200)


class Tunneling:
    """One connection or one look-up.

    Args:
        exchange: Whose it is.
        admission: Of its call.
        guest: The inside half.
        outside: The way there.
        stop: Ends the exchange.
    """

    def __init__(
        self,
        exchange: Stoppable,
        admission: Admission,
        guest: GuestSide,
        outside: Outside,
        stop: Callable[[Refusal], None],
    ) -> None:
        self._exchange = exchange
        self._admission = admission
        self._guest = guest
        self._outside = outside
        self._stop = stop
        self._to: tuple[Address, int] | None = None
        self._relay: Relay | None = None

    def reconsider(self) -> None:
        """End a connection that may not go on, now that the call has read something private."""
        refusal = self._objection()
        if refusal is not None:
            self._stop(refusal)

    # Look-ups

    async def look_up(self, head: LookUpHead, record: SocketRecord) -> None:
        """Answer which addresses a name has.

        Raises:
            Refused: The guest may not know, or there are none.
        """
        with record:
            host, verdict = self._may_look_up(head.name, record)
            limits = self._admission.grant.limits
            until = asyncio.get_running_loop().time() + limits.connect_seconds
            found = await self._outside.addresses(host, until, self._admission)
            access = self._outside.permitting(
                found, verdict.allowed_by, port=0, attempted=record.attempted
            )
            record.rule = str(access)
            addresses = found[:_MAX_ADDRESSES]
            self._admission.remember(host, addresses)
            await self._guest.head(addresses_head(addresses))
            await self._guest.end()

    def _may_look_up(self, name: str, record: SocketRecord) -> tuple[str, SocketVerdict]:
        try:
            host = record.to = read_host(name)
        except ValueError:
            raise denied("egress.bad_authority", record.attempted) from None
        admission = self._admission
        verdict = judge_look_up(admission.grant, host, has_read_private=admission.has_read_private)
        if not verdict.allowed_by:
            raise denied(verdict.rule, record.attempted, verdict.wanted)
        record.rule = verdict.rule
        return host, verdict

    # Connections

    async def connect(
        self,
        head: ConnectHead,
        frames: AsyncIterator[tuple[Kind, bytes]],
        record: SocketRecord,
    ) -> None:
        """Connect, and pass on what either side says until both have said all.

        Raises:
            Refused: It may not be, nobody answers, or it breaks off.
        """
        with record:
            address, port = _place(head, record)
            names = self._admission.names_of(address)
            record.to = f"{names[0] if names else host_of(address)}:{port}"
            verdict = self._judge(address, port)
            if not verdict.allowed_by:
                raise denied(verdict.rule, record.attempted, verdict.wanted)
            access = self._outside.permitting(
                [address], verdict.allowed_by, port=port, attempted=record.attempted
            )
            record.rule = str(access)
            self._to = (address, port)
            limits = self._admission.grant.limits
            async with self._outside.tunnel(address, port, self._admission) as (reader, writer):
                record.address = str(address)
                await self._guest.head(_OPEN)
                self._relay = Relay(reader, writer, self._guest, limits, record, self._stop)
                heard = self._read_private if access.is_private else _nothing
                await self._relay.run(frames, self._before, heard)

    def _judge(self, address: Address, port: int) -> SocketVerdict:
        admission = self._admission
        return judge_connection(
            admission.grant,
            address,
            port,
            admission.names_of(address),
            has_read_private=admission.has_read_private,
        )

    def _objection(self) -> Refusal | None:
        """Why the connection may not go on, if there is a reason."""
        if self._to is None or (self._relay is not None and self._relay.is_all_sent):
            return None
        address, port = self._to
        verdict = self._judge(address, port)
        if verdict.allowed_by:
            return None
        return denied(verdict.rule, f"tcp {host_of(address)}:{port}").refusal

    def _before(self, kind: Kind) -> None:
        """Look whether the guest may say more, also where what it read came from here."""
        if kind is Kind.PRIVATE:
            self._read_private()
        if self._admission.has_read_private and kind is not Kind.END:
            refusal = self._objection()
            if refusal is not None:
                raise denied(refusal.rule, refusal.attempted)

    def _read_private(self) -> None:
        self._admission.read_private(but=self._exchange)


def _nothing() -> None:
    """What comes from there is not private."""


def _place(head: ConnectHead, record: SocketRecord) -> tuple[Address, int]:
    """Where a connection is to lead: one address that is no other in disguise, and a port."""
    try:
        address = ipaddress.ip_address(head.address)
    except ValueError:
        raise denied("egress.bad_authority", record.attempted) from None
    is_disguised = isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped is not None or address.scope_id is not None
    )
    if is_disguised or not 0 < head.port < 1 << 16:
        raise denied("egress.bad_authority", record.attempted)
    return address, head.port
