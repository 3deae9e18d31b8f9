"""HW-BIN-008: what is packed inside a component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.artifact import CoreModule
    from hatchway.audit.subject import Subject

MAX_MODULES = 32
MAX_COMPONENTS = 8
_PREVIEW_1 = ("wasi_snapshot_preview1", "wasi_unstable")


def check(subject: Subject) -> Iterable[Found]:
    """Many parts, and parts that were written for preview 1."""
    artifact = subject.artifact
    modules = sum(bool(module.path) for module in artifact.modules)
    if modules > MAX_MODULES or artifact.components > MAX_COMPONENTS:
        detail = f"{modules} modules and {artifact.components} components inside"
        yield Found(
            message=f"It is put together from {detail}; each has its own origin.",
            about="parts",
            evidence=(Evidence(kind="binary", detail=detail),),
        )
    adapted = [module for module in artifact.modules if module.path and _asks_preview_1(module)]
    if adapted:
        yield Found(
            message=(
                f"{len(adapted)} of the modules inside were written for WASI preview 1 and are "
                "answered by an adapter inside the component."
            ),
            about="preview 1 inside",
            evidence=tuple(
                Evidence(
                    kind="binary",
                    detail=(
                        f"module {'.'.join(map(str, module.path))} imports "
                        f"{len(_asks_preview_1(module))} functions of preview 1, inside only"
                    ),
                    offset=module.offset,
                )
                for module in adapted[:4]
            ),
            severity="info",
        )


def _asks_preview_1(module: CoreModule) -> list[str]:
    return [item.name for item in module.imports if item.namespace in _PREVIEW_1]


RULE = Rule(
    id="HW-BIN-008",
    title="Other builds packed inside",
    severity="low",
    confidence="high",
    axis="format",
    detects=(
        f"A component with more than {MAX_MODULES} modules or {MAX_COMPONENTS} components "
        "inside. Modules inside that import preview 1 are information."
    ),
    why=(
        "Every part can come from somebody else, with weaknesses of its own. What parts import "
        "from each other is not asked of the host, and counts as no capability."
    ),
    remediation="Compose fewer parts, or audit the parts on their own before composing them.",
    cwe=(1104,),
    owasp=("MCP04",),
    check=check,
)
