"""`hatchway sign`: sign an artifact with a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.audit.reading import MAX_ARTIFACT_BYTES
from hatchway.cli.keygen import PassphraseFile, passphrase_of
from hatchway.cli.options import Json
from hatchway.cli.output import print_json, say, warn
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.provenance.bundle import (
    FILE_SUFFIX,
    check_with_key,
    read_bundle,
    sign_artifact,
    sign_statement,
)
from hatchway.provenance.capability_statement import capabilities_stated
from hatchway.provenance.key_files import read_private_key_file, read_small_file
from hatchway.provenance.keys import Message, is_encrypted, read_private_key
from hatchway.registry.files import write_atomically
from hatchway.runtime.attesting import capability_statement
from hatchway.runtime.project import sidecar_of

if TYPE_CHECKING:
    from hatchway.provenance.keys import PrivateKey

File = Annotated[Path, typer.Argument(metavar="FILE", help="What to sign: a .wasm, or any file.")]
Key = Annotated[
    Path, typer.Option("--key", metavar="KEY", help="The .key file that hatchway keygen wrote.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="BUNDLE",
        help=f"Where to write the bundle; FILE{FILE_SUFFIX} by default.",
    ),
]
Attest = Annotated[
    bool,
    typer.Option(
        "--attest-capabilities",
        help="Sign a statement of what the artifact can ask for, which names it by digest.",
    ),
]


def sign(
    file: File,
    key: Key,
    output: Output = None,
    attest_capabilities: Attest = False,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Sign a file with a key. The signature is a Sigstore bundle beside it.

    Every byte of the file is signed. Nothing is sent anywhere.
    """
    data = read_small_file(file, limit_bytes=MAX_ARTIFACT_BYTES)
    artifact = Message(data)
    private = private_key(key, passphrase_file)
    if attest_capabilities:
        from hatchway.compose import today

        stated = capability_statement(data, file=file, today=today())
        bundle = sign_statement(private, stated.to_statement(digest=artifact.digest))
    else:
        bundle = sign_artifact(private, artifact)
    # What is handed out has been checked as its readers will check it.
    statement = check_with_key(read_bundle(bundle), private.public, artifact)
    assert (statement is not None) == attest_capabilities
    if statement is not None:
        capabilities_stated(statement)
    target = output or Path(f"{file}{FILE_SUFFIX}")
    _write(target, bundle)
    if sidecar_of(file).exists():
        name = printable(sidecar_of(file).name)
        warn(f"{name} is not signed with it; hatchway pack puts it into the artifact first")
    say(f"signed {printable(str(file))} as key:{private.public.key_id}; wrote {target}")
    if json:
        print_json(
            {
                "bundle": str(target),
                "digest": artifact.digest,
                "signer": f"key:{private.public.key_id}",
                "statement": attest_capabilities,
            }
        )


def private_key(file: Path, passphrase_file: Path | None) -> PrivateKey:
    """The key in `file`, its passphrase asked for if it has one.

    Raises:
        ConfigError: It is no private key, or not kept as one.
    """
    data = read_private_key_file(file)
    passphrase = None
    if passphrase_file is not None or is_encrypted(data, file=str(file)):
        passphrase = passphrase_of(file, passphrase_file)
    return read_private_key(data, passphrase, file=str(file))


def _write(target: Path, bundle: bytes) -> None:
    try:
        write_atomically(target, bundle, mode=0o644)
    except OSError as error:
        message = f"cannot write {str(target)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
