"""HW-TXT-005: annotations that contradict each other, or what the tool asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.claims import import_evidence, is_network, tool_fields, uses
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.grants import spelled
from hatchway.core.capability import FileAccess, ToolUse
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatchway.audit.capabilities import Use
    from hatchway.audit.subject import Subject
    from hatchway.core.capability import Capability
    from hatchway.core.manifest import ToolManifest
    from hatchway.policy.positions import KeyPath

_DESTRUCTIVE = frozenset(
    {
        "path_unlink_file",
        "path_remove_directory",
        "path_rename",
        "fd_filestat_set_size",
        "[method]descriptor.unlink-file-at",
        "[method]descriptor.remove-directory-at",
        "[method]descriptor.rename-at",
        "[method]descriptor.set-size",
    }
)
"""Functions after which something may be gone that was there."""


def check(subject: Subject) -> Iterable[Found]:
    """The contradictions of each tool of the manifest."""
    removing = [use for use in uses(subject) if use.function.name in _DESTRUCTIVE]
    for tool, path in tool_fields(subject):
        name = subject.name if tool.name is None else f"{subject.name}.{tool.name}"
        yield from _with_each_other(name, tool, path)
        yield from _with_wants(name, tool, path)
        yield from _with_functions(name, tool, path, removing)


def _with_each_other(name: str, tool: ToolManifest, path: KeyPath) -> Iterator[Found]:
    claims = tool.annotations
    if claims.read_only is not True:
        return
    if claims.destructive is True:
        yield Found(
            message=f"The tool {printable(name)} says that it only reads, and that it destroys.",
            about=f"{printable(name)}: readOnlyHint, destructiveHint",
            evidence=(_hint(path, "readOnlyHint", "true"), _hint(path, "destructiveHint", "true")),
        )
    if claims.idempotent is False:
        yield Found(
            message=(
                f"The tool {printable(name)} says that it only reads, and that a second call "
                "has further effects."
            ),
            about=f"{printable(name)}: readOnlyHint, idempotentHint",
            evidence=(_hint(path, "readOnlyHint", "true"), _hint(path, "idempotentHint", "false")),
            severity="low",
        )


def _with_wants(name: str, tool: ToolManifest, path: KeyPath) -> Iterator[Found]:
    claims = tool.annotations
    wants = _wants(tool, path)
    writes = tuple(place for item, place in wants if _is_write(item))
    outside = tuple(place for item, place in wants if _leads_outside(item))
    if claims.read_only is True and writes:
        yield Found(
            message=f"The tool {printable(name)} says that it only reads, and asks to write files.",
            about=f"{printable(name)}: readOnlyHint, fs.write",
            evidence=(_hint(path, "readOnlyHint", "true"), *writes),
            remediation="Ask for fs.read, or set readOnlyHint = false.",
        )
    if claims.open_world is False and outside:
        yield Found(
            message=(
                f"The tool {printable(name)} says that it deals with nothing outside, and asks for "
                "the network or for other tools."
            ),
            about=f"{printable(name)}: openWorldHint",
            evidence=(_hint(path, "openWorldHint", "false"), *outside),
            remediation="Ask for neither, or set openWorldHint = true.",
        )


def _with_functions(
    name: str, tool: ToolManifest, path: KeyPath, removing: list[Use]
) -> Iterator[Found]:
    if tool.annotations.destructive is not False or not removing:
        return
    can_write = any(_is_write(item) for item, _ in _wants(tool, path))
    yield Found(
        message=(
            f"The tool {printable(name)} says that it destroys nothing, and imports functions "
            "that delete or replace files"
            + ("." if can_write else ", which it does not ask to use.")
        ),
        about=f"{printable(name)}: destructiveHint",
        evidence=(_hint(path, "destructiveHint", "false"), *import_evidence(removing)),
        severity=None if can_write else "info",
    )


def _wants(tool: ToolManifest, path: KeyPath) -> list[tuple[Capability, Evidence]]:
    """What one tool asks for, each with its place in the manifest."""
    return [
        (
            want.capability,
            Evidence(
                kind="manifest",
                detail=spelled(want.capability),
                field=(*path, key, index, "capability"),
            ),
        )
        for key, wants in (("requires", tool.requires), ("optional", tool.optional))
        for index, want in enumerate(wants)
    ]


def _is_write(capability: Capability) -> bool:
    return isinstance(capability, FileAccess) and capability.access == "write"


def _leads_outside(capability: Capability) -> bool:
    return is_network(capability) or isinstance(capability, ToolUse)


def _hint(path: KeyPath, hint: str, value: str) -> Evidence:
    return Evidence(kind="manifest", detail=f"{hint} = {value}", field=(*path, "annotations", hint))


RULE = Rule(
    id="HW-TXT-005",
    title="Annotations that contradict",
    severity="medium",
    confidence="high",
    axis="text",
    detects=(
        "`readOnlyHint = true` beside `destructiveHint = true`, `idempotentHint = false` or a "
        "wish for `fs.write`; `openWorldHint = false` beside a wish for the network or for other "
        "tools; `destructiveHint = false` beside functions that delete or replace files."
    ),
    why="Clients run tools without asking a person on the strength of these hints.",
    remediation="Correct the hint under [annotations].",
    cwe=(451,),
    owasp=("MCP03",),
    check=check,
    limits=(
        "The annotations that a client sees are computed from the grants; a claim of the author "
        "can only make them more cautious. Opening a file can also empty it, which no import "
        "shows."
    ),
)
