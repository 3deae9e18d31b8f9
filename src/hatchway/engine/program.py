"""What modules and components have in common once they are compiled and linked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hatchway.engine import causes

if TYPE_CHECKING:
    from hatchway.core.errors import CallError
    from hatchway.core.sandbox import Invocation
    from hatchway.engine.guest import Guest


class Ending(NamedTuple):
    """How one run ended.

    Attributes:
        value: The JSON form of a function's result.
        failed: The guest itself says that it failed.
        stop: Why it did not end well, or None.
        frames: Where a trapped guest stood.
    """

    value: Any = None
    failed: bool = False
    stop: CallError | None = None
    frames: tuple[str, ...] = ()


WELL = Ending()


class Program(Protocol):
    """Compiled code, linked against what denies, ready to be instantiated."""

    def enter(self, context: int, guest: Guest, invocation: Invocation) -> Ending:
        """Instantiate in the fresh store of `context` and run to the end."""
        ...

    def peak_memory_bytes(self, guest: Guest) -> int | None:
        """The most linear memory the run used, where it can be measured."""
        ...


def ended_early(guest: Guest, error: int | None, trap: int | None) -> Ending:
    """The ending behind an owned error or trap of wasmtime's; it is deleted.

    What the guest object says wins: it was written by the host, before wasmtime spoke.
    """
    stop, frames = causes.from_error(error) if error else causes.from_trap(trap or 0)
    if guest.stop is not None:
        return Ending(stop=guest.stop)
    if guest.exit_code is not None:
        return exited(guest.exit_code)
    return Ending(stop=stop, frames=frames)


def exited(code: int) -> Ending:
    """The ending of a program that ended itself with status `code`."""
    return WELL if code == 0 else Ending(failed=True, stop=causes.exited(code))
