"""The interpreters on this machine: built at first use, and kept with the user's data.

What others published and an interpreter is built from is fetched like every artifact, from where
the user's settings say, and is kept as well: a new version of Hatchway builds without a network.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hatchway.audit.reading import MAX_ARTIFACT_BYTES
from hatchway.core.errors import ConfigError, RegistryError
from hatchway.registry.digests import digest_of
from hatchway.registry.fetching import fetch
from hatchway.registry.files import make_directory, write_atomically
from hatchway.registry.reference import PathReference
from hatchway.registry.spelling import parse_reference
from hatchway.runtime.settings import source_settings
from hatchway.sdk.interpreters import recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatchway.runtime.settings import Directories
    from hatchway.sdk.interpreters import Recipe


def place_of(language: str, *, directories: Directories) -> Path:
    """Where the interpreter of `language` is, or will be once it is built.

    Raises:
        ConfigError: There is no such interpreter.
    """
    return _place(recipe(language), directories)


def ready(language: str, *, directories: Directories, tell: Callable[[str], None]) -> Path:
    """The file of the interpreter of `language`, which is built if it is not there.

    Several processes may ask at once; one of them builds.

    Args:
        language: As in `builtin:LANGUAGE`.
        directories: Where it is kept.
        tell: Told in one line what is happening, when something is that takes long.

    Raises:
        ConfigError: There is no such interpreter, it cannot be built, or it cannot be kept.
        RegistryError: Something that it is built from cannot be had.
    """
    wanted = recipe(language)
    place = _place(wanted, directories)
    if place.is_file():
        return place
    problem = wanted.missing()
    if problem is not None:
        words, _, command = problem.partition(": ")
        message = f"the {language} interpreter cannot be built: {words}"
        raise ConfigError(message, code="config.no_builder", hint=command)
    with _alone(place.parent):
        if not place.is_file():
            needed = [_needed(wanted, reference, place.parent, tell) for reference in wanted.needs]
            _keep(place, wanted.build(tell, *needed))
    return place


def tell_terminal(words: str) -> None:
    """Say what takes long, where a person may be waiting for it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{words}\n")


def _place(wanted: Recipe, directories: Directories) -> Path:
    return directories.interpreters / f"{wanted.language}-{wanted.version}.wasm"


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Make sure that one process at a time builds into `directory`."""
    try:
        make_directory(directory)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(directory, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _needed(wanted: Recipe, reference: str, directory: Path, tell: Callable[[str], None]) -> bytes:
    """The bytes that a pinned `reference` means, fetched unless they are kept in `directory`."""
    parsed = parse_reference(reference)
    assert not isinstance(parsed, PathReference)
    assert parsed.digest is not None
    kept = directory / parsed.digest.replace(":", "-")
    if kept.is_file() and digest_of(content := kept.read_bytes()) == parsed.digest:
        return content
    named = reference.partition("@sha256:")[0]
    tell(f"fetching {named} (once)")
    try:
        content = fetch(
            parsed,
            base=directory,
            limit_bytes=MAX_ARTIFACT_BYTES,
            settings=source_settings(),
            network="allowed",
        ).artifact
    except RegistryError as error:
        message = f"the {wanted.language} interpreter is built from {named}: {error.message}"
        hint = (
            f"set NPM_CONFIG_REGISTRY to a registry that can be reached, or put the file at {kept}"
        )
        raise RegistryError(message, code=error.code, hint=hint) from error
    _keep(kept, content)
    return content


def _keep(place: Path, artifact: bytes) -> None:
    try:
        write_atomically(place, artifact)
    except OSError as error:
        raise _unwritable(place.parent, error) from error


def _unwritable(directory: Path, error: OSError) -> ConfigError:
    message = f"cannot write to {str(directory)!r}: {error.strerror}"
    hint = "point XDG_DATA_HOME at a directory you may write to"
    return ConfigError(message, code="config.unwritable", hint=hint)
