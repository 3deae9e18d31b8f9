"""Building a project again whenever its files change, and putting what came of it in force."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.core.errors import HatchwayError
from hatchway.core.untrusted import harmless
from hatchway.registry.files import write_atomically
from hatchway.runtime.reloading import signs_of
from hatchway.sdk.building import project_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hatchway.runtime.building import BuiltTool
    from hatchway.runtime.keeping import Keeper
    from hatchway.runtime.reloading import Signs

INTERVAL_SECONDS = 0.5
"""From one look at the files to the next."""
_STOP_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What a project is built with, and where what comes of it goes.

    Attributes:
        project: The directory that is watched.
        place: A private directory for what was built.
        build: Builds the project.
        keeper: Takes what was built into the policy that is served.
        allow: What it is granted, spelled as after `--allow`.
        limits: Its limits, spelled as in a policy.
        tell: Told in one line what happened.
    """

    project: Path
    place: Path
    build: Callable[[], BuiltTool]
    keeper: Keeper
    allow: tuple[str, ...]
    limits: Mapping[str, str | int]
    tell: Callable[[str], None]

    def renew(self) -> bool:
        """Build, and take in what came of it; whether that worked.

        What does not build is said, and the last one that did stays.
        """
        try:
            built = self.build()
            source = self.place / f"{built.name}.wasm"
            write_atomically(source, built.artifact)
            candidate = self.keeper.examine(built.name, str(source))
            self.keeper.keep(candidate, list(self.allow), self.limits)
        except (HatchwayError, OSError) as error:
            message = error.message if isinstance(error, HatchwayError) else str(error)
            self.tell(f"not built, the last good one stays: {harmless(message, limit=4000)}")
            if isinstance(error, HatchwayError) and error.hint:
                self.tell(f"  hint: {harmless(error.hint)}")
            return False
        report = built.report
        self.tell(f"built {built.name}: {len(built.artifact)} bytes, grade {report.grade}")
        self._say_what_is_missing(built)
        return True

    def _say_what_is_missing(self, built: BuiltTool) -> None:
        names = {each.partition("=")[0] for each in self.allow}
        for want, is_optional in built.wants:
            spelled = str(want.capability)
            if not is_optional and want.capability.name not in names:
                self.tell(f"it asks for {spelled}, and is not granted that: --allow {spelled}")

    def signs(self) -> Signs:
        """What the files of the project are like now."""
        try:
            return signs_of(tuple(project_files(self.project)))
        except HatchwayError as error:
            return (error.message,)


class Rebuilder:
    """A thread that builds a project again when its files have changed and rest.

    Args:
        workshop: What it is built with.
        put_in_force: Called after every build that worked.
        seen: What the files were like before the first build began.
    """

    def __init__(
        self, workshop: Workshop, put_in_force: Callable[[], None], *, seen: Signs
    ) -> None:
        self._workshop = workshop
        self._put_in_force = put_in_force
        self._is_over = threading.Event()
        self._seen = seen
        self._thread = threading.Thread(target=self._watch, name="hatchway-dev", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. What is being built is not waited for long."""
        self._is_over.set()
        self._thread.join(_STOP_SECONDS)

    def _watch(self) -> None:
        while not self._is_over.wait(INTERVAL_SECONDS):
            self.look()

    def look(self) -> None:
        """Build if something changed since the last look and nothing changes any more."""
        found = self._workshop.signs()
        if found == self._seen:
            return
        # Editors write a file in several steps; the next look will tell whether it rests.
        while not self._is_over.wait(INTERVAL_SECONDS / 5):
            before, found = found, self._workshop.signs()
            if before == found:
                break
        self._seen = found
        if self._workshop.renew():
            self._put_in_force()
