"""Where the values of secrets come from, and what nobody is told of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from secrets_asked import VALUE, complaint, value
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.egress.secret_sources import MAX_FILE_BYTES, MAX_SECRET_BYTES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the value, as it should be."""
    made = tmp_path / "token"
    made.write_text(VALUE + "\n")
    made.chmod(0o600)
    return made


# Values


def from_variable(text: str) -> str:
    return value("env", "KEY", {"KEY": text})


@pytest.mark.parametrize("text", [VALUE, "12345678", "pass word!", '{"a": "b"}', "k" * 99 + "eys"])
def test_a_value_is_taken_as_it_is(text: str) -> None:
    assert from_variable(text) == text


UNFIT = {
    "too short": "1234567",
    "too long": "abcd" * (MAX_SECRET_BYTES // 4) + "e",
    "a line break": VALUE + "\nhost: evil",
    "a carriage return": VALUE + "\rx",
    "a zero": VALUE + "\0",
    "an escape": "\x1b[31m" + VALUE,
    "a delete": VALUE + "\x7f",
    "not ASCII": VALUE + "é",
    "no text": VALUE + "\udcff",
    "a lone surrogate": VALUE + "\ud800",
    "a space before": " " + VALUE,
    "a space after": VALUE + " ",
    "a placeholder": "xxxxxxxxxxxx",
    "another placeholder": "abcabcabcabc",
}


@pytest.mark.parametrize("why", UNFIT)
def test_a_value_that_no_field_can_hold_or_that_cannot_be_told_is_refused(
    why: str, tmp_path: Path
) -> None:
    made = tmp_path / "token"
    made.write_bytes(UNFIT[why].encode("utf-8", "surrogatepass"))
    made.chmod(0o600)

    error = complaint("file", made)

    assert error.code == "config.unfit_secret"
    assert UNFIT[why] not in error.message


@patient
@given(st.text(st.characters(), min_size=1, max_size=40))
def test_every_value_stands_in_a_header_field_or_is_refused(text: str) -> None:
    try:
        found = from_variable(text)
    except ConfigError as error:
        refused: str | None = error.code
        found = ""
    else:
        refused = None

    stands = text.isascii() and text.isprintable() and text == text.strip() and len(text) >= 8
    assert refused == (None if stands and len(set(text)) >= 4 else "config.unfit_secret")
    assert found == ("" if refused else text)


def test_nothing_is_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)

    value("file", file)
    complaint("env", "KEY", {"KEY": "short"})

    assert caplog.records == []


# Variables


@pytest.mark.parametrize("environment", [{}, {"KEY": ""}])
def test_a_variable_that_is_missing_or_empty_is_an_error(environment: dict[str, str]) -> None:
    error = complaint("env", "KEY", environment)

    assert error.code == "config.missing_secret"
    assert error.message == (
        "there is no value for the secret API_KEY: 'env:KEY' is not set, or empty"
    )
    assert error.hint is not None
    assert error.hint.startswith("set KEY where Hatchway is started")


# Files


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ones_own_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)

    assert value("file", file) == VALUE


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_one_line_break_at_the_end_is_not_part_of_it(file: Path, ending: str) -> None:
    file.write_bytes((VALUE + ending).encode())

    assert value("file", file) == VALUE


@pytest.mark.parametrize("ending", ["\n\n", "\r", "\n\r\n"])
def test_any_other_line_break_is(file: Path, ending: str) -> None:
    file.write_bytes((VALUE + ending).encode())

    assert complaint("file", file).code == "config.unfit_secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)

    error = complaint("file", file)

    assert error.code == "config.secret_exposed"
    assert error.hint == f"chmod 600 {file}"


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(file, 65534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: -1)

    error = complaint("file", file)

    assert error.code == "config.secret_exposed"
    assert "it belongs to another user" in error.message


def test_a_link_is_not_followed(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)

    error = complaint("file", link)

    assert error.code == "config.missing_secret"
    assert "is a link; name the file that it leads to" in error.message


def test_a_directory_above_may_be_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(tmp_path)

    assert value("file", tmp_path / "elsewhere" / "token") == VALUE


def test_a_directory_that_everybody_may_write_to_is_refused(file: Path) -> None:
    file.parent.chmod(0o777)

    error = complaint("file", file)

    assert error.code == "config.secret_exposed"
    assert error.hint == f"chmod o-w {file.parent}"


def test_a_directory_like_that_will_do_when_nobody_may_replace_the_files_of_others(
    file: Path,
) -> None:
    file.parent.chmod(0o1777)

    assert value("file", file) == VALUE


def test_what_is_no_file_is_refused_and_does_not_hold_anything_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "directory").mkdir(0o700)

    for name in ("pipe", "directory"):
        assert "is no regular file" in complaint("file", tmp_path / name).message


def test_a_large_file_is_refused(file: Path) -> None:
    file.write_bytes(b"a" * (MAX_FILE_BYTES + 1))

    assert f"is larger than {MAX_FILE_BYTES} bytes" in complaint("file", file).message


def test_an_empty_file_is_an_error(file: Path) -> None:
    file.write_text("\n")

    assert complaint("file", file).code == "config.missing_secret"


@pytest.mark.parametrize("name", ["missing", "missing/token", "token/below", "a\0b", "\0/b"])
def test_a_file_that_is_not_there_is_an_error_with_the_next_step(file: Path, name: str) -> None:
    error = complaint("file", file.parent / name)

    assert error.code == "config.missing_secret"
    assert "cannot be read" in error.message
    assert error.hint is not None
    assert error.hint.startswith("(umask 077; cat > ")
