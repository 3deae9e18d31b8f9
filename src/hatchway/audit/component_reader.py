"""Reading a component: every section, each definition with its index, to any depth.

Source: the component model's Binary.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hatchway.audit import features
from hatchway.audit.artifact import Export
from hatchway.audit.binary import COMPONENT_VERSION, MAGIC
from hatchway.audit.canonical import define_function
from hatchway.audit.component_instances import define_core_instance, define_instance
from hatchway.audit.component_scope import Scope, read_alias, read_item
from hatchway.audit.component_type_reader import (
    add_named,
    define_core_type,
    define_type,
    read_extern,
)
from hatchway.audit.component_types import Component, Instance, Item, Module, Origin
from hatchway.audit.module_reader import ModuleReader, custom_section
from hatchway.audit.names import read_extern_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.audit.artifact import CoreModule, CustomSection
    from hatchway.audit.binary import Reader
    from hatchway.audit.names import ExternName

MAX_DEPTH = 32
MAX_PARTS = 2000
"""Modules and components inside one artifact."""

_CUSTOM, _MODULE, _COMPONENT, _START = 0, 1, 4, 9


@dataclass(slots=True)
class Nested:
    """What is found inside an artifact, whatever is nested in what.

    Attributes:
        modules: In the order of the file.
        components: How many, the artifact itself included.
        depth: How deep the deepest component is nested.
        customs: The custom sections of nested components.
        features: That components need.
    """

    modules: list[CoreModule] = field(default_factory=list)
    components: int = 0
    depth: int = 0
    customs: list[CustomSection] = field(default_factory=list)
    features: set[str] = field(default_factory=set)


class ComponentReader:
    """What is known of a component while it is read.

    Attributes:
        imported: Names, and what they stand for, in order.
        exported: In order.
        component: Its imports and exports by name.
        customs: Its own custom sections.
        has_start: Something runs when it is instantiated.
    """

    def __init__(
        self,
        reader: Reader,
        nested: Nested,
        path: tuple[int, ...] = (),
        around: Scope | None = None,
    ) -> None:
        self._reader = reader
        self._nested = nested
        self._path = path
        self._parts = 0
        self._scope = Scope(around, nested.features)
        self._import_names: set[str] = set()
        self._export_names: set[str] = set()
        self.imported: list[tuple[ExternName, Item]] = []
        self.exported: list[Export] = []
        self._imports: dict[str, Item] = {}
        self._exports: dict[str, Item] = {}
        self.customs: list[CustomSection] = []
        self.has_start = False
        self.component = Component(self._imports, self._exports)
        self._lists: dict[int, Callable[[Reader, Scope], None]] = {
            2: define_core_instance,
            3: define_core_type,
            5: define_instance,
            6: read_alias,
            7: define_type,
            8: define_function,
            10: self._import,
            11: self._export,
        }

    def read(self) -> ComponentReader:
        """Read all of it.

        Raises:
            MalformedError: Something about it is not as it must be.
        """
        reader = self._reader
        if reader.take(8) != MAGIC + COMPONENT_VERSION:
            raise reader.malformed("a component does not start as one")
        self._nested.components += 1
        self._nested.depth = max(self._nested.depth, len(self._path))
        while not reader.is_done:
            identifier = reader.byte()
            self._section(identifier, reader.section(reader.u32()))
        return self

    def _section(self, identifier: int, section: Reader) -> None:
        if identifier in self._lists:
            define = self._lists[identifier]
            for _ in section.items():
                define(section, self._scope)
        elif identifier == _CUSTOM:
            section.keep()
            self.customs.append(custom_section(section))
        elif identifier == _MODULE:
            self._module(section)
        elif identifier == _COMPONENT:
            self._component(section)
        elif identifier == _START:
            self._start(section)
        else:
            raise section.malformed(f"unknown section {identifier}")
        section.end()

    def _part(self, section: Reader) -> tuple[int, ...]:
        """The path of the next nested part."""
        path = (*self._path, self._parts)
        self._parts += 1
        if self._nested.components + len(self._nested.modules) > MAX_PARTS:
            raise section.malformed(f"it has more than {MAX_PARTS} modules and components inside")
        if len(path) > MAX_DEPTH:
            raise section.malformed(f"components are nested more than {MAX_DEPTH} deep")
        return path

    def _module(self, section: Reader) -> None:
        module = ModuleReader(section, self._part(section)).read()
        self._nested.modules.append(module)
        exports = {export.name: export.kind for export in module.exports}
        self._scope.add(Item("module", Module(exports)))

    def _component(self, section: Reader) -> None:
        path = self._part(section)
        inner = ComponentReader(section, self._nested, path, self._scope).read()
        self._nested.customs += inner.customs
        self._scope.add(Item("component", inner.component))

    def _start(self, section: Reader) -> None:
        self._scope.features.add(features.COMPONENT_VALUES)
        self.has_start = True
        self._scope.item(section, "function")
        if section.u32() or section.u32():
            raise section.malformed("values of components are not understood here")

    def _import(self, section: Reader, scope: Scope) -> None:
        name = read_extern_name(section, scope.features)
        item = read_extern(section, scope)
        add_named(section, self._imports, self._import_names, name, item)
        self.imported.append((name, item))
        if isinstance(item.what, Instance) and item.sort == "instance":
            item = Item(item.sort, replace(item.what, origin=Origin(name.name), is_open=True))
        scope.add(item)

    def _export(self, section: Reader, scope: Scope) -> None:
        name = read_extern_name(section, scope.features)
        item = read_item(section, scope)
        if section.flag("whether an export is said to be something"):
            said = read_extern(section, scope)
            if said.sort != item.sort:
                raise section.malformed(f"a {item.sort} is exported as if it were a {said.sort}")
        # What it is said to be may leave something out, but takes nothing away from it.
        add_named(section, self._exports, self._export_names, name, item)
        self.exported.append(Export(name=name.interface, kind=item.sort))
        scope.add(item)
