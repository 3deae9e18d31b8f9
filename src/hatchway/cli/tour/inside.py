"""The story inside: the same calls to WebAssembly tools, through the real server.

Everything is the product itself: the tools are admitted as `hatchway add` does it, served
by a `hatchway serve` process, and called by an MCP client over its standard streams.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.cli.tour.canary import Canary
from hatchway.cli.tour.files import Missing, copy_resvg, copy_wasm_tools
from hatchway.cli.tour.outside import thief
from hatchway.cli.tour.server import Household, RecordedCall, new_household
from hatchway.cli.tour.story import HOPS, Hop, World, arguments_of, build_world
from hatchway.cli.tour.tools import ToolRun, try_real_tools
from hatchway.core.errors import ConfigError, InternalError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hatchway.serve.client import Answer, Conversation

_NAMES = {"fetch": "fetch.fetch"}
"""What a hop's tool is called as: a component's functions are tools of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxHop:
    """One hop inside: what the client got, and what went on record."""

    hop: Hop
    answer: Answer
    recorded: RecordedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What happened inside.

    Attributes:
        admitted: The artifacts' digests, by name.
        offered: The tools that the server listed.
        tools: The useful tools, each with what went on record.
        connections: How often the canary was as much as connected to.
        leaks: Where the marker of the planted secret showed up.
        admission_us: Microseconds for admitting all of them, which happens once.
        start_us: Microseconds until the server could be talked to.
        missing_resvg: Why resvg is not among the tools, or None.
    """

    admitted: Mapping[str, str]
    offered: tuple[str, ...]
    hops: tuple[SandboxHop, ...]
    tools: tuple[tuple[ToolRun, RecordedCall], ...]
    note_was_written: bool
    connections: int
    leaks: tuple[str, ...]
    admission_us: int
    start_us: int
    missing_resvg: Missing | None


def run_inside(root: Path, progress: Callable[[str], None]) -> Inside:
    """Let the story happen to tools in sandboxes, in the same kind of home.

    Args:
        root: Where everything goes; it does not exist yet.
        progress: Told before each step that takes a moment; may raise to end the tour.

    Raises:
        HatchwayError: A tool is not admitted, or the server does not start.
    """
    world = build_world(root)
    household = new_household(root, world.home)
    artifacts = root / "artifacts"
    artifacts.mkdir()
    tools = copy_wasm_tools(artifacts)
    resvg = copy_resvg(artifacts)
    if not isinstance(resvg, Missing):
        tools["resvg"] = resvg
    started = time.perf_counter_ns()
    admitted = household.admit(tools, progress)
    admission_us = (time.perf_counter_ns() - started) // 1000
    progress("starting hatchway serve")
    with Canary(lambda collect_url: thief(collect_url, tools["fetch"])) as canary:
        spoken = _converse(household, world, canary, with_resvg="resvg" in tools)
    recorded = household.calls()
    if len(recorded) != len(spoken.answers) + len(spoken.tools):
        message = f"{len(recorded)} calls are on record, which is not how many were made"
        raise InternalError(message)
    hops = zip(HOPS, spoken.answers, recorded, strict=False)
    return Inside(
        admitted=admitted,
        offered=spoken.offered,
        hops=tuple(SandboxHop(hop=hop, answer=answer, recorded=call) for hop, answer, call in hops),
        tools=tuple(zip(spoken.tools, recorded[len(HOPS) :], strict=True)),
        note_was_written=world.note.exists(),
        connections=canary.connections,
        leaks=_leaks(world, spoken),
        admission_us=admission_us,
        start_us=spoken.start_us,
        missing_resvg=resvg if isinstance(resvg, Missing) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spoken:
    """What the client heard."""

    start_us: int
    offered: tuple[str, ...]
    answers: tuple[Answer, ...]
    tools: tuple[ToolRun, ...]


def _converse(household: Household, world: World, canary: Canary, *, with_resvg: bool) -> _Spoken:
    """Make the calls. The script is handed to the agent, although it could not fetch it."""
    from hatchway.serve.client import converse

    started = time.perf_counter_ns()

    async def talk(client: Conversation) -> _Spoken:
        start_us = (time.perf_counter_ns() - started) // 1000
        offered = await client.tools()
        answers: list[Answer] = []
        counts: Mapping[str, object] = {}
        for hop in HOPS:
            arguments = arguments_of(hop, world, canary.script_url, canary.script, counts)
            answers.append(await client.call(_NAMES.get(hop.tool, hop.tool), arguments))
            counts = answers[0].structured or {}
        summary = (answers[-1].structured or {}).get("text", "")
        tools = await try_real_tools(client, counts, str(summary), with_resvg=with_resvg)
        return _Spoken(start_us=start_us, offered=offered, answers=tuple(answers), tools=tools)

    with (world.root / "server.log").open("w+") as log:
        try:
            return converse(household.server(log), talk)
        except ConfigError as error:
            log.seek(0)
            message = f"{error.message}; it said: {printable(log.read()[-500:].strip(), limit=500)}"
            raise ConfigError(message, code=error.code, hint=error.hint) from error


def _leaks(world: World, spoken: _Spoken) -> tuple[str, ...]:
    """Where the marker is, apart from where it was planted: answers, events, any file."""
    answers = (*spoken.answers, *(run.answer for run in spoken.tools))
    heard = json.dumps([[answer.text, answer.structured] for answer in answers])
    found = ["an answer"] if world.marker in heard else []
    marker = world.marker.encode()
    files = [file for file in sorted(world.root.rglob("*")) if file.is_file()]
    found += [
        str(file.relative_to(world.root))
        for file in files
        if file != world.secret and marker in file.read_bytes()
    ]
    return tuple(found)
