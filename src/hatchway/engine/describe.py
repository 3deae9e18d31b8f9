"""The `Surface` of compiled code, read through wasmtime's own types.

Runs in the compile child, where whatever a hostile type section provokes ends with the
child.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wasmtime
from wasmtime import component as wit
from wasmtime.component import _types as shapes

from hatchway.core.surface import PLUGIN_HOST, Surface
from hatchway.core.wit import (
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    UnsupportedType,
    VariantType,
    WitFunction,
    WitType,
)
from hatchway.engine.component import RUN_INTERFACE
from hatchway.engine.extism.types import callable_functions, is_of
from hatchway.engine.module import START

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TYPE_PARTS = 10_000
"""Types are shared in the binary and spelled out here, so a small file can mean a huge one."""
MAX_TYPE_DEPTH = 32
MAX_FUNCTIONS = 1000
MAX_IMPORTED_PARTS = 10_000
"""Functions and instances inside the instances that are imported, shared or not."""


class TooLargeError(Exception):
    """The types of an artifact are larger than any tool needs."""


def describe_module(module: wasmtime.Module) -> Surface:
    """What a core module imports and exports."""
    memories = [
        item.type for item in module.exports if isinstance(item.type, wasmtime.MemoryType)
    ] + [item.type for item in module.imports if isinstance(item.type, wasmtime.MemoryType)]
    exports = {item.name: item.type for item in module.exports}
    start = exports.get(START)
    plugin = _plugin_functions(module)
    minimum = sum(memory.limits.min for memory in memories) * 65536 if memories else None
    maximum = memories[0].limits.max if len(memories) == 1 else None
    return Surface(
        kind="module",
        imports=tuple(sorted({f"{item.module}.{item.name}" for item in module.imports})),
        is_command=plugin is None and is_of(start, "", ""),
        exports=tuple(exports),
        memory_min_bytes=minimum,
        memory_max_bytes=None if maximum is None else maximum * 65536,
        plugin=plugin or (),
    )


def _plugin_functions(module: wasmtime.Module) -> tuple[str, ...] | None:
    """What can be called of a plug-in for Extism; None for any other module."""
    is_plugin = any(f"{item.module}.".startswith(PLUGIN_HOST) for item in module.imports)
    return tuple(callable_functions(module)) if is_plugin else None


def describe_component(engine: wasmtime.Engine, component: wit.Component) -> Surface:
    """What a component imports and exports, down to functions and their types.

    Raises:
        TooLargeError: There is more of it than any tool needs.
    """
    reader = _TypeReader()
    functions: list[WitFunction] = []
    exports: list[str] = []
    for name, item in component.type.exports(engine).items():
        exports.append(name)
        kind = item.ty
        if isinstance(kind, shapes.FuncType):
            functions.append(reader.function(name, None, kind))
        elif isinstance(kind, shapes.ComponentInstanceType) and not _is_plumbing(name):
            functions += [
                reader.function(inner, name, part.ty)
                for inner, part in kind.exports(engine).items()
                if isinstance(part.ty, shapes.FuncType)
            ]
        if len(functions) > MAX_FUNCTIONS:
            message = f"more than {MAX_FUNCTIONS} exported functions"
            raise TooLargeError(message)
    return Surface(
        kind="component",
        imports=tuple(sorted(_imports(engine, component))),
        is_command=any(name.partition("@")[0] == RUN_INTERFACE for name in exports),
        functions=tuple(functions),
        exports=tuple(exports),
    )


def read_function(name: str, kind: shapes.FuncType) -> WitFunction:
    """One function, whichever way it is imported or exported.

    Raises:
        TooLargeError: There is more to its types than any tool needs.
    """
    return _TypeReader().function(name, None, kind)


def _is_plumbing(name: str) -> bool:
    """Exports that are no tools: WASI entry points, and componentize-py's initialiser."""
    return name.startswith("wasi:") or name == "exports"


def _imports(engine: wasmtime.Engine, component: wit.Component) -> set[str]:
    names: set[str] = set()
    reader = _ImportReader(engine)
    for name, item in component.type.imports(engine).items():
        kind = item.ty
        if isinstance(kind, shapes.ComponentInstanceType):
            # An import may have any name and say which interface it is of.
            names.update(reader.functions(item.implements or name, kind))
        else:
            names.add(name)
    return names


class _ImportReader:
    """Lists the functions of imported instances, counting everything but types."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._parts = 0

    def functions(self, prefix: str, kind: shapes.ComponentInstanceType) -> Iterator[str]:
        self._count()
        for name, item in kind.exports(self._engine).items():
            inner = item.ty
            if isinstance(inner, shapes.ComponentInstanceType):
                yield from self.functions(f"{prefix}#{name}", inner)
            elif isinstance(inner, shapes.FuncType):
                self._count()
                yield f"{prefix}#{name}"

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MAX_IMPORTED_PARTS:
            message = f"more than {MAX_IMPORTED_PARTS} imports"
            raise TooLargeError(message)


_PRIMITIVES: dict[type, Any] = {
    shapes.Bool: "bool",
    shapes.S8: "s8",
    shapes.U8: "u8",
    shapes.S16: "s16",
    shapes.U16: "u16",
    shapes.S32: "s32",
    shapes.U32: "u32",
    shapes.S64: "s64",
    shapes.U64: "u64",
    shapes.F32: "f32",
    shapes.F64: "f64",
    shapes.Char: "char",
    shapes.String: "string",
}


class _TypeReader:
    """Turns the wheel's types into ours, counting every part."""

    def __init__(self) -> None:
        self._parts = 0

    def function(self, name: str, interface: str | None, kind: shapes.FuncType) -> WitFunction:
        return WitFunction(
            name=name,
            interface=interface,
            parameters=tuple((label, self._type(part, 0)) for label, part in kind.params),
            result=None if kind.result is None else self._type(kind.result, 0),
        )

    def _type(self, kind: Any, depth: int) -> WitType:
        self._parts += 1
        if self._parts > MAX_TYPE_PARTS or depth > MAX_TYPE_DEPTH:
            message = f"its types have more than {MAX_TYPE_PARTS} parts or {MAX_TYPE_DEPTH} levels"
            raise TooLargeError(message)
        if (primitive := _PRIMITIVES.get(type(kind))) is not None:
            return Primitive(primitive)
        return self._compound(kind, depth + 1)

    def _compound(self, kind: Any, depth: int) -> WitType:  # noqa: C901 - one case for every kind
        match kind:
            case shapes.ListType():
                return ListType(self._type(kind.element, depth))
            case shapes.RecordType():
                return RecordType(tuple((n, self._type(t, depth)) for n, t in kind.fields))
            case shapes.TupleType():
                return TupleType(tuple(self._type(t, depth) for t in kind.elements))
            case shapes.VariantType():
                return VariantType(tuple((n, self._optional(t, depth)) for n, t in kind.cases))
            case shapes.EnumType():
                return EnumType(tuple(kind.names))
            case shapes.FlagsType():
                return FlagsType(tuple(kind.names))
            case shapes.OptionType():
                return OptionType(self._type(kind.payload, depth))
            case shapes.ResultType():
                return ResultType(self._optional(kind.ok, depth), self._optional(kind.err, depth))
            case _:
                return UnsupportedType(_UNSUPPORTED.get(type(kind).__name__, "an unknown type"))

    def _optional(self, kind: Any, depth: int) -> WitType | None:
        return None if kind is None else self._type(kind, depth)


_UNSUPPORTED = {
    "OwnType": "own",
    "BorrowType": "borrow",
    "FutureType": "future",
    "StreamType": "stream",
    "ErrorContext": "error-context",
    "MapType": "map",
}
