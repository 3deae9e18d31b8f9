"""What tells one state of the files from another."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live import own

from hatchway.runtime import reloading
from hatchway.runtime.reloading import are_fresh, signs_of

if TYPE_CHECKING:
    import pytest


def test_two_changes_within_one_time_stamp_are_both_seen(tmp_path: Path) -> None:
    server = own(tmp_path, "echo")
    text = server.policy.read_text()
    server.policy.write_text(f"{text}\n[tools.echo.limits]\nfuel = 11111\n")
    server.look()
    stamp = server.policy.stat().st_mtime_ns

    with server.policy.open("r+") as stream:
        stream.write(f"{text}\n[tools.echo.limits]\nfuel = 22222\n")
    os.utime(server.policy, ns=(stamp, stamp))
    server.look()

    assert server.runtime.catalog.policy.tools["echo"].limits.fuel == 22_222


def test_what_changed_lately_may_change_again_unseen(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    changed_ns = file.stat().st_ctime_ns

    assert are_fresh(signs_of((file,)), changed_ns)
    assert not are_fresh(signs_of((file,)), changed_ns + reloading._FRESH_NS + 1)
    assert not are_fresh(signs_of((tmp_path / "nothing",)), changed_ns)
    assert not are_fresh((date(2027, 1, 1), "damaged"), changed_ns)


def test_files_that_rest_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own(tmp_path, "echo")
    monkeypatch.setattr(reloading, "_FRESH_NS", 0)
    server.look()
    read: list[str] = []
    sources = server.reloader._sources

    def reading() -> Any:
        read.append("read")
        return sources.read()

    server.reloader._sources = replace(sources, read=reading)
    for _ in range(5):
        server.look()

    assert not server.reloader.has_changed()
    assert read == []


def test_a_file_that_cannot_be_looked_at_has_a_sign_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    signs = signs_of((tmp_path / "loop", tmp_path / "nothing", Path("a\0b")))

    assert len({sign[-1] for sign in signs if isinstance(sign, tuple)}) == 3
