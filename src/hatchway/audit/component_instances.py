"""Instances that a component makes: of its modules, of its components, or of what it has.

Source: the component model's Binary.md, "Instance Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.component_scope import CORE_SORTS, read_item
from hatchway.audit.component_type_reader import add_named, bounded
from hatchway.audit.component_types import Component, Instance, Item, instance_of
from hatchway.audit.names import read_extern_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.audit.binary import Reader
    from hatchway.audit.component_scope import Scope
    from hatchway.audit.component_types import Origin

_CORE_INSTANCE = 0x12


def define_core_instance(reader: Reader, scope: Scope) -> None:
    """Read how an instance of a module comes about, and give it the next index."""
    if reader.flag("the kind of a core instance"):
        scope.core_instances.append(_core_exports(reader, scope))
        return
    module = scope.module(reader)
    names: set[str] = set()
    for _ in reader.items():
        name = reader.name()
        if name in names:
            raise reader.malformed("a module is given two things of one name")
        names.add(name)
        reader.expect(_CORE_INSTANCE, "what a module is given")
        reader.index(len(scope.core_instances), "core instance")
    scope.core_instances.append(module.exports)


def _core_exports(reader: Reader, scope: Scope) -> dict[str, str]:
    exports: dict[str, str] = {}
    for _ in reader.items():
        name = reader.name()
        code = reader.byte()
        if code >= len(CORE_SORTS):
            raise reader.malformed(f"unknown kind of export {code:#x}")
        scope.core_index(reader, CORE_SORTS[code])
        if name in exports:
            raise reader.malformed("two exports have one name")
        exports[name] = CORE_SORTS[code]
    return exports


def define_instance(reader: Reader, scope: Scope) -> None:
    """Read how an instance of a component comes about, and give it the next index."""
    exports: Mapping[str, Item]
    if reader.flag("the kind of an instance"):
        exports = _exports(reader, scope)
    else:
        component = scope.component(reader)
        exports = _instantiated(reader, component, _arguments(reader, scope))
    scope.add(Item("instance", bounded(reader, instance_of(exports))))


def _exports(reader: Reader, scope: Scope) -> dict[str, Item]:
    exports: dict[str, Item] = {}
    seen: set[str] = set()
    for _ in reader.items():
        name = read_extern_name(reader, scope.features)
        add_named(reader, exports, seen, name, read_item(reader, scope))
    return exports


def _arguments(reader: Reader, scope: Scope) -> dict[str, Item]:
    given: dict[str, Item] = {}
    for _ in reader.items():
        name = reader.name()
        if name in given:
            raise reader.malformed("a component is given two things of one name")
        given[name] = read_item(reader, scope)
    return given


def _instantiated(
    reader: Reader, component: Component, given: Mapping[str, Item]
) -> Mapping[str, Item]:
    """What an instance of `component` exports when it is given these things."""
    reader.keep(len(component.imports) + len(component.exports))
    for name, wanted in component.imports.items():
        if name not in given or given[name].sort != wanted.sort:
            raise reader.malformed(f"a component is not given the {wanted.sort} that it imports")
    exports = component.exports.values()
    if component.is_declared and any(item.sort == "instance" for item in exports):
        # Its instances may export more than is declared, and nothing here tells.
        raise reader.malformed("a component is imported, instantiated, and exports instances")
    if not any(_is_open(item) for item in exports):
        return component.exports
    return _Closing(reader, given).exports(component.exports)


def _is_open(item: Item) -> bool:
    return item.sort == "instance" and isinstance(item.what, Instance) and item.what.is_open


class _Closing:
    """Puts what a component was given in the place of its imports.

    An instance that it imports may turn out to export more than it asks for, and passes for
    what it is when it is exported again.
    """

    def __init__(self, reader: Reader, given: Mapping[str, Item]) -> None:
        self._reader = reader
        self._given = given
        self._done: dict[int, Instance] = {}

    def exports(self, exports: Mapping[str, Item]) -> dict[str, Item]:
        self._reader.keep(len(exports))
        return {name: self._item(item) for name, item in exports.items()}

    def _item(self, item: Item) -> Item:
        if not _is_open(item):
            return item
        assert isinstance(item.what, Instance)
        return Item("instance", self._instance(item.what))

    def _instance(self, instance: Instance) -> Instance:
        if id(instance) not in self._done:
            if instance.origin is not None:
                found = self._found(instance.origin)
            else:
                found = instance_of(self.exports(instance.exports))
            self._done[id(instance)] = bounded(self._reader, found)
        return self._done[id(instance)]

    def _found(self, origin: Origin) -> Instance:
        """What an import, or something inside it, turned out to be."""
        if origin.inside is None:
            item = self._given[origin.name]
        else:
            exports = self._found(origin.inside).exports
            if origin.name not in exports:
                raise self._reader.malformed("a component is given less than it imports")
            item = exports[origin.name]
        if not isinstance(item.what, Instance):
            raise self._reader.malformed("a component is not given the instance it imports")
        return item.what
