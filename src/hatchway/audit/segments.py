"""Element and data segments of a core module.

Source: WebAssembly core specification 3.0, sections 5.5.12, 5.5.14 and 5.5.15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.artifact import DataSegment
from hatchway.audit.constants import constant

if TYPE_CHECKING:
    from hatchway.audit.binary import Reader
    from hatchway.audit.core_types import CoreTypes
    from hatchway.audit.module_contents import Contents

MAX_SEGMENTS = 100_000


class Segments:
    """What is copied into tables and memories.

    Attributes:
        listed: The data segments, in order.
    """

    def __init__(self, types: CoreTypes, contents: Contents) -> None:
        self._types = types
        self._contents = contents
        self._announced: int | None = None
        self.listed: list[DataSegment] = []

    def elements(self, section: Reader) -> None:
        """The element section."""
        for _ in section.items(MAX_SEGMENTS):
            self._element(section)

    def _element(self, section: Reader) -> None:
        flags = section.u32()
        if flags > 7:
            raise section.malformed(f"unknown kind of element segment {flags:#x}")
        is_passive, is_explicit, has_expressions = flags & 1, flags & 2, flags & 4
        if not is_passive:
            table = section.u32() if is_explicit else 0
            if table >= self._contents.tables_and_imports:
                raise section.malformed(f"table {table} is filled, and there is none")
            constant(section, self._contents.scope)
        if has_expressions:
            if flags & 3:
                self._types.reference(section)
            for _ in range(section.entries()):
                constant(section, self._contents.scope)
            return
        if flags & 3:
            section.expect(0, "the kind of an element segment")
        section.indices(section.entries(), below=self._contents.function_count)

    def data_count(self, section: Reader) -> None:
        """How many data segments there will be."""
        self._announced = section.u32()

    def data(self, section: Reader) -> None:
        """The data section. Nothing of what it holds is copied."""
        scope = self._contents.scope
        memories = len(self._contents.limits)
        for _ in section.items(MAX_SEGMENTS):
            flags = section.u32()
            if flags > 2:
                raise section.malformed(f"unknown kind of data segment {flags:#x}")
            address = None
            if flags != 1:
                memory = section.u32() if flags == 2 else 0
                if memory >= memories:
                    raise section.malformed(f"memory {memory} is filled, and there is none")
                address = constant(section, scope)
            size = section.u32()
            self.listed.append(DataSegment(offset=section.at, size=size, address=address))
            section.skip(size)

    def require_data(self, reader: Reader) -> None:
        """Make sure that there are as many data segments as were announced.

        Raises:
            MalformedError: There are more or fewer.
        """
        found = len(self.listed)
        if self._announced is not None and self._announced != found:
            raise reader.malformed(f"{self._announced} data segments are announced, {found} stand")
