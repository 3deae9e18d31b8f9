"""A worker is greeted and assigned, or it is ended: nothing it says in between is believed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from posing import as_impostor, piece, posing

from hatchway.compose.isolating import ENTRY, roots
from hatchway.core.errors import AdmissionError
from hatchway.workers import process
from hatchway.workers.channel import ChannelError
from hatchway.workers.process import Assignment, Start, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posing import Posed

NOTHING = Assignment(
    pieces=(piece(),),
    directories=(),
    port=None,
    memory_bytes=1 << 20,
    file_bytes=0,
    table_elements=10,
)


@pytest.fixture
def pose() -> Iterator[Posed]:
    with posing() as found:
        yield found


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


# Hello


def test_a_worker_says_what_walls_it_has_and_where_the_broker_may_listen(pose: Posed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pose.peer.send(["hello", ["limits", "seccomp"]], [listener.fileno()])

        pose.worker._greet()

        assert pose.worker.layers == {"limits", "seccomp"}
        assert pose.worker.port == listener.getsockname()[1]
        assert not pose.worker.is_assigned


@pytest.mark.parametrize(
    ("words", "brought"),
    [
        ("hello", 0),
        (["hello"], 0),
        (["hello", "landlock"], 0),
        (["hello", ["moat"]], 0),
        (["hello", [["landlock"]]], 0),
        (["hello", [None]], 0),
        (["ready"], 0),
        (["broken", "Traceback"], 0),
        (["hello", []], 2),
        (["hello", []], 200),
    ],
)
def test_a_worker_that_says_hello_wrong_is_not_taken(pose: Posed, words: Any, brought: int) -> None:
    before = descriptors()
    pose.peer.send(words, [0] * brought)

    with pytest.raises(ChannelError):
        pose.worker._greet()

    assert descriptors() == before


def test_a_descriptor_that_is_no_listener_of_its_network_is_not_taken(pose: Posed) -> None:
    first, second = socket.socketpair()
    with Path(os.devnull).open("rb") as nothing, first, second:
        before = descriptors()
        for each in (nothing.fileno(), first.fileno()):
            pose.peer.send(["hello", []], [each])

            with pytest.raises(ChannelError, match="says hello with"):
                pose.worker._greet()

        assert descriptors() == before


def test_a_process_that_ends_instead_of_coming_up_leaves_nothing_behind() -> None:
    before = descriptors()

    with pytest.raises(ChannelError, match="gone"):
        Worker.start(as_impostor("ends_at_once"))

    assert descriptors() == before


def test_a_process_that_never_comes_up_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_SECONDS", 0.001)
    with pytest.raises(ChannelError, match="does not come up within"):
        Worker.start(as_impostor("says_nothing"))


# Assignment


def assigned(pose: Posed, *words: Any) -> list[int]:
    """What watches its walls, once a worker has answered its assignment with `words`."""
    walls: list[int] = []
    for each in words:
        pose.peer.send(*each) if isinstance(each, tuple) else pose.peer.send(each)
    pose.worker.assign(NOTHING, walls.append)
    return walls


def test_a_worker_that_is_walled_and_ready_is_for_somebody(pose: Posed) -> None:
    with Path(os.devnull).open("rb") as nothing:
        walls = assigned(pose, (["walled"], [nothing.fileno()]), ["ready"])

    assert pose.worker.assignment is NOTHING
    assert os.fstat(walls[0]).st_rdev == Path(os.devnull).stat().st_rdev
    os.close(walls[0])


def test_code_that_does_not_fit_is_the_operators_to_know(pose: Posed) -> None:
    with pytest.raises(AdmissionError, match=r"no such \\x1b engine") as caught:
        assigned(pose, ["walled"], ["unfit", "admission.invalid", "no such \x1b engine"])
    assert caught.value.code == "admission.invalid"
    assert not pose.worker.is_assigned


def test_a_code_that_no_admission_has_is_not_repeated(pose: Posed) -> None:
    with pytest.raises(AdmissionError) as caught:
        assigned(pose, ["walled"], ["unfit", "policy.all_is_well", "trust me"])
    assert caught.value.code == AdmissionError.code


@pytest.mark.parametrize(
    "words",
    [
        [["ready"]],
        [["walled"], ["walled"]],
        [["walled", 1]],
        [["walled"], ["unfit", 1, 2]],
        [["walled"], ["unfit"]],
        [(["walled"], [0, 0])],
        [["walled"], (["ready"], [0, 0])],
    ],
)
def test_a_worker_that_answers_its_assignment_wrong_is_for_nobody(
    pose: Posed, words: list[Any]
) -> None:
    before = descriptors()

    with pytest.raises(ChannelError):
        assigned(pose, *words)

    assert not pose.worker.is_assigned
    assert descriptors() == before


def test_a_worker_that_never_gets_ready_is_for_nobody(
    pose: Posed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "START_SECONDS", 0.001)
    with pytest.raises(ChannelError, match="does not get as far as 'ready'"):
        assigned(pose, ["walled"])


# The end


def test_an_ended_worker_lets_go_of_all_that_was_its(pose: Posed) -> None:
    released: list[str] = []
    pose.worker.holds.callback(released.append, "watched")

    pose.worker.end()

    assert released == ["watched"]
    assert not pose.worker.is_alive
    assert pose.worker.last_words(patience=False) == -9
    assert pose.worker.channel.fileno() == -1
    pose.worker.kill()  # its number may be somebody else's: nothing happens


def test_a_worker_that_lives_has_no_last_words(pose: Posed) -> None:
    assert pose.worker.last_words(patience=False) is None
    assert pose.worker.is_alive


# What one is


@pytest.fixture
def _as_first_process() -> Iterator[None]:
    """What the death of others leaves behind comes to this process, as in a container."""
    control = ctypes.CDLL(None).prctl
    control(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    control(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


PR_SET_CHILD_SUBREAPER = 36


@pytest.mark.usefixtures("_as_first_process")
def test_a_worker_holds_nothing_of_the_servers_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HATCHWAY_WORD", "in the environment")
    before = descriptors()
    worker = Worker.start(Start(entry=ENTRY, roots=roots()))
    try:
        (inside,) = _children(worker.pid) or [worker.pid]
        links = _links(inside)
        environment = Path(f"/proc/{inside}/environ").read_bytes()
    finally:
        worker.end()

    kinds = sorted(str(link).partition(":")[0] for link in links)
    assert environment == b""
    assert set(kinds) == {os.devnull, "/memfd", "socket"}
    assert not Path(f"/proc/{inside}").exists()
    assert descriptors() == before


def _links(process_id: int) -> list[Path]:
    """What its descriptors are of; it may close one while we look."""
    found: list[Path] = []
    for each in Path(f"/proc/{process_id}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(each.readlink())
    return found


def _children(process_id: int) -> list[int]:
    found = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [int(each) for each in found]
