"""Incidents played again: once outside, where they succeed, and once inside Hatchway.

Outside, a tool is a plain program with the rights of its user, as most MCP servers are. Inside it
is a guest of the same purpose, admitted and called by the real command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from terminal import Done, Terminal

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECONDS = 60


def outside(tool: str, arguments: dict[str, Any], **environment: str) -> dict[str, Any]:
    """What the plain program `tool` answers."""
    done = subprocess.run(
        [sys.executable, "-I", EXAMPLES / "plain" / f"{tool}.py"],
        input=json.dumps(arguments).encode(),
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"], **environment},
        timeout=SECONDS,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@dataclass(frozen=True)
class Answer:
    """What came of a call inside, and what was put on record about it."""

    done: Done
    structured: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def denied(self) -> list[tuple[str, str]]:
        """The capability and the attempt of every denial."""
        told = [event for event in self.events if event["event"] == "capability.denied"]
        return [(event["capability"], event["attempted"]) for event in told]

    @property
    def requests(self) -> list[tuple[str, str, str]]:
        """The origin, the decision and the rule of every request."""
        told = [event["http"] for event in self.events if event["event"] == "http.request"]
        return [(http["origin"], http["decision"], http["rule"]) for http in told]


class Inside:
    """A guest of one of the examples, in a home of its own."""

    def __init__(self, terminal: Terminal, place: str, *allow: str, policy: str = "") -> None:
        self._terminal = terminal
        self._name = Path(place).name
        granted = [word for capability in allow for word in ("--allow", capability)]
        added = terminal.run("add", str(EXAMPLES / f"{place}.wasm"), "--yes", *granted)
        assert added.status == 0, added.err
        if policy:
            file = Path(os.environ["XDG_CONFIG_HOME"], "hatchway", "hatchway.toml")
            file.write_text(f"{file.read_text()}\n{policy}\n")

    def call(self, arguments: dict[str, Any]) -> Answer:
        """Call it, and read what is on record."""
        before = len(self._events())
        done = self._terminal.run("call", self._name, json.dumps(arguments), "--json")
        assert done.status == 0, done.err
        return Answer(done, done.json["structured"], self._events()[before:])

    def _events(self) -> list[dict[str, Any]]:
        # An explicit limit, because the command shows the last few.
        told = self._terminal.run("events", "--json", "--last", "1000")
        assert told.status == 0, told.err
        return [json.loads(line)["unmapped"]["hatchway"] for line in told.out.splitlines()]
