"""Security events: what happened, to whom, and why. `core.ocsf` says it in OCSF's words.

Events never hold arguments, results or secrets; a digest of the arguments at most. Text
that a guest chose must be escaped and bounded before it gets here.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.call import Gated, Principal, Usage
    from hatchway.core.surface import Compiler

EventName: TypeAlias = Literal[
    "call.completed",
    "call.failed",
    "call.refused",
    "capability.denied",
    "http.request",
    "socket.connection",
    "name.lookup",
    "secret.leak_blocked",
    "tool.admitted",
    "tool.refused",
    "tool.quarantined",
    "tool.drifted",
    "tool.removed",
    "artifact.removed",
    "trust.overridden",
    "trust.reported",
    "policy.changed",
    "policy.trusted",
    "policy.reloaded",
    "policy.stale",
    "worker.violation",
    "worker.ended",
    "server.started",
    "server.stopped",
    "server.degraded",
]

TERMINAL_EVENTS: frozenset[EventName] = frozenset(("call.completed", "call.failed", "call.refused"))
"""Every call leaves exactly one of these."""


class Severity(IntEnum):
    """OCSF's `severity_id`."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class HttpTrace(NamedTuple):
    """One request of a guest, and what became of it.

    Attributes:
        method: Upper case; escaped and bounded, as is `origin`: a guest may have chosen them.
        origin: `scheme://host` and the port where it is not the scheme's own.
        path_digest: SHA-256 of path and query, which may hold what nobody should read in a log.
        decision: Whether policy let it pass.
        rule: What decided: the grant, as policy spells it, or the dotted name of the rule that
            stopped it.
        status: Of the response; None when there was none.
        sent_bytes: Of the request's body.
        received_bytes: Of the response's body, as the guest got it.
        wall_us: From the beginning of the request to the end of the response.
        error: Why there was no whole response, in the words of `wasi:http`.
    """

    method: str
    origin: str
    path_digest: str
    decision: Literal["allowed", "denied"]
    rule: str
    status: int | None = None
    sent_bytes: int = 0
    received_bytes: int = 0
    wall_us: int = 0
    error: str | None = None


class SocketTrace(NamedTuple):
    """One TCP connection of a guest, or one look-up of a name, and what became of it.

    Attributes:
        to: `HOST:PORT`, or the name; escaped and bounded: a guest may have chosen it.
        address: Where a connection led in the end; empty where it led nowhere.
        decision: Whether policy let it pass.
        rule: What decided: the grant, as policy spells it, or the dotted name of the rule that
            stopped it.
        sent_bytes: Of the guest's.
        received_bytes: On their way to the guest.
        wall_us: From the beginning to the end.
        error: Why it did not come to its end, in the words of `wasi:http`.
    """

    to: str
    address: str
    decision: Literal["allowed", "denied"]
    rule: str
    sent_bytes: int = 0
    received_bytes: int = 0
    wall_us: int = 0
    error: str | None = None


class Event(NamedTuple):
    """One thing worth knowing later. A tuple, because every call makes one.

    Attributes:
        time_ms: Unix time in milliseconds.
        message: One line for people.
        parent_call_id: The call that made this one, where another tool did.
        code: The stable code of an error or denial.
        capability: The capability's name, for denials and policy changes.
        attempted: What a denied guest asked for.
        function: The host function it asked through.
        arguments_digest: SHA-256 of the canonical JSON of the arguments.
        compiler: Which one made the code of the tool.
        denials: How many denials the call had, listed or not.
        depth: How many calls stood inside each other, for one that another tool made; else 0.
        frames: Where a trapped guest stood.
        http: What was asked of which origin.
        tenant: Whose it was, where nobody who asked is known.
        policy_stale: An edit of the policy could not be read; the last good one applies.
        details: Further facts, JSON-ready.
    """

    name: EventName
    time_ms: int
    severity: Severity
    message: str
    principal: Principal | None = None
    call_id: str | None = None
    parent_call_id: str | None = None
    tool: str | None = None
    digest: str | None = None
    code: str | None = None
    capability: str | None = None
    attempted: str | None = None
    function: str | None = None
    arguments_digest: str | None = None
    compiler: Compiler | None = None
    usage: Usage | None = None
    gated: Gated | None = None
    denials: int = 0
    frames: tuple[str, ...] = ()
    http: HttpTrace | None = None
    socket: SocketTrace | None = None
    tenant: str | None = None
    policy_stale: bool = False
    depth: int = 0
    details: Mapping[str, Any] = MappingProxyType({})
