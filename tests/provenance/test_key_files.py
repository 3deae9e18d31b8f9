"""Key files: their owner's alone, and never written over."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from hatchway.core.errors import ConfigError
from hatchway.provenance.key_files import (
    create_key_files,
    read_passphrase_file,
    read_private_key_file,
    read_small_file,
)
from hatchway.provenance.keys import generate_key

if TYPE_CHECKING:
    from pathlib import Path

KEY = generate_key("ed25519")
PRIVATE, PUBLIC = KEY.to_pem(None), KEY.public.to_pem()


def create(directory: Path) -> tuple[Path, Path]:
    files = directory / "me.key", directory / "me.pub"
    create_key_files(files[0], PRIVATE, files[1], PUBLIC)
    return files


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def secret(directory: Path, content: bytes, permissions: int = 0o600) -> Path:
    file = directory / "secret"
    file.write_bytes(content)
    file.chmod(permissions)
    return file


def test_a_private_key_is_its_owners_and_a_public_key_everybodys(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private, public = create(tmp_path)
    finally:
        os.umask(before)

    assert (mode(private), mode(public)) == (0o600, 0o644)
    assert read_private_key_file(private) == PRIVATE
    assert read_small_file(public, limit_bytes=1000) == PUBLIC


@pytest.mark.parametrize("existing", ["me.key", "me.pub"])
def test_no_key_is_written_over_and_no_half_is_left(existing: str, tmp_path: Path) -> None:
    (tmp_path / existing).write_text("precious")

    with pytest.raises(ConfigError, match=f"{existing}' is there already") as raised:
        create(tmp_path)

    assert raised.value.code == "config.key_exists"
    assert [file.name for file in tmp_path.glob("me.*")] == [existing]
    assert (tmp_path / existing).read_text() == "precious"


def test_a_link_where_a_key_should_go_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "me.key").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="is there already"):
        create(tmp_path)

    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*No such file") as raised:
        create(tmp_path / "nowhere")

    assert raised.value.code == "config.unwritable"


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o620, 0o601])
def test_a_secret_that_others_could_have_is_not_used(permissions: int, tmp_path: Path) -> None:
    file = secret(tmp_path, PRIVATE, permissions)

    for read in (read_private_key_file, read_passphrase_file):
        with pytest.raises(ConfigError, match=f"mode 0{permissions:o}") as raised:
            read(file)

        assert raised.value.code == "config.key_exposed"
        assert raised.value.hint == f"chmod 600 {file}"


def test_the_wrong_file_is_named_for_what_it_is_and_not_for_its_mode(tmp_path: Path) -> None:
    _, public = create(tmp_path)

    with pytest.raises(ConfigError, match="it holds 'PUBLIC KEY'"):
        read_private_key_file(public)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"correct horse", "correct horse"),
        (b"correct horse\n", "correct horse"),
        (b"correct horse\r\n", "correct horse"),
        (b" blanks count \n", " blanks count "),
        (b"\xff\xfe\n", "\udcff\udcfe"),
    ],
)
def test_a_passphrase_is_the_one_line_of_its_file(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    assert read_passphrase_file(secret(tmp_path, content)).reveal() == expected


def test_a_passphrase_of_two_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than one line") as raised:
        read_passphrase_file(secret(tmp_path, b"one\ntwo\n"))

    assert raised.value.code == "config.bad_passphrase"


def test_what_is_no_small_regular_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    large = secret(tmp_path, b"x" * 11)

    for path, complaint in (
        (tmp_path / "nowhere", "No such file"),
        (tmp_path, "not a regular file"),
        (pipe, "not a regular file"),
        (large, "larger than 10 bytes"),
        (tmp_path / "a\0b", "null byte"),
    ):
        with pytest.raises(ConfigError, match=complaint) as raised:
            read_small_file(path, limit_bytes=10)

        assert raised.value.code == "config.unreadable"
