"""Files that change all at once or not at all."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from hatchway.registry.files import write_atomically


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def failing(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "file"

    write_atomically(path, b"new\x00content")

    assert path.read_bytes() == b"new\x00content"


def test_a_file_is_replaced_whole_even_by_less(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a long old content")

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()

    write_atomically(directory / "file", b"one")
    write_atomically(directory / "file", b"two")

    assert [path.name for path in directory.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "step", ["os.fsync", "os.fchmod", "pathlib.Path.replace"], ids=["sync", "chmod", "replace"]
)
def test_a_failure_at_any_step_leaves_the_old_content_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()
    path = directory / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(step, failing)

    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(directory.iterdir()) == [path]


def test_an_interruption_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    directory = tmp_path / "directory"
    directory.mkdir()
    path = directory / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupted)

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(directory.iterdir()) == [path]


def test_a_failure_that_cannot_even_be_cleaned_up_is_still_the_first_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fsync", failing)
    monkeypatch.setattr(Path, "unlink", denied)

    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "file", b"new")


def test_a_directory_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "file", b"new")


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "file"

    write_atomically(path, b"")

    assert mode_of(path) == 0o600


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o640)
    path.chmod(0o640)

    write_atomically(path, b"new")

    assert mode_of(path) == 0o640


def test_permissions_may_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o600)

    write_atomically(path, b"new", mode=0o644)

    assert mode_of(path) == 0o644


def test_a_symbolic_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"target")
    link.symlink_to(target)

    write_atomically(link, b"new")

    assert not link.is_symlink()
    assert (link.read_bytes(), target.read_bytes()) == (b"new", b"target")


def test_a_dangling_link_is_replaced_and_nothing_is_made_at_its_end(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")

    write_atomically(link, b"new")

    assert link.read_bytes() == b"new"
    assert not (tmp_path / "nowhere").exists()


def test_a_reader_sees_the_old_content_or_the_new_and_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = {bytes([letter]) * 100_000 for letter in b"ab"}
    write_atomically(path, b"a" * 100_000)
    done = threading.Event()

    def write() -> None:
        for _ in range(30):
            for content in contents:
                write_atomically(path, content)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(path.read_bytes())
    writer.join()

    assert seen <= contents
