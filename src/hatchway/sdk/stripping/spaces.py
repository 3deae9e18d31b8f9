"""The index spaces of a component while it is walked through, as far as stripping needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatchway.sdk.stripping.bytecode import (
    SORT_COMPONENT,
    SORT_CORE,
    SORT_FUNCTION,
    SORT_INSTANCE,
    SORT_TYPE,
    Reader,
    number,
    refused,
    text,
)
from hatchway.sdk.stripping.definitions import read_instance_type, read_type
from hatchway.sdk.stripping.types import (
    InstanceType,
    Origin,
    Type,
    Unknown,
    Use,
    Value,
    at,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_INSTANCE_TYPE = 0x42
_EXPORT_OF, _CORE_EXPORT_OF, _OUTER = 0, 1, 2


@dataclass(slots=True)
class Spaces:
    """What the indices stand for, up to where a component was read.

    Attributes:
        components: New indices of components, by their old ones.
        stubs: How many components were put in before.
        instances: The types of instances, as far as they are known.
        stubbed: Those of the instances that are stubs: they have types and no functions.
        functions: The instance that has the functions, once it is there, and its place.
        renamed: What the functions are called in it, by stub and name.
        types: None of those behind the last import, which nothing asks for.
        origins: Where types come from: an interface, and the index of the type in it.
        gone: Those of the types that only the stubs have.
        are_types_known: The last import still comes.
        changes: What is new in what is being read, and where the old begins and ends.
    """

    components: list[int] = field(default_factory=list)
    stubs: int = 0
    instances: list[InstanceType | None] = field(default_factory=list)
    stubbed: set[int] = field(default_factory=set)
    functions: int | None = None
    renamed: Mapping[tuple[int, str], str] = field(default_factory=dict)
    types: list[Type] = field(default_factory=list)
    origins: dict[int, Origin] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    are_types_known: bool = True
    changes: list[tuple[int, int, bytes]] = field(default_factory=list)

    def add_component(self) -> None:
        """A component of the original's."""
        self.components.append(len(self.components) + self.stubs)

    def add_stub(self, kind: InstanceType) -> None:
        """An instance in the place of an import."""
        self.stubbed.add(len(self.instances))
        self.instances.append(kind)

    def add_stub_component(self) -> int:
        """A component that the original does not have; its index."""
        self.stubs += 1
        return len(self.components) + self.stubs - 1

    def add_functions(self, renamed: Mapping[tuple[int, str], str]) -> None:
        """An instance that the original does not have, with the functions of all stubs."""
        self.functions = len(self.instances)
        self.renamed = renamed

    def add_type(self, kind: Type, *, is_gone: bool) -> None:
        """A type, and whether it cannot be had from outside any more."""
        if self.are_types_known:
            if is_gone:
                self.gone.add(len(self.types))
            self.types.append(kind)

    def define_type(self, reader: Reader) -> None:
        """Read a type's definition."""
        if reader.data[reader.at : reader.end][:1] == bytes((_INSTANCE_TYPE,)):
            reader.byte()
            instance = read_instance_type(reader, self.types)
            self.add_type(instance, is_gone=not self.gone.isdisjoint(instance.outer))
            return
        found, definition = read_type(reader, self.types)
        used = {each.index for each in definition if isinstance(each, Use)}
        self.add_type(found, is_gone=not self.gone.isdisjoint(used))

    def define_instance(self, reader: Reader) -> None:
        """Read how an instance comes about."""
        if reader.is_there():
            for _ in reader.count():
                reader.extern_name()
                self.item(reader)
        else:
            self._component(reader)
            for _ in reader.count():
                reader.name()
                self.item(reader)
        self.instances.append(None)

    def alias(self, reader: Reader) -> None:
        """Read what gives something another index."""
        sort = reader.byte()
        if sort == SORT_CORE:
            reader.byte()
        target = reader.byte()
        if target == _EXPORT_OF:
            self._export_of(reader, sort)
        elif target == _CORE_EXPORT_OF and sort == SORT_CORE:
            reader.unsigned()
            reader.name()
        elif target == _OUTER and reader.unsigned() == 0:
            self._same(reader, sort)
        else:
            raise refused("an alias leads to something that is not known here")

    def export(self, reader: Reader) -> None:
        """Read an export, which gives something another index."""
        reader.extern_name()
        sort = reader.byte()
        if sort == SORT_CORE:
            reader.byte()
        self._same(reader, sort)
        if reader.is_there():
            extern(reader)

    def item(self, reader: Reader) -> None:
        """Read something that has an index already."""
        sort = reader.byte()
        if sort == SORT_CORE:
            reader.byte()
        self._index(reader, sort)

    def _same(self, reader: Reader, sort: int) -> None:
        """Something that has an index already, and gets another."""
        index = self._index(reader, sort)
        if sort == SORT_COMPONENT:
            self.add_component()
        elif sort == SORT_INSTANCE:
            self.instances.append(self.instances[index])
        elif sort == SORT_TYPE and self.are_types_known:
            self.add_type(at(self.types, index), is_gone=index in self.gone)

    def _export_of(self, reader: Reader, sort: int) -> None:
        begin = reader.at
        index = self._instance(reader)
        name = reader.name()
        if sort == SORT_FUNCTION and index in self.stubbed:
            self._function_of(index, name, (begin, reader.at))
        elif sort == SORT_COMPONENT:
            self.add_component()
        elif sort == SORT_INSTANCE:
            self.instances.append(None)
        elif sort == SORT_TYPE:
            self._type_of(self.instances[index], name, is_stubbed=index in self.stubbed)

    def _function_of(self, index: int, name: str, place: tuple[int, int]) -> None:
        """A function of a stub's, which is somewhere else and has another name."""
        if self.functions is None or (index, name) not in self.renamed:
            raise refused(f"{name!r} is used before its last import, or is not there")
        self.changes = [each for each in self.changes if each[0] < place[0]]
        self.changes.append((*place, number(self.functions) + text(self.renamed[index, name])))

    def _type_of(self, instance: InstanceType | None, name: str, *, is_stubbed: bool) -> None:
        if instance is None or name not in instance.exports:
            self.add_type(Unknown(), is_gone=False)
            return
        place = instance.exports[name]
        kind = instance.types[place]
        if self.are_types_known:
            self.origins[len(self.types)] = (instance, place)
        self.add_type(kind, is_gone=is_stubbed and not is_plain(kind))

    def _instance(self, reader: Reader) -> int:
        """The index of an instance, whose change is noted down."""
        begin = reader.at
        index = reader.unsigned()
        if index >= len(self.instances):
            raise refused(f"instance {index} is used, and there are {len(self.instances)}")
        if self.functions is not None and index >= self.functions:
            self.changes.append((begin, reader.at, number(index + 1)))
        return index

    def _index(self, reader: Reader, sort: int) -> int:
        if sort == SORT_COMPONENT:
            return self._component(reader)
        if sort != SORT_INSTANCE:
            return reader.unsigned()
        index = self._instance(reader)
        kind = self.instances[index]
        if index in self.stubbed and kind is not None and kind.functions:
            raise refused("an interface that goes is handed on as a whole")
        return index

    def _component(self, reader: Reader) -> int:
        """The index of a component, whose change is noted down."""
        begin = reader.at
        index = reader.unsigned()
        if index >= len(self.components):
            raise refused(f"component {index} is used, and there are {len(self.components)}")
        if self.components[index] != index:
            self.changes.append((begin, reader.at, number(self.components[index])))
        return index


def is_plain(kind: Type) -> bool:
    """Whether a type is the same wherever it is written, so that nobody has to give it."""
    return isinstance(kind, Value) and not kind.has_handles


def extern(reader: Reader) -> tuple[int, int | None]:
    """What an import or export is said to be: its sort, and its type's index.

    None stands for a new resource.
    """
    sort = reader.byte()
    if sort == SORT_CORE:
        reader.expect(0x11)
    elif sort == SORT_TYPE:
        if reader.is_there():
            return sort, None
    elif sort not in _SORTS:
        raise refused(f"an import or export is of the sort {sort:#x}")
    return sort, reader.unsigned()


_SORTS = (1, SORT_COMPONENT, SORT_INSTANCE)
