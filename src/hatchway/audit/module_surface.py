"""The `Surface` of a core module, equal to what the engine describes after compiling it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.core_types import ANSWERING_FUNCTION, PLAIN_FUNCTION
from hatchway.core.surface import PLUGIN_HOST, Surface

if TYPE_CHECKING:
    from hatchway.audit.module_contents import Contents
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
    imports = tuple(sorted({str(item) for item in module.imports.listed}))
    is_plugin = any(name.startswith(PLUGIN_HOST) for name in imports)
    kind, index = contents.exported.get(_START, ("", 0))
    return Surface(
        kind="module",
        imports=imports,
        is_command=not is_plugin
        and kind == "function"
        and contents.kind_of(index) == PLAIN_FUNCTION,
        exports=tuple(contents.exported),
        memory_min_bytes=sum(item.minimum for item in memories) * _PAGE_BYTES if memories else None,
        memory_max_bytes=None if maximum is None else maximum * _PAGE_BYTES,
        plugin=_answering(contents) if is_plugin else (),
    )


def _answering(contents: Contents) -> tuple[str, ...]:
    """The exports that take nothing and return an i32."""
    return tuple(
        name
        for name, (kind, index) in contents.exported.items()
        if kind == "function" and contents.kind_of(index) == ANSWERING_FUNCTION
    )
