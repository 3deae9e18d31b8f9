"""The interpreters, each built once per test run and shared by all its processes.

They are kept in the system's directory for temporary files under their version, so that a
second run of the tests on the same sources builds nothing.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.engine.cache import CompiledCache
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import EngineSettings
from hatchway.registry.store import digest_of
from hatchway.runtime.interpreters import ready
from hatchway.runtime.settings import Directories
from hatchway.sdk.interpreters import recipe

if TYPE_CHECKING:
    from hatchway.core.surface import Compiler


def built(language: str = "python") -> Path:
    """The interpreter of `language`, as a file."""
    return ready(language, directories=_kept(), tell=lambda _words: None)


def needed(language: str) -> list[bytes]:
    """What others published that the interpreter of `language` is built from."""
    built(language)
    digests = [reference.partition("@sha256:")[2] for reference in recipe(language).needs]
    return [(_kept().interpreters / f"sha256-{digest}").read_bytes() for digest in digests]


@cache
def artifact(language: str = "python") -> bytes:
    """The interpreter of `language`."""
    return built(language).read_bytes()


def lend(language: str, directories: Directories) -> None:
    """Put the built interpreter, and its compiled code, where users of `directories` find it."""
    place = built(language)
    prepared(language)
    directories.interpreters.mkdir(parents=True, exist_ok=True)
    (directories.interpreters / place.name).symlink_to(place)
    if directories.compiled.exists():  # another interpreter was lent before
        return
    directories.compiled.parent.mkdir(parents=True, exist_ok=True)
    directories.compiled.symlink_to(_kept().compiled)
    directories.compiled_key.write_bytes(_kept().compiled_key.read_bytes())
    directories.compiled_key.chmod(0o600)


def _kept() -> Directories:
    root = Path(tempfile.gettempdir()) / f"hatchway-tests-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    return Directories(config=root, data=root, state=root, cache=root)


@cache
def engine() -> EngineSandbox:
    """An engine whose compiled code all processes of a test run share."""
    cache = CompiledCache(_kept().compiled, _kept().compiled_key)
    settings = EngineSettings(concurrent_calls=8)
    return EngineSandbox(artifacts=_absent, cache=cache, settings=settings)


@cache
def prepared(language: str = "python", compiler: Compiler | None = None) -> str:
    """The digest of the interpreter of `language`, which `engine` has compiled."""
    digest = digest_of(artifact(language))
    engine().prepare(artifact(language), digest, compiler)
    return digest


def _absent(digest: str) -> bytes:
    message = f"{digest} was never prepared"
    raise KeyError(message)
