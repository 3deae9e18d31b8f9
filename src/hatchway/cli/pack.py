"""`hatchway pack`: put a manifest into the artifact it describes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.cli.options import Json
from hatchway.cli.output import print_json, say
from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.registry.files import write_atomically
from hatchway.registry.source import read_source
from hatchway.registry.store import digest_of
from hatchway.runtime.manifests import find_manifest, read_sidecar, sections_of
from hatchway.runtime.project import sidecar_of
from hatchway.runtime.toolset import tools_of
from hatchway.sdk.packing import packed

File = Annotated[Path, typer.Argument(metavar="FILE", help="The .wasm file to pack.")]
ManifestOption = Annotated[
    Path | None,
    typer.Option("--manifest", metavar="TOML", help="The manifest; by default the sidecar."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="By default FILE.packed.wasm."),
]


def pack(
    file: File, manifest: ManifestOption = None, output: Output = None, json: Json = False
) -> None:
    """Write an artifact with its manifest inside, so that digest and signature cover both."""
    data = read_source(str(file), base=Path.cwd(), limit_bytes=MAX_ARTIFACT_BYTES)
    if sections_of(read_artifact(data)):
        message = f"{str(file)!r} carries a manifest already"
        raise AdmissionError(message, code="admission.manifest", hint="pack the file it came from")
    described = manifest or sidecar_of(file)
    if not described.is_file():
        message = f"there is no manifest {str(described)!r}"
        hint = f"write one, or a first draft of it: hatchway add {file} --draft"
        raise ConfigError(message, code="config.unreadable", hint=hint)
    made = packed(data, parse_manifest_toml(read_sidecar(described), file=str(described)))
    target = output or file.with_name(f"{file.stem}.packed.wasm")
    tools = _require_usable(made, target)
    try:
        write_atomically(target, made, mode=0o644)
    except OSError as error:
        message = f"cannot write {str(target)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {target}: {', '.join(tools)}")
    say(f"next: hatchway audit {target}, then hatchway sign {target}")
    if json:
        print_json({"file": str(target), "digest": digest_of(made), "size": len(made)})


def _require_usable(made: bytes, target: Path) -> list[str]:
    """The tools of what was made, read as whoever admits it will read it.

    Raises:
        HatchwayError: The manifest does not fit, or would be one of two.
    """
    artifact = read_artifact(made)
    found = find_manifest(artifact, target).usable()
    return [
        tool.name for tool in tools_of(target.stem, digest_of(made), artifact.surface, found).tools
    ]
