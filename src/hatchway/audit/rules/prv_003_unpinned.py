"""HW-PRV-003: a reference that can mean other bytes tomorrow."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_PINNED = re.compile(r"(?:@|#|\b)sha256[:=-][0-9a-f]{64}(?![0-9A-Za-z])")


def check(subject: Subject) -> Iterable[Found]:
    """Remote sources without a digest, and artifacts that the lockfile does not know."""
    entry = subject.entry
    if entry is None:
        return
    digest = subject.artifact.digest
    if _is_open(entry.source) and subject.is_pinned is not True:
        source = printable(entry.source)
        yield Found(
            message=f"Its source {source!r} names no digest: tomorrow it can be other bytes.",
            about="source",
            evidence=(
                Evidence(kind="policy", detail=source, field=("tools", entry.name, "source")),
            ),
            remediation=_naming(source, digest, entry.name),
        )
    if subject.is_pinned is False:
        yield Found(
            message="The lockfile does not pin these bytes: nobody approved them.",
            about="lockfile",
            evidence=(
                Evidence(
                    kind="policy",
                    detail=f"no entry of hatchway.lock for {digest}",
                    field=("tools", entry.name),
                ),
            ),
            remediation=(
                f"Look at what changed, then: hatchway add {shlex.quote(printable(entry.source))} "
                f"--name {entry.name}"
            ),
        )


def _is_open(source: str) -> bool:
    """Whether it is somewhere else, and can be other bytes tomorrow."""
    is_remote = _REMOTE.match(source) is not None and not source.startswith("file:")
    return is_remote and not _PINNED.search(source)


def _naming(source: str, digest: str, name: str) -> str:
    if source.startswith("oci"):
        # There the digest of a manifest is named, which an artifact does not tell.
        return f"hatchway add {shlex.quote(source)} --name {name} pins it in hatchway.lock"
    return f'In hatchway.toml: source = "{source}@{digest}"'


RULE = Rule(
    id="HW-PRV-003",
    title="Not pinned to a digest",
    severity="high",
    confidence="high",
    axis="provenance",
    detects=(
        "A `source` that is fetched from elsewhere without `@sha256:` and a digest, when "
        "`hatchway.lock` does not pin it either, and an artifact whose digest is not the one in "
        "`hatchway.lock`."
    ),
    why=(
        "Whoever controls the server, the tag or the file exchanges the tool after it was "
        "looked at."
    ),
    remediation="Pin the digest in `source`, and approve the bytes with `hatchway add`.",
    cwe=(494, 829),
    owasp=("MCP04",),
    check=check,
)
