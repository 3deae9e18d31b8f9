"""HW-BIN-003: built for a host that is not this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.foreign import foreign_host
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """The other host, named."""
    host = foreign_host(subject.artifact)
    if host is None:
        return
    telling = host.told_by
    seen = "its sections and imports" if telling is None else printable(str(telling))
    yield Found(
        message=f"It was built for another host, {host.name}, and cannot run here.",
        about=host.name.partition(" (")[0],
        evidence=(
            Evidence(
                kind="import" if telling else "binary",
                detail=f"told from {seen}",
                offset=None if telling is None else telling.offset,
            ),
        ),
    )


RULE = Rule(
    id="HW-BIN-003",
    title="Built for another host",
    severity="high",
    confidence="high",
    axis="format",
    detects=(
        "Names of imports and sections that only one other host provides: emscripten and "
        "wasm-bindgen (JavaScript), Node-API, proxy-wasm, functions of one particular Extism "
        "host, WASIX, dynamic linking, preview 0, WASI 0.3."
    ),
    why=(
        "Such a file never starts, and what it expects of its own host (a JavaScript function, "
        "for example) is power that nobody here has judged."
    ),
    remediation=(
        "Use the build for WASI (`wasm32-wasip1` or `wasm32-wasip2`); most projects publish one."
    ),
    cwe=(1104,),
    owasp=("MCP04",),
    check=check,
    limits="Hosts that nobody has described yet are found by HW-BIN-007 instead.",
)
