"""The command line, run in this process: arguments in, status and output out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.cli.main import status_of

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    @property
    def code(self) -> str | None:
        """The code of the error it complained about."""
        marker = "error["
        if marker not in self.err:
            return None
        return self.err.partition(marker)[2].partition("]")[0]

    @property
    def hints(self) -> list[str]:
        """The next steps it named."""
        lines = self.err.splitlines()
        return [line.partition("hint: ")[2] for line in lines if "hint: " in line]


class Terminal:
    """Runs commands one after the other."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def run(self, *arguments: str) -> Done:
        """Run `hatchway ARGUMENTS`."""
        self._capture.readouterr()
        status = status_of(list(arguments))
        captured = self._capture.readouterr()
        return Done(status, captured.out, captured.err)
