"""Workers that have fallen, and a world around them that is worth reaching.

with surroundings(directory) as world, fallen(directory, layers) as worker:
    found = worker.runs("answer = os.getpid()")
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from guests import command, grant, prepared, sandbox

from hatchway.compose import isolating
from hatchway.core.grant import GrantedDirectory
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation
from hatchway.workers import pool
from hatchway.workers.process import Start
from hatchway.workers.sandbox import WorkerSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pytest

    from hatchway.core.call import Execution
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant
    from hatchway.core.isolation import Layer

SUPPORT = str(Path(__file__).parent)
QUOTA_BYTES = 1 << 20
SECONDS = 60.0
"""How long anything here waits for what must come."""


class Runs(Protocol):
    """What runs guests: workers, or what chooses between them and the engine."""

    def run(
        self,
        digest: str,
        invocation: CommandInvocation,
        grant: Grant,
        cancellation: Any = None,
        ticket: Ticket | None = None,
        tools: Any = None,
    ) -> Execution:
        """Run one call."""
        ...


def start(entry: str = "main", layers: frozenset[Layer] | None = None) -> Start:
    """How a worker is started that has fallen."""
    how = Start(entry=f"hatch_inside:{entry}", roots=(*isolating.roots(), SUPPORT))
    return how if layers is None else replace(how, layers=layers)


def open_hatches(patch: pytest.MonkeyPatch) -> None:
    """From here on the server's own workers have a hatch, and none is started ahead of need."""
    how = start()
    patch.setattr(isolating, "ENTRY", how.entry)
    patch.setattr(isolating, "roots", lambda: how.roots)
    patch.setattr(pool, "SPARE", 0)


def may(
    tenant: str = "ada",
    *,
    read: Path | None = None,
    write: Path | None = None,
    limits: Limits | None = None,
) -> Grant:
    """What a tenant was granted; its directories stay open for the test run."""
    found = [
        GrantedDirectory(
            guest_path=f"/{number}",
            descriptor=os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC),
            is_writable=is_writable,
            quota_bytes=QUOTA_BYTES if is_writable else None,
        )
        for number, (path, is_writable) in enumerate(((read, False), (write, True)))
        if path is not None
    ]
    own = grant(limits=limits or Limits(deadline_seconds=SECONDS))
    return replace(
        own, tenant=tenant, owner=f"{tenant}s", directories=tuple(found), isolation="worker"
    )


def call(
    runs: Runs,
    code: str,
    granted: Grant,
    *,
    values: Mapping[str, object] | None = None,
    ticket: Ticket | None = None,
    tools: Any = None,
) -> Execution:
    """Run Python instead of a guest."""
    text = f"import json\nvalues = json.loads({json.dumps(values or {})!r})\n{code}"
    invocation = CommandInvocation(arguments=(b"hatch",), stdin=text.encode())
    return runs.run(prepared(command("")), invocation, granted, None, ticket, tools)


def answer_of(done: Execution) -> Any:
    """What the Python left in `answer`."""
    assert done.stop is None, (done.stop, done.stop.details)
    return json.loads(done.stdout)


@contextlib.contextmanager
def workers(how: Start, **more: Any) -> Iterator[WorkerSandbox]:
    """Workers for the length of a test."""
    found = WorkerSandbox(codes=sandbox(), start=how, **more)
    try:
        yield found
    finally:
        found.close()


def launched() -> dict[int, int]:
    """The hatched workers that this process has, each by the process that launched it."""
    found = {}
    for launcher in _children(os.getpid()):
        with contextlib.suppress(OSError):
            if b"hatch_inside" in Path(f"/proc/{launcher}/cmdline").read_bytes():
                found[launcher] = next(iter(_children(launcher)), launcher)
    return found


def _children(process: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, file.read_text().split())
    return found


class Watch:
    """Notices the end of a process, whatever becomes of its number."""

    def __init__(self, process: int) -> None:
        self._descriptor = os.pidfd_open(process)

    def has_ended(self) -> bool:
        """Whether it ends, within a bound."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(SECONDS * 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What somebody could want to reach.

    Attributes:
        values: Where everything is, for `hatch_attempts`.
        readable: A directory that is granted for reading.
        writable: Another for writing, with a quota.
        theirs: One that another tenant was granted.
    """

    values: dict[str, object]
    readable: Path
    writable: Path
    theirs: Path


@contextlib.contextmanager
def surroundings(directory: Path) -> Iterator[World]:
    """A home with a canary, another tenant's directory, and servers of every kind."""
    places = {name: directory / name for name in ("home", "theirs", "readable", "writable")}
    for place in places.values():
        place.mkdir()
        (place / "canary").write_text("the canary")
    (directory / "canary").write_text("the canary")
    abstract = f"hatchway-fallen-{os.getpid()}"
    unix = f"/tmp/{abstract}"  # noqa: S108 - a socket's path has to be short
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        for address in (unix, "\0" + abstract):
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(address)
            server.listen()
        stack.callback(os.unlink, unix)
        values: dict[str, object] = {
            "canary": str(places["home"] / "canary"), "home": str(places["home"]),
            "theirs": str(places["theirs"] / "canary"), "server": os.getpid(),
            "tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "unix": unix,
            "abstract": abstract, "address": id(places), "other": os.getpid(),
        }  # fmt: skip
        yield World(
            values=values, readable=places["readable"], writable=places["writable"],
            theirs=places["theirs"],
        )  # fmt: skip


class Tools:
    """Other tools, for calls that may ask for them; remembers how often they did."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()

    def search(self, _query: str, _most: int) -> list[dict[str, Any]]:
        """There are none."""
        with self._lock:
            self.asked += 1
        return []


def states_of(process: int) -> set[str]:
    """What its threads do, in the letters of proc(5); `T` for stopped."""
    return {
        stat.read_text().rpartition(")")[2].split()[0]
        for stat in Path(f"/proc/{process}/task").glob("*/stat")
    }


def wait_until(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold."""
    until = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    return True
