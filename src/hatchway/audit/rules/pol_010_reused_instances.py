"""HW-POL-010: one instance for several calls."""

from __future__ import annotations

from hatchway.audit.finding import Rule

RULE = Rule(
    id="HW-POL-010",
    title="Instance reused between calls, sessions or tenants",
    severity="high",
    confidence="high",
    axis="isolation",
    detects="A policy under which an instance, its memory or its store serves more than one call.",
    why="What one caller's data left in memory, the next caller's prompt can bring to light.",
    remediation="Nothing is to be done here; elsewhere, instantiate for every call.",
    cwe=(488, 668),
    owasp=("MCP10",),
    impossible="A policy cannot say it, and the host cannot do it: every call has a store, an "
    "instance and a workspace of its own. Shown by "
    "`test_what_one_call_left_in_memory_is_gone_in_the_next` in `tests/audit/test_impossible.py`, "
    "through the whole path of a call, and by `tests/hostile/test_isolation.py`.",
    limits="Directories that are granted for writing outlive a call; HW-POL-007 looks at those.",
)
