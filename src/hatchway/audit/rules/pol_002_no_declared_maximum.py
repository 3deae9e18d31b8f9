"""HW-POL-002: memories that say no maximum of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.capability import spell_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.artifact import CoreModule
    from hatchway.audit.subject import Subject


def _check(subject: Subject) -> Iterator[Found]:
    evidence = tuple(
        _evidence(module, memory.minimum_bytes)
        for module in subject.artifact.modules
        for memory in module.memories
        if memory.maximum_bytes is None
    )
    if evidence:
        yield Found(
            message="It declares memory without a maximum, so the policy's limit is the only one.",
            about="memory without a maximum",
            evidence=evidence,
        )


def _evidence(module: CoreModule, minimum_bytes: int) -> Evidence:
    path = ".".join(str(step) for step in module.path)
    where = f" in the module at {path}" if path else ""
    detail = f"a memory{where} of {spell_bytes(minimum_bytes)} at start, without a maximum"
    return Evidence(kind="binary", detail=detail, offset=module.offset)


RULE = Rule(
    id="HW-POL-002",
    title="Memory without a declared maximum",
    severity="info",
    confidence="high",
    axis="isolation",
    detects="Looks for linear memories whose type names no maximum, in the artifact and in the "
    "modules inside it.",
    why="A maximum in the binary holds in every runtime, also in one that forgets to set a limit. "
    "Here the policy's limit holds either way, and most compilers write no maximum, so this "
    "weighs nothing. It is said for those who run the same file elsewhere.",
    remediation="Link with a maximum, for example `-Wl,--max-memory=67108864`.",
    cwe=(770,),
    rubric=(2,),
    check=_check,
)
