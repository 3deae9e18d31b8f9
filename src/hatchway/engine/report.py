"""What the compile child says, on its way out and on its way in.

It had a hostile artifact in its hands, so what comes in may be anything. It is read strictly:
whatever no compile child of ours says is no report.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hatchway.core.surface import Surface
from hatchway.core.wit import (
    INTEGER_RANGES,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    UnsupportedType,
    VariantType,
)
from hatchway.engine.describe import MAX_TYPE_DEPTH

if TYPE_CHECKING:
    from hatchway.core.wit import WitFunction, WitType

MAX_BYTES = 16 << 20
_MAX_TEXT = 4000
_PRIMITIVES = INTEGER_RANGES.keys() | {"bool", "f32", "f64", "char", "string"}


class NoReportError(Exception):
    """No compile child of ours says that."""


def of_surface(surface: Surface) -> bytes:
    """Said when the artifact was compiled and fits this host."""
    return json.dumps({"surface": surface.to_json()}).encode()


def of_refusal(text: str, code: str = "") -> bytes:
    """Said when something was refused. The end of `text` counts, there wasmtime has the cause."""
    return json.dumps({"code": code, "error": text[-_MAX_TEXT:]}).encode()


def surface_in(report: bytes) -> Surface:
    """The surface that `of_surface` wrote.

    Raises:
        NoReportError: It did not.
    """
    try:
        surface = Surface.from_json(_parsed(report)["surface"])
        has_sense = _is_surface(surface) and all(_is_function(one) for one in surface.functions)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise NoReportError from error
    if not has_sense:
        raise NoReportError
    return surface


def refusal_in(report: bytes) -> tuple[str, str]:
    """The code and the text that `of_refusal` wrote.

    Raises:
        NoReportError: It did not.
    """
    try:
        said = _parsed(report)
        code, text = said["code"], said["error"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoReportError from error
    if not _are_texts(code, text):
        raise NoReportError
    return code, text


def _parsed(report: bytes) -> Any:
    said = json.loads(report)
    # Half of a surrogate pair would pass as text until somebody encodes it.
    json.dumps(said, ensure_ascii=False).encode()
    return said


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_surface(surface: Any) -> bool:
    sizes = (surface.memory_min_bytes, surface.memory_max_bytes)
    return (
        surface.kind in ("module", "component")
        and isinstance(surface.is_command, bool)
        and _are_texts(*surface.imports, *surface.exports, *surface.plugin)
        and all(size is None or (type(size) is int and size >= 0) for size in sizes)
    )


def _is_function(function: WitFunction) -> bool:
    labels = [label for label, _ in function.parameters]
    return (
        _are_texts(function.name, function.interface or "", *labels)
        and all(_is_type(kind, 0) for _, kind in function.parameters)
        and _is_type(function.result, 0)
    )


def _is_type(kind: WitType | None, depth: int) -> bool:  # noqa: C901 - one case for every kind
    if depth > MAX_TYPE_DEPTH:
        return False
    parts: tuple[WitType | None, ...] = ()
    names: tuple[object, ...] = ()
    match kind:
        case None:
            return True
        case Primitive(name):
            return name in _PRIMITIVES
        case EnumType(labels) | FlagsType(labels):
            names = labels
        case UnsupportedType(name):
            names = (name,)
        case ListType(part) | OptionType(part):
            parts = (part,)
        case TupleType(elements):
            parts = elements
        case ResultType(ok, err):
            parts = (ok, err)
        case RecordType(fields) | VariantType(fields):
            names, parts = tuple(zip(*fields, strict=True)) or ((), ())
    return _are_texts(*names) and all(_is_type(part, depth + 1) for part in parts)
