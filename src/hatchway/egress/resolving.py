"""Names become addresses once per request, and every address is looked at before it is used."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from hatchway.core.addresses import is_metadata, is_public
from hatchway.egress.refusals import failed

if TYPE_CHECKING:
    from hatchway.core.addresses import Address
    from hatchway.core.capability import HttpAccess, SocketAccess

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host; blocking. It raises `OSError` where there are none."""

_LOOKUPS_OF_ONE = 16
_LOOKUPS = 128
"""Threads that wait for an answer, also one that nobody waits for any more."""


def ask_the_system(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver finds."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


class Resolver:
    """Looks names up, each in a thread of its own that nobody has to wait for.

    The resolver of the system cannot be interrupted. A name server that never answers holds a
    thread for longer than a request may take, so threads are counted by whoever caused them.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or ask_the_system
        self._waiting: Counter[object] = Counter()
        self._settled = asyncio.Event()

    async def addresses(
        self, host: str, port: int, *, until: float, subject: object
    ) -> tuple[Address, ...]:
        """All addresses of `host`, without repetition.

        Args:
            host: A name, or an address, which is then the answer.
            port: Where the request goes.
            until: The loop's time at which nobody waits any more.
            subject: On whose behalf.

        Raises:
            Refused: There are none, or there is no answer in time.
        """
        with contextlib.suppress(ValueError):
            return (ipaddress.ip_address(host.strip("[]")),)
        try:
            async with asyncio.timeout_at(until):
                await self._turn(subject)
        except TimeoutError:
            raise failed("DNS-timeout", "egress.lookups") from None
        try:
            async with asyncio.timeout_at(until):
                found = await self._look_up(host, port, subject)
        except TimeoutError:
            raise failed("DNS-timeout", "egress.connect_seconds") from None
        except (OSError, UnicodeError):
            raise failed("DNS-error", "egress.unknown_host") from None
        addresses = tuple(dict.fromkeys(map(ipaddress.ip_address, found)))
        if not addresses:
            raise failed("DNS-error", "egress.unknown_host")
        return addresses

    async def _turn(self, subject: object) -> None:
        """Wait until one more lookup of `subject` may be under way."""
        while self._waiting[subject] >= _LOOKUPS_OF_ONE or self._waiting.total() >= _LOOKUPS:
            self._settled.clear()
            await self._settled.wait()

    async def _look_up(self, host: str, port: int, subject: object) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def settle(found: Sequence[str] | None, error: OSError | UnicodeError | None) -> None:
            self._waiting[subject] -= 1
            if not self._waiting[subject]:
                del self._waiting[subject]
            self._settled.set()
            if answer.done():
                return
            if error is None:
                answer.set_result(found or ())
            else:
                answer.set_exception(error)

        def ask() -> None:
            found: Sequence[str] | None = None
            failure: OSError | UnicodeError | None = None
            try:
                found = self._resolve(host, port)
            except (OSError, UnicodeError) as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the broker has closed meanwhile
                loop.call_soon_threadsafe(settle, found, failure)

        threading.Thread(target=ask, name="hatchway-lookup", daemon=True).start()
        self._waiting[subject] += 1
        return await answer


def objection_to(
    addresses: Sequence[Address], access: HttpAccess | SocketAccess, *, port: int, own_port: int
) -> str | None:
    """The rule by which these addresses must not be asked, or None.

    One bad address condemns them all: a name that leads inside for one of its answers is not
    believed for the others.

    Args:
        addresses: Every answer.
        access: The grant that covers the request.
        port: Where it goes.
        own_port: The broker's, which is nobody's to ask.
    """
    if not any(map(_is_inside, addresses)):
        return None
    if port == own_port:
        return "egress.own_port"
    if not access.is_internal:
        return "egress.forbidden_address"
    for address in addresses:
        is_literal = access.host.strip("[]") == str(address)
        if getattr(address, "scope_id", None) or (is_metadata(address) and not is_literal):
            return "egress.forbidden_address"
    return None


def _is_inside(address: Address) -> bool:
    return not is_public(address) or is_of_this_machine(address)


def is_of_this_machine(address: Address) -> bool:
    """Whether the machine has `address` itself, be it a public one.

    What listens on every address listens there too, and firewalls seldom stand in between.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        # Nothing is sent: the system only chooses where it would send from.
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((str(address), 9))
            return ipaddress.ip_address(asking.getsockname()[0]) == address
    except OSError:
        return False
