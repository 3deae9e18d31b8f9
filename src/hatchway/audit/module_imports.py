"""What a core module imports.

Source: WebAssembly core specification 3.0, section 5.5.5; the compact import section proposal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit import features
from hatchway.audit.artifact import Import, Memory
from hatchway.audit.core_types import Limits

if TYPE_CHECKING:
    from hatchway.audit.artifact import ImportKind
    from hatchway.audit.binary import Reader
    from hatchway.audit.core_types import CoreTypes

KINDS: tuple[ImportKind, ...] = ("function", "table", "memory", "global", "tag")
"""By the number that stands for each."""

_ITEMS_OF_ONE_MODULE, _NAMES_OF_ONE_TYPE = 0x7F, 0x7E


def memory_of(limits: Limits, *, is_imported: bool) -> Memory:
    """The memory that such limits declare."""
    maximum = limits.maximum
    return Memory(
        minimum_bytes=limits.minimum * limits.page_bytes,
        maximum_bytes=None if maximum is None else maximum * limits.page_bytes,
        is_shared=limits.is_shared,
        is_64_bit=limits.is_64_bit,
        page_bytes=limits.page_bytes,
        is_imported=is_imported,
    )


class Imports:
    """The imports of one module, and how many of each kind there are.

    Attributes:
        functions: For each imported function what is known of its type.
        memories: The imported memories' limits, in pages.
        listed: All imports in order, repetitions included.
    """

    def __init__(self, types: CoreTypes) -> None:
        self._types = types
        self.functions = bytearray()
        self.memories: list[Limits] = []
        self.tables = 0
        self.globals = 0
        self.tags = 0
        self.listed: list[Import] = []

    def read(self, section: Reader) -> None:
        """The import section."""
        for _ in range(section.count()):
            at = section.at
            namespace, name = section.name(), section.name()
            form = section.peek()
            # An engine that knows compact imports reads these two as many imports of one module.
            if not name and form in (_ITEMS_OF_ONE_MODULE, _NAMES_OF_ONE_TYPE):
                self._types.features.add(features.COMPACT_IMPORTS)
                self._compact(section, namespace, section.byte())
            else:
                self._add(section, namespace, name, self._declared(section), at)

    def read_one(self, reader: Reader) -> None:
        """One import of a module's type, where there is no compact form."""
        at = reader.at
        namespace, name = reader.name(), reader.name()
        self._add(reader, namespace, name, self._declared(reader), at)

    def skip_type(self, reader: Reader) -> ImportKind:
        """Step over what an export of a module's type is."""
        return KINDS[self._declared(reader)[0]]

    def _compact(self, section: Reader, namespace: str, form: int) -> None:
        shared = self._declared(section) if form == _NAMES_OF_ONE_TYPE else None
        for _ in range(section.count()):
            at = section.at
            name = section.name()
            self._add(section, namespace, name, shared or self._declared(section), at)

    def _declared(self, reader: Reader) -> tuple[int, int | Limits]:
        """What an import is: its kind's number, and what has to be known of its type."""
        code = reader.byte()
        if code == 0:
            return code, self._types.kinds[self._types.function(reader)]
        if code == 2:
            return code, self._types.memory(reader)
        if code == 1:
            self._types.table(reader)
        elif code == 3:
            self._types.global_type(reader)
        elif code == 4:
            self._types.tag(reader)
        else:
            raise reader.malformed(f"unknown kind of import {code:#x}")
        return code, 0

    def _add(
        self, reader: Reader, namespace: str, name: str, declared: tuple[int, int | Limits], at: int
    ) -> None:
        code, known = declared
        if isinstance(known, Limits):
            self.memories.append(known)
        elif code == 0:
            self.functions.append(known)
        self.tables += code == 1
        self.globals += code == 3
        self.tags += code == 4
        reader.keep()
        self.listed.append(Import(namespace=namespace, name=name, kind=KINDS[code], offset=at))
