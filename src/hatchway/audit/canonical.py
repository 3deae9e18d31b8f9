"""Canonical definitions: functions lifted out of core modules, lowered into them, and built in.

Source: the component model's Binary.md, "Canonical Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit import features
from hatchway.audit.component_type_reader import read_result
from hatchway.audit.component_types import Function, Item, Resource, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.audit.binary import Reader
    from hatchway.audit.component_scope import Scope

_MAX_OPTIONS = 10

_ASYNC, _THREADS = features.COMPONENT_ASYNC, features.COMPONENT_THREADING
_ERRORS = features.COMPONENT_ERROR_CONTEXT


def define_function(reader: Reader, scope: Scope) -> None:
    """Read one canonical definition, and give what it defines the next index of `scope`."""
    code = reader.byte()
    if code == 0:
        reader.expect(0, "the form of a lifted function")
        scope.core_index(reader, "function")
        _options(reader, scope)
        scope.add(Item("function", scope.type_of(reader, Function)))
        return
    if code not in _DEFINED:
        raise reader.malformed(f"unknown canonical function {code:#x}")
    feature, parts = _DEFINED[code]
    if feature is not None:
        scope.features.add(feature)
    for part in parts:
        part(reader, scope)
    scope.core["function"] += 1


def _options(reader: Reader, scope: Scope) -> None:
    for _ in range(reader.count(_MAX_OPTIONS)):
        code = reader.byte()
        if code not in _OPTIONS:
            raise reader.malformed(f"unknown option {code:#x} of a canonical function")
        _OPTIONS[code](reader, scope)


def _nothing(_reader: Reader, _scope: Scope) -> None:
    """What an option without an operand reads."""


def _index(sort: str) -> Callable[[Reader, Scope], None]:
    def read(reader: Reader, scope: Scope) -> None:
        scope.core_index(reader, sort)

    return read


def _asynchronous(_reader: Reader, scope: Scope) -> None:
    scope.features.add(features.COMPONENT_ASYNC)


def _callback(reader: Reader, scope: Scope) -> None:
    scope.features.add(features.COMPONENT_ASYNC)
    scope.core_index(reader, "function")


def _collected(_reader: Reader, scope: Scope) -> None:
    scope.features.add(features.COMPONENT_GC)


def _collected_type(reader: Reader, scope: Scope) -> None:
    scope.features.add(features.COMPONENT_GC)
    _core_type(reader, scope)


_OPTIONS: dict[int, Callable[[Reader, Scope], None]] = {
    0x00: _nothing,
    0x01: _nothing,
    0x02: _nothing,
    0x03: _index("memory"),
    0x04: _index("function"),
    0x05: _index("function"),
    0x06: _asynchronous,
    0x07: _callback,
    0x08: _collected_type,
    0x09: _collected,
}


def _lowered(reader: Reader, scope: Scope) -> None:
    reader.expect(0, "the form of a lowered function")
    scope.item(reader, "function")


def _resource(reader: Reader, scope: Scope) -> None:
    scope.type_of(reader, Resource)


def _value_type(reader: Reader, scope: Scope) -> None:
    scope.type_of(reader, Value)


def _core_type(reader: Reader, scope: Scope) -> None:
    reader.index(len(scope.core_types.kinds), "core type")


def _core_value(reader: Reader, scope: Scope) -> None:
    scope.core_types.value(reader)


def _flag(reader: Reader, _scope: Scope) -> None:
    reader.flag("a choice of a canonical function")


def _number(reader: Reader, _scope: Scope) -> None:
    reader.u32()


def _result(reader: Reader, scope: Scope) -> None:
    read_result(reader, scope)


_Part = tuple["Callable[[Reader, Scope], object]", ...]

_DEFINED: dict[int, tuple[str | None, _Part]] = {
    0x01: (None, (_lowered, _options)),
    0x02: (None, (_resource,)),
    0x03: (None, (_resource,)),
    0x04: (None, (_resource,)),
    0x05: (_ASYNC, ()),
    0x06: (_ASYNC, (_flag,)),
    0x07: (_ASYNC, (_resource,)),
    0x08: (_ASYNC, ()),
    0x09: (_ASYNC, (_result, _options)),
    0x0A: (_ASYNC, (_core_value, _number)),
    0x0B: (_ASYNC, (_core_value, _number)),
    0x0C: (_ASYNC, (_flag,)),
    0x0D: (_ASYNC, ()),
    0x1C: (_ERRORS, (_options,)),
    0x1D: (_ERRORS, (_options,)),
    0x1E: (_ERRORS, ()),
    0x1F: (_ASYNC, ()),
    0x20: (_ASYNC, (_flag, _index("memory"))),
    0x21: (_ASYNC, (_flag, _index("memory"))),
    0x22: (_ASYNC, ()),
    0x23: (_ASYNC, ()),
    0x24: (_ASYNC, ()),
    0x25: (_ASYNC, ()),
    0x26: (_THREADS, ()),
    0x27: (_THREADS, (_core_type, _index("table"))),
    0x28: (_THREADS, ()),
    **dict.fromkeys((0x29, 0x2A, 0x2B, 0x2C, 0x2D), (_THREADS, (_flag,))),
    0x40: (_THREADS, (_core_type,)),
    0x41: (_THREADS, (_core_type, _index("table"))),
    0x42: (_THREADS, ()),
}
"""What follows the byte of each, and the proposal it belongs to."""
for _start in (0x0E, 0x15):  # streams, and futures in the same order
    _DEFINED |= {
        _start: (_ASYNC, (_value_type,)),
        _start + 1: (_ASYNC, (_value_type, _options)),
        _start + 2: (_ASYNC, (_value_type, _options)),
        _start + 3: (_ASYNC, (_value_type, _flag)),
        _start + 4: (_ASYNC, (_value_type, _flag)),
        _start + 5: (_ASYNC, (_value_type,)),
        _start + 6: (_ASYNC, (_value_type,)),
    }
