"""`hatchway verify`: whether somebody signed a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.audit.reading import MAX_ARTIFACT_BYTES
from hatchway.cli.options import Json
from hatchway.cli.output import print_json, print_line, warn
from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.core.untrusted import printable
from hatchway.provenance.bundle import FILE_SUFFIX, MAX_BUNDLE_BYTES, check_with_key, read_bundle
from hatchway.provenance.capability_statement import capabilities_stated
from hatchway.provenance.key_files import read_small_file
from hatchway.provenance.keyless import MAX_TRUST_ROOT_BYTES, KeylessVerifier
from hatchway.provenance.keys import MAX_KEY_BYTES, Message, read_public_key
from hatchway.provenance.signer import identity_signer, signer_of
from hatchway.provenance.signers import Signature
from hatchway.runtime.attesting import statement_fits

if TYPE_CHECKING:
    from collections.abc import Callable


File = Annotated[Path, typer.Argument(metavar="FILE", help="The signed file.")]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="PUB", help="The signer's public key: a .pub file."),
]
Identity = Annotated[
    str | None,
    typer.Option(
        "--identity",
        metavar="IDENTITY",
        help="Who signed without a key: an address, or the URL of a workflow. No patterns.",
    ),
]
Issuer = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", help="Who vouches for the identity."),
]
BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle", metavar="BUNDLE", help=f"The signature; FILE{FILE_SUFFIX} by default."
    ),
]
TrustRoot = Annotated[
    Path | None,
    typer.Option(
        "--trust-root",
        metavar="JSON",
        help="Check an identity against this trusted_root.json instead of Sigstore's own.",
    ),
]


def verify(
    file: File,
    key: Key = None,
    identity: Identity = None,
    issuer: Issuer = None,
    bundle: BundleOption = None,
    trust_root: TrustRoot = None,
    json: Json = False,
) -> None:
    """Check that a key or an identity signed every byte of a file. Nothing is fetched.

    Exits with 3 when it does not verify.
    """
    check = _checking(key, identity, issuer, trust_root)
    data = read_small_file(file, limit_bytes=MAX_ARTIFACT_BYTES)
    artifact = Message(data)
    try:
        found = check(_bundle_of(file, bundle), artifact)
        report = {"verified": True, "digest": artifact.digest, **_described(found, data)}
    except AdmissionError as error:
        if json:
            told = {"code": error.code, "message": error.message}
            print_json({"verified": False, "digest": artifact.digest, "error": told})
        raise
    if report["statement_fits"] is False:
        warn("the signer's statement of capabilities is not what this artifact asks for")
    if json:
        print_json(report)
        return
    for line in _lines(report):
        print_line(line)


def _checking(
    key: Path | None, identity: str | None, issuer: str | None, trust_root: Path | None
) -> Callable[[bytes, Message], Signature]:
    """What checks a bundle, of the signer whom the options name."""
    if key is not None and identity is None and issuer is None and trust_root is None:
        return _with_key(key)
    if key is None and identity is not None and issuer is not None:
        return _with_identity(identity, issuer, trust_root)
    message = "say who should have signed: --key, or --identity together with --issuer"
    raise ConfigError(message, code="config.usage", hint="hatchway verify --help")


def _with_key(file: Path) -> Callable[[bytes, Message], Signature]:
    key = read_public_key(read_small_file(file, limit_bytes=MAX_KEY_BYTES + 1), file=str(file))

    def check(bundle: bytes, artifact: Message) -> Signature:
        statement = check_with_key(read_bundle(bundle), key, artifact)
        return Signature(
            signer=signer_of(key),
            bundle=Message(bundle).digest,
            statement=statement,
            signed_between=None,
        )

    return check


def _with_identity(
    identity: str, issuer: str, trust_root: Path | None
) -> Callable[[bytes, Message], Signature]:
    signer = identity_signer(identity, issuer)
    root = None
    if trust_root is not None:
        root = read_small_file(trust_root, limit_bytes=MAX_TRUST_ROOT_BYTES)

    def check(bundle: bytes, artifact: Message) -> Signature:
        found = KeylessVerifier(root).check(read_bundle(bundle), signer, artifact)
        return Signature(
            signer=signer,
            bundle=Message(bundle).digest,
            statement=found.statement,
            signed_between=found.signed_between,
        )

    return check


def _bundle_of(file: Path, named: Path | None) -> bytes:
    path = named or Path(f"{file}{FILE_SUFFIX}")
    if named is None and not path.exists():
        message = f"{printable(str(file))!r} has no signature beside it: no {path.name!r}"
        hint = "--bundle BUNDLE says where it is"
        raise AdmissionError(message, code="admission.unsigned", hint=hint)
    return read_small_file(path, limit_bytes=MAX_BUNDLE_BYTES)


def _described(found: Signature, data: bytes) -> dict[str, Any]:
    statement, between = found.statement, found.signed_between
    stated = None if statement is None else capabilities_stated(statement)
    return {
        "signer": str(found.signer),
        "bundle": found.bundle,
        "statement": None if statement is None else statement.predicate_type,
        "capabilities": None if stated is None else stated.to_json(),
        "statement_fits": None if stated is None else statement_fits(stated, data),
        "signed_between": None if between is None else [time.isoformat() for time in between],
    }


def _lines(report: dict[str, Any]) -> list[str]:
    between = report["signed_between"]
    when = " to ".join(between) if between else "not known; a key says nothing of it"
    lines = [
        f"digest        {report['digest']}",
        f"signed by     {printable(report['signer'], limit=4200)}",
        f"signed        {report['statement'] or 'every byte of the file'}",
        f"when          {when}",
    ]
    stated = report["capabilities"]
    if stated is not None:
        powers = ", ".join(stated["capabilities"]) or "nothing"
        lines.append(f"said to ask   {printable(powers, limit=400)}")
        lines.append(f"said grade    {printable(stated['grade'], limit=20)}")
    return lines
