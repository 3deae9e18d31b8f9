"""The types of functions, in the spelling of the tables: `i` is i32, `I` is i64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import wasmtime

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {"i": wasmtime.ValType.i32, "I": wasmtime.ValType.i64}
_NAMES = {"i": "i32", "I": "i64"}


def type_of(parameters: str, results: str) -> wasmtime.FuncType:
    """The type that is spelled so."""
    return wasmtime.FuncType(
        [_KINDS[letter]() for letter in parameters], [_KINDS[letter]() for letter in results]
    )


def is_of(kind: object, parameters: str, results: str) -> bool:
    """Whether `kind` is the type that is spelled so."""
    return (
        isinstance(kind, wasmtime.FuncType)
        and [str(part) for part in kind.params] == [_NAMES[letter] for letter in parameters]
        and [str(part) for part in kind.results] == [_NAMES[letter] for letter in results]
    )


def callable_functions(module: wasmtime.Module) -> Iterator[str]:
    """The exports that take nothing and return an i32: what an Extism host calls."""
    return (item.name for item in module.exports if is_of(item.type, "", "i"))
