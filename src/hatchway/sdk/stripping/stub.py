"""Components in the place of imports: one for the types of each, and one for all functions.

The functions are together because each component that has functions of many types needs a memory
of its own, and hosts count memories.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from hatchway.sdk.stripping.bytecode import (
    ALIAS,
    EXPORT,
    HEADER,
    IMPORT,
    SORT_INSTANCE,
    SORT_TYPE,
    TYPE,
    exported,
    listed,
    number,
    refused,
    section,
    text,
)
from hatchway.sdk.stripping.lifting import lifted
from hatchway.sdk.stripping.types import (
    I32,
    Define,
    Function,
    Named,
    Outer,
    Resource,
    Use,
    Value,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatchway.sdk.stripping.types import Declared, InstanceType, Origin, Type

_MOST_DEPTH = 100
_NEW_RESOURCE = bytes((SORT_TYPE, 1))
_HIDDEN = "of-another-"


@dataclass(frozen=True, slots=True)
class Stub:
    """A component in the place of imports.

    Attributes:
        component: Its bytes.
        given: What it must be given: names of its imports, sorts and indices.
    """

    component: bytes
    given: tuple[tuple[str, int, int], ...]

    @property
    def arguments(self) -> bytes:
        """What it is given, as it is written."""
        return listed(text(name) + bytes((sort,)) + number(at) for name, sort, at in self.given)


@dataclass(frozen=True, slots=True)
class Gone:
    """An import that went.

    Attributes:
        index: Of the instance that has its types.
        answers: What its functions answer instead of a trap, by their names.
    """

    index: int
    kind: InstanceType
    answers: Mapping[str, str]


def types_of(instance: InstanceType, around: Sequence[Type], origins: Mapping[int, Origin]) -> Stub:
    """The component that exports the types of `instance`.

    Args:
        instance: The type of the import.
        around: The types where the import stands.
        origins: Which of them come from which interface.

    Raises:
        ConfigError: The interface has something that cannot be made again.
    """
    if any(name.startswith(_HIDDEN) for name in instance.exports):
        raise refused(f"an interface has a type {_HIDDEN}…")
    types = _OwnTypes(around, origins)
    for each in range(len(instance.types)):
        if not isinstance(instance.types[each], Function):
            types.add(each, instance, 0)
    return Stub(HEADER + b"".join(types.parts), tuple(types.given))


def functions_of(
    gone: Sequence[Gone], around: Sequence[Type], origins: Mapping[int, Origin]
) -> tuple[Stub, dict[tuple[int, str], str]]:
    """The component with the functions of all that went, and what they are called in it.

    Args:
        gone: All of it, with functions or without.
        around: The types where the last of it stood.
        origins: Which of them come from which interface.

    Raises:
        ConfigError: A function cannot be made again, or cannot answer that.
    """
    types = _GivenTypes(around, origins)
    found: list[tuple[str, Function, int, str | None]] = []
    names: dict[tuple[int, str], str] = {}
    for each in gone:
        types.take(each)
        for name, place in each.kind.functions:
            kind = each.kind.types[place]
            assert isinstance(kind, Function)
            names[each.index, name] = f"f{len(found)}"
            index = types.add(place, each.kind, each.index)
            found.append((f"f{len(found)}", kind, index, each.answers.get(name)))
    return Stub(HEADER + b"".join([*types.parts, *lifted(found)]), tuple(types.given)), names


@dataclass(slots=True)
class _Types:
    """The types of a stub, while they are written.

    A value's type may only be used by functions if it and all its parts have names. Those from
    other interfaces are written again, under names that nobody asks for.
    """

    keeps_names: ClassVar[bool] = False

    around: Sequence[Type]
    origins: Mapping[int, Origin]
    parts: list[bytes] = field(default_factory=list)
    given: list[tuple[str, int, int]] = field(default_factory=list)
    _written: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _next: int = 0
    _depth: int = 0

    def add(self, place: int, instance: InstanceType, home: int) -> int:
        """The index here of the type that has the index `place` in `instance`.

        Args:
            place: In `instance`.
            instance: A type of instances.
            home: The index of the instance that is meant; below zero for one that is around.
        """
        key = (home, id(instance), place)
        if key not in self._written:
            self._depth += 1
            if self._depth > _MOST_DEPTH:
                raise refused(f"types are nested more than {_MOST_DEPTH} deep")
            self._written[key] = self._made(instance.declared[place], instance, home)
            self._depth -= 1
        return self._written[key]

    def _made(self, declared: Declared, instance: InstanceType, home: int) -> int:
        match declared:
            case Define():
                uses = [each.index for each in declared.written if isinstance(each, Use)]
                indices = {each: self.add(each, instance, home) for each in uses}
                return self._write(section(TYPE, listed([written(declared.written, indices)])))
            case Outer(index=index):
                return self._outer(index)
            case Named(name=name, index=None):
                return self._resource(name, home)
            case Named(name=name, index=of):
                assert of is not None
                index = self.add(of, instance, home)
                is_kept = self.keeps_names and home >= 0
                name = name if is_kept else f"{_HIDDEN}{self._next}"
                return self._write(_exported_type(name, index))

    def _write(self, part: bytes) -> int:
        """A section that gives one type an index."""
        self.parts.append(part)
        self._next += 1
        return self._next - 1

    def _resource(self, name: str, home: int) -> int:
        """The resource `name` of an interface that went."""
        raise NotImplementedError

    def _outer(self, index: int) -> int:
        """A type from around: a resource is given, and any other is written again."""
        kind = self.around[index]
        if isinstance(kind, Resource):
            name = f"t{len(self.given)}"
            self.given.append((name, SORT_TYPE, index))
            return self._write(section(IMPORT, listed([b"\0" + text(name) + _NEW_RESOURCE])))
        if not (isinstance(kind, Value) and index in self.origins) or kind.has_handles:
            raise refused(f"type {index}, which an interface takes from another, cannot be made")
        instance, place = self.origins[index]
        return self.add(place, instance, -1)


class _OwnTypes(_Types):
    """Types that are new, and called as in the interface."""

    __slots__ = ()
    keeps_names = True

    def _resource(self, name: str, home: int) -> int:
        assert home >= 0
        resource = self._write(section(TYPE, listed([bytes((0x3F, I32, 0))])))
        return self._write(_exported_type(name, resource))


@dataclass(slots=True)
class _GivenTypes(_Types):
    """Types of which the resources are given, by the instances that have them."""

    _homes: dict[int, int] = field(default_factory=dict)

    def take(self, gone: Gone) -> None:
        """Import an instance for its resources."""
        resources = [
            b"\4\0" + text(each.name) + _NEW_RESOURCE
            for each in gone.kind.declared
            if isinstance(each, Named) and each.index is None
        ]
        name = f"i{gone.index}"
        kind = self._write(section(TYPE, listed([b"\x42" + listed(resources)])))
        wanted = b"\0" + text(name) + bytes((SORT_INSTANCE,)) + number(kind)
        self.parts.append(section(IMPORT, listed([wanted])))
        self._homes[gone.index] = len(self._homes)
        self.given.append((name, SORT_INSTANCE, gone.index))

    def _resource(self, name: str, home: int) -> int:
        alias = bytes((SORT_TYPE, 0)) + number(self._homes[home]) + text(name)
        return self._write(section(ALIAS, listed([alias])))


def _exported_type(name: str, index: int) -> bytes:
    return section(EXPORT, listed([exported(name, SORT_TYPE, index)]))
