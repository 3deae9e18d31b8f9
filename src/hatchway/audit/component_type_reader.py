"""Definitions of types in a component, each in its own index spaces.

Source: the component model's Binary.md, "Type Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit import features
from hatchway.audit.component_scope import Scope, read_alias, sort_of
from hatchway.audit.component_types import (
    Component,
    Function,
    Instance,
    Item,
    Module,
    Resource,
    Type,
    Value,
    instance_of,
)
from hatchway.audit.component_values import define_value, read_labelled, read_value
from hatchway.audit.core_types import CoreTypes
from hatchway.audit.module_imports import Imports
from hatchway.audit.names import read_extern_name

if TYPE_CHECKING:
    from hatchway.audit.binary import Reader
    from hatchway.audit.names import ExternName

MAX_TYPE_NESTING = 32
"""Types inside types inside types, in the binary and through instances of instances."""

_CORE_TYPE, _TYPE, _ALIAS, _IMPORT, _EXPORT = 0, 1, 2, 3, 4


def define_type(reader: Reader, scope: Scope, depth: int = 0) -> None:
    """Read a type's definition, and give it the next index of `scope`."""
    code = reader.byte()
    found: Type
    if code == 0x3F:
        found = _resource(reader, scope)
    elif code in (0x40, 0x43):
        found = _function(reader, scope, is_async=code == 0x43)
    elif code == 0x41:
        found = _Declarations(reader, scope, depth + 1).component()
    elif code == 0x42:
        found = _Declarations(reader, scope, depth + 1).instance()
    else:
        found = define_value(reader, scope, code)
    scope.add(Item("type", found))


def _resource(reader: Reader, scope: Scope) -> Resource:
    if isinstance(scope, TypeScope):
        raise reader.malformed("a resource is defined inside a type")
    scope.core_types.value(reader)
    if reader.flag("whether there is a destructor"):
        scope.core_index(reader, "function")
    return Resource()


def _function(reader: Reader, scope: Scope, *, is_async: bool) -> Function:
    if is_async:
        scope.features.add(features.COMPONENT_ASYNC)
    parameters = read_labelled(reader, scope)
    return Function(parameters, read_result(reader, scope))


def read_result(reader: Reader, scope: Scope) -> Value | None:
    """What a function returns, if anything."""
    if not reader.flag("the form of a result"):
        return read_value(reader, scope)
    reader.expect(0, "the number of results")
    return None


def bounded(reader: Reader, instance: Instance) -> Instance:
    """`instance`, which may not consist of too many levels.

    Raises:
        MalformedError: It does.
    """
    if instance.height > MAX_TYPE_NESTING:
        raise reader.malformed(f"instances are nested more than {MAX_TYPE_NESTING} deep")
    return instance


def read_extern(reader: Reader, scope: Scope) -> Item:
    """What an import or export is said to be."""
    first = reader.byte()
    sort = sort_of(reader, first, reader.byte() if first == 0 else None)
    if sort == "module":
        return Item(sort, scope.module_type(reader))
    if sort == "function":
        return Item(sort, scope.type_of(reader, Function))
    if sort == "component":
        return Item(sort, scope.type_of(reader, Component))
    if sort == "instance":
        return Item(sort, scope.type_of(reader, Instance))
    is_resource = reader.flag("the bound of a type")
    return Item(sort, Resource()) if is_resource else scope.item(reader, "type")


def add_named(
    reader: Reader, names: dict[str, Item], seen: set[str], name: ExternName, item: Item
) -> None:
    """Enter `item` under its name, which must not be taken."""
    if name.identity in seen:
        raise reader.malformed("two imports or two exports have one name")
    seen.add(name.identity)
    names[name.name] = item
    if name.implements is not None and item.sort != "instance":
        raise reader.malformed(f"a {item.sort} cannot implement an interface")


class TypeScope(Scope):
    """The index spaces inside a component's or an instance's type."""


class _Declarations:
    """What a component's or an instance's type lists."""

    def __init__(self, reader: Reader, around: Scope, depth: int) -> None:
        if depth > MAX_TYPE_NESTING:
            raise reader.malformed(f"types are nested more than {MAX_TYPE_NESTING} deep")
        self._reader = reader
        self._depth = depth
        self._scope = TypeScope(around, around.features)
        self._imports: dict[str, Item] = {}
        self._exports: dict[str, Item] = {}

    def component(self) -> Component:
        self._read(_EXPORT, _IMPORT)
        return Component(self._imports, self._exports, is_declared=True)

    def instance(self) -> Instance:
        self._read(_EXPORT)
        return bounded(self._reader, instance_of(self._exports))

    def _read(self, *allowed: int) -> None:
        reader = self._reader
        imported: set[str] = set()
        exported: set[str] = set()
        for _ in reader.items():
            code = reader.byte()
            if code == _CORE_TYPE:
                define_core_type(reader, self._scope)
            elif code == _TYPE:
                define_type(reader, self._scope, self._depth)
            elif code == _ALIAS:
                read_alias(reader, self._scope)
            elif code not in allowed:
                raise reader.malformed(f"unknown kind of declaration {code:#x}")
            elif code == _EXPORT:
                self._named(self._exports, exported)
            else:
                self._named(self._imports, imported)

    def _named(self, names: dict[str, Item], seen: set[str]) -> None:
        name = read_extern_name(self._reader, self._scope.features)
        item = read_extern(self._reader, self._scope)
        add_named(self._reader, names, seen, name, item)
        self._scope.add(item)


def define_core_type(reader: Reader, scope: Scope) -> None:
    """Read a core type's definition, and give it the next index of `scope`."""
    if reader.peek() == 0x50:  # which begins a subtype everywhere but here
        reader.byte()
        scope.add_module_type(_module_type(reader, scope))
        return
    if reader.peek() == 0:
        reader.byte()
        if reader.peek() != 0x50:
            raise reader.malformed("a subtype is announced and does not follow")
    scope.core_types.recursive(reader)


def _module_type(reader: Reader, scope: Scope) -> Module:
    types = CoreTypes(scope.features)
    imports = Imports(types)
    exports: dict[str, str] = {}
    for _ in reader.items():
        code = reader.byte()
        if code == 0:
            imports.read_one(reader)
        elif code == 1:
            types.recursive(reader)
        elif code == 2:
            _outer_core_type(reader, scope, types)
        elif code == 3:
            name = reader.name()
            if name in exports:
                raise reader.malformed("two exports have one name")
            exports[name] = imports.skip_type(reader)
        else:
            raise reader.malformed(f"unknown kind of declaration {code:#x}")
    return Module(exports)


def _outer_core_type(reader: Reader, scope: Scope, types: CoreTypes) -> None:
    """An alias inside a module's type of a core type around it."""
    reader.expect(0x10, "the sort of an alias")
    reader.expect(1, "the kind of an alias")
    distance = reader.u32()
    source = types if distance == 0 else scope.outwards(reader, distance - 1).core_types
    types.kinds.append(source.kinds[reader.index(len(source.kinds), "core type")])
