"""What a core module defines and exports.

Source: WebAssembly core specification 3.0, section 5.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.artifact import Export, Memory
from hatchway.audit.constants import Scope, constant
from hatchway.audit.module_imports import KINDS, memory_of

if TYPE_CHECKING:
    from hatchway.audit.artifact import ImportKind
    from hatchway.audit.binary import Reader
    from hatchway.audit.core_types import CoreTypes, Limits
    from hatchway.audit.module_imports import Imports

MAX_FUNCTIONS = 1_000_000
MAX_FUNCTION_BYTES = 7_654_321
MAX_TABLES = 100
MAX_MEMORIES = 100
"""Beyond these engines refuse a module too."""


class Contents:
    """A module's own functions, tables, memories, globals, tags and exports.

    Attributes:
        function_kinds: What is known of the type of each function defined here.
        all_memories: Imported ones first.
        limits: Of the same memories, in pages.
        listed: The exports, in order.
        exported: Kind and index of each export by its name.
    """

    def __init__(self, types: CoreTypes, imports: Imports) -> None:
        self._types = types
        self._imports = imports
        self._bodies: int | None = None
        self.function_kinds = b""
        self.table_count = 0
        self.global_count = 0
        self.tag_count = 0
        self._own_memories: list[Limits] = []
        self.listed: list[Export] = []
        self.exported: dict[str, tuple[ImportKind, int]] = {}
        self.code_bytes = 0
        self.largest_function_bytes = 0

    @property
    def function_count(self) -> int:
        """Functions that there are, imported or not."""
        return len(self._imports.functions) + len(self.function_kinds)

    @property
    def tables_and_imports(self) -> int:
        """Tables that there are, imported or not."""
        return self._imports.tables + self.table_count

    @property
    def limits(self) -> list[Limits]:
        """Of all memories, in pages, imported ones first."""
        return self._imports.memories + self._own_memories

    @property
    def all_memories(self) -> list[Memory]:
        """All memories, imported ones first."""
        imported = [memory_of(item, is_imported=True) for item in self._imports.memories]
        return imported + [memory_of(item, is_imported=False) for item in self._own_memories]

    @property
    def scope(self) -> Scope:
        """What an initial value may mention here."""
        count = self._imports.globals + self.global_count
        return Scope(types=self._types, globals=count, functions=self.function_count)

    def kind_of(self, function: int) -> int:
        """What is known of the type of the function with this index."""
        imported = len(self._imports.functions)
        if function < imported:
            return self._imports.functions[function]
        return self.function_kinds[function - imported]

    def functions(self, section: Reader) -> None:
        """The types of the functions that are defined here."""
        count = section.entries(MAX_FUNCTIONS)
        kinds = self._types.kinds
        indices = section.indices(count, below=len(kinds))
        self.function_kinds = bytes([kinds[index] for index in indices])
        if 0 in self.function_kinds:
            raise section.malformed("a function has a type that is none of a function")

    def tables(self, section: Reader) -> None:
        """The table section."""
        for _ in range(section.count(MAX_TABLES)):
            has_value = section.peek() == 0x40
            if has_value:
                section.byte()
                section.expect(0, "the form of a table")
            self._types.table(section)
            if has_value:
                constant(section, self.scope)
            self.table_count += 1

    def memories(self, section: Reader) -> None:
        """The memory section."""
        for _ in range(section.count(MAX_MEMORIES)):
            self._own_memories.append(self._types.memory(section))

    def globals(self, section: Reader) -> None:
        """The global section."""
        for _ in section.items():
            self._types.global_type(section)
            constant(section, self.scope)
            self.global_count += 1

    def tags(self, section: Reader) -> None:
        """The tag section."""
        for _ in section.items():
            self._types.tag(section)
            self.tag_count += 1

    def exports(self, section: Reader) -> None:
        """The export section."""
        spaces = (
            self.function_count,
            self.tables_and_imports,
            len(self.limits),
            self._imports.globals + self.global_count,
            self._imports.tags + self.tag_count,
        )
        for _ in section.items():
            name = section.name()
            code = section.byte()
            if code >= len(KINDS):
                raise section.malformed(f"unknown kind of export {code:#x}")
            kind = KINDS[code]
            if name in self.exported:
                raise section.malformed("two exports have one name")
            self.exported[name] = kind, section.index(spaces[code], kind)
            self.listed.append(Export(name=name, kind=kind))

    def code(self, section: Reader) -> None:
        """The code section: how many bodies there are, and how large each is."""
        self._bodies = section.entries(MAX_FUNCTIONS)
        start = section.at
        largest = section.step_over(self._bodies)
        if largest > MAX_FUNCTION_BYTES:
            raise section.malformed(f"a function has {largest} bytes")
        self.code_bytes = section.at - start
        self.largest_function_bytes = largest

    def require_code(self, reader: Reader) -> None:
        """Make sure that every declared function has a body.

        Raises:
            MalformedError: The two sections disagree.
        """
        bodies = self._bodies or 0
        if bodies != len(self.function_kinds):
            declared = len(self.function_kinds)
            raise reader.malformed(f"{declared} functions are declared and {bodies} have a body")
