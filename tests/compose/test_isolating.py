"""Where a guest runs is what its grant says, and what workers do wrong is on record."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from guests import command, grant, prepared, sandbox
from workbench import ECHO_JSON, ECHO_MANIFEST, ask, workbench

from hatchway.compose import isolating
from hatchway.compose.isolating import IsolatingSandbox, roots
from hatchway.core.errors import InternalError, NotAuthorizedError
from hatchway.core.sandbox import CommandInvocation
from hatchway.egress.broker import Broker
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.policy.workers import Workers
from hatchway.workers.sandbox import Ending, Refused
from hatchway.workers.watching import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.events import Event

NOTHING = command("")
INVOCATION = CommandInvocation(arguments=(b"guest",))
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has workers")


class Kept:
    """Where events go."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def guests(kept: Kept) -> Iterator[IsolatingSandbox]:
    found = IsolatingSandbox(sandbox(), Broker(kept), kept, Workers)
    yield found
    found.close()


def policy(**entry: Any) -> Policy:
    tools = {"grep": ToolPolicy(name="grep", source="grep.wasm", **entry)}
    return Policy(tools=tools)


def test_a_guest_of_a_thread_starts_no_process(guests: IsolatingSandbox) -> None:
    digest = prepared(NOTHING)

    execution = guests.run(digest, INVOCATION, grant())

    assert execution.stop is None
    assert guests._workers is None
    assert guests.surface(digest).is_command
    assert guests.compilation(digest) is not None


def test_where_there_are_no_workers_the_operator_is_told_and_nothing_runs_in_a_thread(
    guests: IsolatingSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("guests.Pinned.isolation", "worker")

    with pytest.raises(NotAuthorizedError, match="only Linux has what those need") as caught:
        guests.run("sha256:0", INVOCATION, grant())

    assert 'isolation = "thread"' in (caught.value.hint or "")
    guests.warm(policy(isolation="worker"))  # its calls will say so


@linux
def test_a_worker_is_warm_before_the_first_call_where_an_entry_needs_one(
    guests: IsolatingSandbox,
) -> None:
    guests.warm(policy(isolation="thread"))
    before = guests._workers
    guests.warm(policy(isolation="worker"))

    assert before is None
    assert guests._workers is not None
    assert guests.workers is guests.workers


@linux
def test_what_workers_do_wrong_is_on_record_with_whose_they_were(
    guests: IsolatingSandbox, kept: Kept
) -> None:
    violation = Violation(syscall="socket", arguments=(2, 1, 0, 0, 0, 0))

    guests._record(Ending(grant(), "sha256:" + "a" * 64, "one", "crashed", -11))
    guests._record(Refused(grant(), "sha256:" + "a" * 64, "two", violation))

    found = [(event.name, event.tenant, event.tool, event.call_id) for event in kept.events]
    assert found == [
        ("worker.ended", "local", "guest", "one"),
        ("worker.violation", "local", "guest", "two"),
    ]


def test_a_package_that_a_worker_needs_and_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolating, "find_spec", lambda _: None)
    with pytest.raises(InternalError, match="hatchway cannot be found"):
        roots()


@linux
def test_a_tool_of_a_policy_runs_in_a_worker_and_answers_as_in_a_thread(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    in_thread = ask(bench.runtime(), "echo", {"text": "hello"})
    text = bench.application.project.policy_file.read_text()
    bench.application.project.policy_file.write_text('isolation = "worker"\n' + text)

    outcome = ask(bench.runtime(), "echo", {"text": "hello"})

    assert outcome == in_thread._replace(usage=outcome.usage)
    assert outcome.structured == {"text": "hello"}
    first, second = bench.events("call.completed")
    assert {**first["usage"], "wall_us": 0} == {**second["usage"], "wall_us": 0}
    bench.application.guests.close()
