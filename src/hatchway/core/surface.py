"""What an artifact asks of the host and offers to it, learnt while it was compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hatchway.core.wit import WitFunction, function_from_json, function_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

Compiler: TypeAlias = Literal["cranelift", "winch"]
"""What makes native code of an artifact. Cranelift optimises; Winch takes one pass, whose time
grows with the artifact's size and nothing else."""


PLUGIN_HOST = "extism:host/env."
"""What imports of a plug-in for Extism begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """Which compiler made the code of an artifact.

    Attributes:
        compiler: The one that did.
        given_up: Why the compiler that was tried before it gave up; None when none was.
    """

    compiler: Compiler
    given_up: str | None = None

    def __str__(self) -> str:
        """The compiler, and in brackets why it was not the first."""
        return self.compiler if self.given_up is None else f"{self.compiler} ({self.given_up})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The outside of a compiled artifact.

    Attributes:
        kind: A core module or a component.
        imports: Every imported function, spelled `namespace.name` for modules and
            `interface#name` for components; sorted.
        is_command: It can be run as a WASI program.
        functions: Exported component functions with their types, in export order.
        exports: Names of everything a module exports, or of a component's exports.
        memory_min_bytes: Linear memory a module needs at start; None for components,
            whose memories wasmtime does not show.
        memory_max_bytes: The most a module says it will grow to; None without a bound.
        plugin: What of a module's exports can be called if it is a plug-in for Extism: functions
            that take nothing and return an i32.
    """

    kind: Literal["module", "component"]
    imports: tuple[str, ...]
    is_command: bool
    functions: tuple[WitFunction, ...] = ()
    exports: tuple[str, ...] = ()
    memory_min_bytes: int | None = None
    memory_max_bytes: int | None = None
    plugin: tuple[str, ...] = ()

    @property
    def is_plugin(self) -> bool:
        """Whether it is a module that was made for Extism."""
        return any(name.startswith(PLUGIN_HOST) for name in self.imports)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the compiled cache."""
        return {
            "kind": self.kind,
            "imports": list(self.imports),
            "is_command": self.is_command,
            "functions": [function_to_json(function) for function in self.functions],
            "exports": list(self.exports),
            "memory_min_bytes": self.memory_min_bytes,
            "memory_max_bytes": self.memory_max_bytes,
            "plugin": list(self.plugin),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Surface:
        """The surface that `to_json` wrote. Trusts its input: the cache is authenticated."""
        return cls(
            kind=data["kind"],
            imports=tuple(data["imports"]),
            is_command=data["is_command"],
            functions=tuple(function_from_json(item) for item in data["functions"]),
            exports=tuple(data["exports"]),
            memory_min_bytes=data["memory_min_bytes"],
            memory_max_bytes=data["memory_max_bytes"],
            # Written before there were any, by an earlier version.
            plugin=tuple(data.get("plugin", ())),
        )
