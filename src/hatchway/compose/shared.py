"""What all sandboxes of a process share: one engine, and the interpreters it has loaded.

An engine reserves address space for every call that may run, and has a clock of its own. Loading
an interpreter means hashing it, reading it and checking its compiled code, which takes a third of
a second. Both are the same for everybody, so they are made once; no instance is ever shared.
"""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import hatchway
from hatchway.audit.reading import MAX_ARTIFACT_BYTES, read_artifact
from hatchway.compose.compiling import compiler_confinement
from hatchway.compose.walls import walls_here
from hatchway.engine.cache import CompiledCache
from hatchway.engine.sandbox import EngineSandbox
from hatchway.registry.source import read_source
from hatchway.registry.store import ArtifactStore, digest_of
from hatchway.runtime.admission import require_agreement, require_hostable
from hatchway.runtime.interpreters import ready
from hatchway.telemetry.log import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.surface import Compiler, Surface
    from hatchway.runtime.settings import Directories


class Interpreter(NamedTuple):
    """An interpreter that can run code."""

    digest: str
    surface: Surface


class Shared:
    """One engine, and what it has loaded.

    Args:
        own: Hatchway's own directories.
    """

    def __init__(self, own: Directories) -> None:
        cache = CompiledCache(own.compiled, own.compiled_key)
        self.engine = EngineSandbox(
            artifacts=ArtifactStore(own.artifacts).get,
            cache=cache,
            confinement=lambda: compiler_confinement(walls_here),
        )
        self._own = own
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, Compiler | None], Interpreter] = {}

    @cached_property
    def events(self) -> EventLog:
        """The event log."""
        return EventLog(self._own.events, version=hatchway.__version__)

    def interpreter(
        self, language: str, compiler: Compiler | None, tell: Callable[[str], None]
    ) -> Interpreter:
        """The interpreter of `language`; it is built and compiled unless that was done before.

        Args:
            language: As in `builtin:LANGUAGE`.
            compiler: The one to use; None leaves it to the host.
            tell: Told in one line what is happening, when something is that takes long.

        Raises:
            ConfigError: There is no such interpreter, or it cannot be built.
            AdmissionError: It cannot be compiled.
        """
        with self._lock:
            known = self._loaded.get((language, compiler))
            if known is None:
                known = self._load(language, compiler, tell)
                self._loaded[language, compiler] = known
            return known

    def _load(
        self, language: str, compiler: Compiler | None, tell: Callable[[str], None]
    ) -> Interpreter:
        place = ready(language, directories=self._own, tell=tell)
        artifact = read_source(str(place), base=place.parent, limit_bytes=MAX_ARTIFACT_BYTES)
        digest = digest_of(artifact)
        if self.engine.compilation(digest, compiler) is not None:
            # These bytes were looked at before they were compiled; reading them takes a second.
            return Interpreter(digest, self.engine.prepare(artifact, digest, compiler))
        tell(f"compiling the {language} interpreter, once")
        found = read_artifact(artifact)
        require_hostable(found)
        surface = self.engine.prepare(artifact, digest, compiler)
        require_agreement(found, surface)
        return Interpreter(digest, surface)


_ALL: dict[tuple[Directories, int], Shared] = {}
_ALL_LOCK = threading.Lock()


def shared(own: Directories) -> Shared:
    """What the sandboxes of this process share that keep their files in the directories `own`.

    After a fork the child gets its own: nothing would stop the guests of its parent's engine.
    """
    with _ALL_LOCK:
        key = (own, os.getpid())
        found = _ALL.get(key)
        if found is None:
            found = _ALL[key] = Shared(own)
        return found
