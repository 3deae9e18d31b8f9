"""`hatchway keygen`: a key to sign with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hatchway.cli.options import Json
from hatchway.cli.output import print_json, print_line, say
from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.core.untrusted import printable
from hatchway.provenance.key_files import create_key_files, read_passphrase_file
from hatchway.provenance.keys import Algorithm, generate_key

AlgorithmOption = Annotated[Algorithm, typer.Option("--algorithm", help="What the key signs with.")]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="NAME", help="Write NAME.key and NAME.pub."),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="A file of mode 0600 with the passphrase; without it you are asked.",
    ),
]
NoPassphrase = Annotated[
    bool,
    typer.Option("--no-passphrase", help="Leave the key readable for whoever has the file."),
]


def keygen(
    algorithm: AlgorithmOption = "ecdsa-p256",
    output: Output = "hatchway",
    passphrase_file: PassphraseFile = None,
    no_passphrase: NoPassphrase = False,
    json: Json = False,
) -> None:
    """Make a key to sign artifacts with.

    Prints the public key as a policy names it. No existing file is written over.
    """
    passphrase = _passphrase(passphrase_file, no_passphrase)
    private, public = Path(f"{output}.key"), Path(f"{output}.pub")
    key = generate_key(algorithm)
    create_key_files(private, key.to_pem(passphrase), public, key.public.to_pem())
    say(f"wrote {private}: whoever has it can sign as you; keep it, and keep a copy somewhere safe")
    if passphrase is None:
        say("it has no passphrase")
    say(f"wrote {public}: give it to whoever should check your signatures")
    say(f"its name is key:{key.public.key_id} (in short {key.public.fingerprint})")
    if json:
        print_json(
            {
                "algorithm": algorithm,
                "private_key": str(private),
                "public_key": str(public),
                "signer": f"key:{key.public.key_id}",
                "key": key.public.line,
            }
        )
        return
    print_line(key.public.line)


def _passphrase(file: Path | None, none: bool) -> Secret | None:
    if none:
        if file is not None:
            message = "--no-passphrase and --passphrase-file contradict each other"
            raise ConfigError(message, code="config.usage")
        return None
    if file is not None:
        return read_passphrase_file(file)
    if not sys.stdin.isatty():
        message = "there is nobody to ask for a passphrase"
        hint = "--passphrase-file FILE, or --no-passphrase"
        raise ConfigError(message, code="config.bad_passphrase", hint=hint)
    return Secret(_ask("passphrase", confirm=True))


def passphrase_of(key: Path, file: Path | None) -> Secret | None:
    """The passphrase of an encrypted key: from the file, or from whoever sits at the terminal.

    None when there is neither.
    """
    if file is not None:
        return read_passphrase_file(file)
    if not sys.stdin.isatty():
        return None
    return Secret(_ask(f"passphrase of {printable(str(key))}", confirm=False))


def _ask(question: str, *, confirm: bool) -> str:
    answer = typer.prompt(question, hide_input=True, confirmation_prompt=confirm, err=True)
    assert isinstance(answer, str)
    return answer
