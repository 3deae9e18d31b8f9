"""A lock that comes with a project: versions and hashes, and nothing that pip would obey."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hatchway.core.errors import ConfigError
from hatchway.sdk.locked import requirements_of
from hatchway.sdk.wheels import packages_of

if TYPE_CHECKING:
    from pathlib import Path

HASH = f"--hash=sha256:{'0a' * 32}"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "requirements.lock"


def test_what_pip_compile_writes_is_read(lock: Path) -> None:
    lock.write_text(
        f"#\n# made by pip-compile \\\n#\n\nb-c.d==1.0.post1 \\\r\n    {HASH} \\\r\n    {HASH}\r\n"
        f"    # via a\na==1!2.0+x {HASH}  # the last\nlast==3 \\\n  {HASH} \\"
    )

    assert requirements_of(lock).splitlines() == [
        f"b-c.d==1.0.post1 {HASH} {HASH}",
        f"a==1!2.0+x {HASH}",
        f"last==3 {HASH}",
    ]


def test_a_lock_without_packages_brings_none(lock: Path) -> None:
    lock.write_text("# nothing\n")

    assert packages_of(lock, lambda _line: None) == {}


@pytest.mark.parametrize(
    "line",
    [
        f"evil @ file:///tmp/evil-1.0.tar.gz {HASH}",
        f"https://evil.example/evil-1.0.tar.gz {HASH}",
        f"./evil-1.0.tar.gz {HASH}",
        f"git+https://evil.example/evil {HASH}",
        "--index-url http://127.0.0.1:8979/${PIP_INDEX_URL}/",
        "-i http://127.0.0.1/",
        "--extra-index-url=http://127.0.0.1/",
        "--find-links http://127.0.0.1/",
        "--trusted-host 127.0.0.1",
        "--no-binary :all:",
        "--pre",
        "-r other.txt",
        "-c other.txt",
        "-e .",
        f"evil==${{HOME}} {HASH}",
        f"${{HOME}}==1.0 {HASH}",
        f"evil==1.0 {HASH} --config-settings=a=b",
        f"evil==1.0 --global-option=x {HASH}",
        f"evil==1.0 \\\n --index-url=http://127.0.0.1/ {HASH}",
        f"evil[x]==1.0 {HASH}",
        f'evil==1.0 ; python_version > "3" {HASH}',
        f"evil===1.0 {HASH}",
        f"evil>=1.0 {HASH}",
        f"evil==1.* {HASH}",
        "evil==1.0",
        "evil==1.0 --hash=sha256:00",
        f"evil==1.0 --hash=md5:{'0' * 32}",
        f"evil==1.0{HASH}",
        f"evil==1.0 {HASH}\x0b--pre",
        f"evil==1.0 {HASH}\u2028--pre",
        f"evil==1.0 {HASH}\r--pre",
    ],
)
def test_what_pip_would_obey_is_refused_with_its_place(lock: Path, line: str) -> None:
    lock.write_text(f"good==1.0 {HASH}\n{line}\n", newline="")

    with pytest.raises(ConfigError, match=r"^requirements\.lock:2: ") as refused:
        requirements_of(lock)

    assert refused.value.code == "config.build_failed"
    assert refused.value.hint


def test_a_lock_that_is_no_file_of_text_is_refused(lock: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    lock.write_bytes(b"\xff\xfe")

    for place in (lock, tmp_path / "pipe", tmp_path / "gone", tmp_path):
        with pytest.raises(ConfigError) as refused:
            requirements_of(place)
        assert refused.value.code == "config.unreadable"


def test_a_lock_has_an_end(lock: Path) -> None:
    lock.write_bytes(b"#" * ((4 << 20) + 1))

    with pytest.raises(ConfigError) as refused:
        requirements_of(lock)

    assert refused.value.code == "config.too_large"
