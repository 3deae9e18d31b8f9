"""The index spaces of a component, or of a component's or an instance's type."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from hatchway.audit.component_types import (
    Component,
    Instance,
    Item,
    Module,
    Origin,
    Sort,
    What,
)
from hatchway.audit.core_types import CoreTypes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.audit.binary import Reader

    Kind = TypeVar("Kind", bound=What)

SORTS: dict[int, Sort] = {
    1: "function",
    3: "type",
    4: "component",
    5: "instance",
}
CORE_SORTS = ("function", "table", "memory", "global", "tag")
_CORE, _VALUE, _CORE_TYPE, _CORE_MODULE = 0, 2, 0x10, 0x11

MODULE_TYPE = 3
"""Beside the kinds of core types: a whole module's type."""


class Scope:
    """What has been defined so far, by sort and index.

    Attributes:
        parent: The scope around it.
        features: Collected while reading, for the whole artifact.
        core: How many core functions, tables, memories, globals and tags there are.
    """

    def __init__(self, parent: Scope | None, features: set[str]) -> None:
        self.parent = parent
        self.features = features
        self.core = dict.fromkeys(CORE_SORTS, 0)
        self.core_types = CoreTypes(features)
        self.module_types: dict[int, Module] = {}
        self.core_instances: list[Mapping[str, str]] = []
        self._items: dict[Sort, list[What]] = {
            sort: [] for sort in ("module", "function", "type", "component", "instance")
        }

    def add(self, item: Item) -> None:
        """Give `item` the next index of its sort."""
        self._items[item.sort].append(item.what)

    def item(self, reader: Reader, sort: Sort) -> Item:
        """What the index that comes next stands for."""
        items = self._items[sort]
        return Item(sort, items[reader.index(len(items), sort)])

    def type_of(self, reader: Reader, kind: type[Kind]) -> Kind:
        """The type that the index that comes next stands for, which must be of one kind."""
        return self.type_at(reader, reader.u32(), kind)

    def type_at(self, reader: Reader, index: int, kind: type[Kind]) -> Kind:
        """The type with this index, which must be of one kind."""
        types = self._items["type"]
        if not 0 <= index < len(types):
            raise reader.malformed(f"type {index} is used, and there are {len(types)}")
        found = types[index]
        if not isinstance(found, kind):
            raise reader.malformed(f"type {index} is used as another kind of type than it is")
        return found

    def component(self, reader: Reader) -> Component:
        """The component that the index that comes next stands for."""
        found = self.item(reader, "component").what
        assert isinstance(found, Component)
        return found

    def instance(self, reader: Reader) -> Instance:
        """The instance that the index that comes next stands for."""
        found = self.item(reader, "instance").what
        assert isinstance(found, Instance)
        return found

    def module(self, reader: Reader) -> Module:
        """The core module that the index that comes next stands for."""
        found = self.item(reader, "module").what
        assert isinstance(found, Module)
        return found

    def core_index(self, reader: Reader, sort: str) -> int:
        """The index of a core function, table, memory, global or tag."""
        return reader.index(self.core[sort], f"core {sort}")

    def module_type(self, reader: Reader) -> Module:
        """The type of a core module."""
        index = reader.index(len(self.core_types.kinds), "core type")
        if index not in self.module_types:
            raise reader.malformed(f"core type {index} is used for a module and is none")
        return self.module_types[index]

    def add_module_type(self, module: Module) -> None:
        """Give a core module's type the next index of the core types."""
        self.module_types[len(self.core_types.kinds)] = module
        self.core_types.kinds.append(MODULE_TYPE)

    def outwards(self, reader: Reader, distance: int) -> Scope:
        """The scope that lies so far out."""
        scope: Scope = self
        for _ in range(distance):
            if scope.parent is None:
                raise reader.malformed("an alias leads further out than there are components")
            scope = scope.parent
        return scope


def sort_of(reader: Reader, first: int, second: int | None) -> Sort:
    """The sort that one byte stands for, or two when the first says that it is a core sort."""
    if first == _CORE and second == _CORE_MODULE:
        return "module"
    if first == _VALUE:
        # The specification and wasmtime write their types differently, and no engine of ours
        # has them on: nobody could say what such a component imports.
        raise reader.malformed("values of components are not understood here")
    if first not in SORTS:
        raise reader.malformed(f"unknown sort {first:#x}")
    return SORTS[first]


def read_item(reader: Reader, scope: Scope) -> Item:
    """Something that exists already, by its sort and index."""
    first = reader.byte()
    return scope.item(reader, sort_of(reader, first, reader.byte() if first == _CORE else None))


def read_alias(reader: Reader, scope: Scope) -> None:
    """Give something that is defined elsewhere an index here."""
    first = reader.byte()
    second = reader.byte() if first == _CORE else None
    form = reader.byte()
    if form == 0:
        _export_of_instance(reader, scope, sort_of(reader, first, second))
    elif form == 1:
        _export_of_core_instance(reader, scope, second)
    elif form == 2:
        _outer(reader, scope, first, second)
    else:
        raise reader.malformed(f"unknown kind of alias {form:#x}")


def _export_of_instance(reader: Reader, scope: Scope, sort: Sort) -> None:
    instance = scope.instance(reader)
    name = reader.name()
    item = instance.exports.get(name)
    if item is None or item.sort != sort:
        raise reader.malformed(f"an instance is asked for a {sort} that it does not export")
    if instance.origin is not None and isinstance(item.what, Instance) and sort == "instance":
        origin = Origin(name, instance.origin)
        item = Item(sort, replace(item.what, origin=origin, is_open=True))
    scope.add(item)


def _export_of_core_instance(reader: Reader, scope: Scope, code: int | None) -> None:
    instances = scope.core_instances
    exports = instances[reader.index(len(instances), "core instance")]
    sort = exports.get(reader.name())
    if code is None or code >= len(CORE_SORTS) or sort != CORE_SORTS[code]:
        raise reader.malformed("a core instance is asked for what it does not export")
    scope.core[sort] += 1


def _outer(reader: Reader, scope: Scope, first: int, second: int | None) -> None:
    around = scope.outwards(reader, reader.u32())
    if (first, second) == (_CORE, _CORE_TYPE):
        index = reader.index(len(around.core_types.kinds), "core type")
        if index in around.module_types:
            scope.add_module_type(around.module_types[index])
        else:
            scope.core_types.kinds.append(around.core_types.kinds[index])
        return
    sort = sort_of(reader, first, second)
    if sort not in ("module", "type", "component"):
        raise reader.malformed(f"an alias may not lead to a {sort} further out")
    scope.add(around.item(reader, sort))
