"""Guests in workers: what only a process of their own can do to a call, and what it cannot."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from guests import grant
from posing import NoCode, as_impostor, impostors

from hatchway.core.errors import (
    AdmissionError,
    InternalError,
    OverloadedError,
)
from hatchway.core.grant import Grant, GrantedDirectory
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation
from hatchway.workers import conversation as conversation_module
from hatchway.workers.sandbox import Ending, WorkerSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.call import Execution
    from hatchway.workers.sandbox import Refused

DIGEST = "sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def _in_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guests.Pinned.isolation", "worker")


def scripted(
    workers: WorkerSandbox, script: str, limits: Limits | None = None, **facts: Any
) -> Execution:
    """A call whose worker does what `script` says."""
    invocation = CommandInvocation(arguments=(), stdin=script.encode())
    return workers.run(DIGEST, invocation, grant(limits=limits), **facts)


@pytest.fixture(scope="module")
def reported() -> list[Ending | Refused]:
    return []


@pytest.fixture(scope="module")
def posers(reported: list[Ending | Refused]) -> Iterator[WorkerSandbox]:
    with impostors("scripted", reported.append) as found:
        yield found


# Ends that nobody asked for


@pytest.mark.parametrize(
    ("script", "reason", "words", "details"),
    [
        ("os._exit(3)", "crashed", "ended with status 3", {"status": 3}),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "SIGSEGV", {"signal": "SIGSEGV"}),
        ("os.kill(os.getpid(), 40)", "crashed", "signal 40", {"signal": "signal 40"}),
        ("channel.send(['gossip'])", "misspoke", "says what no worker says", {}),
        ("channel._socket.send(bytes(60000))", "misspoke", "larger than any may be", {}),
        ("channel._socket.send(b'\\xc1' + b'\\xff' * 8)", "misspoke", "larger than any", {}),
        ("channel._socket.send(b'\\xc1')", "misspoke", "larger than any may be", {}),
        ("channel._socket.send(b'\\xdd\\xff')", "misspoke", "not msgpack", {}),
        ("channel.send(result(stdout=bytes(2 << 20)))", "misspoke", "more than its call may", {}),
        ("channel.send(result(files={'../x': b''}))", "misspoke", "no workspace has", {}),
    ],
)
def test_a_worker_that_fails_is_the_end_of_its_own_call_alone(
    posers: WorkerSandbox,
    reported: list[Ending | Refused],
    script: str,
    reason: str,
    words: str,
    details: dict[str, Any],
) -> None:
    reported.clear()

    execution = scripted(posers, script)

    assert execution.stop is not None
    assert execution.stop.code == "guest.worker_failed"
    assert words in execution.stop.message
    assert execution.stop.details == {"reason": reason, **details}
    assert execution.usage.wall_us is not None
    (ending,) = reported
    assert isinstance(ending, Ending)
    assert (ending.reason, ending.digest) == (reason, DIGEST)
    assert scripted(posers, "channel.send(result())").stop is None


def test_a_worker_that_hangs_is_killed_and_its_call_answered_with_its_deadline(
    posers: WorkerSandbox, reported: list[Ending | Refused], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "LATE_SECONDS", 0.0)
    reported.clear()

    execution = scripted(posers, "signal.pause()", Limits(deadline_seconds=0.05))

    assert execution.stop is not None
    assert execution.stop.code == "guest.deadline_exceeded"
    (ending,) = reported
    assert isinstance(ending, Ending)
    assert (ending.reason, ending.status) == ("hung", None)


@pytest.mark.parametrize(("name", "is_crash"), [("dies_when_assigned", True), ("refuses", False)])
def test_a_worker_that_does_not_get_ready_answers_nothing(
    name: str, is_crash: bool, reported: list[Ending | Refused]
) -> None:
    reported.clear()
    with impostors(name, reported.append) as found:
        if is_crash:
            execution = scripted(found, "")
            assert execution.stop is not None
            assert execution.stop.details["reason"] == "unready"
            assert [getattr(each, "reason", None) for each in reported] == ["unready"]
        else:
            with pytest.raises(AdmissionError, match="not for this engine"):
                scripted(found, "")


def test_a_worker_answers_so_many_calls_and_no_more() -> None:
    found = WorkerSandbox(codes=NoCode(), start=as_impostor("scripted"), calls=2, at_most=1)
    pid = "channel.send(result(stdout=str(os.getpid()).encode()))"
    try:
        answers = [scripted(found, pid).stdout for _ in range(4)]
    finally:
        found.close()

    assert answers[0] == answers[1] != answers[2] == answers[3]


def test_after_an_end_of_a_guest_that_was_no_good_one_its_worker_serves_no_other_call() -> None:
    stopped = "channel.send(result(stop=['guest.trapped', str(os.getpid()), {}]))"
    pid = "channel.send(result(stdout=str(os.getpid()).encode()))"
    with impostors("scripted") as found:
        first = scripted(found, stopped).stop
        second = scripted(found, pid)

    assert first is not None
    assert first.message.encode() != second.stdout


def test_the_sandbox_of_a_process_is_of_no_use_to_its_children() -> None:
    context = multiprocessing.get_context("fork")
    reading, writing = context.Pipe(duplex=False)
    found = WorkerSandbox(codes=NoCode(), start=as_impostor("scripted"))

    def child() -> None:
        try:
            scripted(found, "")
        except InternalError as error:
            writing.send(error.message)

    process = context.Process(target=child)
    process.start()
    said = reading.recv() if reading.poll(60) else "nothing"
    process.join()

    assert "after fork" in said


def test_workers_end_with_the_sandbox_that_nobody_holds() -> None:
    found = WorkerSandbox(codes=NoCode(), start=as_impostor("scripted"))
    scripted(found, "channel.send(result())")
    thread = found._pool._thread
    assert thread is not None

    del found
    gc.collect()
    thread.join(60)

    assert not thread.is_alive()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """A directory of the host with a file in it."""
    (tmp_path / "f").write_text("private")
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


# Quotas


def test_no_two_workers_write_to_a_measured_directory_at_once(
    directory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "LATE_SECONDS", 0.0)
    measured = _measured_grant(directory)
    inside = threading.Event()
    found = WorkerSandbox(codes=NoCode(), start=as_impostor("scripted"), at_most=2)
    slow = CommandInvocation(arguments=(), stdin=b"signal.pause()")
    asked = threading.Thread(target=lambda: found.run(DIGEST, slow, measured, _Telling(inside)))
    try:
        asked.start()
        assert inside.wait(60)
        with pytest.raises(OverloadedError, match="writing to the same directory"):
            found.run(DIGEST, slow, _measured_grant(directory, deadline_seconds=0.01))
    finally:
        asked.join()
        found.close()
    assert not found._measured, "nobody holds a lock any more, and none is kept"


class _Telling:
    """A cancellation that tells when it is looked at, and then is one."""

    reason = None

    def __init__(self, looked: threading.Event) -> None:
        self._looked = looked
        self._looks = 0

    @property
    def is_requested(self) -> bool:
        self._looked.set()
        self._looks += 1
        return self._looks > 3


def _measured_grant(descriptor: int, deadline_seconds: float = 60) -> Grant:
    found = GrantedDirectory(
        guest_path="/data", descriptor=descriptor, is_writable=True, quota_bytes=1 << 20
    )
    limits = Limits(deadline_seconds=deadline_seconds)
    return Grant(capabilities=(), environment=(), limits=limits, directories=(found,))
