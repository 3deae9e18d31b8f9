"""A component again, with stubs where some of its imports were.

Types and functions of a stub have the indices that they had in the import. Its components are new,
and one instance with all functions, so only indices of components and instances change behind them;
everything else keeps its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from hatchway.sdk.stripping.bytecode import (
    ALIAS,
    COMPONENT,
    EXPORT,
    HEADER,
    IMPORT,
    INSTANCE,
    SORT_COMPONENT,
    SORT_CORE,
    SORT_INSTANCE,
    SORT_TYPE,
    TYPE,
    Reader,
    listed,
    number,
    refused,
    section,
    sections,
)
from hatchway.sdk.stripping.spaces import Spaces, extern
from hatchway.sdk.stripping.stub import Gone, functions_of, types_of
from hatchway.sdk.stripping.types import InstanceType, Resource, at

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hatchway.sdk.stripping.stub import Stub
    from hatchway.sdk.stripping.types import Type

Answers: TypeAlias = "Mapping[str, Mapping[str, str]]"

_LAST_SECTION = 11
_MOST_DEPTH = 32
_OUTER = 2
_EMPTY = b"\1\0"
"""An instance without anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripped:
    """A component without some of its imports.

    Attributes:
        component: Its bytes, twice the same for the same component and names.
        interfaces: What it does not import any more, with versions, in its own order.
    """

    component: bytes
    interfaces: tuple[str, ...]


def stripped(
    component: bytes,
    interfaces: Collection[str],
    *,
    answers: Answers | None = None,
) -> Stripped:
    """`component` without its imports of `interfaces`.

    A function of theirs that is called ends the program, as `unreachable` does.

    Args:
        component: A valid one. Nothing is validated here, and nothing invalid becomes valid.
        interfaces: Names without versions, such as `wasi:sockets/tcp`. Those that are not
            imported do not matter.
        answers: What functions answer instead, by interface and name: `NOTHING`, which is an
            empty list or none, or the name of an error.

    Raises:
        ConfigError: It is of a shape that is not understood, or what is left needs the types of
            what goes.
    """
    if not component.startswith(HEADER):
        raise refused("it is no component")
    rewriting = _Rewriting(interfaces=frozenset(interfaces), answers=answers or {})
    rewriting.walk(Reader(component, len(HEADER)))
    if not rewriting.names:
        return Stripped(component=component, interfaces=())
    return Stripped(component=bytes(rewriting.written), interfaces=tuple(rewriting.names))


@dataclass(slots=True, kw_only=True)
class _Rewriting:
    """What was written so far, and what went."""

    interfaces: frozenset[str]
    answers: Answers
    spaces: Spaces = field(default_factory=Spaces)
    written: bytearray = field(default_factory=lambda: bytearray(HEADER))
    names: list[str] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    expected: int = 0

    def walk(self, component: Reader) -> None:
        """Write every section again."""
        found = list(sections(component))
        imports = [place for place, (kind, _) in enumerate(found) if kind == IMPORT]
        for place in imports:
            content = found[place][1]
            names = _imported(Reader(content.data, content.at, content.end))
            self.expected += sum(each in self.interfaces for each in names)
        for place, (kind, content) in enumerate(found):
            self.spaces.are_types_known = bool(imports) and place < imports[-1]
            if kind > _LAST_SECTION:
                raise refused(f"it has a section {kind}")
            if kind == IMPORT:
                self.spaces.are_types_known = True
                self._imports(content)
            else:
                self._other(kind, content)

    def _other(self, kind: int, content: Reader) -> None:
        """A section that stays, with the components' new indices in it."""
        start, spaces = content.at, self.spaces
        if kind == COMPONENT:
            _require_closed(Reader(content.data, start, content.end))
            spaces.add_component()
        read = {INSTANCE: spaces.define_instance, ALIAS: spaces.alias, EXPORT: spaces.export}
        if spaces.are_types_known:
            read[TYPE] = spaces.define_type
        if kind in read:
            for _ in content.count():
                read[kind](content)
            content.finish()
        self._keep(kind, content, start)

    def _keep(self, kind: int, content: Reader, start: int) -> None:
        parts = []
        for begin, end, new in self.spaces.changes:
            parts += [content.data[start:begin], new]
            start = end
        self.spaces.changes.clear()
        self.written += section(kind, b"".join([*parts, content.data[start : content.end]]))

    def _imports(self, content: Reader) -> None:
        """A section of imports: those that stay, and stubs between them."""
        kept: list[bytes] = []
        for _ in content.count():
            start = content.at
            name = content.extern_name()
            sort, index = extern(content)
            if name.partition("@")[0] not in self.interfaces:
                self._kept(name, sort, index)
                kept.append(content.data[start : content.at])
                continue
            if sort != SORT_INSTANCE or index is None:
                raise refused(f"{name!r} is no interface")
            self._keep_imports(kept)
            self._stub(name, at(self.spaces.types, index))
        content.finish()
        self._keep_imports(kept)

    def _keep_imports(self, kept: list[bytes]) -> None:
        if kept:
            self.written += section(IMPORT, listed(kept))
            kept.clear()

    def _kept(self, name: str, sort: int, index: int | None) -> None:
        """An import that stays."""
        spaces = self.spaces
        if sort == SORT_CORE:
            return
        if index in spaces.gone:
            raise refused(f"{name!r} stays, and needs types of {', '.join(self.names)}")
        kind: Type = Resource() if index is None else at(spaces.types, index)
        if sort == SORT_COMPONENT:
            spaces.add_component()
        elif sort == SORT_INSTANCE:
            spaces.instances.append(kind if isinstance(kind, InstanceType) else None)
        elif sort == SORT_TYPE:
            spaces.add_type(kind, is_gone=False)

    def _stub(self, name: str, kind: Type) -> None:
        """An instance in the place of an import, which has the same index."""
        if not isinstance(kind, InstanceType):
            raise refused(f"{name!r} is no interface")
        spaces = self.spaces
        answers = self.answers.get(name.partition("@")[0], {})
        self.gone.append(Gone(len(spaces.instances), kind, answers))
        if kind.exports:
            self._put(types_of(kind, spaces.types, spaces.origins))
        else:
            self.written += section(INSTANCE, listed([_EMPTY]))
        spaces.add_stub(kind)
        self.names.append(name)
        if len(self.names) == self.expected and any(each.kind.functions for each in self.gone):
            stub, renamed = functions_of(self.gone, spaces.types, spaces.origins)
            self._put(stub)
            spaces.add_functions(renamed)

    def _put(self, stub: Stub) -> None:
        """A stub's component, and its instance."""
        component = self.spaces.add_stub_component()
        instance = b"\0" + number(component) + stub.arguments
        self.written += section(COMPONENT, stub.component) + section(INSTANCE, listed([instance]))


def _imported(content: Reader) -> list[str]:
    """The names in a section of imports, without versions."""
    found = []
    for _ in content.count():
        found.append(content.extern_name().partition("@")[0])
        extern(content)
    return found


def _require_closed(reader: Reader, depth: int = 1) -> None:
    """Refuse a component inside that uses one from around it, whose index may be another now."""
    if depth > _MOST_DEPTH:
        raise refused(f"components are nested more than {_MOST_DEPTH} deep")
    if reader.take(len(HEADER)) != HEADER:
        raise refused("a component inside does not start as one")
    for kind, content in sections(reader):
        if kind == COMPONENT:
            _require_closed(content, depth + 1)
        elif kind == ALIAS:
            for _ in content.count():
                _require_near(content, depth)


def _require_near(reader: Reader, depth: int) -> None:
    """Read an alias inside a component."""
    sort = reader.byte()
    if sort == SORT_CORE:
        reader.byte()
    target = reader.byte()
    if target == _OUTER:
        if reader.unsigned() >= depth and sort == SORT_COMPONENT:
            raise refused("a component inside uses one from around it")
        reader.unsigned()
    else:
        reader.unsigned()
        reader.name()
