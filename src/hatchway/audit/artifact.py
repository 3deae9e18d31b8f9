"""What an artifact says about itself, read from its bytes and from nothing else.

`read_artifact` in `hatchway.audit.reading` makes these values; rules, reports and admission
only look at them. Offsets count from the start of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from hatchway.core.surface import Surface

ImportKind: TypeAlias = Literal[
    "function", "table", "memory", "global", "tag", "value", "type", "instance", "module",
    "component",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One thing that the host must provide before anything runs.

    Attributes:
        namespace: A module's first name (`wasi_snapshot_preview1`), or the whole name of the
            interface an instance import speaks of (`wasi:filesystem/types@0.2.3`). Empty for
            a component's plain import of a function.
        name: What is imported from there; `outer#inner` for functions of nested instances.
        offset: Of the import's first byte.
    """

    namespace: str
    name: str
    kind: ImportKind
    offset: int
    is_component: bool = False

    def __str__(self) -> str:
        """As policy, lockfile and events spell it."""
        if not self.is_component:  # where either may be empty, and means something
            return f"{self.namespace}.{self.name}"
        return "#".join(filter(None, (self.namespace, self.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One thing that is offered to the host.

    Attributes:
        kind: As for imports.
    """

    name: str
    kind: ImportKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A linear memory as it is declared.

    Attributes:
        maximum_bytes: None when it may grow as far as its address allows.
    """

    minimum_bytes: int
    maximum_bytes: int | None
    is_shared: bool = False
    is_64_bit: bool = False
    page_bytes: int = 65536
    is_imported: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSegment:
    """Bytes that are copied into memory when an instance starts, or when code asks.

    Attributes:
        offset: Of the first byte, in the file.
        address: Where in memory, for active segments at a constant address.
    """

    offset: int
    size: int
    address: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomSection:
    """A named section that engines ignore.

    Attributes:
        offset: Of the payload, in the file.
    """

    name: str
    payload: bytes
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer:
    """One line of a `producers` section: `processed-by`, `rustc`, `1.86.0`."""

    field: str
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreModule:
    """One core module: the artifact itself, or one inside a component.

    Attributes:
        path: Where it is nested: empty for the artifact itself, `(2, 0)` for the first module
            of the third nested part.
        functions: Defined here, imports not counted.
        start_function: The index of the function that runs at instantiation, or None.
        features: Proposals that its structure needs beyond WebAssembly 2.0, named as in
            `hatchway.audit.features`.
    """

    path: tuple[int, ...]
    offset: int
    size: int
    imports: tuple[Import, ...]
    exports: tuple[Export, ...]
    memories: tuple[Memory, ...]
    tables: int
    functions: int
    code_bytes: int
    largest_function_bytes: int
    start_function: int | None
    segments: tuple[DataSegment, ...]
    customs: tuple[CustomSection, ...]
    features: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A `.wasm` file, read strictly and completely enough to answer for.

    Attributes:
        imports: The capability surface: everything that the host is asked for, at top level.
            A component's instance imports are listed function by function; other imports
            (a module, a value) by name. Whatever inner modules import is not here.
        type_only: Interfaces that are imported for their types alone, without any function.
        exports: At top level.
        surface: What tools are made of; the same value that the engine describes after
            compiling, for comparison.
        modules: The core modules inside, in the order of the file; for a core module the
            artifact itself is the only one.
        components: How many components are nested inside.
        depth: How deep they are nested; 0 for a core module or a component without any.
        customs: The custom sections at top level, in order.
        runs_at_start: It has a start function or section at top level.
        features: Of all its modules and of the component itself.
        inner_customs: The custom sections of the components nested inside, in order; those of
            modules are with the modules.
    """

    kind: Literal["module", "component"]
    digest: str
    size: int
    imports: tuple[Import, ...]
    type_only: tuple[Import, ...]
    exports: tuple[Export, ...]
    surface: Surface
    modules: tuple[CoreModule, ...]
    components: int
    depth: int
    customs: tuple[CustomSection, ...]
    producers: tuple[Producer, ...]
    runs_at_start: bool
    features: frozenset[str]
    inner_customs: tuple[CustomSection, ...] = ()

    @property
    def all_customs(self) -> tuple[CustomSection, ...]:
        """Custom sections anywhere inside, those at top level first."""
        inner = [section for module in self.modules if module.path for section in module.customs]
        return (*self.customs, *self.inner_customs, *inner)
