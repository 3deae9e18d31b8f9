"""The way out: from a request that policy allows to a connection that may carry it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from hatchway.core.addresses import is_metadata
from hatchway.egress.connecting import Connector
from hatchway.egress.pooling import Key, Pool
from hatchway.egress.refusals import denied
from hatchway.egress.resolving import Resolver, objection_to
from hatchway.egress.trusting import Authorities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hatchway.core.addresses import Address
    from hatchway.core.capability import HttpAccess, SocketAccess
    from hatchway.egress.connection import Connection
    from hatchway.egress.recording import EventSink
    from hatchway.egress.resolving import Resolve
    from hatchway.egress.tickets import Admission
    from hatchway.policy.egress import Target


class Outside:
    """What all exchanges share. It belongs to the broker's loop.

    Attributes:
        events: Where every request is recorded.

    Args:
        own_port: Where the broker listens.
        resolve: Instead of the system's resolver.
    """

    def __init__(self, events: EventSink, *, own_port: int, resolve: Resolve | None) -> None:
        self.events = events
        self._own_port = own_port
        self._resolver = Resolver(resolve)
        self._connector = Connector(self._resolver, Authorities())
        self._pool = Pool()

    @contextlib.asynccontextmanager
    async def connection(
        self, target: Target, access: HttpAccess, admission: Admission, attempted: str
    ) -> AsyncIterator[Connection]:
        """A connection to an address of `target` that was checked; nobody else has it meanwhile.

        Args:
            target: Where the request goes.
            access: The grant that covers it.
            admission: Of the call that makes it.
            attempted: It, for the list of denials.

        Raises:
            Refused: An address is forbidden, or nobody answers in time.
        """
        limits, route = admission.grant.limits, admission.grant.route
        until = asyncio.get_running_loop().time() + limits.connect_seconds
        addresses = await self._resolver.addresses(
            target.host, target.port, until=until, subject=admission.subject
        )
        rule = objection_to(addresses, access, port=target.port, own_port=self._own_port)
        if rule is not None:
            raise denied(rule, attempted, _wanted(addresses, access, target, rule))
        keys = [_key(admission, target, str(address)) for address in addresses]
        key, connection = await self._idle(keys)
        if connection is None:
            connection, address = await self._connector.connect(
                target, addresses, route, until=until, header_bytes=limits.header_bytes
            )
            key = _key(admission, target, str(address))
        try:
            yield connection
        except BaseException:
            connection.abort()
            raise
        self._pool.give(key, connection)

    async def addresses(self, host: str, until: float, admission: Admission) -> tuple[Address, ...]:
        """All addresses of a host that the guest may ask for.

        Raises:
            Refused: There are none, or there is no answer in time.
        """
        return await self._resolver.addresses(host, 0, until=until, subject=admission.subject)

    def permitting(
        self,
        addresses: Sequence[Address],
        allowed_by: Sequence[SocketAccess],
        *,
        port: int,
        attempted: str,
    ) -> SocketAccess:
        """The first of these grants by which `addresses` may be asked.

        Raises:
            Refused: There is none.
        """
        rules: list[str] = []
        for access in allowed_by:
            rule = objection_to(addresses, access, port=port, own_port=self._own_port)
            if rule is None:
                return access
            rules.append(rule)
        is_thinkable = rules[0] == "egress.forbidden_address" and not any(
            map(is_metadata, addresses)
        )
        wanted = str(replace(allowed_by[0], is_internal=True)) if is_thinkable else ""
        raise denied(rules[0], attempted, wanted)

    @contextlib.asynccontextmanager
    async def tunnel(
        self, address: Address, port: int, admission: Admission
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A TCP connection to an address that was decided about; it is cut on leaving.

        Raises:
            Refused: Nobody answers in time.
        """
        limits, route = admission.grant.limits, admission.grant.route
        until = asyncio.get_running_loop().time() + limits.connect_seconds
        reader, writer = await self._connector.open(address, port, route, until=until)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def close(self) -> None:
        """Close what is idle."""
        self._pool.close()

    async def _idle(self, keys: Sequence[Key]) -> tuple[Key, Connection | None]:
        for key in keys:
            if (connection := await self._pool.take(key)) is not None:
                return key, connection
        return keys[0], None


def _key(admission: Admission, target: Target, address: str) -> Key:
    return Key(
        subject=admission.subject,
        digest=admission.tool.digest,
        origin=target.origin,
        address=address,
        route=admission.grant.route,
        header_bytes=admission.grant.limits.header_bytes,
    )


def _wanted(addresses: Sequence[Address], access: HttpAccess, target: Target, rule: str) -> str:
    """The grant that would let these addresses pass; empty where none should be thought of."""
    if rule != "egress.forbidden_address" or any(map(is_metadata, addresses)):
        return ""
    return str(replace(access, host=target.host, is_internal=True))
