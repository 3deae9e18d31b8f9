"""`hatchway push`: publish an artifact, its signature and what it can ask for, together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.cli.keygen import PassphraseFile
from hatchway.cli.options import Json
from hatchway.cli.output import print_json, say, warn
from hatchway.cli.sign import private_key
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.provenance.bundle import (
    FILE_SUFFIX,
    MAX_BUNDLE_BYTES,
    read_bundle,
    sign_artifact,
    sign_statement,
)
from hatchway.provenance.keys import Message
from hatchway.registry.descriptors import BUNDLE, Attachment, WasmConfig
from hatchway.registry.publishing import attach
from hatchway.registry.publishing import push as publish
from hatchway.registry.reference import BuiltinReference, LayoutReference, OciReference
from hatchway.registry.source import read_source
from hatchway.registry.spelling import parse_reference
from hatchway.runtime.attesting import capability_statement
from hatchway.runtime.interpreters import ready
from hatchway.runtime.project import sidecar_of
from hatchway.runtime.settings import directories, source_settings

if TYPE_CHECKING:
    from hatchway.audit.artifact import Artifact
    from hatchway.provenance.keys import PrivateKey

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The .wasm file to publish, or builtin:python.")
]
To = Annotated[
    str,
    typer.Argument(metavar="REFERENCE", help="oci://HOST/REPOSITORY:TAG or oci-layout:DIR:TAG."),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="KEY", help="Sign with the .key file hatchway keygen wrote."),
]


def push(
    file: File,
    reference: To,
    key: Key = None,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Publish an artifact with its signature and a signed statement of what it can ask for."""
    target = parse_reference(reference)
    if not isinstance(target, OciReference | LayoutReference):
        message = f"{printable(reference)!r} is nowhere to publish"
        hint = "oci://HOST/REPOSITORY:TAG, or oci-layout:DIRECTORY:TAG"
        raise ConfigError(message, code="config.bad_source", hint=hint)
    file = _built(file)
    data = read_source(str(file), base=Path.cwd(), limit_bytes=MAX_ARTIFACT_BYTES)
    artifact = read_artifact(data)
    # Everything that can fail on this machine comes before anything is published.
    private = None if key is None else private_key(key, passphrase_file)
    bundles = _beside(file) if private is None else _signed(data, file, private)
    if sidecar_of(file).exists():
        name = printable(sidecar_of(file).name)
        warn(f"{name} is not published with it; hatchway pack puts it into the artifact first")
    settings = source_settings()
    pushed = publish(target, data, _config(artifact), settings=settings)
    pinned = target.pinned(pushed.manifest_digest)
    for bundle in bundles:
        attach(pinned, Attachment(media_type=BUNDLE, content=bundle), settings=settings)
    what = f"{len(bundles)} signed bundles" if bundles else "no signature"
    say(f"published {printable(str(file))} with {what}")
    say(f"others add it with: hatchway add {pushed.resolved}")
    if json:
        print_json(
            {
                "reference": pushed.resolved,
                "manifest_digest": pushed.manifest_digest,
                "digest": artifact.digest,
                "signer": None if private is None else f"key:{private.public.key_id}",
                "bundles": len(bundles),
            }
        )
    elif not bundles:
        say("to sign it as well: hatchway keygen, then push with --key")


def _built(file: Path) -> Path:
    """The file itself; or where it is, when it is something that is built in."""
    reference = parse_reference(str(file))
    if not isinstance(reference, BuiltinReference):
        return file
    return ready(reference.name, directories=directories(), tell=say)


def _config(artifact: Artifact) -> WasmConfig:
    """What the published configuration claims; readers believe the artifact itself."""
    if artifact.kind == "module":
        return WasmConfig(os="wasip1")
    asked = (*artifact.imports, *artifact.type_only)
    return WasmConfig(
        os="wasip2",
        imports=tuple(sorted({item.namespace or item.name for item in asked})),
        exports=tuple(sorted({item.name for item in artifact.exports})),
    )


def _signed(data: bytes, file: Path, private: PrivateKey) -> list[bytes]:
    """A signature over every byte, and one over what it can ask for."""
    from hatchway.compose import today

    message = Message(data)
    stated = capability_statement(data, file=file, today=today())
    return [
        sign_artifact(private, message),
        sign_statement(private, stated.to_statement(digest=message.digest)),
    ]


def _beside(file: Path) -> list[bytes]:
    """The bundle that lies beside the file, if there is one."""
    bundle = Path(f"{file}{FILE_SUFFIX}")
    if not bundle.exists():
        return []
    content = read_source(str(bundle), base=Path.cwd(), limit_bytes=MAX_BUNDLE_BYTES)
    read_bundle(content)
    return [content]
