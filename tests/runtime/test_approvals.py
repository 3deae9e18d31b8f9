"""What was audited on this machine, whatever a lockfile says of itself."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatchway.provenance.lockfile import LockedTool
from hatchway.runtime import approvals as approvals_module
from hatchway.runtime.approvals import Approvals

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "0" * 64
POLICY = "sha256:" + "1" * 64


def entry(**changes: object) -> LockedTool:
    tool = LockedTool(
        source="./a.wasm", digest=DIGEST, size=1, kind="module", imports=(), tools={}, grade="A"
    )
    return replace(tool, **changes)  # type: ignore[arg-type]  # tests name real fields


def test_only_exactly_what_was_recorded_is_approved(tmp_path: Path) -> None:
    record = Approvals(tmp_path / "approved.json")

    record.record("a", entry(), POLICY)

    assert record.holds("a", entry(), POLICY)
    assert not record.holds("b", entry(), POLICY)
    assert not record.holds("a", entry(grade="B"), POLICY)
    assert not record.holds("a", entry(overrides=("HW-SEC-001:0",)), POLICY)
    assert not record.holds("a", entry(), "sha256:" + "2" * 64)


def test_other_rules_approve_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Approvals(tmp_path / "approved.json")
    record.record("a", entry(), POLICY)

    monkeypatch.setattr(approvals_module, "RULES_VERSION", "of tomorrow")

    assert not record.holds("a", entry(), POLICY)


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", b"[1, null]", b"[" * 100_000, b"7"])
def test_a_damaged_record_approves_nothing_and_is_mended(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "approved.json"
    file.write_bytes(content)
    record = Approvals(file)

    assert not record.holds("a", entry(), POLICY)
    record.record("a", entry(), POLICY)

    assert record.holds("a", entry(), POLICY)


def test_a_record_that_cannot_be_written_is_only_a_delay(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    record = Approvals(tmp_path / "file" / "approved.json")

    record.record("a", entry(), POLICY)

    assert not record.holds("a", entry(), POLICY)


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    record = Approvals(tmp_path / "approved.json")
    names = [f"tool{number}" for number in range(20)]
    threads = [
        threading.Thread(target=record.record, args=(name, entry(), POLICY)) for name in names
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(record.holds(name, entry(), POLICY) for name in names)


def test_the_oldest_are_forgotten_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals_module, "KEPT", 2)
    record = Approvals(tmp_path / "approved.json")

    for name in ("a", "b", "a", "c"):
        record.record(name, entry(), POLICY)

    assert [record.holds(name, entry(), POLICY) for name in "abc"] == [True, False, True]
