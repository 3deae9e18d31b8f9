"""Which other host a binary was built for, told from what it imports.

Such a binary is valid WebAssembly that cannot run here. Saying whose it is saves its owner
from guessing why "unknown import" came up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.audit.artifact import Artifact, Import

_BINDGEN = "wasm-bindgen (JavaScript)"
_EMSCRIPTEN = "emscripten (JavaScript)"
_GO = "Go's js/wasm port; build with GOOS=wasip1"
_DYLINK = "dynamic linking (dylink)"
_EXTISM_OLD = "Extism before 1.0; build it with a current plug-in development kit"
_EXTISM_USER = (
    "an Extism host with functions of its own (extism:host/user); only that host can say what "
    "they do"
)
_EXTISM = "extism:host/env"
_ADAPTER = "the adapter from preview 1 to WASI 0.2; it works inside a component only"
_UNWRAPPED = "a component's core module; wrap it with `wasm-tools component new`"

_NAMESPACES: dict[str, str] = {
    "wbg": _BINDGEN,
    "__wbindgen_placeholder__": "wasm-bindgen (JavaScript), not yet processed",
    "__wbindgen_externref_xform__": "wasm-bindgen (JavaScript), not yet processed",
    "gojs": _GO,
    "go": _GO,
    "wasi_unstable": "WASI preview 0; rebuild for wasi_snapshot_preview1",
    "wasix_32v1": "WASIX",
    "wasix_64v1": "WASIX",
    "extism:host/user": _EXTISM_USER,
    "GOT.mem": _DYLINK,
    "GOT.func": _DYLINK,
    "napi": "Node-API",
    "emnapi": "Node-API (emnapi)",
    "rb-js-abi-host": "ruby.wasm's JavaScript host (rb-js-abi-host)",
    "canonical_abi": "an early component ABI in JavaScript (canonical_abi)",
    "__main_module__": _ADAPTER,
}
_FIELD_PREFIXES: tuple[tuple[str, str, str], ...] = (
    ("env", "emscripten_", _EMSCRIPTEN),
    ("env", "_emscripten_", _EMSCRIPTEN),
    ("env", "invoke_", _EMSCRIPTEN),
    ("env", "__syscall_", _EMSCRIPTEN),
    ("env", "__cxa_", _EMSCRIPTEN),
    ("env", "_embind_", _EMSCRIPTEN),
    ("env", "_emval_", _EMSCRIPTEN),
    ("env", "__asyncjs__", _EMSCRIPTEN),
    ("env", "napi_", "Node-API"),
    ("env", "node_api_", "Node-API"),
    ("env", "emnapi_", "Node-API (emnapi)"),
    ("env", "_emnapi_", "Node-API (emnapi)"),
    ("env", "proxy_", "proxy-wasm"),
    ("env", "extism_", _EXTISM_OLD),
    ("env", "__memory_base", _DYLINK),
    ("env", "__table_base", _DYLINK),
    ("wasi", "thread-spawn", "wasi-threads"),
)
_DYNAMIC = ("dylink.0", "dylink")
_MINIFIED = "a"
_MINIFIED_LENGTH = 2
_LATER_WASI = re.compile(r"wasi:[^@]+@0\.3(?:\.[0-9A-Za-z.+-]+)?")
_INTERFACE = re.compile(r"(?:\[export\])?[a-z0-9-]+:[a-z0-9-]+/[a-z0-9-]+(?:@.+)?|\$root")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignHost:
    """The host that a binary was built for.

    Attributes:
        name: What people call it, sometimes with what to do about it; printable.
        told_by: The import that gives it away; None for a section, or all imports together.
    """

    name: str
    told_by: Import | None


def foreign_abi(artifact: Artifact) -> str | None:
    """The host `artifact` was built for, if it is one that is known and not this one."""
    host = foreign_host(artifact)
    return None if host is None else host.name


def foreign_host(artifact: Artifact) -> ForeignHost | None:
    """The same, with what gives it away."""
    if any(section.name in _DYNAMIC for section in artifact.customs):
        return ForeignHost(name=_DYLINK, told_by=None)
    name_of = _component_abi if artifact.kind == "component" else _abi_of
    for item in (*artifact.imports, *artifact.type_only):
        if (name := name_of(item)) is not None:
            return ForeignHost(name=name, told_by=item)
    if artifact.kind == "module":
        return _of_all_imports(artifact.imports)
    return None


def _abi_of(item: Import) -> str | None:
    """The host that alone provides this import to a module."""
    if item.namespace in _NAMESPACES:
        return _NAMESPACES[item.namespace]
    if item.namespace.endswith("_bg.js"):
        return _BINDGEN
    for namespace, prefix, name in _FIELD_PREFIXES:
        if item.namespace == namespace and item.name.startswith(prefix):
            return name
    return None


def _component_abi(item: Import) -> str | None:
    """The later WASI that provides this import to a component."""
    if _LATER_WASI.fullmatch(item.namespace):
        return f"WASI 0.3 ({printable(item.namespace)})"
    return None


def _of_all_imports(imports: tuple[Import, ...]) -> ForeignHost | None:
    """What no single import of a module shows."""
    if {item.namespace for item in imports} == {_MINIFIED} and all(
        len(item.name) <= _MINIFIED_LENGTH for item in imports
    ):
        return ForeignHost(name=f"{_EMSCRIPTEN}, minified", told_by=None)
    for item in imports:
        if item.namespace != _EXTISM and _INTERFACE.fullmatch(item.namespace):
            return ForeignHost(name=_UNWRAPPED, told_by=item)
    return None
