"""Only regular files are read, and nothing blocks for the others."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hatchway.registry.regular import read_regular


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)

    assert read_regular(file, limit_bytes=100) == b"x" * 100


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")

    assert read_regular(tmp_path / "link", limit_bytes=100) == b"content"


def test_what_is_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 101)

    with pytest.raises(OSError, match="larger than 100 bytes"):
        read_regular(file, limit_bytes=100)


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device", "nothing", "loop"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    match kind:
        case "directory":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.relpath(place))
        case "device":
            place.symlink_to("/dev/zero")
        case "loop":
            place.symlink_to("place")
        case _:
            assert kind == "nothing"

    with pytest.raises(OSError):  # noqa: PT011 - each says it in its own words
        read_regular(place, limit_bytes=100)


def test_an_impossible_name_is_refused_like_a_missing_file() -> None:
    with pytest.raises(OSError, match="no file can have such a name"):
        read_regular(Path("a\0b"), limit_bytes=100)


def test_nothing_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = open_files()

    for _ in range(20):
        with pytest.raises(OSError, match="not a regular file"):
            read_regular(tmp_path / "fifo", limit_bytes=100)

    assert open_files() == before
