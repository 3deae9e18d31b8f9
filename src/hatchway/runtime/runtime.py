"""The path of one call. Read this file first.

A call is data moving forward: the tool is looked up, the arguments are checked, `decide`
hands out exactly what policy allows, the sandbox runs a fresh instance with that and
nothing else, and what came of it is recorded before anybody is told.

Why can a tool not read a file? Because nothing below ever gives one to it. `decide` is the
only function that makes a `Grant`; the sandbox links the guest against host functions that
know no files unless the grant names them; and what the guest tries instead is answered with
an error and ends up in the events.
"""

from __future__ import annotations

import itertools
import os
import threading
from typing import TYPE_CHECKING

from hatchway.core.call import Cancellation
from hatchway.core.errors import CallCancelledError, CallError, InternalError
from hatchway.policy.decide import decide, inside
from hatchway.runtime.arguments import invocation_of, require_bounded, require_valid
from hatchway.runtime.generations import Generation, Running
from hatchway.runtime.recording import record_bug, record_denials, record_end, record_leak
from hatchway.runtime.redacting import outcome_without, without_secrets
from hatchway.runtime.results import outcome_of, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.call import Execution, Outcome, ToolCall
    from hatchway.core.egress import Egress
    from hatchway.core.grant import Grant
    from hatchway.core.redaction import Redactor
    from hatchway.core.sandbox import Invocation, Sandbox
    from hatchway.core.tool import Tool
    from hatchway.runtime.catalog import Catalog
    from hatchway.runtime.recording import EventSink


class Runtime:
    """Answers calls. Safe to use from many threads; each call runs on its caller's thread.

    Args:
        catalog: What can be called, alone or as the first generation of several.
        sandbox: Runs guests.
        events: Where every call is recorded.
        egress: Lets calls onto the network that were granted some of it.
    """

    def __init__(
        self,
        catalog: Catalog | Generation,
        sandbox: Sandbox,
        events: EventSink,
        egress: Egress | None = None,
    ) -> None:
        self._generation: Generation = (
            catalog if isinstance(catalog, Generation) else Generation(catalog)
        )
        self._retired: tuple[Generation, ...] = ()
        self._replacing = threading.Lock()
        self._followers: list[Callable[[], None]] = []
        self._sandbox = sandbox
        self._events = events
        self._egress = egress
        self._boot = os.urandom(4).hex()
        self._numbers = itertools.count(1)

    @property
    def catalog(self) -> Catalog:
        """What can be called now."""
        return self._generation.catalog

    def new_call_id(self) -> str:
        """An identifier that no other call of this machine's log has."""
        return f"{self._boot}-{next(self._numbers)}"

    def call(self, call: ToolCall, cancellation: Cancellation | None = None) -> Outcome:
        """Answer one call, leaving exactly one terminal event behind.

        Whatever the tool or the client does wrong is in the outcome. It blocks while the
        guest runs, at most for the deadline of its grant. What can be called, and with what,
        is settled when it begins; a change of policy that takes something away from it ends
        it with `call.cancelled`.

        Raises:
            InternalError: A bug of ours; the client must not be told more.
            ConfigError: The events cannot be written, so nothing may be answered.
        """
        running = Running(call.tool, cancellation or Cancellation())
        generation = self._generation
        while not generation.enter(running):
            generation = self._generation
        try:
            return self._answer(call, generation.catalog, running.cancellation)
        finally:
            generation.leave(running)

    def _answer(self, call: ToolCall, catalog: Catalog, cancellation: Cancellation) -> Outcome:
        tool: Tool | None = None
        execution: Execution | None = None
        try:
            entry = catalog.find(call.tool)
            tool = entry.tool
            require_bounded(call.arguments)
            if entry.arguments is not None:
                require_valid(entry.arguments, call.arguments)
            grant = decide(tool, catalog.policy, call.principal)
            invocation = invocation_of(tool, call.arguments)
            _require_wanted(cancellation)
            execution = self._run(call, tool, invocation, grant, cancellation)
            _require_left(cancellation)
            outcome = outcome_of(tool, execution, entry.output)
        except CallError as error:
            outcome = refusal(error)
        except BaseException as failure:
            record_bug(self._events, call, tool, failure)
            if isinstance(failure, Exception):
                message = "the call failed inside Hatchway"
                raise InternalError(message) from failure
            raise
        if tool is not None and catalog.redactor is not None:
            outcome, execution = self._redacted(call, tool, outcome, execution, catalog.redactor)
        if tool is not None and execution is not None and execution.denials:
            record_denials(self._events, call, tool, execution)
        record_end(self._events, call, tool, outcome, execution)
        return outcome

    def _run(
        self,
        call: ToolCall,
        tool: Tool,
        invocation: Invocation,
        grant: Grant,
        cancellation: Cancellation,
    ) -> Execution:
        """Run the guest, with a ticket to the broker when it was granted an origin."""
        if grant.egress is None:
            return self._sandbox.run(tool.digest, invocation, grant, cancellation)
        if self._egress is None:
            message = "a call was granted the network, and there is no broker"
            raise InternalError(message)
        with self._egress.admit(call, tool, grant.egress) as ticket:
            # What the broker may do, secrets included, is not for the sandbox to know.
            return self._sandbox.run(tool.digest, invocation, inside(grant), cancellation, ticket)

    def _redacted(
        self,
        call: ToolCall,
        tool: Tool,
        outcome: Outcome,
        execution: Execution | None,
        redactor: Redactor,
    ) -> tuple[Outcome, Execution | None]:
        """The answer without any secret; that there was one to take out is an event."""
        found: set[str] = set()
        outcome = outcome_without(redactor, outcome, found)
        if execution is not None:
            execution = without_secrets(redactor, execution, found)
        if found:
            record_leak(self._events, call, tool, sorted(found))
        return outcome, execution

    # Generations

    def replace(self, generation: Generation) -> int:
        """Let every call from now on begin in `generation`.

        Calls that run go on as they began, unless `generation` takes something away from
        them: how many were withdrawn is the answer.
        """
        with self._replacing:
            before, self._generation = self._generation, generation
            # From here on nothing begins in the old one: who is withdrawn is complete.
            before.retire()
            earlier = (*self._retired, before)
            self._retired = tuple(each for each in earlier if each.is_in_use)
            withdrawn = [
                each.withdraw_what_is_narrowed(generation.catalog) for each in self._retired
            ]
        for follow in self._followers:
            follow()
        return sum(withdrawn)

    def follow(self, follower: Callable[[], None]) -> None:
        """Have `follower` called after every change of generation, on the thread of the change."""
        self._followers.append(follower)


def _require_wanted(cancellation: Cancellation) -> None:
    """Do not begin what nobody waits for any more, or what was taken away already."""
    _require_left(cancellation)
    if cancellation.is_requested:
        message = "the call was cancelled before it began"
        raise CallCancelledError(message)


def _require_left(cancellation: Cancellation) -> None:
    """Keep back what a guest found with something that was taken away while it ran."""
    if cancellation.reason is not None:
        raise CallCancelledError(cancellation.reason)
