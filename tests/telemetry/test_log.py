"""The event log: nothing is lost or torn, whoever writes and whatever fails."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hatchway.core.errors import ConfigError
from hatchway.core.events import Event, Severity
from hatchway.telemetry import log
from hatchway.telemetry.log import EventLog, rotated

if TYPE_CHECKING:
    from pathlib import Path

MANY = 300
"""More rotations than any test causes, so that nothing is thrown away."""


def event(call_id: str, message: str = "m") -> Event:
    return Event(
        name="call.completed",
        time_ms=1,
        severity=Severity.INFORMATIONAL,
        message=message,
        call_id=call_id,
    )


def lines_of(path: Path) -> list[bytes]:
    """The lines of all files of a log, oldest first."""
    files = sorted(
        (file for file in path.parent.iterdir() if file.suffix[1:].isdigit()),
        key=lambda file: -int(file.suffix[1:]),
    )
    return b"".join(file.read_bytes() for file in (*files, path)).splitlines(keepends=True)


def call_ids(path: Path) -> list[str]:
    """The calls on record, in the order of the log; every line must be whole."""
    records = [json.loads(line) for line in lines_of(path)]
    return [record["unmapped"]["hatchway"]["call_id"] for record in records]


def complaint(action: Any) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        action()
    assert raised.value.code == "config.events_unwritable"
    assert raised.value.hint == "point XDG_STATE_HOME at a directory you may write to"
    return raised.value


def test_an_event_is_one_line_of_json(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "events.jsonl", version="1.2.3")

    events.emit(event("a", message="naïve 😀"))
    events.close()

    data = (tmp_path / "events.jsonl").read_bytes()
    assert data.count(b"\n") == 1
    record = json.loads(data)
    assert record["message"] == "naïve 😀"
    assert record["metadata"]["product"]["version"] == "1.2.3"
    assert record["unmapped"]["hatchway"]["call_id"] == "a"


def test_an_event_can_be_read_as_soon_as_it_is_emitted(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "events.jsonl", version="1")

    events.emit(event("a"))

    assert call_ids(tmp_path / "events.jsonl") == ["a"]


def test_a_log_goes_on_where_another_run_stopped(tmp_path: Path) -> None:
    for call_id in ("a", "b"):
        events = EventLog(tmp_path / "events.jsonl", version="1")
        events.emit(event(call_id))
        events.close()

    assert call_ids(tmp_path / "events.jsonl") == ["a", "b"]


def test_a_log_and_its_directory_are_for_their_owner_only(tmp_path: Path) -> None:
    EventLog(tmp_path / "state" / "hatchway" / "events.jsonl", version="1")

    file = tmp_path / "state" / "hatchway" / "events.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


# Rotation


def filled(path: Path, count: int, *, kept_files: int, events_per_file: int = 2) -> EventLog:
    """A log of so many events, with so many to a file."""
    probe = EventLog(path.with_name("probe"), version="1")
    probe.emit(event("000"))
    size = path.with_name("probe").stat().st_size
    path.with_name("probe").unlink()
    events = EventLog(
        path, version="1", max_file_bytes=events_per_file * size, kept_files=kept_files
    )
    for number in range(count):
        events.emit(event(f"{number:03}"))
    return events


def test_a_full_file_is_put_aside_and_every_line_kept_once_and_in_order(tmp_path: Path) -> None:
    filled(tmp_path / "events.jsonl", 25, kept_files=MANY)

    assert call_ids(tmp_path / "events.jsonl") == [f"{number:03}" for number in range(25)]
    assert (tmp_path / "events.jsonl.12").exists()


def test_only_so_many_older_files_are_kept(tmp_path: Path) -> None:
    filled(tmp_path / "events.jsonl", 25, kept_files=3)

    assert call_ids(tmp_path / "events.jsonl") == [f"{number:03}" for number in range(18, 25)]
    assert not (tmp_path / "events.jsonl.4").exists()


def test_an_event_larger_than_a_file_has_one_to_itself(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "events.jsonl", version="1", max_file_bytes=10, kept_files=MANY)

    for call_id in "abc":
        events.emit(event(call_id))

    assert call_ids(tmp_path / "events.jsonl") == ["a", "b", "c"]
    assert rotated(tmp_path / "events.jsonl", 2).exists()


def test_a_file_that_another_process_put_aside_is_not_written_to_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    events = EventLog(path, version="1")
    events.emit(event("a"))
    path.rename(rotated(path, 1))
    monkeypatch.setattr(log, "_RECHECK_SECONDS", -1.0)

    events.emit(event("b"))

    assert len(rotated(path, 1).read_bytes().splitlines()) == 1
    assert call_ids(path) == ["a", "b"]


def test_between_two_looks_an_event_may_still_go_to_the_file_put_aside_but_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    monkeypatch.setattr(log, "_RECHECK_SECONDS", 3600.0)
    events = EventLog(path, version="1")
    other = EventLog(path, version="1")
    path.rename(rotated(path, 1))

    events.emit(event("a"))
    EventLog(path, version="1").emit(event("b"))
    other.emit(event("c"))

    assert sorted(call_ids(path)) == ["a", "b", "c"]


def test_a_writer_that_is_about_to_rotate_looks_whether_another_one_has(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = filled(path, 2, kept_files=MANY)
    second = EventLog(path, version="1", max_file_bytes=path.stat().st_size, kept_files=MANY)

    second.emit(event("002"))
    first.emit(event("003"))

    assert call_ids(path) == ["000", "001", "002", "003"]
    assert not rotated(path, 2).exists()


def test_a_log_that_somebody_deleted_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    monkeypatch.setattr(log, "_RECHECK_SECONDS", -1.0)
    events = EventLog(path, version="1")
    events.emit(event("a"))
    path.unlink()

    events.emit(event("b"))

    assert call_ids(path) == ["b"]


# Many writers


def in_threads(count: int, work: Any) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []


@pytest.mark.parametrize("max_file_bytes", [1 << 20, 2000], ids=["one file", "rotating"])
def test_threads_lose_and_tear_nothing(max_file_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventLog(path, version="1", max_file_bytes=max_file_bytes, kept_files=MANY)

    def emit_a_hundred(me: int) -> None:
        for number in range(100):
            events.emit(event(f"{me}-{number}", "x" * number))

    in_threads(4, emit_a_hundred)

    found = call_ids(path)
    assert sorted(found) == sorted(f"{n}-{i}" for n in range(4) for i in range(100))
    for number in range(4):
        of_one = [call_id for call_id in found if call_id.startswith(f"{number}-")]
        assert of_one == [f"{number}-{i}" for i in range(100)]


WRITER = """
import sys
from pathlib import Path
from hatchway.core.events import Event, Severity
from hatchway.telemetry.log import EventLog
path, me, max_file_bytes = sys.argv[1:]
events = EventLog(
    Path(path), version="1", max_file_bytes=int(max_file_bytes), kept_files=300
)
sys.stdin.read()
for i in range(200):
    events.emit(Event(name="call.completed", time_ms=1, severity=Severity.LOW,
                      message="x" * (i % 90), call_id=f"{me}-{i}"))
"""


@pytest.mark.parametrize("max_file_bytes", [1 << 20, 5000], ids=["one file", "rotating"])
def test_processes_lose_and_tear_nothing(max_file_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "state" / "events.jsonl"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(me), str(max_file_bytes)],
            stdin=subprocess.PIPE,
        )
        for me in range(3)
    ]

    for child in children:  # all wait for this
        child.communicate(timeout=60)

    assert [child.returncode for child in children] == [0, 0, 0]
    assert sorted(call_ids(path)) == sorted(f"{me}-{i}" for me in range(3) for i in range(200))


# What fails


def test_a_directory_that_cannot_be_made_is_the_operators_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    error = complaint(lambda: EventLog(tmp_path / "file" / "events.jsonl", version="1"))

    assert "File exists" in error.message or "Not a directory" in error.message


def test_a_log_that_is_a_directory_is_the_operators_problem(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").mkdir()

    complaint(lambda: EventLog(tmp_path / "events.jsonl", version="1"))


def test_a_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "events.jsonl").symlink_to("victim")

    complaint(lambda: EventLog(tmp_path / "events.jsonl", version="1"))

    assert (tmp_path / "victim").read_text() == "precious"


def test_a_closed_log_records_nothing_and_says_so(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "events.jsonl", version="1")
    events.close()
    events.close()

    complaint(lambda: events.emit(event("a")))

    assert (tmp_path / "events.jsonl").read_bytes() == b""


def test_a_log_that_could_not_be_reopened_never_writes_into_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    events = EventLog(path, version="1")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()
    monkeypatch.setattr(log, "_RECHECK_SECONDS", -1.0)
    complaint(lambda: events.emit(event("a")))

    # Whatever this process opens next may get the number of the descriptor that was closed.
    victim = os.open(tmp_path / "victim", os.O_CREAT | os.O_RDWR)
    try:
        for seconds in (3600.0, -1.0):
            monkeypatch.setattr(log, "_RECHECK_SECONDS", seconds)
            with contextlib.suppress(ConfigError):
                events.emit(event("b"))

        assert os.fstat(victim).st_size == 0
    finally:
        os.close(victim)


def test_a_log_that_could_not_be_reopened_goes_on_when_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    monkeypatch.setattr(log, "_RECHECK_SECONDS", -1.0)
    events = EventLog(path, version="1")
    path.unlink()
    path.mkdir()
    complaint(lambda: events.emit(event("a")))
    path.rmdir()

    events.emit(event("b"))

    assert call_ids(path) == ["b"]


FILLS_THE_DISK = """
import resource, sys
from pathlib import Path
from hatchway.core.errors import ConfigError
from hatchway.core.events import Event, Severity
from hatchway.telemetry.log import EventLog
path, room = Path(sys.argv[1]), int(sys.argv[2])
events = EventLog(path, version="1")
def emit(call_id):
    events.emit(Event(name="call.completed", time_ms=1, severity=Severity.LOW,
                      message="m", call_id=call_id))
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
emit("000")
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, most))
for call_id in ("001", "002"):
    try:
        emit(call_id)
        print("recorded", call_id)
    except ConfigError as error:
        print(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
emit("003")
"""


def on_a_full_disk(path: Path, room: int) -> list[str]:
    """What a process says that may write so many bytes more than one event."""
    done = subprocess.run(
        [sys.executable, "-c", FILLS_THE_DISK, str(path), str(room)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def readable(path: Path) -> list[str]:
    """The calls in the lines that are whole."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            found.append(json.loads(line)["unmapped"]["hatchway"]["call_id"])
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("room", [0, 1, 100])
def test_an_event_that_does_not_fit_on_the_disk_is_an_error(room: int, tmp_path: Path) -> None:
    said = on_a_full_disk(tmp_path / "events.jsonl", room)

    assert said == ["config.events_unwritable"] * 2


@pytest.mark.parametrize("room", [0, 1, 100])
def test_an_event_after_the_disk_was_full_can_be_read(room: int, tmp_path: Path) -> None:
    on_a_full_disk(tmp_path / "events.jsonl", room)

    assert readable(tmp_path / "events.jsonl") == ["000", "003"]


def test_a_short_write_is_an_error_and_leaves_the_next_line_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = EventLog(tmp_path / "events.jsonl", version="1")
    write, cut = os.write, [10]

    def short(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[: cut.pop()] if cut else data)

    monkeypatch.setattr(os, "write", short)
    complaint(lambda: events.emit(event("a")))
    events.emit(event("b"))

    assert readable(tmp_path / "events.jsonl") == ["b"]


def test_the_files_of_a_log_are_numbered_from_the_newest(tmp_path: Path) -> None:
    assert rotated(tmp_path / "events.jsonl", 3) == tmp_path / "events.jsonl.3"
