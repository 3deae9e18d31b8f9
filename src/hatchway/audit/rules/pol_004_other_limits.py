"""HW-POL-004: tables, instances, output, calls into the host, and disk space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import granted, limit_evidence, spelled
from hatchway.core.capability import FileAccess, spell_bytes
from hatchway.core.limits import GIBIBYTE, MEBIBYTE
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.finding import Evidence
    from hatchway.audit.subject import Subject
    from hatchway.policy.document import ToolPolicy

COUNTS = {"table_elements": 1_000_000, "instances": 500, "host_calls": 10_000_000}
"""Most of each, by key of the limits."""

SIZES = {"output": ("output_bytes", 16 * MEBIBYTE), "scratch": ("scratch_bytes", 256 * MEBIBYTE)}
"""By key of the limits, where the value stands and the most of it."""

MOST_QUOTA = GIBIBYTE
"""For one writable directory."""


def _check(subject: Subject) -> Iterator[Found]:
    if subject.entry is not None:
        yield from _limits(subject.entry)
    for directory, evidence in granted(subject, FileAccess):
        if directory.access == "write":
            yield from _quota(directory, evidence)


def _limits(entry: ToolPolicy) -> Iterator[Found]:
    for key, most in COUNTS.items():
        value = getattr(entry.limits, key)
        if value > most:
            yield _above(entry, key, str(value), f"{most:_}", str(most))
    for key, (attribute, most) in SIZES.items():
        value = getattr(entry.limits, attribute)
        if value > most:
            ceiling = spell_bytes(most)
            yield _above(entry, key, spell_bytes(value), f'"{ceiling}"', ceiling)


def _above(entry: ToolPolicy, key: str, value: str, toml: str, most: str) -> Found:
    return Found(
        message=f"The limit {key} is {value}, more than {most}.",
        about=f"{key} above {most}",
        evidence=(limit_evidence(entry, key, value),),
        remediation=f"{key} = {toml} or less in the limits",
    )


def _quota(directory: FileAccess, evidence: Evidence) -> Iterator[Found]:
    name = printable(directory.host_path or directory.guest_path)
    fixed = replace(directory, quota_bytes=64 * MEBIBYTE)
    if directory.quota_bytes is None:
        yield Found(
            message=f"Nothing bounds how much it writes to {name!r}.",
            about=f"no quota for {directory.host_path}",
            evidence=(evidence,),
            remediation=f"allow {spelled(fixed)!r}, or what it really needs",
        )
    elif directory.quota_bytes > MOST_QUOTA:
        much = spell_bytes(directory.quota_bytes)
        yield Found(
            message=f"It may fill {name!r} up to {much}, more than {spell_bytes(MOST_QUOTA)}.",
            about=f"quota above {spell_bytes(MOST_QUOTA)} for {directory.host_path}",
            evidence=(evidence,),
            remediation=f"allow {spelled(fixed)!r}, or what it really needs",
        )


RULE = Rule(
    id="HW-POL-004",
    title="Other limits above their ceilings, or disk space without a quota",
    severity="medium",
    confidence="high",
    axis="isolation",
    detects="Compares the policy's `table_elements` with 1,000,000, `instances` with 500, "
    "`host_calls` with 10,000,000, `output` with 16 MiB and `scratch` with 256 MiB. A writable "
    "directory without `;quota=`, or with more than 1 GiB, is found too.",
    why="Fuel and memory limits do not see these: a table is not linear memory, a call into the "
    "host costs the host's time, output and scratch space live in the server, and a disk that is "
    "full stops everybody.",
    remediation="Leave the key out for its default, or write a smaller value; add a quota to every "
    "`fs.write`, as in `fs.write=./out:/out;quota=64MiB`.",
    cwe=(770,),
    rubric=(2, 3),
    check=_check,
    limits="Every limit has a default and cannot be switched off; only the quota of a writable "
    "directory can be left out.",
)
