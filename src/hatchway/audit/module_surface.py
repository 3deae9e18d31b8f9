"""The `Surface` of a core module, equal to what the engine describes after compiling it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.core_types import PLAIN_FUNCTION
from hatchway.core.surface import Surface

if TYPE_CHECKING:
    from hatchway.audit.module_reader import ModuleReader

_START = "_start"
_PAGE_BYTES = 65536


def module_surface(module: ModuleReader) -> Surface:
    """What the module that was read imports and exports."""
    contents = module.contents
    # The engine lists exported memories and then imported ones; one that is both counts twice.
    exported = [contents.limits[i] for kind, i in contents.exported.values() if kind == "memory"]
    memories = exported + module.imports.memories
    maximum = memories[0].maximum if len(memories) == 1 else None
    kind, index = contents.exported.get(_START, ("", 0))
    return Surface(
        kind="module",
        imports=tuple(sorted({str(item) for item in module.imports.listed})),
        is_command=kind == "function" and contents.kind_of(index) == PLAIN_FUNCTION,
        exports=tuple(contents.exported),
        memory_min_bytes=sum(item.minimum for item in memories) * _PAGE_BYTES if memories else None,
        memory_max_bytes=None if maximum is None else maximum * _PAGE_BYTES,
    )
