"""What the server says to a worker: which call, and what it was granted. A worker believes it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

from hatchway.core.capability import Clock, RandomSource, SocketAccess
from hatchway.core.egress import Ticket
from hatchway.core.grant import Grant, GrantedDirectory
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatchway.core.capability import Capability
    from hatchway.core.sandbox import Invocation
    from hatchway.core.tools import ToolAnswer


_LIMITS = tuple(field.name for field in fields(Limits))


class Order(NamedTuple):
    """One call, as a worker gets it.

    Attributes:
        has_tools: Whether the guest may ask for other tools.
        has_read: What the tree of the call has read already.
        call_id: Under which it is recorded; no worker hears of it.
    """

    digest: str
    invocation: Invocation
    grant: Grant
    ticket: Ticket | None
    has_tools: bool
    has_read: bool
    call_id: str | None = None


class Told:
    """The grant that a worker was told of last: it is told again when another one follows."""

    def __init__(self) -> None:
        self._grant: Grant | None = None

    def words(self, grant: Grant) -> list[Any] | None:
        """The words for `grant`; None where the worker knows it."""
        return None if grant == self._grant else _grant_to_wire(grant)

    def note(self, grant: Grant) -> None:
        """The worker knows `grant` from now on."""
        self._grant = grant


def order_to_wire(order: Order, told: Told, port: int) -> list[Any]:
    """The words for `order`, to a worker that was `told` so much; the broker is at its `port`."""
    invocation = order.invocation
    asked: list[Any]
    if isinstance(invocation, CommandInvocation):
        asked = ["command", list(invocation.arguments), invocation.stdin, invocation.function]
    else:
        asked = ["function", invocation.function, dict(invocation.arguments), None]
    return [
        "run",
        order.digest,
        [*asked, dict(invocation.files), list(invocation.wanted)],
        told.words(order.grant),
        # Of all secrets this one alone goes into a worker, and it is worth this call.
        None if order.ticket is None else [port, order.ticket.token.reveal()],
        order.has_tools,
        order.has_read,
    ]


def _grant_to_wire(grant: Grant) -> list[Any]:
    return [
        [getattr(grant.limits, name) for name in _LIMITS],
        [list(pair) for pair in grant.environment],
        [
            [granted.guest_path, granted.is_writable, granted.quota_bytes]
            for granted in grant.directories
        ],
        grant.workspace,
        grant.compiler,
        grant.has_clock,
        grant.has_random,
        [
            [each.kind, each.host, each.port, each.is_internal, each.is_private]
            for each in grant.capabilities
            if isinstance(each, SocketAccess)
        ],
    ]


class Grants:
    """The grants of a worker's calls, which hardly ever differ.

    Args:
        directories: The descriptors of its directories.
    """

    def __init__(self, directories: Sequence[int]) -> None:
        self._directories = directories
        self._grant: Grant | None = None

    def of(self, words: Any) -> Grant:
        """The grant that is spelled so; the one of the call before where nothing is."""
        if words is not None:
            self._grant = _grant(words, self._directories)
        assert self._grant is not None, "the first call names its grant"
        return self._grant


def order_from_wire(words: Sequence[Any], grants: Grants) -> Order:
    """The order that `order_to_wire` spelled."""
    _, digest, asked, granted, ticket, has_tools, has_read = words
    return Order(
        digest=digest,
        invocation=_invocation(*asked),
        grant=grants.of(granted),
        ticket=None if ticket is None else Ticket(port=ticket[0], token=Secret(ticket[1])),
        has_tools=has_tools,
        has_read=has_read,
    )


def _invocation(
    kind: str, first: Any, second: Any, function: str | None, files: Any, wanted: Any
) -> Invocation:
    if kind == "command":
        return CommandInvocation(
            arguments=tuple(first),
            stdin=second,
            files=files,
            wanted=tuple(wanted),
            function=function,
        )
    return FunctionInvocation(function=first, arguments=second, files=files, wanted=tuple(wanted))


def _grant(words: Sequence[Any], descriptors: Sequence[int]) -> Grant:
    limits, environment, directories, workspace, compiler, has_clock, has_random, sockets = words
    capabilities: list[Capability] = [
        SocketAccess(
            kind=kind, host=host, port=port, is_internal=is_internal, is_private=is_private
        )
        for kind, host, port, is_internal, is_private in sockets
    ]
    if has_clock:
        capabilities.append(Clock())
    if has_random:
        capabilities.append(RandomSource())
    return Grant(
        capabilities=tuple(capabilities),
        environment=tuple((name, value) for name, value in environment),
        limits=Limits(**dict(zip(_LIMITS, limits, strict=True))),
        directories=tuple(
            GrantedDirectory(
                guest_path=guest_path,
                descriptor=descriptor,
                is_writable=is_writable,
                quota_bytes=quota_bytes,
            )
            for descriptor, (guest_path, is_writable, quota_bytes) in zip(
                descriptors, directories, strict=True
            )
        ),
        workspace=workspace,
        compiler=compiler,
        isolation="worker",
    )


def answer_to_wire(answer: ToolAnswer, has_read: bool) -> list[Any]:
    """What came of an inner call."""
    return ["answer", answer.value, answer.code, answer.message, answer.wanted, has_read]
