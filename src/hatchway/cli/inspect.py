"""`hatchway inspect`: what an artifact is, and what it can ask of a host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.audit.capabilities import capabilities_of
from hatchway.audit.hosting import why_not_hostable
from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.audit.sections import (
    licence_of,
    name_of,
    revision_of,
    signatures_in,
    source_of,
    unreadable_in,
)
from hatchway.cli.options import Json
from hatchway.cli.output import print_json, print_line, say
from hatchway.core.capability import spell_bytes
from hatchway.core.untrusted import printable
from hatchway.registry.fetching import fetch
from hatchway.registry.spelling import place_of
from hatchway.runtime.interpreters import ready
from hatchway.runtime.manifests import find_manifest
from hatchway.runtime.settings import directories, source_settings
from hatchway.runtime.subjects import subject_of

if TYPE_CHECKING:
    from hatchway.audit.artifact import Artifact
    from hatchway.core.manifest import Manifest

File = Annotated[str, typer.Argument(metavar="FILE", help="The .wasm file to look at.")]

_SHOWN_FUNCTIONS = 6


def inspect(file: File, json: Json = False) -> None:
    """Show what an artifact is and can ask for. It is read, and neither compiled nor run."""
    data = fetch(
        file,
        base=Path.cwd(),
        limit_bytes=MAX_ARTIFACT_BYTES,
        settings=source_settings(),
        network="allowed",
        build=_built,
    ).artifact
    artifact = read_artifact(data)
    place = Path(place_of(file))
    manifest = find_manifest(artifact, place).manifest
    subject = subject_of(name=place.stem, data=data, manifest=manifest, artifact=artifact)
    report = _report(artifact, [tool.name for tool in subject.tools])
    report |= _asked(manifest)
    if json:
        print_json(report)
        return
    for line in _lines(artifact, report):
        print_line(line)


def _built(language: str) -> bytes:
    return ready(language, directories=directories(), tell=say).read_bytes()


def _report(artifact: Artifact, tools: list[str]) -> dict[str, Any]:
    reason = why_not_hostable(artifact)
    memory = artifact.surface
    return {
        "digest": artifact.digest,
        "size": artifact.size,
        "kind": artifact.kind,
        "capabilities": {
            name: list(functions) for name, functions in capabilities_of(artifact.imports).items()
        },
        "imports": [str(item) for item in artifact.imports],
        "type_only": [str(item) for item in artifact.type_only],
        "exports": [item.name for item in artifact.exports],
        "tools": tools,
        "memory": {
            "min_bytes": memory.memory_min_bytes,
            "max_bytes": memory.memory_max_bytes,
        },
        "producers": [
            {"field": item.field, "name": item.name, "version": item.version}
            for item in artifact.producers
        ],
        "signatures": signatures_in(artifact),
        "says": {
            "name": name_of(artifact),
            "source": source_of(artifact),
            "revision": revision_of(artifact),
            "licence": licence_of(artifact),
        },
        "unreadable_sections": [section.name for section in unreadable_in(artifact)],
        "custom_sections": [
            {"name": section.name, "size": len(section.payload)} for section in artifact.customs
        ],
        "modules": len(artifact.modules),
        "components": artifact.components,
        "features": sorted(artifact.features),
        "hostable": reason is None,
        "reason": reason,
    }


def _asked(manifest: Manifest | None) -> dict[str, Any]:
    """What whoever admits it will be asked for, each once: what it must have, what it may."""
    tools = () if manifest is None else manifest.tools
    requires = {str(want.capability): want.reason for tool in tools for want in tool.requires}
    optional = {str(want.capability): want.reason for tool in tools for want in tool.optional}
    return {
        kind: [{"capability": what, "reason": why} for what, why in wanted.items()]
        for kind, wanted in (("requires", requires), ("optional", optional))
    }


def _asked_lines(report: dict[str, Any]) -> list[str]:
    """The same for people."""
    return [
        f"{words} {printable(want['capability'] + ': ' + want['reason'], limit=400)}"
        for kind, words in (("requires", "will ask for "), ("optional", "may ask for  "))
        for want in report[kind]
    ]


def _lines(artifact: Artifact, report: dict[str, Any]) -> list[str]:
    lines = [
        f"kind          {artifact.kind}, {artifact.size} bytes",
        f"digest        {artifact.digest}",
        "hostable      " + ("yes" if report["hostable"] else f"no: {report['reason']}"),
        f"memory        {_memory(report['memory'])}",
    ]
    lines += _capabilities(report["capabilities"])
    lines += _asked_lines(report)
    for item in report["type_only"]:
        lines.append(f"types only    {printable(item)} (asks for nothing)")
    lines.append(f"tools         {printable(', '.join(report['tools'])) or 'none'}")
    if artifact.kind == "component":
        inside = f"{report['modules']} modules, {report['components']} components"
        lines.append(f"inside        {inside}")
    if report["features"]:
        lines.append(f"features      {', '.join(report['features'])}")
    for item in report["producers"]:
        made = f"{item['field']} {item['name']} {item['version']}".strip()
        lines.append(f"producer      {printable(made)}")
    for key, text in report["says"].items():
        if text is not None:
            lines.append(f"{key:<13} {printable(text)}")
    lines += [f"signature     {printable(str(item))}" for item in report["signatures"]]
    for name in report["unreadable_sections"]:
        lines.append(f"unreadable    the custom section {printable(name)!r}")
    return lines


def _capabilities(capabilities: dict[str, list[str]]) -> list[str]:
    if not capabilities:
        return ["can ask for   nothing"]
    lines = []
    for name, functions in capabilities.items():
        shown = ", ".join(functions[:_SHOWN_FUNCTIONS])
        more = len(functions) - _SHOWN_FUNCTIONS
        rest = f" and {more} more" if more > 0 else ""
        lines.append(f"can ask for   {printable(name):<16} {printable(shown, limit=400)}{rest}")
    return lines


def _memory(memory: dict[str, int | None]) -> str:
    if memory["min_bytes"] is None:
        return "not shown for components"
    most = memory["max_bytes"]
    grows = "no maximum declared" if most is None else f"at most {spell_bytes(most)}"
    return f"{spell_bytes(memory['min_bytes'])} at start, {grows}"
