"""Reading a core module: every section, in order, once, and to its end.

The bodies of functions are counted and measured, not decoded; everything else is accounted
for. What a module is in the end is a `CoreModule`; what only its surface needs stays with
the `ModuleReader`.

Source: WebAssembly core specification 3.0, section 5.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit import features
from hatchway.audit.artifact import CoreModule, CustomSection
from hatchway.audit.binary import MAGIC, MODULE_VERSION
from hatchway.audit.core_types import PLAIN_FUNCTION, CoreTypes
from hatchway.audit.module_contents import Contents
from hatchway.audit.module_imports import Imports
from hatchway.audit.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.audit.binary import Reader


_CUSTOM, _START, _COUNT = 0, 8, 12
_ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
_POSITION = {identifier: place for place, identifier in enumerate(_ORDER)}


def custom_section(section: Reader) -> CustomSection:
    """The section that `section` holds, with its name."""
    name = section.name()
    at = section.at
    return CustomSection(name=name, payload=section.rest(), offset=at)


class ModuleReader:
    """What is known of a module while it is read.

    Attributes:
        types: Its types.
        imports: What it imports.
        contents: What it defines and exports.
        segments: Elements and data.
    """

    def __init__(self, reader: Reader, path: tuple[int, ...] = ()) -> None:
        self._reader = reader
        self._path = path
        self._offset = reader.at
        self._size = reader.left
        self._customs: list[CustomSection] = []
        self._last = -1
        self._start: int | None = None
        self.types = CoreTypes()
        self.imports = Imports(self.types)
        self.contents = Contents(self.types, self.imports)
        self.segments = Segments(self.types, self.contents)
        self._read: dict[int, Callable[[Reader], None]] = {
            1: self._types,
            2: self.imports.read,
            3: self.contents.functions,
            4: self.contents.tables,
            5: self.contents.memories,
            6: self.contents.globals,
            7: self.contents.exports,
            8: self._start_function,
            9: self.segments.elements,
            10: self.contents.code,
            11: self.segments.data,
            12: self.segments.data_count,
            13: self.contents.tags,
        }

    def read(self) -> CoreModule:
        """The module.

        Raises:
            MalformedError: Something about it is not as it must be.
        """
        reader = self._reader
        if reader.take(8) != MAGIC + MODULE_VERSION:
            raise reader.malformed("a module does not start as one")
        while not reader.is_done:
            identifier = reader.byte()
            section = reader.section(reader.u32())
            if identifier == _CUSTOM:
                self._custom(section)
                continue
            self._require_order(identifier, section)
            self._read[identifier](section)
            section.end()
        self.contents.require_code(reader)
        self.segments.require_data(reader)
        return self._module()

    def _custom(self, section: Reader) -> None:
        section.keep()
        self._customs.append(custom_section(section))

    def _require_order(self, identifier: int, section: Reader) -> None:
        place = _POSITION.get(identifier)
        if place is None:
            raise section.malformed(f"unknown section {identifier}")
        if place <= self._last:
            raise section.malformed(f"section {identifier} is repeated or out of order")
        self._last = place

    def _types(self, section: Reader) -> None:
        for _ in section.items():
            self.types.recursive(section)

    def _start_function(self, section: Reader) -> None:
        function = section.index(self.contents.function_count, "function")
        if self.contents.kind_of(function) != PLAIN_FUNCTION:
            raise section.malformed("the start function has parameters or results")
        self._start = function

    def _module(self) -> CoreModule:
        contents = self.contents
        if len(contents.all_memories) > 1:
            self.types.features.add(features.MULTI_MEMORY)
        return CoreModule(
            path=self._path,
            offset=self._offset,
            size=self._size,
            imports=tuple(self.imports.listed),
            exports=tuple(contents.listed),
            memories=tuple(contents.all_memories),
            tables=self.imports.tables + contents.table_count,
            functions=len(contents.function_kinds),
            code_bytes=contents.code_bytes,
            largest_function_bytes=contents.largest_function_bytes,
            start_function=self._start,
            segments=tuple(self.segments.listed),
            customs=tuple(self._customs),
            features=frozenset(self.types.features),
        )
