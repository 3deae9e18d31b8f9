"""Calls from many threads while workers are killed and stopped at random: each has one answer."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from guests import command, wasi, wasm
from tool_guests import MATHS

from hatchway.compose.isolating import IsolatingSandbox
from hatchway.core.call import Principal, ToolCall
from hatchway.core.events import TERMINAL_EVENTS
from hatchway.core.limits import Limits
from hatchway.egress.broker import Broker
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import EngineSettings
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.policy.workers import Workers
from hatchway.registry.store import digest_of
from hatchway.runtime.catalog import catalog_of
from hatchway.runtime.runtime import Runtime
from hatchway.runtime.toolset import tools_of
from hatchway.telemetry.log import EventLog
from hatchway.telemetry.reading import read_events
from hatchway.workers import conversation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.core.call import Outcome
    from hatchway.core.surface import Surface

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has workers")

PONG = command(
    "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
    imports=wasi("fd_write"),
    declarations="""(data (i32.const 0) "\\10\\00\\00\\00\\04\\00\\00\\00")
      (data (i32.const 16) "pong")""",
)
SPIN = command("(loop $on (br $on))")
THINK = command(
    """(local $left i32) (local.set $left (i32.const 4000000))
    (loop $on (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
    imports=wasi("fd_write"),
    declarations="""(data (i32.const 0) "\\10\\00\\00\\00\\04\\00\\00\\00")
      (data (i32.const 16) "pong")""",
)
"""Takes a while, so that some die in the middle of a call."""
IS_THOROUGH = "HATCHWAY_THOROUGH" in os.environ
CALLS = 10_000 if IS_THOROUGH else 240
THREADS = 4
TENANTS = ("acme", "globex")
LIMITS = Limits(deadline_seconds=4.0, fuel=50_000_000)
MAY_BE = {"guest.worker_failed", "guest.deadline_exceeded", "call.overloaded"}
"""What a call may come to, through no fault of its guest's, while workers die."""
PATIENCE_SECONDS = 60.0


class Process(NamedTuple):
    """A process that nobody else will ever be."""

    number: int
    started: str

    @property
    def exists(self) -> bool:
        return started(self.number) == self.started


def started(number: int) -> str | None:
    """When the process began, in the machine's ticks; None if there is no such process."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def children(number: int | str) -> list[Process]:
    """What the threads of a process have started, dead or alive."""
    found: list[Process] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{number}/task").iterdir():
            with contextlib.suppress(OSError):
                numbers = map(int, (thread / "children").read_text().split())
                found += [Process(each, when) for each in numbers if (when := started(each))]
    return found


class Storm:
    """Kills and stops workers, each after a number of calls that the seed says.

    Attributes:
        seen: Every process of a worker that there was when something was killed.
        blows: How many were struck, by what and whether it was the launcher.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chance, no secret
        self._answered = 0
        self._next = self._random.randint(5, 15)
        self._changed = threading.Condition()
        self._is_over = False
        self._before = set(children("self"))
        self.seen: set[Process] = set()
        self.blows: Counter[tuple[str, str]] = Counter()

    def answered(self) -> None:
        with self._changed:
            self._answered += 1
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._answered >= self._next)
                if self._is_over:
                    return
                self._next = self._answered + self._random.randint(15, 45)
            self._strike()

    def _strike(self) -> None:
        launchers = [each for each in children("self") if each not in self._before]
        if not launchers:
            return
        launcher = self._random.choice(launchers)
        inside = children(launcher.number)
        self.seen.update(launchers, inside)
        which = "launcher" if not inside or self._random.random() < 0.3 else "worker"
        struck = launcher if which == "launcher" else inside[0]
        blow = self._random.choices(["SIGKILL", "SIGSEGV", "SIGSTOP"], [6, 2, 1])[0]
        with contextlib.suppress(ProcessLookupError):
            os.kill(struck.number, signal.Signals[blow])
            self.blows[blow, which] += 1


class Answered(NamedTuple):
    """A call and what came of it."""

    call: ToolCall
    outcome: Outcome

    @property
    def code(self) -> str | None:
        """Of the error that it came to."""
        return None if self.outcome.error is None else self.outcome.error.code

    @property
    def is_right(self) -> bool:
        """Whether the answer is what this call, and no other, should come to."""
        code = self.code
        if self.call.tool == "spin":
            return code in MAY_BE | {"guest.fuel_exhausted"}
        if code is not None:
            return code in MAY_BE
        answer = self.outcome.content[0].to_json()["text"]
        return bool(answer == self.call.arguments.get("text", "pong"))


class Place:
    """Two tenants with three tools each, one set of workers, and a real event log."""

    def __init__(self, directory: Path) -> None:
        texts = {"echo": MATHS, "ping": PONG, "think": THINK, "spin": SPIN}
        artifacts = {digest_of(wasm(text)): wasm(text) for text in texts.values()}
        self.file = directory / "events.jsonl"
        self.events = EventLog(self.file, version="0")
        engine = EngineSandbox(
            artifacts=artifacts.__getitem__, settings=EngineSettings(concurrent_calls=4)
        )
        self.guests = IsolatingSandbox(
            engine, Broker(self.events), self.events, lambda: Workers(at_most=3, calls=100)
        )
        surfaces = {
            name: (digest, engine.prepare(artifacts[digest], digest))
            for name, digest in ((name, digest_of(wasm(text))) for name, text in texts.items())
        }
        self.runtimes = {
            tenant: Runtime(_catalog(tenant, surfaces), self.guests, self.events)
            for tenant in TENANTS
        }

    def call(self, tenant: str, tool: str, **arguments: Any) -> Answered:
        runtime = self.runtimes[tenant]
        principal = Principal(tenant=tenant, subject="chaos", door="library")
        call = ToolCall(
            call_id=runtime.new_call_id(), principal=principal, tool=tool, arguments=arguments
        )
        return Answered(call, runtime.call(call))

    def terminal(self) -> Counter[str]:
        """How many terminal events every call has."""
        return Counter(
            each["call_id"] for each in self._events() if each["event"] in TERMINAL_EVENTS
        )

    def hit(self) -> set[str]:
        """The calls whose worker came to an end under them."""
        return {each["call_id"] for each in self._events() if each["event"] == "worker.ended"}

    def _events(self) -> list[dict[str, Any]]:
        return [record["unmapped"]["hatchway"] for record in read_events(self.file)]


def _catalog(tenant: str, surfaces: dict[str, tuple[str, Surface]]) -> Any:
    tools = {
        tool.name: tool
        for name, (digest, surface) in surfaces.items()
        for tool in tools_of(name, digest, surface, None).tools
    }
    entries = {
        name: ToolPolicy(name=name, source=f"{name}.wasm", isolation="worker", limits=LIMITS)
        for name in surfaces
    }
    return catalog_of(Policy(tenant=tenant, tools=entries), tools)


def _work(place: Place, storm: Storm, chosen: random.Random, count: int) -> Iterator[Answered]:
    for _ in range(count):
        tenant = chosen.choice(TENANTS)
        tool = chosen.choices(["echo.echo", "ping", "think", "spin"], [40, 40, 20, 1])[0]
        text = {"text": f"{chosen.getrandbits(64):x}"} if tool == "echo.echo" else {}
        yield place.call(tenant, tool, **text)
        storm.answered()


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - opens one of its own less


def _until(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return is_so()


@pytest.mark.slow
def test_every_call_has_one_answer_and_one_event_whatever_becomes_of_its_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("HATCHWAY_SEED", "20261122"))
    print(f"HATCHWAY_SEED={seed}")
    monkeypatch.setattr(conversation, "LATE_SECONDS", 0.2)
    place = Place(tmp_path)
    storm = Storm(seed)
    before = (_descriptors(), set(threading.enumerate()), set(children("self")))
    answers: list[list[Answered]] = [[] for _ in range(THREADS)]

    def work(number: int) -> None:
        chosen = random.Random(seed + number)  # noqa: S311 - chance, no secret
        answers[number].extend(_work(place, storm, chosen, CALLS // THREADS))

    striking = threading.Thread(target=storm.run)
    working = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in (striking, *working):
        thread.start()
    for thread in working:
        thread.join()
    storm.end()
    striking.join()
    place.guests.close()

    found = [each for of_one in answers for each in of_one]
    codes = Counter(each.code for each in found)
    print(f"{codes=} {storm.blows=}")
    assert len(found) == CALLS
    assert [each for each in found if not each.is_right] == []
    assert place.terminal() == Counter(each.call.call_id for each in found)
    # A worker that dies is on record under the call that it was at.
    failed = {each.call.call_id for each in found if each.outcome.error is not None}
    died = {each.call.call_id for each in found if each.code == "guest.worker_failed"}
    assert died <= place.hit() <= failed
    assert codes[None] > CALLS * 0.8
    assert sum(storm.blows.values()) >= CALLS // 60
    # Nothing is left: no process, dead or alive, no descriptor, no thread.
    assert _until(lambda: not any(each.exists for each in storm.seen))
    assert _until(lambda: set(children("self")) <= before[2])
    spare = [each for each in threading.enumerate() if each not in before[1]]
    assert _until(lambda: not any(each.name == "hatchway-workers" for each in spare))
    assert _until(lambda: _descriptors() <= before[0])
    assert _until(lambda: set(threading.enumerate()) <= before[1])
