"""A list of allowed system calls as a program for the kernel's packet filter.

Pure: values in, bytes out. See seccomp(2), and `include/uapi/linux/{filter,seccomp,audit}.h`.

The kernel hands a filter the number of a call, the processor it was made for, and six 64-bit
arguments. Where only the low half of an argument is looked at, the kernel itself takes an int or
reads no higher flags; so no call means more to the kernel than it meant to the filter.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALLOW: Final = 0x7FFF0000
NOTIFY: Final = 0x7FC00000
KILL: Final = 0x80000000

_ERRNO: Final = 0x00050000
_ALL_BITS: Final = 0xFFFFFFFF

_LOAD: Final = 0x20
_AND: Final = 0x54
_JUMP_EQUAL: Final = 0x15
_JUMP_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06

_NUMBER_AT: Final = 0
_MACHINE_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_LONGEST_JUMP: Final = 255
_LONGEST_PROGRAM: Final = 4096

MACHINES: Final[Mapping[str, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""`AUDIT_ARCH_…` by the name that `platform.machine` gives."""

_X32_BIT: Final = 0x40000000

_Instruction = tuple[int, int, int, int]


def fails_with(errno: int) -> int:
    """The verdict that a call fails with `errno` and is not made."""
    return _ERRNO | errno


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One of `values` is what argument number `argument` is under `mask`.

    `is_high` means its upper half: a pointer is none only if both halves are.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = _ALL_BITS
    is_high: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What becomes of one system call.

    Attributes:
        number: Of the call.
        cases: Sets of checks; where one set holds altogether, the call gets `verdict`.
        verdict: Of such calls.
        otherwise: The verdict of all others with that number.
    """

    number: int
    verdict: int
    cases: tuple[tuple[Check, ...], ...] = ((),)
    otherwise: int


def program(rules: Sequence[Rule], *, machine: str, otherwise: int) -> bytes:
    """The filter: `rules` for the calls they name, `otherwise` for every other number.

    A call made as another processor's, or with x32's numbers, kills the process.
    """
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_JUMP_EQUAL, 1, 0, MACHINES[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        code += [(_JUMP_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, KILL)]
    for rule in rules:
        body = _body(rule)
        assert len(body) <= _LONGEST_JUMP
        code += [(_JUMP_EQUAL, 0, len(body), rule.number), *body]
    code.append((_RETURN, 0, 0, otherwise))
    assert len(code) <= _LONGEST_PROGRAM
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _body(rule: Rule) -> list[_Instruction]:
    """Instructions that always return: the accumulator no longer holds the call's number."""
    body: list[_Instruction] = []
    for case in rule.cases:
        body += _case(case, rule.verdict)
        if not case:
            return body
    return [*body, (_RETURN, 0, 0, rule.otherwise)]


def _case(checks: tuple[Check, ...], verdict: int) -> list[_Instruction]:
    """Return `verdict` where every check holds, else go on behind these instructions."""
    code: list[_Instruction] = [(_RETURN, 0, 0, verdict)]
    for check in reversed(checks):
        tests: list[_Instruction] = []
        for index, value in enumerate(check.values):
            left = len(check.values) - 1 - index
            is_last = left == 0
            tests.append((_JUMP_EQUAL, left, len(code) if is_last else 0, value))
        mask = [] if check.mask == _ALL_BITS else [(_AND, 0, 0, check.mask)]
        place = _ARGUMENTS_AT + 8 * check.argument + 4 * check.is_high
        code = [(_LOAD, 0, 0, place), *mask, *tests, *code]
    return code
