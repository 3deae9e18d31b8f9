"""The decorator that makes a tool of a function, and what it notes down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Function = TypeVar("Function", bound=Callable[..., Any])
    Places = str | Iterable[str] | Mapping[str, str]

NOTE = "__hatchway_tool__"
"""The attribute of a function that holds its declaration."""


class ToolError(Exception):
    """What a tool raises to fail with these words alone, without the place in its code."""


@dataclass(frozen=True)
class Declaration:
    """What an author says about one function.

    Attributes:
        purpose: What it is for, in one sentence.
        title: A name for people; empty when there is none.
        requires: Why it cannot do without a capability, by the capability's spelling.
        optional: What it uses a capability for if it has it, by the capability's spelling.
        effects: What it claims about its effects, as MCP names the hints.
    """

    purpose: str
    title: str
    requires: Mapping[str, str]
    optional: Mapping[str, str]
    effects: Mapping[str, bool]


def tool(  # noqa: PLR0913 - each is one thing an author can say
    *,
    purpose: str,
    title: str = "",
    reads: Places = (),
    writes: Places = (),
    origins: Places = (),
    env: Places = (),
    clock: str | bool = False,
    random: str | bool = False,
    optional: Mapping[str, str] | None = None,
    read_only: bool | None = None,
    idempotent: bool | None = None,
) -> Callable[[Function], Function]:
    """Make a tool of a function, which stays the function it is.

    Whatever is named here is asked for, and granted only if the operator says so. Where
    several may be named, one text, a list of texts, or a mapping of texts to reasons will do.

    Args:
        purpose: What the tool is for, in one sentence. It is the reason for everything that
            has none of its own.
        title: A name for people.
        reads: Directories it reads, as the tool sees them: `"/in"`.
        writes: Directories it writes to.
        origins: Where on the web it asks: `"https://api.example.com"`.
        env: Environment variables it reads.
        clock: Whether it needs the time, or what for.
        random: Whether it needs real randomness, or what for.
        optional: Capabilities that it can do without, and what it uses each for.
        read_only: Claim that it changes nothing outside.
        idempotent: Claim that doing it twice is doing it once.

    Raises:
        TypeError: Something is not what it has to be.
    """
    given: Any = purpose
    if not (isinstance(given, str) and given.strip()):
        message = f"@tool(purpose=…) must be a sentence, got {given!r}"
        raise TypeError(message)
    requires = {
        **_wanted("reads", reads, "fs.read={}", purpose),
        **_wanted("writes", writes, "fs.write={}", purpose),
        **_wanted("origins", origins, "net.http={}", purpose),
        **_wanted("env", env, "env={}", purpose),
        **_switched("clock", clock, purpose),
        **_switched("random", random, purpose),
    }
    claims = {"readOnlyHint": read_only, "idempotentHint": idempotent}
    declaration = Declaration(
        purpose=purpose,
        title=title,
        requires=requires,
        optional=dict(optional or {}),
        effects={name: claim for name, claim in claims.items() if claim is not None},
    )

    def noted(function: Function) -> Function:
        setattr(function, NOTE, declaration)
        return function

    return noted


def declaration_of(value: Any) -> Declaration | None:
    """What the author said about a function; None when it is no tool."""
    found = getattr(value, NOTE, None)
    return found if isinstance(found, Declaration) else None


def _wanted(name: str, given: Places, spelling: str, purpose: str) -> dict[str, str]:
    reasons: Mapping[Any, Any]
    if isinstance(given, str):
        reasons = {given: purpose}
    elif hasattr(given, "items"):
        reasons = dict(given.items())
    else:
        reasons = dict.fromkeys(given, purpose)
    for what, why in reasons.items():
        if not (isinstance(what, str) and what and isinstance(why, str) and why):
            message = f"@tool({name}=…) takes texts, or texts and reasons; got {given!r}"
            raise TypeError(message)
    return {spelling.format(what): why for what, why in reasons.items()}


def _switched(name: str, given: str | bool, purpose: str) -> dict[str, str]:
    if given is False or given == "":
        return {}
    return {name: purpose if given is True else given}
