"""Which calls are on the network, and what proves that a request belongs to one of them."""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from hatchway.core.errors import HatchwayError, InternalError
from hatchway.core.secret import Secret
from hatchway.core.traces import Traces

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hatchway.core.addresses import Address
    from hatchway.core.call import ToolCall
    from hatchway.core.egress import EgressGrant
    from hatchway.core.tool import Tool
    from hatchway.egress.echoes import Echoes

_TOKEN_BYTES = 32
_MAX_ADDRESSES = 256
"""Of one name that are remembered."""


class Subject(NamedTuple):
    """Who shares quotas and connections: one policy entry of one tenant, and nobody else.

    Attributes:
        tenant: Of the principal.
        owner: The policy entry of the tool.
    """

    tenant: str
    owner: str


class Stoppable(Protocol):
    """An exchange, as far as a call can end it.

    Attributes:
        is_over: Set when nothing of it is left, and its events are written.
    """

    is_over: asyncio.Event

    def call_over(self) -> None:
        """Stop it: its call has ended."""
        ...

    def reconsider(self) -> None:
        """Stop it if it may not go on, now that the call has read something private."""
        ...


_Exchange = TypeVar("_Exchange", bound=Stoppable)


class Admission:
    """One call that may use the network. Only the broker's loop changes it.

    Attributes:
        under_way: Its exchanges.
        failure: What went wrong inside Hatchway, for whoever admitted the call.
        unlisted: Requests beyond a quota that have no event of their own, by rule.
    """

    def __init__(
        self, call: ToolCall, tool: Tool, grant: EgressGrant, traces: Traces | None = None
    ) -> None:
        self.call = call
        self.tool = tool
        self.grant = grant
        self._traces = traces or Traces()
        self._has_reconsidered = False
        self._names: dict[str, tuple[Address, ...]] = {}
        self.under_way: set[Stoppable] = set()
        self.failure: BaseException | None = None
        self.unlisted: dict[str, int] = {}

    @cached_property
    def echoes(self) -> Echoes:
        """What no answer may give back to the guest."""
        from hatchway.egress.echoes import Echoes  # it loads the event loop

        return Echoes(self.grant.secrets)

    @property
    def subject(self) -> Subject:
        """Whose quotas it counts towards."""
        return Subject(self.call.principal.tenant, self.tool.owner)

    @property
    def has_read_private(self) -> bool:
        """Whether the call, or one of the same tree, has read something private."""
        return self._traces.has_read

    def read_private(self, but: Stoppable | None = None) -> None:
        """Something private is read from here on; `but` is what reads it."""
        self._traces.has_read = True
        if self._has_reconsidered:
            return
        # Another call of the tree may have read it: what is under way here is told only now.
        self._has_reconsidered = True
        for exchange in [each for each in self.under_way if each is not but]:
            exchange.reconsider()

    def remember(self, name: str, addresses: tuple[Address, ...]) -> None:
        """The guest was told that `name`, which was granted, leads to `addresses`."""
        self._names[name] = tuple({*self._names.get(name, ()), *addresses})[:_MAX_ADDRESSES]

    def names_of(self, address: Address) -> tuple[str, ...]:
        """The names that were looked up in this call and led to `address`."""
        return tuple(name for name, known in self._names.items() if address in known)

    def require_sound(self) -> None:
        """Raise what went wrong.

        Raises:
            HatchwayError: An event could not be written.
            InternalError: Anything else.
        """
        if self.failure is None:
            return
        if isinstance(self.failure, HatchwayError):
            raise self.failure
        message = "a request failed inside Hatchway"
        raise InternalError(message) from self.failure


class Admissions:
    """The calls on the network, by the digest of their tokens.

    A token is looked up by its digest, so how long that takes says nothing about any token.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_digest: dict[bytes, Admission] = {}

    def add(self, admission: Admission) -> Secret:
        """Let a call in; the answer is its token."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._by_digest[_digest(token.encode())] = admission
        return Secret(token)

    def enter(self, token: bytes, begin: Callable[[Admission], _Exchange]) -> _Exchange | None:
        """A new exchange of the call whose token it is; None when it is nobody's."""
        with self._lock:
            admission = self._by_digest.get(_digest(token))
            if admission is None:
                return None
            exchange = begin(admission)
            admission.under_way.add(exchange)
            return exchange

    def end(self, token: Secret) -> bool:
        """Void a token. Whether anything of its call is still under way."""
        with self._lock:
            admission = self._by_digest.pop(_digest(token.reveal().encode()), None)
            return admission is not None and bool(admission.under_way)

    def end_all(self) -> list[Admission]:
        """Void all tokens; the answer is whose they were."""
        with self._lock:
            everything = list(self._by_digest.values())
            self._by_digest.clear()
            return everything


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
