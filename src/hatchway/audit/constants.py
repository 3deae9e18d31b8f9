"""Constant expressions: how globals, tables and segments of a module get their first values.

Source: WebAssembly core specification 3.0, section 3.4.11 (constant expressions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit import features

if TYPE_CHECKING:
    from hatchway.audit.binary import Reader
    from hatchway.audit.core_types import CoreTypes

_END = 0x0B
_I32, _I64, _F32, _F64 = 0x41, 0x42, 0x43, 0x44
_GLOBAL, _NULL, _FUNCTION = 0x23, 0xD0, 0xD2
_ARITHMETIC = frozenset({0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E})
_VECTOR, _V128_CONST = 0xFD, 12
_COLLECTED = 0xFB
_NEW, _NEW_FIXED, _CONVERT = frozenset({0, 1, 6, 7}), 8, frozenset({26, 27, 28})


_USUAL = 2
"""Operations of nearly every initial value; longer ones cannot be had without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a constant expression may mention.

    Attributes:
        globals: How many stand before it.
        functions: How many there are.
    """

    types: CoreTypes
    globals: int
    functions: int


def constant(reader: Reader, scope: Scope) -> int | None:
    """The value of the expression that starts here, when it is one plain integer; unsigned."""
    value: int | None = None
    operations = 0
    while (code := reader.byte()) != _END:
        operations += 1
        if operations > _USUAL:
            reader.keep()
        if code == _I32:
            value = reader.s32() & 0xFFFFFFFF
        elif code == _I64:
            value = reader.s64() & 0xFFFFFFFFFFFFFFFF
        else:
            value = None
            _operation(reader, code, scope)
    if operations == 0:
        raise reader.malformed("an initial value is missing")
    return value if operations == 1 else None


def _operation(reader: Reader, code: int, scope: Scope) -> None:
    if code == _GLOBAL:
        reader.index(scope.globals, "global")
    elif code == _FUNCTION:
        reader.index(scope.functions, "function")
    elif code == _NULL:
        scope.types.heap(reader)
    elif code in (_F32, _F64):
        reader.skip(4 if code == _F32 else 8)
    elif code in _ARITHMETIC:
        scope.types.features.add(features.EXTENDED_CONST)
    elif code == _VECTOR and reader.u32() == _V128_CONST:
        reader.skip(16)
    elif code == _COLLECTED:
        _collected(reader, scope)
    else:
        raise reader.malformed(f"an initial value may not use the instruction {code:#x}")


def _collected(reader: Reader, scope: Scope) -> None:
    """An instruction that makes a structure or an array."""
    scope.types.features.add(features.GC)
    code = reader.u32()
    if code in _CONVERT:
        return
    if code not in _NEW and code != _NEW_FIXED:
        raise reader.malformed(f"an initial value may not use the instruction 0xfb {code}")
    reader.index(len(scope.types.kinds), "type")
    if code == _NEW_FIXED:
        reader.u32()
