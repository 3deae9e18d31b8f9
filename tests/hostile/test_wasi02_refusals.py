"""Components that reach for more files than they were granted: refused, and on record."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from wasi02_calls import CREATE, DIRECTORY, NOW, READ, TRUNCATE, WRITE, Failed
from wasi02_files import DATA, WORK, Script, files, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.grant import Grant


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


@pytest.mark.claim("files.read-only")
@pytest.mark.claim("isolation.default-deny")
def test_a_directory_to_read_refuses_every_change_and_each_is_recorded(
    directory: Path, descriptor: int
) -> None:
    (directory / "link").symlink_to("f")
    script = Script()
    data = script.root(DATA)
    file, sub = script.open(data, b"f"), script.open(data, b"sub", DIRECTORY)
    flags = script.do("descriptor.get-flags", sub)
    changes = {
        "/data/new": script.open(data, b"new", CREATE, WRITE),
        "/data/link": script.open(data, b"link", 0, WRITE),
        "/data/f": script.do("descriptor.set-times", file, NOW, NOW),
        "/data/sub": script.do("descriptor.set-times", sub, NOW, NOW),
        "/data/.": script.do("descriptor.set-times-at", data, 0, b".", NOW, NOW),
        "/data/sub/d": script.do("descriptor.create-directory-at", sub, b"d"),
        "/data/sub/": script.do("descriptor.remove-directory-at", data, b"sub/"),
        "/data/sub/../f": script.do("descriptor.unlink-file-at", data, b"sub/../f"),
        "/data/sub/x": script.do("descriptor.symlink-at", sub, b"f", b"x"),
        "/data/sub/l": script.do("descriptor.rename-at", sub, b"l", data, b"y"),
        "/data/./f": script.do("descriptor.link-at", data, 0, b"./f", data, b"z"),
    }
    truncated = script.open(data, b"f", TRUNCATE)
    script.do("descriptor.set-size", data, 0)

    told = script.run(files(descriptor, is_writable=False))

    assert told[flags] == READ
    assert [told[item] for item in changes.values()] == [Failed("access")] * len(changes)
    assert told[truncated] == Failed("access")
    assert [item.attempted for item in told.execution.denials] == [
        *changes, "/data/f", "/data",
    ]  # fmt: skip
    assert {item.capability for item in told.execution.denials} == {"fs.write"}
    assert told.execution.denials[0].function == (
        "wasi:filesystem/types@0.2.0#[method]descriptor.open-at"
    )
    assert sorted(item.name for item in directory.iterdir()) == ["f", "link", "sub"]


@pytest.mark.claim("files.beneath")
@pytest.mark.claim("isolation.default-deny")
@pytest.mark.parametrize("top", [DATA, WORK], ids=["/data", "/work"])
def test_nothing_leads_out_and_every_attempt_is_recorded(
    directory: Path, granted: Grant, top: int, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    (directory / "out").symlink_to("/etc/passwd")
    (directory / "up").symlink_to("../../..")
    script = Script()
    root = script.root(top)
    if top == WORK:
        script.do("descriptor.symlink-at", root, b"../../..", b"up")
        script.do("descriptor.create-directory-at", root, b"sub")
    sub = script.open(root, b"sub")
    script.drop("descriptor", script.made(root, b"own"))
    tried = {
        ("fs.read", f"{name}/../x"): script.open(root, b"../x"),
        ("fs.read", f"{name}/sub/../.."): script.do("descriptor.stat-at", sub, 0, b"../.."),
        ("fs.read", "/etc/passwd"): script.open(root, b"/etc/passwd"),
        ("fs.write", "/elsewhere/x"): script.open(root, b"/elsewhere/x", CREATE, WRITE),
        ("fs.read", f"{name}/up/etc"): script.do("descriptor.metadata-hash-at", root, 1, b"up/etc"),
        ("fs.write", f"{name}/up/x"): script.do("descriptor.create-directory-at", root, b"up/x"),
        ("fs.write", f"{name}/../y"): script.do(
            "descriptor.rename-at", root, b"own", root, b"../y"
        ),
        ("fs.write", f"{name}/../z"): script.do("descriptor.rename-at", root, b"../z", root, b"q"),
        ("fs.write", f"{name}/sub/../../l"): script.do(
            "descriptor.link-at", root, 0, b"own", sub, b"../../l"
        ),
        ("fs.write", "/etc/n"): script.do("descriptor.symlink-at", root, b"own", b"/etc/n"),
        ("fs.read", f"{name}/up/e"): script.do("descriptor.readlink-at", root, b"up/e"),
    }
    if top == DATA:
        tried["fs.read", "/data/out"] = script.open(root, b"out")
        tried["fs.write", "/data/s"] = script.do("descriptor.symlink-at", root, b"/etc", b"s")

    told = script.run(granted)

    assert [told[item] for item in tried.values()] == [Failed("access")] * len(tried)
    assert told.denials == list(tried)


def test_a_change_refused_by_the_second_directory_is_recorded_there(
    directory: Path, descriptor: int
) -> None:
    (directory / "sub" / "g").touch()
    both = files(descriptor)
    other = os.open(directory / "sub", os.O_RDONLY | os.O_DIRECTORY)
    (readable,) = files(other, guest_path="/only", is_writable=False).directories
    script = Script()
    data, second = script.root(0), script.root(1)
    calls = [
        script.do("descriptor.rename-at", data, b"f", second, b"new"),
        script.do("descriptor.rename-at", second, b"g", data, b"new"),
    ]

    told = script.run(replace(both, directories=(*both.directories, readable)))
    os.close(other)

    assert [told[item] for item in calls] == [Failed("access")] * 2
    assert told.denials == [("fs.write", "/only/new"), ("fs.write", "/only/g")]


@pytest.mark.claim("isolation.default-deny")
def test_with_only_scratch_there_are_the_workspace_and_a_root_that_refuses() -> None:
    script = Script()
    seen = script.do("get-directories")
    root = script.root(1)
    refused = [
        script.do("descriptor.read-directory", root),
        script.do("descriptor.read", root, 1, 0),
        script.do("descriptor.read-via-stream", root, 0),
    ]
    same = script.do("descriptor.is-same-object", root, script.root(0))

    told = script.run(scratch(1000))

    assert told[seen] == [b"/work", b"/"]
    assert [told[item] for item in refused] == [Failed("access")] * 3
    assert told[same] == 0
    assert told.denials == [("fs.read", "/")] * 3


def test_a_link_whose_target_is_no_text_is_an_error(directory: Path, granted: Grant) -> None:
    (directory / "bad").symlink_to(os.fsdecode(b"\xff\xfe"))
    (directory / os.fsdecode(b"\xff")).touch()
    script = Script()
    data = script.root(DATA)
    target = script.do("descriptor.readlink-at", data, b"bad")
    stream = script.do("descriptor.read-directory", data)
    entries = [script.do("directory-entry-stream.read-directory-entry", stream) for _ in range(4)]

    told = script.run(granted)

    assert told[target] == Failed("illegal-byte-sequence")
    assert [told[item] and told[item][0] for item in entries] == [b"bad", b"f", b"sub", None]


@pytest.mark.claim("files.plain")
def test_a_pipe_and_a_device_are_never_opened(directory: Path, granted: Grant) -> None:
    os.mkfifo(directory / "pipe")
    script = Script()
    data = script.root(DATA)
    opened, stat = script.open(data, b"pipe"), script.do("descriptor.stat-at", data, 0, b"pipe")

    told = script.run(granted)

    assert told[opened] == Failed("access")
    assert told[stat].kind == "unknown"
