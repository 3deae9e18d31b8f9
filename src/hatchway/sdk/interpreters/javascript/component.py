"""The component that is the interpreter."""

from __future__ import annotations

from hatchway.sdk.interpreters.javascript.binary import section, sections
from hatchway.sdk.interpreters.javascript.engine import GUEST, assembled, prepared

_SPACE_BYTES = 16_384
_PLACES = {
    "BASE": 0,
    "FAILURE": 64,
    "ARGUMENTS": 256,
    "FILENAME": 320,
    "STREAMS": 512,
    "BUFFERS": 1024,
}
"""What the adapter keeps where, counted from the beginning of its space."""

_ADAPTER = ("imports", "values", "printing", "hosting", "files", "running")
"""The parts of its one module."""

_CUSTOM, _CORE_MODULE = 0, 1


def build(published: bytes) -> bytes:
    """The component around the engine as it was published, the same bytes each time."""
    engine = prepared(published, _SPACE_BYTES, {_PLACES["FILENAME"]: b"code.js\0"})
    parts = [(GUEST / "adapter" / f"{name}.wat").read_text() for name in _ADAPTER]
    adapter = "".join(parts).replace("{{ASK}}", str(engine.ask))
    for name, offset in _PLACES.items():
        adapter = adapter.replace("{{" + name + "}}", str(engine.space + offset))
    text = (GUEST / "component.wat").read_text().replace("{{ADAPTER}}", adapter)
    around = text.replace("(core instance $js (", "(core module $js)\n  (core instance $js (")
    return _with_module(assembled(around), engine.module)


def _with_module(component: bytes, module: bytes) -> bytes:
    """The component with `module` in place of its one empty module."""
    parts = [component[:8]]
    for kind, content in sections(component):
        is_place = kind == _CORE_MODULE and all(of == _CUSTOM for of, _ in sections(content))
        parts.append(section(kind, module if is_place else content))
    return b"".join(parts)
