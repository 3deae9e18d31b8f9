"""HW-BIN-004: proposals that the engine has turned off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit import features
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.sections import target_features_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject

_TARGET_FEATURES: dict[str, str] = {
    "atomics": features.THREADS,
    "shared-mem": features.THREADS,
    "exception-handling": features.EXCEPTIONS,
    "memory64": features.MEMORY64,
    "gc": features.GC,
    "stack-switching": features.STACK_SWITCHING,
}
"""What compilers call it in a `target_features` section, and what it is called here. Only what
our engine has turned off."""

_USED = "+"


def check(subject: Subject) -> Iterable[Found]:
    """What the structure needs; then what compilers say was used, when nothing shows it."""
    needed = subject.artifact.features & features.TURNED_OFF
    for name in sorted(needed):
        yield _found(name, "its structure needs it", None)
    said: dict[str, int] = {}
    for feature, offset in target_features_in(subject.artifact).items():
        if feature.prefix == _USED and feature.name in _TARGET_FEATURES:
            said.setdefault(_TARGET_FEATURES[feature.name], offset)
    for name, offset in said.items():
        if name not in needed:
            yield _found(name, "target_features lists it", offset)


def _found(name: str, seen: str, offset: int | None) -> Found:
    explanation = features.EXPLANATIONS[name]
    return Found(
        message=f"It needs {name} ({explanation}), which the engine has turned off.",
        about=name,
        evidence=(Evidence(kind="binary", detail=f"{name}: {seen}", offset=offset),),
        confidence=None if offset is None else "medium",
    )


RULE = Rule(
    id="HW-BIN-004",
    title="Needs what the engine has turned off",
    severity="high",
    confidence="high",
    axis="format",
    detects=(
        "The proposals that the structure of the binary needs: threads and shared memory, "
        "64-bit memories, exceptions, garbage collection, small pages, async components (WASI "
        "0.3). What only the code uses is taken from the `target_features` section, with medium "
        "confidence."
    ),
    why=(
        "These features are off because a call's limits do not reach them yet. The engine "
        "refuses the binary; somebody who turned them on would run it without those limits."
    ),
    remediation=(
        "Build without the feature: no `-pthread`, no `+atomics`, no `-fwasm-exceptions`; WASI "
        "0.2 instead of 0.3."
    ),
    cwe=(1104,),
    owasp=("MCP04",),
    check=check,
    limits=(
        "Code is not decoded here: the engine, which validates every function when it compiles, "
        "has the last word."
    ),
)
