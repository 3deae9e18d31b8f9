"""The `Surface` of a component, equal to what the engine describes after compiling it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.artifact import Import
from hatchway.audit.component_types import Function, Instance, Resource
from hatchway.core.errors import AdmissionError
from hatchway.core.surface import Surface
from hatchway.core.wit import WitFunction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.component_reader import ComponentReader
    from hatchway.audit.component_types import Item
    from hatchway.audit.names import ExternName

# The same as in the engine's `describe`, so that neither sees what the other does not.
MAX_TYPE_PARTS = 10_000
MAX_TYPE_DEPTH = 32
MAX_FUNCTIONS = 1000
MAX_IMPORTED_PARTS = 10_000

_RUN = "wasi:cli/run"


def imports_of(component: ComponentReader) -> tuple[tuple[Import, ...], tuple[Import, ...]]:
    """What a component asks of its host, and what it imports for its types alone.

    Raises:
        AdmissionError: There is more of it than any tool needs.
    """
    asked: list[Import] = []
    types: list[Import] = []
    parts = 0
    for name, item in component.imported:
        if item.sort == "instance" and isinstance(item.what, Instance):
            parts += 1 + item.what.parts
            _require(parts <= MAX_IMPORTED_PARTS, f"more than {MAX_IMPORTED_PARTS} imports")
            inner = list(_inside(name, item.what, ""))
            asked += inner
            if not inner:
                types.append(_plain(name, item))
        elif item.sort == "type" and not isinstance(item.what, Resource):
            types.append(_plain(name, item))
        else:
            asked.append(_plain(name, item))
    return tuple(asked), tuple(types)


def _plain(name: ExternName, item: Item) -> Import:
    """An import as a whole. An instance is an interface; anything else only has a name."""
    is_interface = item.sort == "instance"
    return Import(
        namespace=name.interface if is_interface else "",
        name="" if is_interface else name.name,
        kind=item.sort,
        offset=name.offset,
        is_component=True,
    )


def _inside(name: ExternName, instance: Instance, prefix: str) -> Iterator[Import]:
    """What an imported instance exports: functions mostly, and never types."""
    for inner, item in instance.exports.items():
        if item.sort == "instance" and isinstance(item.what, Instance):
            if item.what.parts:
                yield from _inside(name, item.what, f"{prefix}{inner}#")
        elif item.sort != "type":
            yield Import(
                namespace=name.interface,
                name=f"{prefix}{inner}",
                kind=item.sort,
                offset=name.offset,
                is_component=True,
            )


def component_surface(component: ComponentReader, imports: tuple[Import, ...]) -> Surface:
    """What a component imports and exports, down to functions and their types.

    Raises:
        AdmissionError: There is more of it than any tool needs.
    """
    functions = _Functions()
    for name, item in component.component.exports.items():
        functions.add(name, item)
    names = tuple(component.component.exports)
    listed = {str(item) for item in imports if item.kind == "function" or not item.namespace}
    return Surface(
        kind="component",
        imports=tuple(sorted(listed)),
        is_command=any(name.partition("@")[0] == _RUN for name in names),
        functions=tuple(functions.listed),
        exports=names,
    )


class _Functions:
    """The functions that a component exports, with a count of all their types."""

    def __init__(self) -> None:
        self._parts = 0
        self.listed: list[WitFunction] = []

    def add(self, name: str, item: Item) -> None:
        # The engine does not tell functions and instances from types of them; nor may this.
        match item.what:
            case Function():
                self._one(name, None, item.what)
            case Instance() if not _is_plumbing(name):
                for inner, part in item.what.exports.items():
                    if isinstance(part.what, Function):
                        self._one(inner, name, part.what)
            case _:
                pass
        _require(len(self.listed) <= MAX_FUNCTIONS, f"more than {MAX_FUNCTIONS} exported functions")

    def _one(self, name: str, interface: str | None, function: Function) -> None:
        values = function.values
        self._parts += sum(value.parts for value in values)
        is_flat = all(value.height <= MAX_TYPE_DEPTH for value in values)
        _require(
            is_flat and self._parts <= MAX_TYPE_PARTS,
            f"its types have more than {MAX_TYPE_PARTS} parts or {MAX_TYPE_DEPTH} levels",
        )
        result = None if function.result is None else function.result.wit
        parameters = tuple((label, value.wit) for label, value in function.parameters)
        self.listed.append(
            WitFunction(name=name, interface=interface, parameters=parameters, result=result)
        )


def _is_plumbing(name: str) -> bool:
    """Exports that are no tools: WASI entry points, and componentize-py's initialiser."""
    return name.startswith("wasi:") or name == "exports"


def _require(holds: bool, why: str) -> None:
    if not holds:
        message = f"the artifact is not valid here: {why}"
        raise AdmissionError(message, code="admission.invalid")
