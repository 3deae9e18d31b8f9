"""Which other host a binary was built for, told from what it imports.

Such a binary is valid WebAssembly that cannot run here. Saying whose it is saves its owner
from guessing why "unknown import" came up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatchway.audit.outline import Outline

_NAMESPACES: dict[str, str] = {
    "wbg": "wasm-bindgen (JavaScript)",
    "__wbindgen_placeholder__": "wasm-bindgen (JavaScript), not yet processed",
    "__wbindgen_externref_xform__": "wasm-bindgen (JavaScript), not yet processed",
    "gojs": "Go's js/wasm port; build with GOOS=wasip1",
    "go": "Go's js/wasm port; build with GOOS=wasip1",
    "wasi_unstable": "WASI preview 0; rebuild for wasi_snapshot_preview1",
    "wasix_32v1": "WASIX",
    "wasix_64v1": "WASIX",
    "extism:host/env": "Extism",
    "extism:host/user": "Extism",
    "GOT.mem": "dynamic linking (dylink)",
    "GOT.func": "dynamic linking (dylink)",
    "napi": "Node-API",
    "emnapi": "Node-API (emnapi)",
}
_FIELD_PREFIXES: tuple[tuple[str, str, str], ...] = (
    ("env", "emscripten_", "emscripten (JavaScript)"),
    ("env", "_emscripten_", "emscripten (JavaScript)"),
    ("env", "invoke_", "emscripten (JavaScript)"),
    ("env", "__syscall_", "emscripten (JavaScript)"),
    ("env", "__cxa_", "emscripten (JavaScript)"),
    ("env", "napi_", "Node-API"),
    ("env", "proxy_", "proxy-wasm"),
    ("wasi", "thread-spawn", "wasi-threads"),
)
_DYNAMIC = ("dylink.0", "dylink")
_MINIFIED_LENGTH = 2


def foreign_abi(artifact: Outline) -> str | None:
    """The host `artifact` was built for, if it is one that is known and not this one."""
    if any(section.name in _DYNAMIC for section in artifact.customs):
        return "dynamic linking (dylink)"
    if artifact.kind == "component":
        return _component_abi(artifact)
    named = (_abi_of(namespace, field) for namespace, field in artifact.imports)
    if (known := next(filter(None, named), None)) is not None:
        return known
    namespaces = {namespace for namespace, _ in artifact.imports}
    if namespaces == {"a"} and all(len(f) <= _MINIFIED_LENGTH for _, f in artifact.imports):
        return "emscripten (JavaScript), minified"
    return None


def _abi_of(namespace: str, field: str) -> str | None:
    """The host that alone provides this import."""
    if namespace in _NAMESPACES:
        return _NAMESPACES[namespace]
    if namespace.endswith("_bg.js"):
        return "wasm-bindgen (JavaScript)"
    for known, prefix, name in _FIELD_PREFIXES:
        if namespace == known and field.startswith(prefix):
            return name
    return None


def _component_abi(artifact: Outline) -> str | None:
    for name, _ in artifact.imports:
        if name.startswith("wasi:") and "@0.3" in name:
            return f"WASI 0.3 ({name})"
    return None
