"""HW-BIN-005: larger than what compiles within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.capability import spell_bytes
from hatchway.core.limits import KIBIBYTE, MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject

MAX_CODE_BYTES = 64 * MEBIBYTE
"""Cranelift takes about two seconds and 60 MiB of memory for a megabyte of it."""

MAX_FUNCTION_BYTES = 512 * KIBIBYTE
"""Compilers take more than proportional time and memory for one large function."""

MAX_FUNCTIONS = 200_000
MAX_MODULES = 100
MAX_DEPTH = 10


def check(subject: Subject) -> Iterable[Found]:
    """Each ceiling that is exceeded."""
    artifact = subject.artifact
    modules = artifact.modules
    code = sum(module.code_bytes for module in modules)
    largest = max((module.largest_function_bytes for module in modules), default=0)
    functions = sum(module.functions for module in modules)
    if code > MAX_CODE_BYTES:
        yield _exceeded("code", _size(code), _size(MAX_CODE_BYTES), "of code")
    if largest > MAX_FUNCTION_BYTES:
        ceiling = _size(MAX_FUNCTION_BYTES)
        yield _exceeded("function", _size(largest), ceiling, "in one function")
    if functions > MAX_FUNCTIONS:
        yield _exceeded("functions", str(functions), str(MAX_FUNCTIONS), "functions")
    if len(modules) > MAX_MODULES:
        yield _exceeded("modules", str(len(modules)), str(MAX_MODULES), "modules inside")
    if artifact.depth > MAX_DEPTH:
        yield _exceeded("depth", str(artifact.depth), str(MAX_DEPTH), "levels of nesting")


def _exceeded(about: str, found: str, ceiling: str, what: str) -> Found:
    return Found(
        message=f"It has {found} {what}, and the ceiling is {ceiling}.",
        about=about,
        evidence=(Evidence(kind="binary", detail=f"{what}: {found}"),),
    )


def _size(count: int) -> str:
    """Bytes as people say them."""
    if count >= MEBIBYTE and count % MEBIBYTE:
        return f"{count / MEBIBYTE:.1f}MiB"
    return spell_bytes(count) if count % KIBIBYTE == 0 else f"{count} bytes"


RULE = Rule(
    id="HW-BIN-005",
    title="Too large to compile safely",
    severity="high",
    confidence="medium",
    axis="format",
    detects=(
        f"Fixed ceilings: {_size(MAX_CODE_BYTES)} of code, {_size(MAX_FUNCTION_BYTES)} in one "
        f"function, {MAX_FUNCTIONS} functions, {MAX_MODULES} modules inside a component, "
        f"{MAX_DEPTH} levels of nesting."
    ),
    why=(
        "Compiling costs the host time and memory before any limit of a call applies. A file "
        "of a few megabytes with one huge function takes gigabytes."
    ),
    remediation=(
        "Build with optimisation for size, split what one function does, and leave out parts "
        "that no tool uses."
    ),
    cwe=(400, 770),
    check=check,
    limits=(
        "It bounds what can be counted. The true cost is bounded when the artifact is compiled, "
        "in a child process with limits of its own."
    ),
)
