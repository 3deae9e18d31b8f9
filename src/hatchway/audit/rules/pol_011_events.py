"""HW-POL-011: a record that is switched off, or that holds too much."""

from __future__ import annotations

from hatchway.audit.finding import Rule

RULE = Rule(
    id="HW-POL-011",
    title="No record of calls, or one that holds arguments and secrets",
    severity="medium",
    confidence="high",
    axis="isolation",
    detects="A policy that switches the event log off, or makes it record arguments, results or "
    "secrets.",
    why="Without a record nobody can say what a tool did. A record of everything that was said "
    "is a second copy of every secret, kept by a process that nobody watches.",
    remediation="Nothing is to be done here; elsewhere, record each call once, with digests in "
    "the place of what was passed.",
    cwe=(778, 532),
    owasp=("MCP08",),
    impossible="A policy cannot say it: no key speaks of events. Every call leaves exactly one "
    "terminal event, and a call that cannot be recorded is not answered. Events know arguments "
    "by their digest only. Shown by "
    "`test_no_policy_switches_events_off_and_no_event_holds_arguments` in "
    "`tests/audit/test_impossible.py`.",
    limits="Names that a guest tried to open are recorded, escaped and cut: a guest can put a "
    "secret it was given into a file's name.",
)
