"""Components that use files: the directory they were granted, and their workspace.

Both answer as WASI 0.2 says, and a directory that may only be read refuses every change.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from guests import call, run
from wasi02 import ANSWER, DIRECTORIES, ROOT, STDIN, STDOUT, Function, guest, method, program
from wasi02_calls import CREATE, DIRECTORY, EXCLUSIVE, HUGE, MUTATE, READ, TRUNCATE, WRITE, Failed
from wasi02_files import DATA, WORK, Place, Script, failed, files

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


# Opening

OPENED = {
    # (what is there, how it is opened): what comes of it; None is a handle
    ("none", 0): "no-entry",
    ("none", CREATE): None,
    ("none", CREATE | EXCLUSIVE): None,
    ("none", CREATE | TRUNCATE): None,
    ("none", CREATE | DIRECTORY): "invalid",
    ("none", DIRECTORY): "no-entry",
    ("none", TRUNCATE): "no-entry",
    ("none", EXCLUSIVE): "no-entry",
    ("none/", CREATE): "is-directory",
    ("file", 0): None,
    ("file", CREATE): None,
    ("file", CREATE | EXCLUSIVE): "exist",
    ("file", CREATE | TRUNCATE): None,
    ("file", CREATE | EXCLUSIVE | TRUNCATE): "exist",
    ("file", DIRECTORY): "not-directory",
    ("file", TRUNCATE): None,
    ("file/", 0): "not-directory",
    ("file/x", 0): "not-directory",
    ("folder", 0): None,
    ("folder", DIRECTORY): None,
    ("folder/", DIRECTORY): None,
    ("folder", CREATE): "is-directory",
    ("folder", CREATE | EXCLUSIVE): "exist",
    ("folder", TRUNCATE): "is-directory",
    ("folder", CREATE | DIRECTORY): "invalid",
    ("link", 0): None,
    ("link", CREATE | EXCLUSIVE): "exist",
    ("loop", 0): "loop",
    ("", 0): "no-entry",
    ("n" * 256, CREATE): "name-too-long",
    ("n/" * 2100, 0): "name-too-long",
    ("a\0b", 0): "invalid",
}


@BOTH
def test_every_way_to_open_a_path_answers_as_wasi_says(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    opened = {}
    for index, (path, how) in enumerate(OPENED):
        # Each in a directory of its own.
        name = b"%d" % index
        script.do("descriptor.create-directory-at", root, name)
        own = script.open(root, name, DIRECTORY)
        script.drop("descriptor", script.made(own, b"file", b"content"))
        script.do("descriptor.create-directory-at", own, b"folder")
        script.do("descriptor.symlink-at", own, b"file", b"link")
        script.do("descriptor.symlink-at", own, b"loop", b"loop")
        opened[path, how] = script.open(own, path.encode(), how)
        if index % 12 == 11:  # the script has room for so many answers
            told = script.run(granted)
            assert {key: failed(told[slot]) for key, slot in opened.items()} == {
                key: OPENED[key] for key in opened
            }
            script, opened = Script(), {}
            root = script.root(top)
    told = script.run(granted)
    assert {key: failed(told[slot]) for key, slot in opened.items()} == {
        key: OPENED[key] for key in opened
    }


@BOTH
def test_what_a_file_was_opened_for_is_all_that_can_be_done(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    script.made(root, b"f", b"content")
    reader, writer, both, neither = (
        script.open(root, b"f", 0, what) for what in (READ, WRITE, READ | WRITE, 0)
    )
    flags = [script.do("descriptor.get-flags", item) for item in (reader, writer, both, neither)]
    refused = [
        script.do("descriptor.write", reader, b"x", 0),
        script.do("descriptor.set-size", reader, 0),
        script.do("descriptor.write-via-stream", reader, 0),
        script.do("descriptor.append-via-stream", reader),
        script.do("descriptor.read", writer, 1, 0),
        script.do("descriptor.read-via-stream", writer, 0),
    ]
    folder = [
        script.do("descriptor.get-flags", root),
        script.do("descriptor.read", root, 1, 0),
        script.do("descriptor.write", root, b"x", 0),
        script.do("descriptor.get-type", root),
        script.do("descriptor.sync", root),
    ]
    file = [
        script.do("descriptor.read-directory", reader),
        script.do("descriptor.create-directory-at", reader, b"x"),
        script.do("descriptor.get-type", reader),
    ]

    told = script.run(granted)

    assert [told[item] for item in flags] == [READ, WRITE, READ | WRITE, READ]
    assert [told[item] for item in refused] == [Failed("bad-descriptor")] * 6
    assert [told[item] for item in folder] == [
        READ | MUTATE, Failed("is-directory"), Failed("is-directory"), "directory", None,
    ]  # fmt: skip
    assert [told[item] for item in file] == [
        Failed("not-directory"), Failed("not-directory"), "regular-file",
    ]  # fmt: skip
    assert told.denials == []


# Bytes


@BOTH
def test_reading_and_writing_are_at_the_offset_that_is_given(granted: Grant, top: int) -> None:
    script = Script()
    file = script.made(script.root(top), b"f", b"0123456789")
    calls = [
        script.do("descriptor.write", file, b"AB", 3),
        script.do("descriptor.read", file, 4, 2),
        script.do("descriptor.read", file, 100, 8),
        script.do("descriptor.read", file, 5, 10),
        script.do("descriptor.read", file, 0, 0),
        script.do("descriptor.write", file, b"Z", 12),
        script.do("descriptor.read", file, HUGE, 9),
        script.do("descriptor.set-size", file, 4),
        script.do("descriptor.set-size", file, 6),
        script.do("descriptor.read", file, 100, 0),
        script.do("descriptor.advise", file, HUGE, HUGE, 5),
        script.do("descriptor.sync-data", file),
    ]

    told = script.run(granted)

    assert [told[item] for item in calls] == [
        2, (b"2AB5", False), (b"89", True), (b"", True), (b"", True), 1, (b"9\0\0Z", True),
        None, None, (b"012A\0\0", True), None, None,
    ]  # fmt: skip


@BOTH
def test_streams_read_write_append_and_skip(granted: Grant, top: int) -> None:
    script = Script()
    file = script.made(script.root(top), b"f", b"0123456789")
    out = script.do("descriptor.write-via-stream", file, 8)
    more = script.do("descriptor.append-via-stream", file)
    into = script.do("descriptor.read-via-stream", file, 2)
    calls = [
        script.do("output-stream.check-write", out),
        script.do("output-stream.write", out, b"ab"),
        script.do("output-stream.blocking-write-and-flush", more, b"end"),
        script.do("output-stream.write-zeroes", out, 2),
        script.do("output-stream.write", more, b"!"),
        script.do("output-stream.flush", out),
        script.do("input-stream.skip", into, 4),
        script.do("input-stream.read", into, 0),
        script.do("input-stream.blocking-read", into, 4),
        script.do("input-stream.read", into, HUGE),
        script.do("input-stream.skip", into, HUGE),
        script.do("input-stream.read", into, 1),
        script.do("pollable.ready", Place(1, script.do("input-stream.subscribe", into).at)),
        script.do("pollable.ready", Place(1, script.do("output-stream.subscribe", out).at)),
    ]

    told = script.run(granted)

    assert [told[item] for item in calls] == [
        1 << 16, None, None, None, None, None,
        4, b"", b"67ab", b"\0\0d!", Failed("closed"), Failed("closed"), 1, 1,
    ]  # fmt: skip


@BOTH
def test_files_and_the_standard_streams_can_be_spliced(granted: Grant, top: int) -> None:
    script = Script()
    root = script.root(top)
    one, other = script.made(root, b"f", b"0123456789"), script.made(root, b"g")
    source = script.do("descriptor.read-via-stream", one, 0)
    target = script.do("descriptor.write-via-stream", other, 0)
    stdout, stdin = (Place(1, script.do(name).at) for name in ("get-stdout", "get-stdin"))
    calls = [
        script.do("output-stream.splice", stdout, source, 4),
        script.do("output-stream.splice", target, source, HUGE),
        script.do("output-stream.splice", target, source, HUGE),
        script.do("output-stream.splice", target, stdin, 1),
        script.do("descriptor.read", other, 100, 0),
    ]

    told = script.run(granted)

    assert [told[item] for item in calls] == [
        4, 6, Failed("closed"), Failed("closed"), (b"456789", True),
    ]  # fmt: skip
    assert told.execution.stdout == b"0123"


def test_a_command_puts_its_input_into_a_file(directory: Path, granted: Grant) -> None:
    (directory / "f").touch()
    open_at = method(
        "descriptor", "open-at",
        '(param "path-flags" $path-flags) (param "path" string) '
        '(param "open-flags" $open-flags) (param "flags" $descriptor-flags)',
        "(result (own $descriptor) (error $error-code))", "(param i32 i32 i32 i32 i32 i32 i32)",
    )  # fmt: skip
    stream = method(
        "descriptor", "write-via-stream", '(param "offset" u64)',
        "(result (own $output-stream) (error $error-code))", "(param i32 i64 i32)",
    )  # fmt: skip
    splice = method(
        "output-stream", "splice", '(param "src" (borrow $input-stream)) (param "len" u64)',
        "(result u64 (error $stream-error))", "(param i32 i32 i64 i32)",
    )  # fmt: skip
    body = f"""
      {ROOT} (local.set $a)
      (call $open-at (local.get $a) (i32.const 0) (i32.const 1026) (i32.const 2)
        (i32.const 1) (i32.const 2) (i32.const 64))
      (call $write-via-stream (i32.load (i32.const 68)) (i64.const 0) (i32.const 80))
      (call $splice (i32.load (i32.const 84)) (call $get-stdin) (i64.const 100) (i32.const 96))
    """

    execution = run(
        program(body, DIRECTORIES, open_at, stream, STDIN, splice),
        stdin=b"hello",
        granted=granted,
    )

    assert execution.stop is None
    assert (directory / "bc").read_bytes() == b"hello"


def test_waiting_for_a_stream_takes_no_time_and_for_a_moment_takes_it() -> None:
    subscribe = method(
        "output-stream", "subscribe", "", "(own $pollable)", "(param i32) (result i32)"
    )
    block = Function(
        "io/poll", "[method]pollable.block", '(param "self" (borrow $pollable))', "(param i32)"
    )
    poll = Function(
        "io/poll", "poll", '(param "in" (list (borrow $pollable))) (result (list u32))',
        "(param i32 i32 i32)",
    )  # fmt: skip
    after = Function(
        "clocks/monotonic-clock", "subscribe-duration",
        '(param "when" u64) (result (own $pollable))', "(param i64) (result i32)",
    )  # fmt: skip
    now = Function("clocks/monotonic-clock", "now", "(result u64)", "(result i64)")
    body = f"""
      (i32.store (i32.const 64) (call $subscribe (call $get-stdout)))
      (call $poll (i32.const 64) (i32.const 1) (i32.const {ANSWER}))
      (call $block (i32.load (i32.const 64)))
      (i64.store (i32.const {ANSWER + 8}) (call $now))
      (call $block (call $subscribe-duration (i64.const 2000000)))
      (i64.store (i32.const {ANSWER + 16}) (call $now))
    """

    execution = call(guest(body, STDOUT, subscribe, block, poll, after, now), "go")

    told = base64.b64decode(execution.value)
    assert int.from_bytes(told[4:8], "little") == 1
    before, later = (int.from_bytes(told[at : at + 8], "little") for at in (8, 16))
    # Without a clock every reading is a millisecond, and waiting is as long as it says.
    assert later - before == 3_000_000
