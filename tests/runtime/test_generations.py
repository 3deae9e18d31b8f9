"""A call keeps what it started with, unless it is taken away; directories stay open for it."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from guests import command, wasi
from strategies import often
from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, ask, workbench

from hatchway.core.call import Cancellation
from hatchway.policy.document import Policy
from hatchway.policy.grammar import parse_capability
from hatchway.provenance.lockfile import Lockfile
from hatchway.runtime import arguments
from hatchway.runtime import runtime as runtime_module
from hatchway.runtime.catalog import Catalog
from hatchway.runtime.generations import WITHDRAWN, Generation, Running, changes_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.call import Outcome
    from hatchway.runtime.runtime import Runtime

SPIN = command("(loop $again (br $again))")
ENDLESS = 'fuel = 9223372036854775807\ndeadline = "60s"'

READ = command(
    """(i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (i32.const 4096))
    (loop $wait
      (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 2)
        (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 4)))
      (br_if $wait (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 24)
        (i32.const 2) (i32.const 128))))
    (drop (call $fd_read (i32.load (i32.const 4)) (i32.const 8) (i32.const 1) (i32.const 0)))
    (i32.store (i32.const 12) (i32.load (i32.const 0)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))""",
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")
    + wasi("path_filestat_get", "i32 i32 i32 i32 i32")
    + wasi("fd_read")
    + wasi("fd_write"),
    declarations='(data (i32.const 16) "in") (data (i32.const 24) "go")',
)
"""A command that waits until there is a file `go`, and then writes what the file `in` says."""


def opened(directory: Path) -> int:
    """How many descriptors of this process stand for `directory`."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them is gone again
            links.append(descriptor.readlink())
    return links.count(directory)


def catalog() -> Catalog:
    """A catalog in which nothing can be called."""
    return Catalog(policy=Policy(), lock=Lockfile())


# Who closes what


def test_a_generation_that_nobody_uses_is_closed_when_it_is_replaced() -> None:
    closed: list[str] = []
    generation = Generation(catalog(), lambda: closed.append("closed"))

    generation.retire()
    generation.retire()

    assert closed == ["closed"]


@pytest.mark.claim("policy.live")
def test_a_generation_stays_open_until_its_last_call_has_ended() -> None:
    closed: list[str] = []
    generation = Generation(catalog(), lambda: closed.append("closed"))
    first, second = Running("a", Cancellation()), Running("b", Cancellation())
    assert generation.enter(first)
    assert generation.enter(second)

    generation.retire()
    generation.leave(first)
    open_for_the_second = not closed
    generation.leave(second)

    assert open_for_the_second
    assert closed == ["closed"]
    assert not generation.is_in_use


def test_no_call_begins_in_a_generation_that_was_replaced() -> None:
    generation = Generation(catalog())
    generation.retire()

    assert not generation.enter(Running("a", Cancellation()))


def test_a_call_that_ends_closes_nothing_that_is_still_in_force() -> None:
    closed: list[str] = []
    generation = Generation(catalog(), lambda: closed.append("closed"))
    call = Running("a", Cancellation())

    generation.enter(call)
    generation.leave(call)

    assert closed == []


@pytest.mark.claim("policy.live")
def test_calls_and_changes_side_by_side_never_meet_a_closed_generation(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    runtime = bench.runtime()
    current = runtime.catalog
    closed: set[int] = set()
    found_closed: list[int] = []

    class Watched(Generation):
        def __init__(self) -> None:
            super().__init__(current, lambda: closed.add(id(self)))

        def leave(self, call: Running) -> None:
            if id(self) in closed:
                found_closed.append(id(self))
            super().leave(call)

    generations = [Watched() for _ in range(300)]

    def call(number: int) -> Outcome:
        return ask(runtime, "echo", {"text": str(number)})

    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(call, number) for number in range(300)]
        for generation in generations:
            runtime.replace(generation)
        outcomes = [answer.result() for answer in answers]

    assert not any(outcome.is_error for outcome in outcomes)
    assert found_closed == []
    assert closed == {id(generation) for generation in generations[:-1]}


# Who is withdrawn


@contextlib.contextmanager
def in_flight(runtime: Runtime, bench: Workbench, tool: str) -> Iterator[Future[Outcome]]:
    """A call that has entered the sandbox, and does not end by itself."""
    sandbox = bench.application.sandbox
    has_begun = threading.Event()
    run = sandbox.run

    def begin(*called_with: Any) -> Any:
        has_begun.set()
        return run(*called_with)

    vars(sandbox)["run"] = begin  # the real one runs behind it
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(lambda: ask(runtime, tool, cancellation=cancellation))
        try:
            assert has_begun.wait(30)
            yield answer
        finally:
            cancellation.request()
            del vars(sandbox)["run"]


def spinning(tmp_path: Path, *allow: str) -> tuple[Workbench, Runtime]:
    """A tool that runs for a minute, beside one that is of no interest."""
    bench = workbench(tmp_path)
    bench.add("spin", SPIN, *allow)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    policy = bench.application.project.policy_file
    policy.write_text(f"{policy.read_text()}\n[tools.spin.limits]\n{ENDLESS}\n")
    again = workbench(tmp_path)
    return again, again.runtime()


def changed(before: Catalog, **fields: Any) -> Generation:
    """A generation in which the entry of `spin` says something else."""
    entry = replace(before.policy.tools["spin"], **fields)
    policy = replace(before.policy, tools={**before.policy.tools, "spin": entry})
    return Generation(replace(before, policy=policy))


def without_the_tool(before: Catalog) -> Generation:
    kept = {name: entry for name, entry in before.entries.items() if name != "spin"}
    return Generation(replace(before, entries=kept))


def without_the_clock(before: Catalog) -> Generation:
    return changed(before, allow=())


def with_less_memory(before: Catalog) -> Generation:
    limits = before.policy.tools["spin"].limits
    return changed(before, limits=replace(limits, memory_bytes=limits.memory_bytes // 2))


def of_another_owner(before: Catalog) -> Generation:
    spin = before.entries["spin"]
    tool = replace(spin.tool, owner="echo")
    return Generation(replace(before, entries={**before.entries, "spin": replace(spin, tool=tool)}))


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize(
    "narrower", [without_the_tool, without_the_clock, with_less_memory, of_another_owner]
)
def test_a_call_that_loses_something_is_cancelled_and_told_why(
    narrower: Any, tmp_path: Path
) -> None:
    bench, runtime = spinning(tmp_path, "clock")

    with in_flight(runtime, bench, "spin") as answer:
        withdrawn = runtime.replace(narrower(runtime.catalog))
        outcome = answer.result(30)

    assert withdrawn == 1
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.message) == ("call.cancelled", WITHDRAWN)
    (event,) = bench.events("call.failed")
    assert event["code"] == "call.cancelled"


def with_randomness(before: Catalog) -> Generation:
    return changed(before, allow=(*before.policy.tools["spin"].allow, RANDOM))


def further_down_the_file(before: Catalog) -> Generation:
    return changed(before, allow_lines=(7,))


@pytest.mark.parametrize("wider", [Generation, with_randomness, further_down_the_file])
def test_a_call_that_loses_nothing_goes_on(wider: Any, tmp_path: Path) -> None:
    bench, runtime = spinning(tmp_path, "clock")

    with in_flight(runtime, bench, "spin") as answer:
        withdrawn = runtime.replace(wider(runtime.catalog))
        goes_on = not answer.done()

    assert withdrawn == 0
    assert goes_on


RANDOM = parse_capability("random", side="allowed")


@pytest.mark.claim("policy.live")
def test_a_loss_two_generations_later_still_reaches_the_call(tmp_path: Path) -> None:
    bench, runtime = spinning(tmp_path, "clock")
    first = runtime.catalog

    with in_flight(runtime, bench, "spin") as answer:
        clock = first.policy.tools["spin"].allow
        withdrawn = [
            runtime.replace(changed(first, allow=(*clock, RANDOM))),
            runtime.replace(changed(first, allow=(*clock,))),
            runtime.replace(changed(first, allow=(RANDOM,))),
        ]
        outcome = answer.result(30)

    assert withdrawn == [0, 0, 1]
    assert outcome.error is not None
    assert outcome.error.code == "call.cancelled"


def test_a_call_of_a_tool_that_was_never_there_holds_nothing(tmp_path: Path) -> None:
    generation = Generation(catalog())
    call = Running("nothing", Cancellation())
    generation.enter(call)

    assert generation.withdraw_what_is_narrowed(catalog()) == 0
    assert not call.cancellation.is_requested


@pytest.mark.claim("policy.live")
def test_what_a_guest_found_with_a_lost_capability_is_kept_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = workbench(tmp_path)
    bench.add("spin", ECHO_JSON, "clock", manifest=ECHO_MANIFEST)
    runtime = bench.runtime()
    sandbox = bench.application.sandbox
    run = sandbox.run

    def late(*called_with: Any) -> Any:
        execution = run(*called_with)
        runtime.replace(without_the_clock(runtime.catalog))
        return execution

    monkeypatch.setattr(sandbox, "run", late)

    outcome = ask(runtime, "spin", {"text": "a secret"})

    assert outcome.error is not None
    assert outcome.error.code == "call.cancelled"
    assert "secret" not in repr(outcome)
    (event,) = bench.events("call.failed")
    assert event["usage"]["fuel"] is not None


def test_a_call_that_is_withdrawn_before_it_runs_never_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = workbench(tmp_path)
    bench.add("spin", ECHO_JSON, "clock", manifest=ECHO_MANIFEST)
    runtime = bench.runtime()
    before = runtime.catalog

    def replaced(*called_with: Any) -> Any:
        runtime.replace(without_the_clock(before))
        return invocation_of(*called_with)

    invocation_of = arguments.invocation_of
    monkeypatch.setattr(runtime_module, "invocation_of", replaced)

    outcome = ask(runtime, "spin", {"text": "x"})

    assert outcome.error is not None
    assert outcome.error.message == WITHDRAWN
    (event,) = bench.events("call.refused")
    assert event["code"] == "call.cancelled"


# Directories


@pytest.mark.claim("policy.live")
def test_a_call_reads_its_directory_after_the_generation_that_opened_it_is_gone(
    tmp_path: Path,
) -> None:
    granted = tmp_path / "granted"
    granted.mkdir()
    (granted / "in").write_text("what was granted")
    bench = workbench(tmp_path)
    bench.add("read", READ, f"fs.read={granted}:/")
    runtime, reloader = bench.application.live(lambda _line: None)

    with in_flight(runtime, bench, "read") as answer:
        for _ in range(3):
            reloader.reload()
        (granted / "go").touch()
        outcome = answer.result(30)

    assert outcome.stdout == b"what was granted"
    assert opened(granted) == 1


def test_very_many_generations_leave_nothing_open(tmp_path: Path) -> None:
    granted = tmp_path / "granted"
    granted.mkdir()
    (granted / "in").write_text("x")
    (granted / "go").touch()
    bench = workbench(tmp_path)
    bench.add("read", READ, f"fs.read={granted}:/")
    runtime, reloader = bench.application.live(lambda _line: None)
    ask(runtime, "read")

    for number in range(often(1000, gate=50)):
        reloader.reload()
        if number % 10 == 0:
            assert ask(runtime, "read").stdout == b"x"

    assert opened(granted) == 1


# What an operator is told


def test_changes_are_told_by_the_names_that_clients_use(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("kept", ECHO_JSON, manifest=ECHO_MANIFEST)
    bench.add("lost", ECHO_JSON, manifest=ECHO_MANIFEST)
    bench.add("wider", ECHO_JSON, manifest=ECHO_MANIFEST)
    before = bench.application.catalog()

    bench.add("new", ECHO_JSON, manifest=ECHO_MANIFEST)
    with bench.application.project.editing() as edit:
        edit.remove_tool("lost")
        edit.set_allowed("wider", ["clock"])
    changes = changes_between(before, bench.application.catalog())

    assert (changes.added, changes.removed, changes.changed) == (("new",), ("lost",), ("wider",))
    assert str(changes) == "+new, -lost, ~wider"
    assert changes


def test_a_comment_is_no_change(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, "clock", manifest=ECHO_MANIFEST)
    before = bench.application.catalog()

    policy = bench.application.project.policy_file
    policy.write_text(f"# a comment\n{policy.read_text()}")

    assert not changes_between(before, bench.application.catalog())
