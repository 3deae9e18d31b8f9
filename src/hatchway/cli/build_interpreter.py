"""`hatchway build --interpreter`: an interpreter of ours as a file, with packages inside."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.cli.output import print_json, print_line, say
from hatchway.core.errors import ConfigError
from hatchway.registry.digests import digest_of
from hatchway.registry.files import write_atomically

if TYPE_CHECKING:
    from hatchway.runtime.settings import Directories


def build_interpreter(
    language: str, lock: Path | None, output: Path | None, own: Directories, *, json: bool
) -> int:
    """Write the interpreter of `language`, with the packages of `lock`, to a file.

    Raises:
        HatchwayError: There is no such interpreter, or it cannot be built.
    """
    data = _made(language, lock, own)
    target = output or Path(f"{language}.wasm")
    write_artifact(target, data)
    digest = digest_of(data)
    if json:
        print_json({"file": str(target), "language": language, "digest": digest, "size": len(data)})
    else:
        print_line(f"{language} interpreter: {len(data)} bytes, {digest}")
    file = shlex.quote(str(target))
    say(f"wrote {file}")
    say(f"to use it yourself: hatchway add {file}")
    return 0


def write_artifact(target: Path, data: bytes) -> None:
    """Write what was built, whole or not at all.

    Raises:
        ConfigError: It cannot be written there.
    """
    try:
        write_atomically(target, data, mode=0o644)
    except OSError as error:
        message = f"cannot write {str(target)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error


def _made(language: str, lock: Path | None, own: Directories) -> bytes:
    from hatchway.runtime.interpreters import ready
    from hatchway.sdk.interpreters import recipe

    wanted = recipe(language)
    if lock is None:
        return ready(language, directories=own, tell=say).read_bytes()
    if language != "python":
        message = f"packages can be put into the Python interpreter, not into {language}"
        raise ConfigError(message, code="config.usage", hint="--interpreter python")
    if not lock.is_file():
        message = f"there is no file {str(lock)!r}"
        raise ConfigError(message, code="config.unreadable")
    if problem := wanted.missing():
        words, _, command = problem.partition(": ")
        message = f"the {language} interpreter cannot be built: {words}"
        raise ConfigError(message, code="config.no_builder", hint=command)
    from hatchway.sdk.interpreters.python import build

    return build(lock=lock, tell=say)
