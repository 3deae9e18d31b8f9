"""`hatchway new`: a small project to start from."""

from __future__ import annotations

import difflib
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from hatchway.cli.options import Json
from hatchway.cli.output import print_json, say
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.sdk.languages import LANGUAGES, language

LanguageName = Annotated[
    str, typer.Argument(metavar="LANGUAGE", help=f"One of {', '.join(LANGUAGES)}.")
]
ProjectName = Annotated[
    str, typer.Argument(metavar="NAME", help="Of the tool, and of the directory that is made.")
]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 40


def new(wanted: LanguageName, name: ProjectName, json: Json = False) -> None:
    """Make a project: a tool that works, its tests, and what to do next."""
    if wanted not in LANGUAGES:
        close = difflib.get_close_matches(wanted[:80], LANGUAGES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(LANGUAGES)}"
        message = f"there is no language {printable(wanted, limit=80)!r}"
        raise ConfigError(message, code="config.no_language", hint=hint)
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        message = f"{printable(name, limit=80)!r} is not a name for a project"
        hint = "small letters, digits and single dashes between them, such as word-count"
        raise ConfigError(message, code="config.invalid", hint=hint)
    chosen = language(wanted)
    written = _write(Path(name), dict(chosen.template(name)))
    for file in written:
        say(f"wrote {file}")
    if missing := chosen.missing():
        say(f"before you build: {missing}")
    say(f"next: cd {shlex.quote(name)}, then hatchway build and hatchway test")
    if json:
        print_json({"directory": name, "language": wanted, "files": written})


def _write(directory: Path, files: dict[str, str]) -> list[str]:
    """Write the files into a directory that was not there before.

    Raises:
        ConfigError: It was there, or cannot be written.
    """
    try:
        directory.mkdir()
        written = []
        for path, text in sorted(files.items()):
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
            written.append(str(file))
    except FileExistsError as error:
        message = f"{str(error.filename)!r} is there already, and nothing is overwritten"
        raise ConfigError(message, code="config.exists", hint="take another name") from error
    except OSError as error:
        message = f"cannot write {str(directory)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    return written
