"""Reading the event log again: all of it, the new part of it, and in words."""

from __future__ import annotations

import json
import queue
import threading
import time
import unicodedata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.core.call import Principal, Usage
from hatchway.core.events import Event, Severity
from hatchway.core.ocsf import to_ocsf
from hatchway.telemetry import reading
from hatchway.telemetry.log import EventLog, rotated
from hatchway.telemetry.reading import follow_events, one_line, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADA = Principal(tenant="acme", subject="ada", door="http")


def event(call_id: str, **more: Any) -> Event:
    facts: dict[str, Any] = {
        "name": "call.completed",
        "time_ms": 0,
        "severity": Severity.LOW,
        "message": "m",
        "call_id": call_id,
    }
    return Event(**(facts | more))


def line(call_id: str) -> bytes:
    return json.dumps(to_ocsf(event(call_id), version="1")).encode() + b"\n"


def call_id(record: dict[str, Any]) -> str:
    found: str = record["unmapped"]["hatchway"]["call_id"]
    return found


# All of it


def test_what_was_emitted_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventLog(path, version="1")
    for name in "abc":
        events.emit(event(name))

    assert [call_id(record) for record in read_events(path)] == ["a", "b", "c"]


def test_older_files_are_read_first(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line("d") + line("e"))
    rotated(path, 1).write_bytes(line("c"))
    rotated(path, 3).write_bytes(line("a") + line("b"))

    assert [call_id(record) for record in read_events(path)] == ["a", "b", "c", "d", "e"]


def test_a_log_that_is_not_there_has_no_records(tmp_path: Path) -> None:
    assert list(read_events(tmp_path / "events.jsonl")) == []


@pytest.mark.parametrize(
    "broken",
    [
        b"{\n", b"\n", b"null\n", b"[]\n", b"5\n", b"{}\n", b'{"unmapped": 5}\n', b"\xff\xfe\n",
        b"\0\n", b"[" * 100_000 + b"\n", line("x")[:50] + b"\n", b'{"unmapped": null}\n',
    ],
    ids=lambda data: repr(data)[:20],
)  # fmt: skip
def test_a_line_that_is_no_record_is_skipped(broken: bytes, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line("a") + broken + line("b"))

    assert [call_id(record) for record in read_events(path)] == ["a", "b"]


# The new part of it


class Waiting:
    """What happens whenever the follower has read everything and waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *actions: Callable[[], object]) -> None:
        self._actions = list(actions)
        monkeypatch.setattr(reading, "time", SimpleNamespace(sleep=self._wait))

    def _wait(self, _: float) -> None:
        if not self._actions:
            pytest.fail("the follower waits, and nothing more will happen")
        self._actions.pop(0)()


def take(records: Iterator[dict[str, Any]], count: int) -> list[str]:
    return [call_id(next(records)) for _ in range(count)]


def append(path: Path, *call_ids: str) -> None:
    with path.open("ab") as stream:
        stream.write(b"".join(line(name) for name in call_ids))


def test_only_what_comes_later_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "old")
    Waiting(monkeypatch, lambda: append(path, "a", "b"), lambda: append(path, "c"))

    assert take(follow_events(path), 3) == ["a", "b", "c"]


def test_what_is_written_between_the_call_and_the_first_reading_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "old")
    Waiting(monkeypatch)

    records = follow_events(path)
    append(path, "a")

    assert take(records, 1) == ["a"]


def test_a_log_that_does_not_exist_yet_is_followed_from_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    Waiting(monkeypatch, lambda: None, lambda: append(path, "a", "b"))

    assert take(follow_events(path), 2) == ["a", "b"]


def test_following_goes_on_in_the_new_file_after_a_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "old")

    def rotate() -> None:
        append(path, "a")
        path.rename(rotated(path, 1))
        append(path, "b")

    Waiting(monkeypatch, rotate, lambda: append(path, "c"))

    assert take(follow_events(path), 3) == ["a", "b", "c"]


def test_following_waits_while_there_is_no_new_file_after_a_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "old")
    Waiting(
        monkeypatch,
        lambda: path.rename(rotated(path, 1)),
        lambda: None,
        lambda: append(path, "a"),
    )

    assert take(follow_events(path), 1) == ["a"]


def test_what_is_written_just_before_a_rotation_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "old")
    real, pending = reading._is_newest, ["a"]

    def rotated_meanwhile(descriptor: int, newest: Path) -> bool:
        if pending:  # after the follower found nothing more, and before it looks
            append(path, pending.pop())
            path.rename(rotated(path, 1))
            append(path, "b")
        return real(descriptor, newest)

    monkeypatch.setattr(reading, "_is_newest", rotated_meanwhile)
    Waiting(monkeypatch)

    assert take(follow_events(path), 2) == ["a", "b"]


def test_a_line_that_is_still_being_written_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    whole = line("a")

    def write(data: bytes) -> None:
        with path.open("ab") as stream:
            stream.write(data)

    Waiting(monkeypatch, lambda: write(whole[:30]), lambda: write(whole[30:]))

    assert take(follow_events(path), 1) == ["a"]


def test_a_line_without_an_end_takes_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    monkeypatch.setattr(reading, "_MAX_LINE_BYTES", 100)

    def write(data: bytes) -> None:
        with path.open("ab") as stream:
            stream.write(data)

    Waiting(monkeypatch, lambda: write(b"x" * 5000), lambda: write(b"\n" + line("a")))

    assert take(follow_events(path), 1) == ["a"]


def test_a_follower_that_is_not_needed_any_more_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, "old")

    records = follow_events(path)
    append(path, "a")
    assert take(records, 1) == ["a"]
    records.close()  # type: ignore[attr-defined]  # a generator


def test_a_follower_sees_what_another_thread_writes_across_rotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    events = EventLog(path, version="1", max_file_bytes=3 * len(line("00")), kept_files=100)
    monkeypatch.setattr(reading, "_POLL_SECONDS", 0.001)
    seen: queue.Queue[str] = queue.Queue()
    records = follow_events(path)

    def follow() -> None:
        for record in records:
            seen.put(call_id(record))
            if call_id(record) == "29":
                return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    for number in range(30):
        events.emit(event(f"{number:02}"))
        # One at a time, so that no two rotations happen between two looks.
        assert seen.get(timeout=30) == f"{number:02}"

    follower.join(timeout=30)
    assert not follower.is_alive()


# In words


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            event("1", principal=ADA, tool="grep", usage=Usage(wall_us=1234, fuel=99)),
            "1970-01-01 00:00:00  call.completed      grep  acme/ada  1.2 ms, fuel 99",
        ),
        (
            event(
                "1",
                name="call.failed",
                tool="grep",
                code="guest.trapped",
                usage=Usage(),
                frames=("main", "start"),
                denials=3,
            ),
            "1970-01-01 00:00:00  call.failed         grep  -/-  guest.trapped, 3 denied, in main",
        ),
        (
            event(
                "1",
                name="capability.denied",
                tool="grep",
                code="capability.denied",
                capability="fs.read",
                attempted="/etc/passwd",
                principal=ADA,
            ),
            "1970-01-01 00:00:00  capability.denied   grep  acme/ada  fs.read /etc/passwd",
        ),
        (
            event("1", name="policy.changed", tool="grep", capability="env=LANG"),
            "1970-01-01 00:00:00  policy.changed      grep  -/-  env=LANG",
        ),
        (
            event("1", name="server.started", time_ms=86_400_000, message="listening"),
            "1970-01-02 00:00:00  server.started      -  -/-  listening",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Event) else "",
)
def test_a_record_is_one_line_of_words(said: Event, words: str) -> None:
    assert one_line(to_ocsf(said, version="1")) == words


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (
            {"secrets": ["API_KEY", "OTHER"], "origin": "https://api.example.com"},
            "API_KEY, OTHER came back from https://api.example.com, taken out",
        ),
        ({"secrets": ["API_KEY"]}, "API_KEY taken out of the answer"),
        ({"secrets": []}, "secret.leak_blocked"),
        ({"secrets": "API_KEY"}, "secret.leak_blocked"),
        ({}, "secret.leak_blocked"),
    ],
)
def test_a_leak_names_the_secret_and_where_it_came_from(
    details: dict[str, Any], words: str
) -> None:
    name = "secret.leak_blocked"
    said = event("1", name=name, tool="sky", code=name, details=details)

    assert one_line(to_ocsf(said, version="1")).endswith(f"  sky  -/-  {words}")


def test_a_record_that_says_little_is_still_a_line() -> None:
    assert one_line({"unmapped": {}}) == "1970-01-01 00:00:00  ?                   -  -/-  "


HOSTILE = "\x1b]0;owned\x07\n\u202e\u200b\ud800"
DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
own_keys = st.sampled_from(
    ("event", "tool", "tenant", "subject", "capability", "attempted", "code", "usage", "denials",
     "frames", "wall_us", "fuel")
)  # fmt: skip
anything = json_values(5) | st.text(st.characters(), max_size=20) | st.just(HOSTILE)
own_fields = st.dictionaries(own_keys, anything | st.dictionaries(own_keys, anything), max_size=6)


@patient
@given(
    st.fixed_dictionaries(
        {"unmapped": st.fixed_dictionaries({}, optional={"hatchway": own_fields | json_values(3)})},
        optional={"time": anything | st.integers(), "message": anything},
    )
)
@example({"unmapped": {"hatchway": dict.fromkeys(("event", "tool", "tenant", "code"), HOSTILE)}})
@example({"unmapped": {"hatchway": {"capability": HOSTILE, "attempted": HOSTILE}}})
@example({"unmapped": {"hatchway": {"frames": [HOSTILE]}}, "message": HOSTILE})
@example({"unmapped": {"hatchway": None}})
@example({"unmapped": {"hatchway": {"usage": "much", "frames": 5}}})
@example({"unmapped": {"hatchway": {"usage": {"wall_us": "long"}}}})
@example({"unmapped": {}, "time": 10**30})
@example({"unmapped": {}, "time": "yesterday"})
def test_whatever_a_record_says_a_terminal_is_shown_plain_text(record: dict[str, Any]) -> None:
    shown = one_line(record)

    assert not [character for character in shown if unicodedata.category(character) in DANGEROUS]
    assert len(shown) < 30_000
