"""HW-POL-008: an environment that is inherited whole, or by pattern."""

from __future__ import annotations

from hatchway.audit.finding import Rule

RULE = Rule(
    id="HW-POL-008",
    title="Environment inherited whole or by pattern",
    severity="critical",
    confidence="high",
    axis="isolation",
    detects="A policy that passes the whole environment to a tool, or all variables that match a "
    "pattern such as `*` or `AWS_*`.",
    why="The environment of a server holds the tokens of everything it was started with. A "
    "pattern grants variables that do not exist yet.",
    remediation="Name each variable: `env=LANG`, or better with its value, `env=LANG=C.UTF-8`.",
    cwe=(526, 200),
    owasp=("MCP01",),
    rubric=(6,),
    impossible="A policy cannot say it. `env` needs the name of one variable, and a name has "
    "letters, digits and `_` only; a guest starts with an empty environment. Shown by "
    "`test_a_policy_cannot_pass_the_environment_whole_or_by_pattern` in "
    "`tests/audit/test_impossible.py`.",
)
