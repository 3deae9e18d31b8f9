"""The path of one call. Read this file first.

A call is data moving forward: the tool is looked up, the arguments are checked, `decide`
hands out exactly what policy allows, the sandbox runs a fresh instance with that and
nothing else, and what came of it is recorded before anybody is told.

Why can a tool not read a file? Because nothing below ever gives one to it. `decide` is the
only function that makes a `Grant`; the sandbox links the guest against host functions that
know no files unless the grant names them; and what the guest tries instead is answered with
an error and ends up in the events.

A tool may be granted other tools. What it calls comes back here as a call of its own, with the
grant of its own entry and a sandbox of its own: `InnerCalls` is what the guest holds of that, and
keeps the budgets that the calls inside each other share.
"""

from __future__ import annotations

import itertools
import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from hatchway.core.call import Cancellation
from hatchway.core.errors import CallCancelledError, CallError, InternalError
from hatchway.policy.decide import decide, inside
from hatchway.runtime.arguments import invocation_of, require_bounded, require_valid
from hatchway.runtime.generations import Generation, Running
from hatchway.runtime.inner_calls import InnerCalls, may_call
from hatchway.runtime.recording import record_bug, record_denials, record_end, record_leak
from hatchway.runtime.redacting import cleaned
from hatchway.runtime.results import outcome_of, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.call import Execution, Outcome, ToolCall
    from hatchway.core.egress import Egress
    from hatchway.core.grant import Grant
    from hatchway.core.sandbox import Invocation, Sandbox
    from hatchway.core.tool import Tool
    from hatchway.core.tools import Tools
    from hatchway.runtime.catalog import Catalog
    from hatchway.runtime.recording import EventSink


class Runtime:
    """Answers calls. Safe to use from many threads; each call runs on its caller's thread.

    Args:
        catalog: What can be called, alone or as the first generation of several.
        sandbox: Runs guests.
        events: Where every call is recorded.
        egress: Lets calls onto the network that were granted some of it.
        functions: Puts functions of the host's own in front of the tools that code may call;
            only code that somebody outside runs gets them. None where there are none.
    """

    def __init__(
        self,
        catalog: Catalog | Generation,
        sandbox: Sandbox,
        events: EventSink,
        egress: Egress | None = None,
        functions: Callable[[Tools], Tools] | None = None,
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
        self._functions = functions
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
            return self._answer(call, _Course(generation.catalog, running.cancellation))
        finally:
            generation.leave(running)

    def _answer(self, call: ToolCall, course: _Course) -> Outcome:
        known = _Known()
        try:
            outcome = self._outcome(call, course, known)
        except BaseException as failure:
            record_bug(self._events, call, known.tool, failure)
            if isinstance(failure, Exception):
                message = "the call failed inside Hatchway"
                raise InternalError(message) from failure
            raise
        tool, execution = known.tool, known.execution
        if tool is not None and known.leaked:
            record_leak(self._events, call, tool, known.leaked)
        if tool is not None and execution is not None:
            record_denials(self._events, call, tool, execution)
        facts = None if known.tools is None else known.tools.facts
        record_end(self._events, call, tool, outcome, execution, facts)
        return outcome

    def _outcome(self, call: ToolCall, course: _Course, known: _Known) -> Outcome:
        """The answer as it may leave: whatever went wrong is in it, and no secret is."""
        try:
            outcome = self._path(call, course, known)
        except CallError as error:
            outcome = refusal(error)
        redactor = course.catalog.redactor
        if known.tool is None or redactor is None:
            return outcome
        # It may take as long again as the guest.
        clean = cleaned(redactor, outcome, known.execution, known.seconds)
        known.execution, known.leaked = clean.execution, clean.names
        return clean.outcome

    def _path(self, call: ToolCall, course: _Course, known: _Known) -> Outcome:
        """Look up, check, decide, run. What is found out on the way is kept in `known`."""
        catalog, cancellation, above = course
        entry = catalog.find(call.tool)
        known.tool = tool = entry.tool
        require_bounded(call.arguments)
        if entry.arguments is not None:
            require_valid(entry.arguments, call.arguments)
        grant = decide(tool, catalog.policy, call.principal)
        if above is not None:
            grant = above.within(grant)
        known.seconds = grant.limits.deadline_seconds
        invocation = invocation_of(tool, call.arguments)
        _require_wanted(cancellation)
        if may_call(tool, grant):
            known.tools = self._tools(call, grant, course)
        offered = self._offered(known.tools, above)
        run = _Run(call, tool, invocation, grant, cancellation, offered)
        known.execution = execution = self._run(run, known.tools or above)
        _require_left(cancellation)
        return outcome_of(tool, execution, entry.output)

    def _tools(self, call: ToolCall, grant: Grant, course: _Course) -> InnerCalls:
        """The other tools, as `call` may use them: in the catalog in which its tree began."""
        return InnerCalls(
            call=call,
            grant=grant,
            catalog=course.catalog,
            answer=lambda inner, above: self._answer(inner, course._replace(above=above)),
            new_call_id=self.new_call_id,
            above=course.above,
        )

    def _offered(self, tools: InnerCalls | None, above: InnerCalls | None) -> Tools | None:
        """What a run may ask of the host: other tools, and functions of the host's own."""
        if tools is None or above is not None or self._functions is None:
            return tools
        return self._functions(tools)

    def _run(self, run: _Run, tree: InnerCalls | None) -> Execution:
        """Run the guest, with a ticket to the broker when it was granted an origin.

        What it reads is noted where all calls of its `tree` see it.
        """
        call, tool, invocation, grant, cancellation, tools = run
        traces = None if tree is None else tree.traces
        if grant.egress is None:
            return self._sandbox.run(
                tool.digest, invocation, grant, cancellation, None, tools, traces, call.call_id
            )
        if self._egress is None:
            message = "a call was granted the network, and there is no broker"
            raise InternalError(message)
        with self._egress.admit(call, tool, grant.egress, traces) as ticket:
            # What the broker may do, secrets included, is not for the sandbox to know.
            run_grant = inside(grant)
            return self._sandbox.run(
                tool.digest,
                invocation,
                run_grant,
                cancellation,
                ticket,
                tools,
                traces,
                call.call_id,
            )

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


class _Course(NamedTuple):
    """What a call is answered with.

    Attributes:
        above: What it is an inner call of; None for one from outside.
    """

    catalog: Catalog
    cancellation: Cancellation
    above: InnerCalls | None = None


class _Known:
    """What is known of a call so far; its events say it, however far the call comes.

    Attributes:
        tools: The other tools, as it was offered them.
        seconds: How long its guest may run.
        leaked: Names of the secrets that were taken out of its answer.
    """

    __slots__ = ("execution", "leaked", "seconds", "tool", "tools")

    def __init__(self) -> None:
        self.tool: Tool | None = None
        self.execution: Execution | None = None
        self.tools: InnerCalls | None = None
        self.seconds = 0.0
        self.leaked: list[str] = []


class _Run(NamedTuple):
    """One run of a guest."""

    call: ToolCall
    tool: Tool
    invocation: Invocation
    grant: Grant
    cancellation: Cancellation
    tools: Tools | None


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
