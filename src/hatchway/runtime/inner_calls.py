"""Calls of tools by tools.

A tool that was granted others asks for them by name. Each such call is a call like any other:
it is looked up in the catalog in which the outer one began, decided by `decide` for the same
principal, run in a sandbox of its own, and leaves one terminal event, which names the call that
made it. Nothing of the caller's power goes to the called tool, and nothing comes back but its
answer.

Calls inside each other are a tree. A call pays for everything below it: how many calls, how
much fuel, and until when. What one of the tree has read that is private, all have read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.core.call import TextContent, ToolCall, Usage
from hatchway.core.capability import ToolUse
from hatchway.core.errors import (
    BudgetExhaustedError,
    FuelExhaustedError,
    TooDeepError,
    UnknownToolError,
)
from hatchway.core.tools import DENIED, MAX_TOOL_DEPTH, ToolAnswer
from hatchway.core.traces import Traces
from hatchway.core.wit import ResultType
from hatchway.policy.cover import covering
from hatchway.policy.grammar import tool_use_of
from hatchway.runtime.budgets import Budget
from hatchway.runtime.searching import findable, shortened
from hatchway.runtime.wit_schema import is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hatchway.core.call import Outcome
    from hatchway.core.errors import CallError
    from hatchway.core.grant import Grant
    from hatchway.core.tool import Tool
    from hatchway.runtime.catalog import Catalog
    from hatchway.runtime.searching import Findable

_NO_SUCH_TOOL = "no such tool"
"""What a guest is told of every tool that it was not granted, whether there is one or not."""
_HAD_LESS = ", which is what its caller had left for it: inner_fuel in the caller's limits"


def may_call(tool: Tool, grant: Grant) -> bool:
    """Whether a call of `tool` may ask for other tools.

    Code always may: where it was granted none, it is on record what it asked for.
    """
    return tool.runs_code or any(isinstance(item, ToolUse) for item in grant.capabilities)


class InnerCalls:
    """The other tools, as one call may use them: the `Tools` of the sandbox.

    Attributes:
        made: Calls that began.
        refused: Calls that did not, for want of a grant, of budget or of depth.
        traces: What the whole tree has read that is private.
        budget: What the calls below it may still use.

    Args:
        call: The call that they are part of.
        grant: What it was granted.
        catalog: What can be called; the one in which the outermost call began.
        answer: Answers one inner call.
        above: What the call is itself an inner call of.
    """

    def __init__(
        self,
        *,
        call: ToolCall,
        grant: Grant,
        catalog: Catalog,
        answer: Callable[[ToolCall, InnerCalls], Outcome],
        new_call_id: Callable[[], str],
        above: InnerCalls | None = None,
    ) -> None:
        self.made = self.refused = 0
        self.traces: Traces = Traces() if above is None else above.traces
        self.budget: Budget = Budget(grant, None if above is None else above.budget)
        self._call = call
        self._allow = tuple(item for item in grant.capabilities if isinstance(item, ToolUse))
        self._catalog = catalog
        self._answer = answer
        self._new_call_id = new_call_id
        self._reserved = 0
        self._is_cut = False

    # What the sandbox asks

    def search(self, query: str, most: int) -> Sequence[Mapping[str, Any]]:
        """The granted tools that fit `query` best, best first: name and description."""
        index = self._catalog.indexes.get(self._allow, self._findable)
        return [
            {"name": name, "description": shortened(description)}
            for name, description in index.find(query, most)
        ]

    def _findable(self) -> Iterator[Findable]:
        """The tools that were granted, as they can be searched for."""
        for name, entry in self._catalog.entries.items():
            if self._is_granted(name):
                yield findable(entry.tool)

    def describe(self, name: str) -> ToolAnswer:
        """One granted tool: name, description, input schema and output schema."""
        if (denial := self._denial(name)) is not None:
            return denial
        try:
            tool = self._catalog.find(name).tool
        except UnknownToolError as error:
            return _failed(error)
        return ToolAnswer(
            value={
                "name": tool.name,
                "description": tool.manifest.description,
                "input": tool.input_schema,
                "output": _output_schema(tool),
            }
        )

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a granted tool; every refusal and failure is in the answer."""
        if (denial := self._denial(name)) is not None:
            self.refused += 1
            return denial
        try:
            self._require_shallow()
            self.budget.begin()
        except (TooDeepError, BudgetExhaustedError) as error:
            self.refused += 1
            return _failed(error)
        self.made += 1
        inner = ToolCall(
            call_id=self._new_call_id(),
            principal=self._call.principal,
            tool=name,
            arguments=arguments,
            parent_id=self._call.call_id,
            depth=self._call.depth + 1,
        )
        self._reserved, self._is_cut = 0, False
        outcome = self._answer(inner, self)
        self._settle(outcome.usage)
        entry = self._catalog.entries.get(name)
        answer = _answered(None if entry is None else entry.tool, outcome)
        if self._is_cut and answer.code == FuelExhaustedError.code:
            # Its own limits say otherwise, and whoever reads them would raise the wrong one.
            return answer._replace(message=answer.message + _HAD_LESS)
        return answer

    # What the runtime asks

    @property
    def facts(self) -> Mapping[str, int]:
        """How many calls there were, for the event about the call that made them."""
        counts = {"inner_calls": self.made, "inner_refused": self.refused}
        return {name: count for name, count in counts.items() if count}

    def within(self, grant: Grant) -> Grant:
        """`grant` of the inner call that begins, with no more than is left for it."""
        own = grant.limits.fuel
        grant = self.budget.reserve(grant)
        self._reserved = grant.limits.fuel
        self._is_cut = self._reserved < own
        return grant

    def _settle(self, usage: Usage) -> None:
        """Give back what the inner call did not use; all it had where nobody can tell."""
        used = 0 if usage.wall_us is None else self._reserved
        if usage.fuel is not None:
            used = usage.fuel
        self.budget.give_back(self._reserved - used)

    def _is_granted(self, name: str) -> bool:
        wanted = tool_use_of(name)
        return wanted is not None and covering(self._allow, wanted) is not None

    def _denial(self, name: str) -> ToolAnswer | None:
        """The answer to a guest that was not granted the tool `name`, or None."""
        if self._is_granted(name):
            return None
        use = tool_use_of(name) if name in self._catalog.entries else None
        wanted = "" if use is None else str(use)
        return ToolAnswer(code=DENIED, message=_NO_SUCH_TOOL, wanted=wanted)

    def _require_shallow(self) -> None:
        if self._call.depth >= MAX_TOOL_DEPTH:
            message = f"at most {MAX_TOOL_DEPTH} calls may stand inside each other"
            raise TooDeepError(message)


def _failed(error: CallError) -> ToolAnswer:
    return ToolAnswer(code=error.code, message=error.message)


def _answered(tool: Tool | None, outcome: Outcome) -> ToolAnswer:
    """An outcome as a guest gets it: what a client would get, in fewer words."""
    if outcome.is_error:
        code = "call.failed" if outcome.error is None else outcome.error.code
        said = "\n".join(block.text for block in outcome.content if isinstance(block, TextContent))
        return ToolAnswer(code=code, message=said or "the tool failed without saying why")
    return ToolAnswer(value=_value(tool, outcome))


def _value(tool: Tool | None, outcome: Outcome) -> Any:
    if outcome.structured is not None:
        is_wrapped = tool is not None and _is_wrapped(tool)
        return outcome.structured["result"] if is_wrapped else outcome.structured
    if all(isinstance(block, TextContent) for block in outcome.content):
        texts = [block.text for block in outcome.content if isinstance(block, TextContent)]
        return "\n".join(texts) if texts else None
    return [block.to_json() for block in outcome.content]


def _is_wrapped(tool: Tool) -> bool:
    """Whether MCP alone is the reason that its result stands in an object."""
    if tool.function is None or tool.runs_code:
        return False
    result = tool.function.result
    if isinstance(result, ResultType):
        result = result.ok
    return result is not None and not is_object(result, tool.manifest.json)


def _output_schema(tool: Tool) -> Any:
    schema = tool.output_schema
    return schema["properties"]["result"] if schema is not None and _is_wrapped(tool) else schema
