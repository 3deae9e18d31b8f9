"""What components are told of files and directories, and what they do with names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from wasi02_calls import FOLLOW, HUGE, NO_CHANGE, NOW, Failed
from wasi02_files import DATA, WORK, Script, failed, files

from hatchway.engine.files.host.file import HostFile
from hatchway.engine.files.nodes import Errno, FileFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.grant import Grant

BOTH = pytest.mark.parametrize("top", [DATA, WORK], ids=["granted", "workspace"])
YEAR_2000 = (946_684_800, 0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


@pytest.fixture
def descriptor(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def granted(descriptor: int) -> Grant:
    return files(descriptor)


def listed(script: Script, directory: Any, count: int) -> list[Any]:
    stream = script.do("descriptor.read-directory", directory)
    return [
        script.do("directory-entry-stream.read-directory-entry", stream) for _ in range(count + 1)
    ]


# What is known of a file


@BOTH
def test_types_sizes_and_links_are_told(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    file = script.made(root, b"f", b"12345")
    script.do("descriptor.symlink-at", root, b"f", b"l")
    script.do("descriptor.link-at", root, 0, b"f", root, b"g")
    script.do("descriptor.create-directory-at", root, b"d")
    stats = [
        script.do("descriptor.stat", file),
        script.do("descriptor.stat-at", root, FOLLOW, b"l"),
        script.do("descriptor.stat-at", root, 0, b"l"),
        script.do("descriptor.stat-at", root, 0, b"d"),
        script.do("descriptor.stat", root),
    ]
    missing = script.do("descriptor.stat-at", root, 0, b"none")

    told = script.run(granted)

    assert [told[item].kind for item in stats] == [
        "regular-file", "regular-file", "symbolic-link", "directory", "directory",
    ]  # fmt: skip
    assert [told[item].size for item in stats[:3]] == [5, 5, 1]
    assert [told[item].links for item in stats[:3]] == [2, 2, 1]
    assert told[missing] == Failed("no-entry")


@BOTH
def test_times_are_left_set_to_now_or_to_what_is_given(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    file = script.made(root, b"f")
    script.do("descriptor.symlink-at", root, b"f", b"l")
    done = [
        script.do("descriptor.set-times", file, (2, 7, 8), (2, 9, 10)),
        script.do("descriptor.set-times", file, NO_CHANGE, (2, 11, 12)),
        script.do("descriptor.set-times-at", root, 0, b"l", (2, 3, 0), (2, 4, 0)),
    ]
    first = script.do("descriptor.stat", file)
    link = script.do("descriptor.stat-at", root, 0, b"l")
    done += [
        script.do("descriptor.set-times-at", root, FOLLOW, b"l", NOW, NO_CHANGE),
        script.do("descriptor.set-times", root, NO_CHANGE, (2, 5, 0)),
    ]
    second, top_stat = script.do("descriptor.stat", file), script.do("descriptor.stat", root)
    late = script.do("descriptor.set-times", file, (2, HUGE, 0), NO_CHANGE)

    told = script.run(granted)

    assert [told[item] for item in done] == [None] * 5
    assert (told[first].accessed, told[first].modified) == ((7, 8), (11, 12))
    assert (told[link].accessed, told[link].modified) == ((3, 0), (4, 0))
    assert told[second].modified == (11, 12)
    assert told[second].accessed >= YEAR_2000
    assert told[top_stat].modified == (5, 0)
    assert told[late] == Failed("overflow")


def test_a_workspace_tells_no_real_time_without_the_clock(granted: Grant) -> None:
    script = Script()
    file = script.made(script.root(WORK), b"f", b"1")
    script.do("descriptor.set-times", file, NOW, NOW)
    stat, kept = script.do("descriptor.stat", file), script.do("descriptor.metadata-hash", file)

    first, second = script.run(granted), script.run(granted)

    assert first[stat].accessed == first[stat].modified == first[stat].changed == YEAR_2000
    assert first[kept] == second[kept]


def test_a_workspace_tells_the_time_with_the_clock(descriptor: int) -> None:
    script = Script()
    stat = script.do("descriptor.stat", script.made(script.root(WORK), b"f"))

    told = script.run(files(descriptor, "clock"))

    assert told[stat].modified > (1_700_000_000, 0)


@BOTH
def test_objects_are_told_apart_and_a_change_shows_in_their_hash(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    one, other = script.made(root, b"f", b"1"), script.made(root, b"g", b"1")
    again = script.open(root, b"f")
    same = [script.do("descriptor.is-same-object", one, item) for item in (again, other, root)]
    hashes = [
        script.do("descriptor.metadata-hash", one),
        script.do("descriptor.metadata-hash", again),
        script.do("descriptor.metadata-hash-at", root, 0, b"f"),
        script.do("descriptor.metadata-hash", other),
    ]
    script.do("descriptor.write", one, b"22", 0)
    hashes.append(script.do("descriptor.metadata-hash", one))

    told = script.run(granted)

    first, *others = (told[item] for item in hashes)
    assert [told[item] for item in same] == [1, 0, 0]
    assert [item == first for item in others] == [True, True, False, False]


def test_what_cannot_be_looked_at_is_the_same_as_itself_only(
    granted: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_file: HostFile) -> None:
        raise FileFault(Errno.IO)

    script = Script()
    data = script.root(DATA)
    one, other = script.made(data, b"f"), script.open(data, b"f")
    same = [script.do("descriptor.is-same-object", one, item) for item in (one, other)]
    stat = script.do("descriptor.stat", one)
    monkeypatch.setattr(HostFile, "status", stale)  # as with a server that went away

    told = script.run(granted)

    assert [told[item] for item in same] == [1, 0]
    assert told[stat] == Failed("io")


# Names


@BOTH
def test_a_directory_is_listed_until_there_is_none(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    for name in ("b", "a", "ö"):
        script.drop("descriptor", script.made(root, name.encode()))
    script.do("descriptor.create-directory-at", root, b"d")
    script.do("descriptor.symlink-at", root, b"a", b"l")
    entries = listed(script, root, 5)

    told = script.run(granted)

    assert [told[item] for item in entries] == [
        (b"a", "regular-file"), (b"b", "regular-file"), (b"d", "directory"),
        (b"l", "symbolic-link"), ("ö".encode(), "regular-file"), None,
    ]  # fmt: skip


@BOTH
def test_names_are_made_moved_linked_and_removed(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    script.drop("descriptor", script.made(root, b"f", b"text"))
    calls = [
        script.do("descriptor.create-directory-at", root, b"d"),
        script.do("descriptor.create-directory-at", root, b"d"),
        script.do("descriptor.rename-at", root, b"f", root, b"d/g"),
        script.do("descriptor.link-at", root, 0, b"d/g", root, b"h"),
        script.do("descriptor.link-at", root, FOLLOW, b"d/g", root, b"i"),
        script.do("descriptor.link-at", root, 0, b"d", root, b"i"),
        script.do("descriptor.symlink-at", root, b"d/g", b"l"),
        script.do("descriptor.readlink-at", root, b"l"),
        script.do("descriptor.readlink-at", root, b"h"),
        script.do("descriptor.remove-directory-at", root, b"d"),
        script.do("descriptor.remove-directory-at", root, b"h"),
        script.do("descriptor.unlink-file-at", root, b"d"),
        script.do("descriptor.unlink-file-at", root, b"d/g"),
        script.do("descriptor.unlink-file-at", root, b"d/g"),
        script.do("descriptor.remove-directory-at", root, b"d"),
        script.do("descriptor.rename-at", root, b"none", root, b"x"),
        script.do("descriptor.rename-at", root, b"h", root, b"."),
    ]
    left = listed(script, root, 2)

    told = script.run(granted)

    assert [failed(told[item]) for item in calls] == [
        None, "exist", None, None, "invalid", "not-permitted", None, None, "invalid",
        "not-empty", "not-directory", "is-directory", None, "no-entry", None, "no-entry",
        "invalid",
    ]  # fmt: skip
    assert told[calls[7]] == b"d/g"
    assert [told[item] for item in left] == [
        (b"h", "regular-file"), (b"l", "symbolic-link"), None,
    ]  # fmt: skip


def test_nothing_is_moved_between_a_workspace_and_the_host(granted: Grant) -> None:
    script = Script()
    data, work = script.root(DATA), script.root(WORK)
    for top in (data, work):
        script.made(top, b"f")
    calls = [
        script.do(f"descriptor.{name}", *arguments)
        for name, arguments in (
            ("rename-at", (data, b"f", work, b"g")),
            ("rename-at", (work, b"f", data, b"g")),
            ("link-at", (work, 0, b"f", data, b"g")),
        )
    ]

    told = script.run(granted)

    assert [told[item] for item in calls] == [Failed("cross-device")] * 3
    assert told.denials == []
