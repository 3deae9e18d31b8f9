"""What a worker says, read as if it had been taken over.

Every field is checked, bounded and made harmless, and says something about its own call only.
What does not fit ends the worker.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hatchway.core.call import MAX_LISTED_DENIALS, NOTHING_GATED, Denial, Execution, Gated, Usage
from hatchway.core.capability import CAPABILITY_NAMES
from hatchway.core.errors import (
    CallCancelledError,
    CallError,
    DeadlineExceededError,
    FuelExhaustedError,
    GuestError,
    GuestExitedError,
    GuestTrappedError,
    HostCallsExceededError,
    InvalidArgumentsError,
    InvalidOutputError,
    MemoryExceededError,
    NotAuthorizedError,
    OutputTooLargeError,
    OverloadedError,
    ScratchExceededError,
)
from hatchway.core.tools import MAX_FOUND, MAX_NAME_BYTES
from hatchway.core.untrusted import harmless, printable
from hatchway.workers.channel import ChannelError
from hatchway.workers.shapes import can_give, is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hatchway.core.limits import Limits
    from hatchway.core.surface import Compiler
    from hatchway.core.wit import WitType


T = TypeVar("T")

_MAX_NUMBER = (1 << 63) - 1
_MAX_WORDS = 4000
_MAX_FRAMES = 64
_MAX_DETAILS = 16
_MAX_FILES = 16_384
_MAX_PATH = 4096
_MAX_DEPTH = 200
_MAX_UNLISTED = 1 << 53

ENDS: dict[str, type[CallError]] = {
    kind.code: kind
    for kind in (
        CallCancelledError,
        DeadlineExceededError,
        FuelExhaustedError,
        GuestError,
        GuestExitedError,
        GuestTrappedError,
        HostCallsExceededError,
        InvalidOutputError,
        MemoryExceededError,
        OutputTooLargeError,
        ScratchExceededError,
    )
}
"""Why a guest may have been stopped, by code."""
REFUSALS: dict[str, type[CallError]] = {
    kind.code: kind
    for kind in (InvalidArgumentsError, NotAuthorizedError, OverloadedError, ScratchExceededError)
}
"""Why a guest may not have run at all."""


def execution_to_wire(execution: Execution, has_read: bool) -> list[Any]:
    """What came of a call."""
    stop = execution.stop
    return [
        "result",
        execution.value,
        execution.stdout,
        execution.stderr,
        execution.failed,
        None if stop is None else [stop.code, stop.message, dict(stop.details)],
        list(execution.frames),
        list(execution.usage),
        [
            [each.capability, each.attempted, each.function, each.wanted]
            for each in execution.denials
        ],
        execution.unlisted_denials,
        list(execution.gated),
        dict(execution.files),
        has_read,
    ]


def refusal_to_wire(error: CallError) -> list[Any]:
    """Why a guest did not run."""
    return ["refused", error.code, error.message, error.hint]


class Result(NamedTuple):
    """What a worker says of its call, once it was checked."""

    execution: Execution
    has_read: bool


class Expected(NamedTuple):
    """What is known of an answer before it comes.

    Attributes:
        limits: Of the call.
        compiler: The one whose code the worker runs.
        kind: What the function gives; None where it gives nothing but bytes.
    """

    limits: Limits
    compiler: Compiler
    kind: WitType | None = None


def result_from_wire(words: Any, expected: Expected, elapsed_us: int) -> Result:
    """What a worker says came of a call.

    Raises:
        ChannelError: No engine of ours says such a thing.
    """
    parts = _list(words, 13)
    _, value, stdout, stderr, failed, stop, frames, usage, denials, unlisted, gated, files, read = (
        parts
    )
    limits = expected.limits
    most = limits.output_bytes
    is_stopped = stop is not None and value is None
    if not is_stopped and not can_give(expected.kind, value, failed=_is(failed, bool), most=most):
        message = "a worker answers with a value that its function cannot give"
        raise ChannelError(message)
    execution = Execution(
        value=value,
        stdout=_is(stdout, bytes),
        stderr=_is(stderr, bytes),
        failed=_is(failed, bool),
        stop=None if stop is None else _error(stop, ENDS),
        frames=_each(frames, _words, _MAX_FRAMES),
        usage=_usage(usage, limits, elapsed_us),
        denials=_each(denials, _denial, MAX_LISTED_DENIALS),
        unlisted_denials=_number(unlisted, _MAX_UNLISTED),
        gated=_gated(gated),
        files=_files(files),
        compiler=expected.compiler,
    )
    came_out = len(stdout) + len(stderr)
    if execution.files:
        came_out += sum(map(len, execution.files.values()))
    if came_out > limits.output_bytes:
        message = "a worker answers with more than its call may put out"
        raise ChannelError(message)
    return Result(execution, _is(read, bool))


def refusal_from_wire(words: Any) -> CallError:
    """Why a worker says that its guest did not run.

    Raises:
        ChannelError: No engine of ours says such a thing.
    """
    _, code, message, hint = _list(words, 4)
    error = _error([code, message, {}], REFUSALS)
    error.hint = None if hint is None else _words(hint)
    return error


class Asked(NamedTuple):
    """What a guest asks of other tools.

    Attributes:
        operation: `search`, `describe` or `call`.
        subject: What to search for, or the name of a tool.
        most: How many tools a search may name.
        arguments: Of the call.
        has_read: What the guest has read by now.
    """

    operation: str
    subject: str
    most: int
    arguments: Mapping[str, Any]
    has_read: bool


_MAX_QUERY = 4096


def asked_from_wire(words: Any) -> Asked:
    """What a worker says its guest asks of other tools.

    Raises:
        ChannelError: No engine of ours says such a thing.
    """
    _, operation, subject, most, arguments, has_read = _list(words, 6)
    if operation not in ("search", "describe", "call"):
        message = "a worker asks for what nobody offers"
        raise ChannelError(message)
    bound = _MAX_QUERY if operation == "search" else MAX_NAME_BYTES
    if len(_is(subject, str)) > bound or not is_whole(subject):
        message = "a worker asks for a tool with a name that no tool has"
        raise ChannelError(message)
    require_plain(_is(arguments, dict))
    return Asked(operation, subject, _number(most, MAX_FOUND), arguments, _is(has_read, bool))


def require_plain(value: object) -> None:
    """Refuse what JSON could not hold.

    Raises:
        ChannelError: There is something of the kind in it, or it is nested too deep.
    """
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        below: list[object] = []
        for each in level:
            if isinstance(each, list):
                below.extend(each)
            elif isinstance(each, dict):
                _require_texts(each)
                below.extend(each)
                below.extend(each.values())
            elif each is not None and not isinstance(each, int):
                _require_sayable(each)
        if not below:
            return
        level = below
    message = "a worker answers with what is nested too deep"
    raise ChannelError(message)


def _require_texts(keys: Iterable[object]) -> None:
    if not all(isinstance(key, str) for key in keys):
        message = "a worker answers with keys that JSON has not"
        raise ChannelError(message)


def _require_sayable(value: object) -> None:
    """Refuse halves of characters, and numbers that are none: they break whoever encodes them."""
    if isinstance(value, str):
        is_sayable = value.isascii() or is_whole(value)
    else:
        is_sayable = isinstance(value, float) and math.isfinite(value)
    if not is_sayable:
        message = "a worker answers with what JSON has not"
        raise ChannelError(message)


def _is(value: object, kind: type[T]) -> T:
    if type(value) is not kind:
        message = f"a worker says {printable(type(value).__name__)} where {kind.__name__} belongs"
        raise ChannelError(message)
    return value


def _list(value: object, length: int | None = None, *, at_most: int = 64) -> list[Any]:
    found = _is(value, list)
    if len(found) > at_most or (length is not None and len(found) != length):
        message = f"a worker lists {len(found)} things where others belong"
        raise ChannelError(message)
    return found


def _each(value: object, read: Callable[[object], T], at_most: int) -> tuple[T, ...]:
    """Whatever is in a list, read; most are empty, and cost nothing."""
    return tuple([read(each) for each in _list(value, at_most=at_most)]) if value != [] else ()


def _number(value: object, at_most: int = _MAX_NUMBER) -> int:
    found = _is(value, int)
    if not 0 <= found <= at_most:
        message = "a worker counts what cannot be"
        raise ChannelError(message)
    return found


def _words(value: object) -> str:
    """Text for people; whatever is untrusted in it was escaped, if the worker is sound."""
    return harmless(_is(value, str), limit=_MAX_WORDS)


def _error(value: object, kinds: Mapping[str, type[CallError]]) -> CallError:
    code, message, details = _list(value, 3)
    kind = kinds.get(_is(code, str))
    if kind is None:
        message = "a worker names an end that no guest comes to"
        raise ChannelError(message)
    found = _is(details, dict)
    if len(found) > _MAX_DETAILS:
        message = "a worker lists more details than any end has"
        raise ChannelError(message)
    return kind(_words(message), details={_words(key): _fact(each) for key, each in found.items()})


def _fact(value: object) -> object:
    if isinstance(value, str):
        return _words(value)
    if value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and abs(value) <= _MAX_NUMBER:
        return value
    message = "a worker gives a detail that is no fact"
    raise ChannelError(message)


def _usage(value: object, limits: Limits, elapsed_us: int) -> Usage:
    counts = _list(value, 4)
    for each in counts:
        if each is not None:
            _number(each)
    wall, fuel, memory, output = counts
    if fuel is not None and fuel > limits.fuel:
        message = "a worker used more fuel than there was"
        raise ChannelError(message)
    return Usage(
        wall_us=None if wall is None else min(wall, elapsed_us),
        fuel=fuel,
        memory_bytes=memory,
        output_bytes=output,
    )


def _gated(value: object) -> Gated:
    clock, random, env = _list(value, 3)
    if type(clock) is type(random) is type(env) is int and clock == random == env == 0:
        return NOTHING_GATED
    return Gated(_number(clock), _number(random), _number(env))


def _denial(value: object) -> Denial:
    capability, attempted, function, wanted = _list(value, 4)
    if capability not in CAPABILITY_NAMES:
        message = "a worker was denied what does not exist"
        raise ChannelError(message)
    return Denial(
        capability=capability,
        attempted=_words(attempted),
        function=_words(function),
        wanted=_words(wanted),
    )


def _files(value: object) -> dict[str, bytes]:
    found = _is(value, dict)
    if len(found) > _MAX_FILES:
        message = "a worker brings more files than any call may"
        raise ChannelError(message)
    for path, data in found.items():
        parts = _is(path, str).split("/")
        _is(data, bytes)
        # Names become places on this machine; the engine gives none that leads elsewhere.
        is_short = len(path) <= _MAX_PATH and is_whole(path)
        if not is_short or "\0" in path or {"", ".", ".."}.intersection(parts):
            message = "a worker brings a file by a name that no workspace has"
            raise ChannelError(message)
    return found
