"""The product as the tour uses it: admission, a server process, and the events of its calls."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.compose import open_application
from hatchway.core.events import TERMINAL_EVENTS
from hatchway.policy.document import FILE_NAME
from hatchway.runtime.settings import Directories, directories
from hatchway.telemetry.reading import one_line, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from hatchway.serve.client import ServerCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """A Hatchway with directories of its own, and nothing of its user's.

    Attributes:
        home: What its processes take for the user's home.
        environment: What makes a process belong to it.
        directories: Where it keeps what.
    """

    home: Path
    environment: Mapping[str, str]
    directories: Directories

    @property
    def policy_file(self) -> Path:
        """The user's own policy."""
        return self.directories.config / FILE_NAME

    def admit(
        self, artifacts: Mapping[str, Path], progress: Callable[[str], None]
    ) -> dict[str, str]:
        """Admit every artifact under its name, granting nothing; their digests.

        Raises:
            HatchwayError: One of them is refused.
        """
        application = open_application(start=self.home, own=self.directories)
        digests: dict[str, str] = {}
        try:
            for name, artifact in artifacts.items():
                progress(f"admitting {name}")
                digests[name] = application.keeper.admit(name, str(artifact), []).lock.digest
        finally:
            application.events.close()
        return digests

    def server(self, log: TextIO) -> ServerCommand:
        """How its MCP server is started."""
        from hatchway.serve.client import ServerCommand

        own = ("-P", "-m", "hatchway", "--config", str(self.policy_file), "serve")
        return ServerCommand(
            command=(sys.executable, *own),
            environment=self.environment,
            directory=self.home,
            log=log,
        )

    def calls(self) -> tuple[RecordedCall, ...]:
        """Every call on record, in order."""
        return tuple(_calls(read_events(self.directories.events)))


def new_household(root: Path, home: Path) -> Household:
    """A Hatchway below `root`, for a user whose home is `home`."""
    kinds = ("CONFIG", "DATA", "STATE", "CACHE")
    environment = {f"XDG_{kind}_HOME": str(root / kind.lower()) for kind in kinds}
    environment["HOME"] = str(home)
    return Household(home=home, environment=environment, directories=directories(environment))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """What the event log says about one call.

    Attributes:
        tool: As it was called.
        sandbox_us: Microseconds that the guest took; None when it never ran.
        denials: What it was denied, as events.
    """

    tool: str
    sandbox_us: int | None
    denials: tuple[Mapping[str, Any], ...]

    @property
    def denial_lines(self) -> tuple[str, ...]:
        """The denials as `hatchway events` shows them."""
        return tuple(one_line(dict(record)) for record in self.denials)


def _calls(records: Iterator[dict[str, Any]]) -> Iterator[RecordedCall]:
    denials: list[Mapping[str, Any]] = []
    for record in records:
        own = record["unmapped"]["hatchway"]
        if own["event"] == "capability.denied":
            denials.append(record)
        elif own["event"] in TERMINAL_EVENTS:
            # One call after the other: the denials since the last end are this call's.
            yield RecordedCall(
                tool=own["tool"],
                sandbox_us=(own.get("usage") or {}).get("wall_us"),
                denials=tuple(denials),
            )
            denials.clear()
