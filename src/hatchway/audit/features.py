"""WebAssembly proposals that show in a binary's structure, and which of them are off here.

Whatever only shows in the code of functions (tail calls, vector instructions, legacy
exceptions) is not noticed: functions are not decoded. Engines refuse that when they compile.
"""

from __future__ import annotations

from typing import Final

THREADS: Final = "threads"
MEMORY64: Final = "memory64"
CUSTOM_PAGE_SIZES: Final = "custom-page-sizes"
EXCEPTIONS: Final = "exceptions"
GC: Final = "gc"
FUNCTION_REFERENCES: Final = "function-references"
STACK_SWITCHING: Final = "stack-switching"
SHARED_EVERYTHING: Final = "shared-everything-threads"
CUSTOM_DESCRIPTORS: Final = "custom-descriptors"
COMPACT_IMPORTS: Final = "compact-imports"
MULTI_MEMORY: Final = "multi-memory"
EXTENDED_CONST: Final = "extended-const"
COMPONENT_ASYNC: Final = "component-model-async"
COMPONENT_THREADING: Final = "component-model-threading"
COMPONENT_VALUES: Final = "component-model-values"
COMPONENT_ERROR_CONTEXT: Final = "component-model-error-context"
COMPONENT_FIXED_LISTS: Final = "component-model-fixed-length-lists"
COMPONENT_MAPS: Final = "component-model-map"
COMPONENT_GC: Final = "component-model-gc"
COMPONENT_NAME_ATTRIBUTES: Final = "component-model-name-attributes"

EXPLANATIONS: dict[str, str] = {
    THREADS: "memory that several threads share, and atomic operations on it",
    MEMORY64: "memories or tables with 64-bit addresses",
    CUSTOM_PAGE_SIZES: "memories whose pages are not 64 KiB",
    EXCEPTIONS: "exceptions that WebAssembly throws and catches itself",
    GC: "structures and arrays that the engine collects",
    FUNCTION_REFERENCES: "references to functions of a known type",
    STACK_SWITCHING: "coroutines with stacks of their own",
    SHARED_EVERYTHING: "tables, globals and references that threads share",
    CUSTOM_DESCRIPTORS: "exact reference types and type descriptors",
    COMPACT_IMPORTS: "imports that share one spelling of their module's name",
    MULTI_MEMORY: "more than one memory in a module",
    EXTENDED_CONST: "arithmetic in initial values",
    COMPONENT_ASYNC: "component functions that wait for each other, streams and futures",
    COMPONENT_THREADING: "threads that a component starts",
    COMPONENT_VALUES: "start functions of components",
    COMPONENT_ERROR_CONTEXT: "error values with a debug message",
    COMPONENT_FIXED_LISTS: "lists of a fixed length",
    COMPONENT_MAPS: "maps from keys to values",
    COMPONENT_GC: "component functions over collected values",
    COMPONENT_NAME_ATTRIBUTES: "imports and exports that say which interface they implement",
}
"""What each is, in a few words."""

ENGINE_SWITCHES: dict[str, str] = {
    THREADS: "wasm_threads",
    MEMORY64: "wasm_memory64",
    CUSTOM_PAGE_SIZES: "wasm_custom_page_sizes",
    EXCEPTIONS: "wasm_exceptions",
    GC: "wasm_gc",
    FUNCTION_REFERENCES: "wasm_function_references",
    STACK_SWITCHING: "wasm_stack_switching",
    COMPONENT_ASYNC: "wasm_component_model_async",
}
"""The engine's switch for those that it could turn on; ours has all of these off."""

ALWAYS_OFF: frozenset[str] = frozenset(
    {
        SHARED_EVERYTHING, CUSTOM_DESCRIPTORS, COMPACT_IMPORTS, COMPONENT_THREADING,
        COMPONENT_VALUES, COMPONENT_ERROR_CONTEXT, COMPONENT_FIXED_LISTS, COMPONENT_MAPS,
        COMPONENT_GC, COMPONENT_NAME_ATTRIBUTES,
    }
)  # fmt: skip
"""Those that nobody turns on: the engine has them off unless it is told otherwise."""

TURNED_OFF: frozenset[str] = ALWAYS_OFF | frozenset(ENGINE_SWITCHES)
"""What an artifact may not need if it is to run here."""
