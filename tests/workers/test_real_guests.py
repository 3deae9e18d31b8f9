"""Guests in workers answer as in a thread, whatever goes in and out, and call each other."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from guests import command, grant, wasi, wasm
from tool_guests import CAT, MATHS, Workshop, caller, spelled

from hatchway.compose.isolating import ENTRY, roots
from hatchway.core.capability import FileAccess
from hatchway.core.errors import (
    InvalidArgumentsError,
)
from hatchway.core.grant import Grant, GrantedDirectory
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.core.traces import Traces
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import EngineSettings
from hatchway.registry.store import digest_of
from hatchway.workers.process import Start
from hatchway.workers.sandbox import Ending, WorkerSandbox
from hatchway.workers.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.call import Execution
    from hatchway.workers.sandbox import Refused

ECHO = command(
    """
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 65536))
    (loop $on
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (if (i32.load (i32.const 16)) (then
        (i32.store (i32.const 8) (i32.const 64))
        (i32.store (i32.const 12) (i32.load (i32.const 16)))
        (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 20)))
        (br $on))))""",
    imports=wasi("fd_read") + wasi("fd_write"),
    memory="2",
)
"""Writes what it reads."""
KEEP = command(
    """
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 9)
          (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 32)) (then unreachable))
    (drop (call $fd_write (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 8)))""",
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32") + wasi("fd_write"),
    declarations="""(data (i32.const 0) "\\50\\00\\00\\00\\04\\00\\00\\00")
      (data (i32.const 64) "out") (data (i32.const 80) "kept")""",
)
"""Writes a file into its workspace."""
SPIN = command("(loop $on (br $on))")
ROOMY = Limits(output_bytes=32 << 20, memory_bytes=64 << 20)


@pytest.fixture(autouse=True)
def _in_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guests.Pinned.isolation", "worker")


# Real guests


class Place:
    """An engine and workers over it; each guest runs where its grant says."""

    def __init__(self) -> None:
        texts = (ECHO, KEEP, SPIN, MATHS, CAT, caller())
        artifacts = {digest_of(wasm(text)): wasm(text) for text in texts}
        self.engine = EngineSandbox(
            artifacts=artifacts.__getitem__, settings=EngineSettings(concurrent_calls=4)
        )
        self.workers = WorkerSandbox(
            codes=self.engine, start=Start(entry=ENTRY, roots=roots()), at_most=2
        )

    def run(self, digest: str, invocation: Any, granted: Grant, *around: Any) -> Execution:
        """Run a guest once."""
        where = self.workers if granted.isolation == "worker" else self.engine
        return where.run(digest, invocation, granted, *around)

    def command(self, text: str, limits: Limits | None = None, **facts: Any) -> Execution:
        """Run a command in a worker."""
        invocation = CommandInvocation(arguments=(b"guest",), **facts)
        return self.run(digest_of(wasm(text)), invocation, grant(limits=limits))

    def maths(self, function: str, limits: Limits | None = None, **arguments: Any) -> Execution:
        """Call a function of `MATHS`, in a worker unless the test runs in a thread."""
        invocation = FunctionInvocation(function=function, arguments=arguments)
        return self.run(digest_of(wasm(MATHS)), invocation, grant(limits=limits))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    found = Place()
    yield found
    found.workers.close()


def test_eight_mebibytes_go_in_and_out_and_nothing_of_them_stays(place: Place) -> None:
    data = os.urandom(8 << 20)

    execution = place.command(ECHO, ROOMY, stdin=data)

    assert execution.stdout == data
    idle = [each for group in place.workers._pool._state.idle.values() for each in group]
    assert idle
    for worker in idle:
        assert not worker.channel.is_stained
        assert not any(worker.channel.arena.take(9 << 20))


def test_files_go_in_and_come_back(place: Place) -> None:
    files = {"in": os.urandom(100_000), "a/b": b"other"}

    limits = Limits(scratch_bytes=1 << 20)
    execution = place.command(KEEP, limits, files=files, wanted=("*",))

    assert execution.stop is None
    assert execution.files == {"in": files["in"], "out": b"kept"}


@pytest.mark.parametrize(
    "text",
    ["", "ä\U0001f600\0", "x" * (3 << 20), '{"deep": [1e308]}'],
    ids=["empty", "wide", "large", "json"],
)
def test_texts_cross_whole(place: Place, text: str) -> None:
    assert place.maths("echo", ROOMY, text=text).value == text


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("add", {"a": 1 << 70, "b": 1}),
        ("add", {"a": -(1 << 400), "b": 1}),
        ("add", {"a": 1.5, "b": 1}),
        ("add", {"a": "1"}),
        ("echo", {"text": "\ud800"}),
        ("echo", {"text": 1 << 70}),
    ],
    ids=["71 bits", "400 bits", "a fraction", "a text", "a lone surrogate", "no text"],
)
def test_arguments_that_do_not_fit_are_refused_in_the_words_of_the_engine(
    place: Place, function: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str | None]] = []
    for isolation in ("thread", "worker"):
        monkeypatch.setattr("guests.Pinned.isolation", isolation)
        with pytest.raises(InvalidArgumentsError) as caught:
            place.maths(function, **arguments)
        said.append((caught.value.message, caught.value.hint))

    assert said[0] == said[1]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """A directory of the host with a file in it."""
    (tmp_path / "f").write_text("private")
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def _measured_grant(descriptor: int, deadline_seconds: float = 60) -> Grant:
    found = GrantedDirectory(
        guest_path="/data", descriptor=descriptor, is_writable=True, quota_bytes=1 << 20
    )
    limits = Limits(deadline_seconds=deadline_seconds)
    return Grant(capabilities=(), environment=(), limits=limits, directories=(found,))


# Calls inside each other


def shop(place: Place, outer: str, inner: str, **facts: Any) -> Workshop:
    found = Workshop(
        guests={"glue": caller(), "math": MATHS},
        entries={
            "glue": {"allow": ("tool=math",), "isolation": outer},
            "math": {"isolation": inner, **facts},
        },
    )
    found.runtime._sandbox = place  # type: ignore[assignment] # only runs
    return found


@pytest.mark.parametrize("inner", ["worker", "thread"])
@pytest.mark.parametrize("outer", ["worker", "thread"])
def test_a_guest_calls_another_wherever_either_runs(place: Place, outer: str, inner: str) -> None:
    found = shop(place, outer, inner)

    outcome = found.call("glue.call", name="math.add", arguments=spelled(a=1, b=2))

    assert json.loads(outcome.content[0].to_json()["text"]) == 3
    assert found.ends() == [
        ("math.add", "call.completed", None, 2),
        ("glue.call", "call.completed", None, 0),
    ]


def test_an_inner_call_that_is_stopped_in_its_worker_is_one_that_its_caller_outlives(
    place: Place,
) -> None:
    found = shop(place, "worker", "worker", limits=Limits(fuel=1_000_000))

    outcome = found.call(
        "glue.twice",
        name="math.spin",
        arguments="{}",
        name2="math.add",
        arguments2=spelled(a=1, b=2),
    )

    assert json.loads(outcome.content[0].to_json()["text"]) == 3
    assert [code for _, _, code, _ in found.ends()] == ["guest.fuel_exhausted", None, None]


@pytest.mark.parametrize("outer", ["worker", "thread"])
def test_a_file_that_an_inner_call_read_comes_back_through_both(
    place: Place, outer: str, directory: int
) -> None:
    access = FileAccess(access="read", guest_path="/d", host_path="/d")
    found = Workshop(
        guests={"glue": caller(), "cat": CAT},
        entries={
            "glue": {"allow": ("tool=cat",), "isolation": outer},
            "cat": {"allow": (access,), "isolation": "worker"},
        },
        policy={"directories": {access: directory}},
    )
    found.runtime._sandbox = place  # type: ignore[assignment] # only runs

    outcome = found.call("glue.call", name="cat", arguments="{}")

    assert json.loads(outcome.content[0].to_json()["text"]) == "private"


def test_what_a_guest_read_in_a_worker_its_whole_tree_has_read(
    place: Place, directory: int
) -> None:
    granted = _measured_grant(directory)
    traces = Traces()
    invocation = CommandInvocation(arguments=(b"cat",))

    execution = place.workers.run(
        digest_of(wasm(CAT)), invocation, granted, None, None, None, traces
    )

    assert execution.stdout == b"private"
    assert traces.has_read


# A sound worker


def test_one_worker_obeys_the_grant_of_each_call_and_not_that_of_the_one_before(
    place: Place,
) -> None:
    data = bytes(1000)
    wide, narrow = Limits(), Limits(output_bytes=3)

    calls = [(narrow, b"123"), (wide, data), (narrow, b"456"), (wide, data), (narrow, data)]
    came = [place.command(ECHO, limits, stdin=stdin) for limits, stdin in calls]

    assert [each.stdout for each in came[:-1]] == [b"123", data, b"456", data]
    assert came[-1].stop is not None
    assert came[-1].stop.code == "guest.output_too_large"


def test_sound_workers_say_nothing_and_are_not_spoken_of(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    reported: list[Ending | Refused] = []
    found = WorkerSandbox(
        codes=place.engine,
        start=Start(entry=ENTRY, roots=roots()),
        calls=1,
        at_most=1,
        watcher=Watcher(),
        report=reported.append,
    )
    found.warm()
    digest = digest_of(wasm(ECHO))
    invocation = CommandInvocation(arguments=(b"echo",), stdin=b"hello")
    try:
        answers = [found.run(digest, invocation, grant()) for _ in range(2)]
        spun = found.run(digest_of(wasm(SPIN)), invocation, grant(limits=Limits(fuel=1_000_000)))
    finally:
        found.close()

    assert [each.stdout for each in answers] == [b"hello", b"hello"]
    assert spun.stop is not None
    assert spun.stop.code == "guest.fuel_exhausted"
    assert reported == []
    assert capfd.readouterr() == ("", "")
