"""Packages from a lock: pure, hashed, and with nothing outside their own directory."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatchway.core.errors import ConfigError
from hatchway.sdk.wheels import packages_of

if TYPE_CHECKING:
    from pathlib import Path

_METADATA = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {}\n"


@pytest.fixture(autouse=True)
def _own_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds what lies in the test's directory, and nothing else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def wheel(directory: Path, tag: str = "py3-none-any", member: str = "greeting/__init__.py") -> str:
    """A wheel in the directory; its line in a lock."""
    place = directory / f"greeting-1.0-{tag}.whl"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr(member, "words = 'hello'\n")
        archive.writestr("greeting-1.0.dist-info/METADATA", _METADATA)
        archive.writestr("greeting-1.0.dist-info/WHEEL", _WHEEL.format(tag))
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    return f"greeting==1.0 --hash=sha256:{digest}\n"


def lock(directory: Path, text: str) -> Path:
    place = directory / "requirements.lock"
    place.write_text(text)
    return place


def test_what_a_wheel_holds_is_there_without_its_metadata(tmp_path: Path) -> None:
    told: list[str] = []

    found = packages_of(lock(tmp_path, wheel(tmp_path)), told.append)

    assert found == {"greeting/__init__.py": b"words = 'hello'\n"}
    assert told == ["fetching the packages of requirements.lock"]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (f"greeting==1.0 --hash=sha256:{'0' * 64}\n", "py3-none-any"),
        (None, "cp311-cp311-linux_x86_64"),
    ],
)
def test_what_has_another_hash_or_is_not_pure_is_refused(
    tmp_path: Path, text: str | None, tag: str
) -> None:
    line = wheel(tmp_path, tag)

    with pytest.raises(ConfigError, match="pip cannot fetch") as refused:
        packages_of(lock(tmp_path, text or line), lambda _line: None)

    assert refused.value.code == "config.build_failed"


def test_an_archive_of_source_in_the_lock_runs_nothing(tmp_path: Path) -> None:
    source = tmp_path / "evil-1.0.tar.gz"
    source.write_bytes(b"never opened")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    line = f"evil @ {source.as_uri()} --hash=sha256:{digest}\n"

    with pytest.raises(ConfigError, match=r"requirements\.lock:1: not NAME==VERSION"):
        packages_of(lock(tmp_path, line), lambda _line: None)


@pytest.mark.parametrize("member", ["../out.py", "/etc/out.py", "a/../../out.py", "a\\b.py"])
def test_a_wheel_writes_nothing_outside_itself(tmp_path: Path, member: str) -> None:
    line = wheel(tmp_path, member=member)

    with pytest.raises(ConfigError, match="holds the path"):
        packages_of(lock(tmp_path, line), lambda _line: None)
