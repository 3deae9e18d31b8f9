"""From bytes to an `Artifact`: the only way in."""

from __future__ import annotations

import hashlib

from hatchway.audit.artifact import Artifact
from hatchway.audit.binary import COMPONENT_VERSION, MAGIC, MODULE_VERSION, MalformedError, Reader
from hatchway.audit.component_reader import ComponentReader, Nested
from hatchway.audit.component_surface import component_surface, imports_of
from hatchway.audit.module_reader import ModuleReader
from hatchway.audit.module_surface import module_surface
from hatchway.audit.sections import producers_in

MAX_ARTIFACT_BYTES = 256 << 20


def read_artifact(data: bytes) -> Artifact:
    """What the `.wasm` in `data` says about itself.

    Raises:
        MalformedError: It is not a WebAssembly binary; the code says whether it does not
            even start like one (`admission.not_wasm`).
        AdmissionError: It is one, and has more of something than any tool needs.
    """
    if data[:4] != MAGIC:
        message = "not a WebAssembly binary: it does not start with \\0asm"
        hint = "text (.wat) must be assembled first" if data[:4096].lstrip()[:1] == b"(" else None
        raise MalformedError(message, code="admission.not_wasm", hint=hint)
    version = data[4:8]
    if version == MODULE_VERSION:
        return _module(data)
    if version == COMPONENT_VERSION:
        return _component(data)
    message = f"unknown WebAssembly version {version.hex() or 'missing'}"
    raise MalformedError(message)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _module(data: bytes) -> Artifact:
    reader = ModuleReader(Reader(data))
    module = reader.read()
    return Artifact(
        kind="module",
        digest=_digest(data),
        size=len(data),
        imports=module.imports,
        type_only=(),
        exports=module.exports,
        surface=module_surface(reader),
        modules=(module,),
        components=0,
        depth=0,
        customs=module.customs,
        producers=producers_in(module.customs),
        runs_at_start=module.start_function is not None,
        features=module.features,
    )


def _component(data: bytes) -> Artifact:
    nested = Nested()
    component = ComponentReader(Reader(data), nested).read()
    imports, type_only = imports_of(component)
    modules = tuple(nested.modules)
    customs = (*component.customs, *(item for module in modules for item in module.customs))
    return Artifact(
        kind="component",
        digest=_digest(data),
        size=len(data),
        imports=imports,
        type_only=type_only,
        exports=tuple(component.exported),
        surface=component_surface(component, imports),
        modules=modules,
        components=nested.components - 1,
        depth=nested.depth,
        customs=tuple(component.customs),
        inner_customs=tuple(nested.customs),
        producers=producers_in(customs),
        runs_at_start=component.has_start,
        features=frozenset(nested.features).union(*(module.features for module in modules)),
    )
