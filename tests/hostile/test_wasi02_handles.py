"""Components that try to get out of their files, past their limits, or to keep what they held."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from strategies import often
from wasi02_calls import HUGE, Failed
from wasi02_files import DATA, SPARE, WORK, Script, Slot, Span, files, scratch

from hatchway.core.limits import Limits
from hatchway.engine.preview2 import handles
from hatchway.engine.preview2.handles import MAX_HANDLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.grant import Grant

NAME_BYTES = 512
"""What a name costs besides its letters; see `hatchway.engine.files.quota`."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "f").write_text("content")
    (directory / "sub").mkdir()
    return directory


@pytest.fixture
def descriptor(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def granted(descriptor: int) -> Grant:
    return files(descriptor)


def open_descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


# Quotas


def test_a_quota_is_exact_and_a_full_stream_says_why() -> None:
    script = Script()
    file = script.made(script.root(), b"f", b"1234")
    out = script.do("descriptor.write-via-stream", file, 4)
    fits = script.do("output-stream.write", out, b"56")
    full = script.do("output-stream.write", out, b"789")
    error = full.inside(8)
    calls = [
        script.do("error.to-debug-string", error),
        script.do("filesystem-error-code", error),
        script.do("descriptor.read", file, 100, 0),
        script.do("descriptor.write", file, b"x", 8),
        script.do("descriptor.set-size", file, 9),
        script.do("descriptor.set-size", file, 2),
        script.do("descriptor.write", file, b"abcdefgh", 2),
    ]
    zeroes = script.do("output-stream.write-zeroes", out, 1)
    again = script.do("output-stream.write", out, b"x")
    script.drop("error", error)

    told = script.run(scratch(NAME_BYTES + 1 + 8))

    assert (told[fits], told[full], told[again]) == (None, Failed("failed"), Failed("failed"))
    assert [told[item] for item in calls] == [
        b"dquot", "quota", (b"12345678", True), Failed("quota"), Failed("quota"), None, 6,
    ]  # fmt: skip
    assert told[zeroes] == Failed("failed")


def test_a_splice_into_a_full_file_fails_and_so_does_reading_what_cannot_be_read(
    granted: Grant,
) -> None:
    script = Script()
    work = script.root(WORK)
    file = script.made(work, b"f", b"123")
    source = script.do("descriptor.read-via-stream", file, 0)
    target = script.do("descriptor.write-via-stream", file, 1 << 40)
    behind = script.do("descriptor.read-via-stream", file, (1 << 63) - 1)
    calls = [
        script.do("output-stream.splice", target, source, 3),
        script.do("input-stream.read", behind, 9),
        script.do("input-stream.skip", behind, 9),
    ]
    code = script.do("filesystem-error-code", calls[1].inside(8))

    told = script.run(granted)

    assert [told[item] for item in calls] == [Failed("failed")] * 3
    assert told[code] == "invalid"


def test_what_goes_into_files_is_no_output(granted: Grant) -> None:
    script = Script()
    file = script.made(script.root(WORK), b"f")
    out = script.do("descriptor.write-via-stream", file, 0)
    here = script.here()
    written = script.do("output-stream.write", out, Span(SPARE, 60_000))
    script.again(here, 10)
    size = script.do("descriptor.stat", file)

    told = script.run(granted)

    assert told[written] is None
    assert told[size].size == 600_000
    assert (told.execution.usage.output_bytes or 0) < 200_000


# Numbers


@pytest.mark.parametrize("top", [DATA, WORK], ids=["granted", "workspace"])
def test_numbers_beyond_every_file_are_answered(granted: Grant, top: int) -> None:
    script = Script()
    file = script.made(script.root(top), b"n", b"1234")
    into = script.do("descriptor.read-via-stream", file, 0)
    answers = [
        script.do("descriptor.read", file, 1, HUGE),
        script.do("descriptor.write", file, b"x", HUGE),
        script.do("descriptor.write", file, b"xy", (1 << 63) - 1),
        script.do("descriptor.set-size", file, HUGE),
        script.do("descriptor.read-via-stream", file, HUGE),
        script.do("descriptor.write-via-stream", file, 1 << 63),
    ]
    too_large = script.do("descriptor.set-size", file, (1 << 63) - 1)
    skipped = script.do("input-stream.skip", into, HUGE)

    told = script.run(granted)

    assert [told[item] for item in answers] == [Failed("invalid")] * 6
    assert told[too_large] == Failed("file-too-large" if top == DATA else "quota")
    assert told[skipped] == 4


@pytest.mark.parametrize("name", ["write-zeroes", "write"])
def test_more_at_once_than_any_permit_traps(granted: Grant, name: str) -> None:
    script = Script()
    file = script.made(script.root(WORK), b"f")
    out = script.do("descriptor.write-via-stream", file, 0)
    script.do(f"output-stream.{name}", out, HUGE if name != "write" else Span(SPARE, (2 << 20) + 1))

    assert script.run(granted).stop == "guest.trapped"


@pytest.mark.parametrize("name", ["read", "skip"])
def test_a_read_takes_no_more_than_the_host_can_bear(granted: Grant, name: str) -> None:
    script = Script()
    file = script.made(script.root(WORK), b"f")
    script.do("descriptor.set-size", file, 500_000)
    into = script.do("descriptor.read-via-stream", file, 0)
    taken = script.do(f"input-stream.{name}", into, HUGE)
    direct = script.do("descriptor.read", file, HUGE, 0)

    told = script.run(granted)

    assert told[taken] == (bytes(1 << 16) if name == "read" else 1 << 16)
    assert told[direct] == (bytes(1 << 16), False)


def test_the_deadline_ends_a_guest_that_only_uses_files(descriptor: int) -> None:
    script = Script()
    data = script.root(DATA)
    here = script.here()
    script.do("descriptor.stat-at", data, 0, b"f")
    script.again(here, 0)  # comes round after 2**64 times

    limits = Limits(deadline_seconds=0.2, host_calls=10**9, fuel=10**15)

    assert script.run(files(descriptor, limits=limits)).stop == "guest.deadline_exceeded"


def test_calls_on_files_are_counted(descriptor: int) -> None:
    script = Script()
    data = script.root(DATA)
    here = script.here()
    script.do("descriptor.get-type", data)
    script.again(here, 100)

    # One more is what told it the directories.
    enough, scarce = Limits(host_calls=101), Limits(host_calls=100)

    assert script.run(files(descriptor, limits=enough)).stop is None
    assert script.run(files(descriptor, limits=scarce)).stop == "guest.host_calls_exceeded"


# Handles


def test_what_is_given_back_is_closed_at_once(granted: Grant) -> None:
    script = Script()
    data = script.root(DATA)
    here = script.here()
    file = script.open(data, b"f")
    into = script.do("descriptor.read-via-stream", file, 0)
    names = script.do("descriptor.read-directory", data)
    script.drop("descriptor", file)
    script.drop("input-stream", into)
    script.drop("directory-entry-stream", names)
    script.again(here, 2 * MAX_HANDLES)
    before = open_descriptors()

    told = script.run(granted)

    assert isinstance(told[file], int)
    assert open_descriptors() == before


def test_only_so_many_handles_are_held_and_none_outlives_the_call(granted: Grant) -> None:
    script = Script()
    data = script.root(DATA)
    here = script.here()
    file = script.open(data, b"f")
    script.again(here, MAX_HANDLES + 50)
    stream = script.do("descriptor.read-directory", data)
    seen = script.do("get-directories")
    before = open_descriptors()

    told = script.run(granted)

    assert told[file] == told[stream] == Failed("insufficient-memory")
    assert told[seen] == [b"/data", b"/work", b"/"]
    assert open_descriptors() == before


def test_a_stream_that_fails_without_room_for_an_error_is_closed(granted: Grant) -> None:
    script = Script()
    file = script.made(script.root(WORK), b"f", b"1")
    out = script.do("descriptor.write-via-stream", file, 1 << 40)
    first = script.do("output-stream.write", out, b"x")
    here = script.here()
    last = script.do("output-stream.write", out, b"x")
    script.again(here, MAX_HANDLES)

    told = script.run(granted)

    assert (told[first], told[last]) == (Failed("failed"), Failed("closed"))


def test_directories_cannot_be_listed_so_often_that_their_names_fill_the_host(
    granted: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "MAX_LISTED", 7)
    script = Script()
    data = script.root(DATA)  # holds two names
    streams = [script.do("descriptor.read-directory", data) for _ in range(4)]
    script.drop("directory-entry-stream", streams[0])
    after = script.do("descriptor.read-directory", data)

    told = script.run(granted)

    assert told[streams[3]] == Failed("insufficient-memory")
    assert isinstance(told[after], int)


def test_a_stream_outlives_its_descriptor_and_the_name(granted: Grant) -> None:
    script = Script()
    for_all: list[Slot] = []
    for top in (DATA, WORK):
        root = script.root(top)
        file = script.made(root, b"g", b"content")
        into = script.do("descriptor.read-via-stream", file, 3)
        script.drop("descriptor", file)
        script.do("descriptor.unlink-file-at", root, b"g")
        for_all.append(script.do("input-stream.read", into, 9))

    told = script.run(granted)

    assert [told[item] for item in for_all] == [b"tent", b"tent"]


def test_a_directory_at_the_top_can_be_given_back_and_asked_for_again(granted: Grant) -> None:
    script = Script()
    first, second = script.root(DATA), script.root(DATA)
    script.drop("descriptor", first)
    through_the_other = script.do("descriptor.stat-at", second, 0, b"f")
    script.drop("descriptor", second)
    here = script.here()
    seen = script.do("get-directories")
    script.again(here, 2 * MAX_HANDLES)
    opened = script.open(script.root(DATA), b"f")

    told = script.run(granted)

    assert told[through_the_other].size == 7
    assert told[seen] == [b"/data", b"/work", b"/"]
    assert isinstance(told[opened], int)


def test_a_handle_that_was_given_back_traps(granted: Grant) -> None:
    script = Script()
    file = script.open(script.root(DATA), b"f")
    script.drop("descriptor", file)
    script.do("descriptor.stat", file)

    assert script.run(granted).stop == "guest.trapped"


@pytest.mark.parametrize(
    "name", ["input-stream.skip", "output-stream.flush", "error.to-debug-string", "pollable.ready"]
)
def test_a_descriptor_is_nothing_else(granted: Grant, name: str) -> None:
    script = Script()
    file = script.open(script.root(DATA), b"f")
    script.do(name, file, *([1] if name == "input-stream.skip" else []))

    assert script.run(granted).stop == "guest.trapped"


def test_a_guest_cannot_guess_the_handles_of_another_call(granted: Grant) -> None:
    holder, guesser = Script(), Script()
    file = holder.open(holder.root(DATA), b"f")
    handle = holder.run(granted)[file]
    guesser.drop("descriptor", handle)

    assert guesser.run(granted).stop == "guest.trapped"


def test_very_many_calls_leave_neither_descriptors_nor_memory() -> None:
    script = Script()
    work = script.root()
    file = script.made(work, b"f", b"x" * 1000)
    script.do("descriptor.read-via-stream", file, 0)
    script.do("descriptor.read-directory", work)
    granted = scratch(1 << 20)
    assert script.run(granted).stop is None
    for _ in range(200):
        script.run(granted)
    before, blocks = open_descriptors(), _resident_kilobytes()

    for _ in range(often(1800, gate=600)):
        script.run(granted)

    assert open_descriptors() == before
    # Each call holds more than 30 kB while it runs; all of them would be 18 MB.
    assert _resident_kilobytes() - blocks < 8192


def _resident_kilobytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
