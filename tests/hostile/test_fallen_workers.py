"""WebAssembly has fallen: any code runs in a worker, in place of the guest.

A hatch in the worker, which tests alone have, is the zero-day that is assumed. What holds from
there on is the kernel's and the server's. `docs/workers.md` says what does not.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from audit_texts import tool_named
from egress_calls import Recorded, call_of, grant
from guests import sandbox
from hatch import (
    Watch,
    World,
    answer_of,
    call,
    launched,
    may,
    open_hatches,
    states_of,
    surroundings,
    wait_until,
)

from hatchway.compose.isolating import IsolatingSandbox
from hatchway.core.limits import Limits
from hatchway.egress.broker import Broker
from hatchway.policy.workers import Workers
from hatchway.workers import pool
from hatchway.workers.channel import PACKET_BYTES
from hatchway.workers.confinement import landlock
from hatchway.workers.confinement.probing import walls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.events import Event

pytestmark = pytest.mark.skipif(
    landlock.version() < landlock.SCOPES_SINCE, reason="needs Linux with Landlock 6"
)

REPOSITORY = Path(__file__).parents[2]
MARK = "left by an earlier call"
NOT_HELD = {
    "learn the size of a file outside of a granted directory",
    "write many files beyond the quota",
}
"""What no layer stops; the documentation says so."""

FIRST = """
status = {}
def said(token):
    head = f"POST /exchange HTTP/1.1\\r\\nhost: 127.0.0.1:{ticket.port}\\r\\n"
    head += f"hatchway-token: {token}\\r\\n" if token else ""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line:
        line.connect(("127.0.0.1", ticket.port))
        line.sendall((head + "content-length: 0\\r\\n\\r\\n").encode())
        return line.recv(4096).split(b"\\r\\n")[0].decode()
own = ticket.token.reveal()
kept["token"] = own
answer = {"own": said(own), "none": said(""), "another": said("x" * len(own))}
"""
SECOND = """
answer = {"earlier": said(kept["token"]), "now": said(ticket.token.reveal())}
answer["arena"] = values["mark"].encode() in channel.arena.take(1 << 20)
channel.arena.put(bytes(1 << 20))
going_on = threading.Event()
threading.Thread(target=going_on.wait, daemon=True).start()
answer["attempts"] = outcomes(attempts(values, directories))
answer["further"] = outcomes(further(values, directories, channel.arena.descriptor))
"""


@dataclass(frozen=True, kw_only=True)
class Fallen:
    """What was found out about one worker that had fallen.

    Attributes:
        first: What its first call found.
        second: What its second did; it tried everything.
        events: What is on record of it.
        has_ended: Whether the process is gone.
        status: What the kernel said of it while it lived.
        held: What its descriptors led to; nothing where this user may not see it.
        neighbour: What another tenant's worker remembered afterwards.
    """

    first: dict[str, str]
    second: dict[str, Any]
    events: list[Event]
    has_ended: bool
    status: dict[str, str]
    held: set[str]
    neighbour: object


@dataclass(frozen=True, kw_only=True)
class Host:
    """A server's half: what runs calls, and what was recorded."""

    runs: IsolatingSandbox
    broker: Broker
    recorded: Recorded


@contextmanager
def hosting() -> Iterator[Host]:
    recorded = Recorded()
    broker = Broker(recorded)
    runs = IsolatingSandbox(sandbox(), broker, recorded, lambda: Workers(at_most=4))
    try:
        yield Host(runs=runs, broker=broker, recorded=recorded)
    finally:
        runs.close()
        broker.close()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A server whose workers have a hatch."""
    missing = [wall.layer for wall in walls() if not wall.holds]
    if missing:
        pytest.skip(f"{', '.join(missing)} cannot be had here")
    with pytest.MonkeyPatch.context() as patch, hosting() as found:
        open_hatches(patch)
        yield found


@pytest.fixture(scope="module")
def fallen(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fallen]:
    """One worker, with directories and on the network, that tried everything."""
    with surroundings(tmp_path_factory.mktemp("fallen")) as world:
        yield _fallen(host, world)


def _fallen(host: Host, world: World) -> Fallen:
    bob = may("bob", write=world.theirs)
    answer_of(call(host.runs, "kept['secret'] = 'bobs'; answer = 0", bob))
    (world.values["other"],) = launched().values()
    ada = may(read=world.readable, write=world.writable)
    origins = grant("https://api.example.test")

    def run(code: str, **values: object) -> Any:
        with host.broker.admit(call_of("ada"), tool_named("fetch"), origins) as ticket:
            return answer_of(call(host.runs, code, ada, values=values, ticket=ticket))

    first = run(FIRST, mark=MARK, padding="x" * PACKET_BYTES)
    other = world.values["other"]
    ((launcher, inner),) = (each for each in launched().items() if each[1] != other)
    watches = [Watch(launcher), Watch(inner)]
    text = Path(f"/proc/{inner}/status").read_text()
    held = _held(inner) if os.geteuid() == 0 else set()
    second = run(SECOND, mark=MARK, **world.values)
    return Fallen(
        first=first,
        second=second,
        events=[each for each in host.recorded.events if each.tenant == "ada"],
        has_ended=all(each.has_ended() for each in watches),
        status=dict(line.split(":\t", 1) for line in text.splitlines()),
        held=held - {str(world.readable), str(world.writable)},
        neighbour=answer_of(call(host.runs, "answer = kept['secret']", bob)),
    )


def _held(inner: int) -> set[str]:
    """What the descriptors of a process lead to, without the numbers of sockets."""
    links = (str(each.readlink()) for each in Path(f"/proc/{inner}/fd").iterdir())
    return {link.partition(":[")[0] for link in links}


@pytest.mark.claim("isolation.worker.held")
def test_whatever_runs_in_a_worker_reaches_nothing_that_was_not_granted(fallen: Fallen) -> None:
    done = {name for name, found in fallen.second["attempts"].items() if found == "done"}

    assert done == NOT_HELD
    assert "done" not in fallen.second["further"].values(), fallen.second["further"]


@pytest.mark.claim("isolation.worker.held")
def test_the_kernel_says_that_a_worker_has_no_power_and_can_get_none(fallen: Fallen) -> None:
    powers = [fallen.status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]

    assert {int(each, 16) for each in powers} == {0}
    assert (fallen.status["NoNewPrivs"], fallen.status["Seccomp"]) == ("1", "2")


@pytest.mark.claim("isolation.worker.held")
def test_a_worker_holds_its_code_its_line_to_the_server_its_directories_and_nothing_else(
    fallen: Fallen,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root sees the descriptors of a worker")

    memory = {f"/memfd:hatchway-{name} (deleted)" for name in ("arena", "code")}
    assert fallen.held == {"/dev/null", "socket", *memory}


@pytest.mark.claim("isolation.worker.recorded")
def test_what_the_list_of_system_calls_stops_is_on_record(fallen: Fallen) -> None:
    found = [event for event in fallen.events if event.name == "worker.violation"]

    assert {event.details["layer"] for event in found} == {"seccomp"}
    assert {event.attempted for event in found} >= {
        "socket", "bind", "kill", "ptrace", "process_vm_readv", "clone", "setresuid", "mount",
        "mmap", "io_uring_setup", "bpf", "keyctl", "userfaultfd", "perf_event_open",
    }  # fmt: skip


@pytest.mark.claim("isolation.worker.ticket")
def test_the_broker_is_reached_with_the_token_of_the_call_that_runs_and_no_other(
    fallen: Fallen,
) -> None:
    refused = "HTTP/1.1 403 Forbidden"

    assert fallen.first["own"] != refused
    assert fallen.first["none"] == fallen.first["another"] == refused
    assert fallen.second["now"] != refused
    assert fallen.second["earlier"] == refused


@pytest.mark.claim("isolation.worker.alone")
def test_a_call_leaves_nothing_in_the_arena_and_no_mark_on_another_tenants_worker(
    fallen: Fallen,
) -> None:
    assert not fallen.second["arena"]
    assert fallen.neighbour == "bobs"


@pytest.mark.claim("isolation.worker.ended")
def test_a_worker_that_tried_what_it_may_not_ends_with_its_call_and_all_its_threads(
    fallen: Fallen,
) -> None:
    assert fallen.has_ended


@pytest.mark.claim("isolation.worker.ended")
def test_what_a_call_leaves_behind_stops_with_it(host: Host) -> None:
    before = launched()
    gina = may("gina")
    code = """
def go_on():
    while True:
        kept["count"] = kept.get("count", 0) + 1
threading.Thread(target=go_on, daemon=True).start()
answer = 0
"""

    answer_of(call(host.runs, code, gina))
    (inside,) = launched().keys() - before.keys()
    inner = launched()[inside]
    stopped = wait_until(lambda: states_of(inner) == {"T"})
    answer_of(call(host.runs, "answer = kept['count']", gina))

    assert stopped


@pytest.mark.claim("isolation.worker.ended")
def test_a_worker_that_tries_something_between_two_calls_gets_no_further_one(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "FREEZE_SECONDS", 3600.0)
    go, done = tmp_path / "go", tmp_path / "done"
    for pipe in (go, done):
        os.mkfifo(pipe)
    frank = may("frank", write=tmp_path)
    code = """
def go_on():
    os.close(os.open("go", os.O_RDONLY, dir_fd=directories[0]))
    tried(os.fork)
    os.close(os.open("done", os.O_WRONLY, dir_fd=directories[0]))
kept["mine"] = True
threading.Thread(target=go_on, daemon=True).start()
answer = 0
"""

    answer_of(call(host.runs, code, frank))
    go.write_bytes(b"")
    done.read_bytes()
    is_still_there = answer_of(call(host.runs, "answer = 'mine' in kept", frank))

    assert not is_still_there
    assert [event.attempted for event in host.recorded.events if event.tenant == "frank"] == [
        "clone"
    ]


@pytest.mark.claim("isolation.worker.ended")
def test_a_worker_that_hears_no_signal_and_hangs_outside_of_python_is_killed_in_time(
    host: Host,
) -> None:
    before = launched()
    answer_of(call(host.runs, "answer = 0", may("carol")))
    code = """
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
ctypes.PyDLL(None).sleep(10**6)
"""

    done = call(host.runs, code, may("carol", limits=Limits(deadline_seconds=0.5)))

    assert done.stop is not None
    assert done.stop.code == "guest.deadline_exceeded"
    assert [
        (event.name, event.details["reason"])
        for event in host.recorded.events
        if event.tenant == "carol"
    ] == [("worker.ended", "hung")]
    assert all(Watch(each).has_ended() for each in launched() if each not in before)


def test_no_hatch_is_in_what_is_shipped() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    shipped = [REPOSITORY / file for file in wheel["force-include"]]
    for package in wheel["packages"]:
        shipped += [file for file in (REPOSITORY / package).rglob("*") if file.is_file()]

    assert wheel["packages"] == ["src/hatchway"]
    assert [file for file in shipped if b"hatch_inside" in file.read_bytes()] == []
    assert all("tests" not in file.relative_to(REPOSITORY).parts for file in shipped)
