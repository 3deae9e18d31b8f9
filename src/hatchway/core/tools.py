"""What a guest that was granted other tools may ask of them, and who answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_TOOL_DEPTH = 4
"""Calls that may stand inside each other, the one a client asked for included."""

DENIED = "capability.denied"
"""The code of an answer about a tool that was not granted."""

MAX_TEXT_BYTES = 8 << 20
"""The JSON of the arguments of one call, and that of an inner call's answer."""
MAX_NAME_BYTES = 256
"""The name of a tool, as a guest may spell one."""
MAX_FOUND = 50
"""Tools that one search may name."""


class ToolAnswer(NamedTuple):
    """What came of an inner call.

    Attributes:
        value: What the tool gave back, as JSON would hold it; None when it failed.
        code: The stable code of why it failed; empty when it did not.
        message: The same in words, as a client would read them.
        wanted: The capability that would have allowed the call, as `hatchway grant` takes it,
            where a grant is what was missing. For the operator, never for the guest.
    """

    value: Any = None
    code: str = ""
    message: str = ""
    wanted: str = ""


class Tools(Protocol):
    """The other tools, as one call may use them. It is asked on the thread of that call."""

    def search(self, query: str, most: int) -> Sequence[Mapping[str, Any]]:
        """The granted tools that fit `query` best, best first: name and description."""
        ...

    def describe(self, name: str) -> ToolAnswer:
        """One granted tool: name, description, input schema and output schema."""
        ...

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a granted tool; every refusal and failure is in the answer."""
        ...
