"""Functions that do nothing, in a core module, and as the functions of an interface.

Source: the component model's CanonicalABI.md, for how a function's type looks to core modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.sdk.stripping.bytecode import (
    ALIAS,
    CANON,
    CORE_INSTANCE,
    CORE_MODULE,
    EXPORT,
    SORT_FUNCTION,
    exported,
    listed,
    number,
    refused,
    section,
    signed,
    text,
)
from hatchway.sdk.stripping.types import I32, MOST_PARAMETERS, MOST_RESULTS, Function, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTHING = ""
"""The answer that is an empty list or none. Every other answer is the name of an error."""

_MODULE_HEADER = b"\0asm\1\0\0\0"
_UNREACHABLE = b"\0\0\x0b"
_MEMORY, _REALLOC = "memory", "realloc"
_CORE_FUNCTION, _CORE_MEMORY = b"\0\0\1\0", b"\0\2\1\0"
"""How the alias of an export of the first core instance begins."""


@dataclass(frozen=True, slots=True)
class _Lifted:
    """A function, and how a core module has it.

    Attributes:
        answer: What it gives back lies in memory, as these bytes; None for a trap.
    """

    name: str
    type_index: int
    parameters: tuple[int, ...]
    results: tuple[int, ...]
    needs_memory: bool
    needs_realloc: bool
    answer: bytes | None


def lifted(wanted: Iterable[tuple[str, Function, int, str | None]]) -> list[bytes]:
    """The sections of a component that export functions.

    Args:
        wanted: What each is called, its type, its type's index, and what it answers instead of a
            trap.

    Raises:
        ConfigError: A function cannot answer that.
    """
    functions = [_function(*each) for each in wanted]
    if not functions:
        return []
    aliases = [_CORE_MEMORY + text(_MEMORY), _CORE_FUNCTION + text(_REALLOC)]
    aliases += [_CORE_FUNCTION + text(str(place)) for place in range(len(functions))]
    lifts = [
        b"\0\0" + number(place + 1) + _options(each) + number(each.type_index)
        for place, each in enumerate(functions)
    ]
    exports = [exported(each.name, SORT_FUNCTION, place) for place, each in enumerate(functions)]
    return [
        section(CORE_MODULE, _module(functions)),
        section(CORE_INSTANCE, listed([b"\0\0\0"])),
        section(ALIAS, listed(aliases)),
        section(CANON, listed(lifts)),
        section(EXPORT, listed(exports)),
    ]


def _function(name: str, kind: Function, index: int, answer: str | None) -> _Lifted:
    parameters = tuple(core for each in kind.parameters for core in each.flat)
    results = () if kind.result is None else kind.result.flat
    is_long, is_wide = len(parameters) > MOST_PARAMETERS, len(results) > MOST_RESULTS
    needs_realloc = is_long or any(each.is_in_memory for each in kind.parameters)
    return _Lifted(
        name=name,
        type_index=index,
        parameters=(I32,) if is_long else parameters,
        results=(I32,) if is_wide else results,
        needs_memory=needs_realloc or is_wide,
        needs_realloc=needs_realloc,
        answer=None if answer is None else _answered(kind.result, answer),
    )


def _answered(result: Value | None, answer: str) -> bytes:
    """An answer as it lies in memory."""
    if result is not None and result.is_blank and answer == NOTHING:
        return bytes(8)
    if result is not None and answer in result.errors:
        # The number of the case, a byte, and the error where a resource could be as well.
        return b"\1\0\0\0" + result.errors.index(answer).to_bytes(4, "little")
    raise refused(f"a function cannot answer {answer!r}")


def _options(function: _Lifted) -> bytes:
    """That its memory is the first, and that it gets room in it from the first function."""
    options = [b"\3\0"] if function.needs_memory else []
    return listed([*options, b"\4\0"] if function.needs_realloc else options)


def _module(functions: Sequence[_Lifted]) -> bytes:
    """A memory with the answers, `realloc`, and the functions by number."""
    answers = b"".join(each.answer or b"" for each in functions)
    pages = -(-len(answers) // 65_536)
    kinds = [((I32,) * 4, (I32,)), *((each.parameters, each.results) for each in functions)]
    names = [_REALLOC, *(str(place) for place in range(len(functions)))]
    exports = [text(name) + b"\0" + number(place) for place, name in enumerate(names)]
    parts = (
        (1, (b"\x60" + _cores(taken) + _cores(given) for taken, given in kinds)),
        (3, (number(place) for place in range(len(kinds)))),
        (5, [b"\1" + number(pages) * 2]),
        (7, [text(_MEMORY) + b"\2\0", *exports]),
        (10, (number(len(body)) + body for body in _bodies(functions))),
        (11, [b"\0\x41\0\x0b" + number(len(answers)) + answers]),
    )
    return _MODULE_HEADER + b"".join(section(kind, listed(items)) for kind, items in parts)


def _bodies(functions: Sequence[_Lifted]) -> Iterable[bytes]:
    """What each function does: end the program, or point at its answer."""
    yield _UNREACHABLE
    place = 0
    for each in functions:
        if each.answer is None:
            yield _UNREACHABLE
        else:
            yield b"\0\x41" + signed(place) + b"\x0b"
            place += len(each.answer)


def _cores(types: Iterable[int]) -> bytes:
    return listed(bytes((each,)) for each in types)
