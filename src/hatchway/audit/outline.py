"""The outline of an artifact: its kind, its sections, and the names it imports.

Enough to find a manifest, and to say for which host a binary was built, before anything is
compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hatchway.audit.binary import MAGIC, MalformedError, Reader

MAX_ARTIFACT_BYTES = 256 << 20

_MODULE = b"\1\0\0\0"
_COMPONENT = b"\x0d\0\1\0"
_CUSTOM = 0
_MODULE_IMPORTS, _COMPONENT_IMPORTS = 2, 10
MAX_SECTIONS = 10_000
"""Sections at top level; the largest real binaries have a few hundred."""
_LAST_MODULE_SECTION, _LAST_COMPONENT_SECTION = 13, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomSection:
    """A named section that engines ignore."""

    name: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What can be read of an artifact without understanding all of it.

    Attributes:
        imports: (namespace, name) for modules, (import name, "") for components.
        customs: The custom sections at top level, in order.
    """

    kind: Literal["module", "component"]
    imports: tuple[tuple[str, str], ...]
    customs: tuple[CustomSection, ...]


def outline(artifact: bytes) -> Outline:
    """The outline of `artifact`.

    Raises:
        MalformedError: It is not a WebAssembly binary; the code says whether it does not
            even start like one (`admission.not_wasm`).
    """
    if artifact[:4] != MAGIC:
        message = "not a WebAssembly binary: it does not start with \\0asm"
        hint = "text (.wat) must be assembled first" if artifact.lstrip()[:1] == b"(" else None
        raise MalformedError(message, code="admission.not_wasm", hint=hint)
    kinds: dict[bytes, Literal["module", "component"]] = {
        _MODULE: "module",
        _COMPONENT: "component",
    }
    kind = kinds.get(artifact[4:8])
    if kind is None:
        message = f"unknown WebAssembly version {artifact[4:8].hex() or 'missing'}"
        raise MalformedError(message)
    return _Outliner(artifact, kind).read()


class _Outliner:
    def __init__(self, artifact: bytes, kind: Literal["module", "component"]) -> None:
        self._reader = Reader(artifact, 8)
        self._kind = kind
        self._imports: list[tuple[str, str]] = []
        self._customs: list[CustomSection] = []

    def read(self) -> Outline:
        is_module = self._kind == "module"
        last = _LAST_MODULE_SECTION if is_module else _LAST_COMPONENT_SECTION
        count = 0
        while not self._reader.is_done:
            count += 1
            if count > MAX_SECTIONS:
                raise self._reader.malformed(f"it has more than {MAX_SECTIONS} sections")
            identifier = self._reader.byte()
            if identifier > last:
                raise self._reader.malformed(f"unknown section {identifier}")
            section = self._reader.section(self._reader.u32())
            if identifier == _CUSTOM:
                self._customs.append(CustomSection(name=section.name(), payload=section.rest()))
            elif is_module and identifier == _MODULE_IMPORTS:
                self._module_imports(section)
            elif not is_module and identifier == _COMPONENT_IMPORTS:
                self._component_imports(section)
        return Outline(kind=self._kind, imports=tuple(self._imports), customs=tuple(self._customs))

    def _module_imports(self, section: Reader) -> None:
        for _ in range(section.count()):
            self._imports.append((section.name(), section.name()))
            _skip_core_type(section)
        _require_end(section)

    def _component_imports(self, section: Reader) -> None:
        for _ in range(section.count()):
            self._imports.append((_extern_name(section), ""))
            _skip_extern_type(section)
        _require_end(section)


def _require_end(section: Reader) -> None:
    if not section.is_done:
        raise section.malformed("a section is longer than what it lists")


def _skip_core_type(section: Reader) -> None:
    """Step over what a module import is: function, table, memory, global or tag."""
    kind = section.byte()
    if kind == 0:
        section.u32()
    elif kind == 1:
        _skip_value_type(section)
        _skip_limits(section)
    elif kind == 2:
        _skip_limits(section)
    elif kind == 3:
        _skip_value_type(section)
        section.byte()
    elif kind == 4:
        section.byte()
        section.u32()
    else:
        raise section.malformed(f"unknown kind of import {kind:#x}")


def _skip_value_type(section: Reader) -> None:
    if section.byte() in (0x63, 0x64):  # a reference to a numbered type
        _skip_leb(section)


def _skip_limits(section: Reader) -> None:
    flags = section.byte()
    _skip_leb(section)
    if flags & 1:
        _skip_leb(section)
    if flags & 8:
        _skip_leb(section)


def _skip_leb(section: Reader) -> None:
    for _ in range(10):
        if not section.byte() & 0x80:
            return
    raise section.malformed("an integer is encoded in too many bytes")


def _extern_name(section: Reader) -> str:
    """A component import's name, with the attributes that may follow it."""
    form = section.byte()
    if form > 2:
        raise section.malformed(f"unknown form of name {form:#x}")
    name = section.name()
    if form == 2:
        for _ in range(section.count()):
            section.byte()
            section.name()
    return name


def _skip_extern_type(section: Reader) -> None:
    """Step over what a component import is: module, function, value, type, instance."""
    kind = section.byte()
    if kind == 0:
        section.byte()
        section.u32()
    elif kind in (1, 4, 5):
        section.u32()
    elif kind == 2:
        section.byte()
        _skip_leb(section)
    elif kind == 3:
        if section.byte() == 0:
            section.u32()
    else:
        raise section.malformed(f"unknown kind of import {kind:#x}")
