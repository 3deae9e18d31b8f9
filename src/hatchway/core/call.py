"""One call: who asks for what, and what came of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.code import CodeResult
    from hatchway.core.errors import CallError
    from hatchway.core.surface import Compiler

Door: TypeAlias = Literal["cli", "stdio", "http", "library"]

MAX_LISTED_DENIALS = 32
"""Distinct denials one call may list and record; further ones are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking, as authentication found it; never taken from arguments.

    Attributes:
        tenant: Whose policy applies.
        subject: The person or program within the tenant.
        door: The way the request came in.
    """

    tenant: str
    subject: str
    door: Door


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One request to run a tool.

    Attributes:
        call_id: Unique within this process; correlates events.
        tool: The name the client used.
        arguments: Parsed JSON, not yet checked.
        parent_id: The call that made this one; None for one that came from outside.
        depth: How many calls stand inside each other here, this one included.
    """

    call_id: str
    principal: Principal
    tool: str
    arguments: Mapping[str, Any]
    parent_id: str | None = None
    depth: int = 1


class Withdrawal(Protocol):
    """Whether a call is to end, as whoever runs its guest looks at it."""

    @property
    def is_requested(self) -> bool:
        """The call is to end."""
        ...

    @property
    def reason(self) -> str | None:
        """Why the host took the call away, where it did."""
        ...


class Cancellation:
    """A flag by which a call can be withdrawn while it runs.

    The guest is stopped at its next look at the flag, at most 100 ms later.

    Attributes:
        is_requested: The call is to end.
        reason: Why the host took the call away; None when the one who asked withdrew it.
    """

    __slots__ = ("is_requested", "reason")

    def __init__(self) -> None:
        self.is_requested = False
        self.reason: str | None = None

    def request(self) -> None:
        """Withdraw the call. May be called from any thread, more than once."""
        self.is_requested = True

    def impose(self, reason: str) -> None:
        """Take the call away from the one who asked, whatever comes of it meanwhile."""
        self.reason = reason
        self.is_requested = True


class Usage(NamedTuple):
    """What a call consumed. None where it cannot be measured.

    A tuple, like everything that is made once for every call: a frozen dataclass takes
    four times as long.

    Attributes:
        wall_us: Microseconds from instantiation to the result.
        fuel: Wasm operations; unknown after a deadline, where wasmtime does not tell.
        memory_bytes: The largest size of the linear memory; unknown for components.
        output_bytes: What the guest wrote and returned.
    """

    wall_us: int | None = None
    fuel: int | None = None
    memory_bytes: int | None = None
    output_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One thing a guest tried without a grant.

    Attributes:
        capability: The capability that was missing, by name.
        attempted: What was asked for; already escaped and bounded.
        function: The host function, spelled as in the artifact's imports.
        wanted: The capability that would have allowed it, as `hatchway grant` takes it, where
            the host knows; for people, and no part of any answer.
    """

    capability: str
    attempted: str
    function: str
    wanted: str = ""


class Gated(NamedTuple):
    """How often a guest read a substitute for something it was not granted."""

    clock: int = 0
    random: int = 0
    env: int = 0


NOTHING_GATED = Gated()


class Execution(NamedTuple):
    """What the sandbox reports of one run.

    Attributes:
        value: The JSON form of a component function's result.
        stdout: What a command wrote, within its output limit.
        stderr: The same for stderr.
        failed: The guest says that it failed: `result::err`, or an exit status.
        stop: Why the guest did not end by itself, or None.
        frames: Where it stood when it trapped, innermost first; escaped and bounded.
        denials: At most `MAX_LISTED_DENIALS` distinct ones, in order.
        unlisted_denials: How many more there were.
        files: What was wanted of a command's workspace, by path below it, in order.
        compiler: Which one made the code that ran.
    """

    value: Any = None
    stdout: bytes = b""
    stderr: bytes = b""
    failed: bool = False
    stop: CallError | None = None
    frames: tuple[str, ...] = ()
    usage: Usage = Usage()
    denials: tuple[Denial, ...] = ()
    unlisted_denials: int = 0
    gated: Gated = NOTHING_GATED
    files: Mapping[str, bytes] = MappingProxyType({})
    compiler: Compiler | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextContent:
    """Text for the model."""

    text: str

    def to_json(self) -> dict[str, Any]:
        """The MCP content block."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaContent:
    """An image or a sound.

    Attributes:
        media_type: From the host's own list, never the guest's word.
    """

    kind: Literal["image", "audio"]
    data: bytes
    media_type: str

    def to_json(self) -> dict[str, Any]:
        """The MCP content block."""
        encoded = base64.b64encode(self.data).decode("ascii")
        return {"type": self.kind, "data": encoded, "mimeType": self.media_type}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceContent:
    """A file that the client gets along with the answer.

    Attributes:
        uri: Minted by the host; it names the file and leads nowhere.
        media_type: From the host's own list, never the guest's word.
    """

    uri: str
    media_type: str
    data: bytes

    @property
    def text(self) -> str | None:
        """What it says, when its media type is one of text and its bytes are."""
        if not self.media_type.startswith("text/") and self.media_type not in _TEXTUAL:
            return None
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None

    def to_json(self) -> dict[str, Any]:
        """The MCP content block."""
        resource = {"uri": self.uri, "mimeType": self.media_type}
        if (text := self.text) is not None:
            resource["text"] = text
        else:
            resource["blob"] = base64.b64encode(self.data).decode("ascii")
        return {"type": "resource", "resource": resource}


_TEXTUAL = frozenset({"application/json", "application/xml", "image/svg+xml"})

Content: TypeAlias = TextContent | MediaContent | ResourceContent


class Outcome(NamedTuple):
    """The answer to a call, whether it succeeded or not.

    Attributes:
        content: What the model reads.
        structured: The JSON object behind it, or None.
        is_error: The tool failed, or never ran.
        error: Why, when it was Hatchway that ended or refused the call.
        stdout: What a command wrote, for whoever called it by hand; no part of the answer.
        stderr: The same for stderr.
        code: What the code came to, where an interpreter ran some; no part of the answer.
    """

    content: tuple[Content, ...] = ()
    structured: Mapping[str, Any] | None = None
    is_error: bool = False
    error: CallError | None = None
    usage: Usage = Usage()
    denials: tuple[Denial, ...] = ()
    gated: Gated = NOTHING_GATED
    stdout: bytes = b""
    stderr: bytes = b""
    code: CodeResult | None = None

    def to_json(self) -> dict[str, Any]:
        """The shape `hatchway call --json` prints."""
        error = self.error
        return {
            "ok": not self.is_error,
            "content": [block.to_json() for block in self.content],
            "structured": self.structured,
            "is_error": self.is_error,
            "error": None
            if error is None
            else {"code": error.code, "message": error.message, "details": error.details},
            "usage": self.usage._asdict(),
            "denials": [
                {
                    "capability": denial.capability,
                    "attempted": denial.attempted,
                    "function": denial.function,
                }
                for denial in self.denials
            ],
            "gated": self.gated._asdict(),
        }
