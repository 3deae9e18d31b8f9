"""What was approved last is remembered: bounded, whole, apart for every policy, and only ours."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.provenance.lockfile import LockedTool
from hatchway.runtime import remembered
from hatchway.runtime.remembered import (
    RememberedPins,
    is_same_place,
    require_as_approved,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = "/srv/project"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def pinned(number: int = 1, **more: Any) -> LockedTool:
    facts: dict[str, Any] = {
        "source": "./echo.wasm",
        "digest": digest(number),
        "size": 8,
        "kind": "module",
        "imports": (),
        "tools": {},
    }
    return LockedTool(**(facts | more))


def pins(directory: Path, project: str = "a") -> RememberedPins:
    return RememberedPins(directory / "remembered", directory / project / "hatchway.toml")


def test_a_stranger_is_not_remembered(tmp_path: Path) -> None:
    assert pins(tmp_path).of("echo") is None


def test_the_last_is_remembered_whole_and_by_every_process(tmp_path: Path) -> None:
    kept = pins(tmp_path)
    last = pinned(2, signers=("key:a",), manifest={"abi": "json"}, grade="B", policy=digest(9))

    kept.note("echo", pinned(1), known=["echo"])
    kept.note("echo", last, known=["echo"])

    assert pins(tmp_path).of("echo") == last


def test_a_tool_that_the_policy_does_not_have_any_more_is_remembered(tmp_path: Path) -> None:
    kept = pins(tmp_path)
    kept.note("gone", pinned(1), known=["gone"])

    kept.note("echo", pinned(2), known=["echo"])

    assert kept.of("gone") == pinned(1)


def test_of_those_only_so_many_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "KEPT", 20)
    kept = pins(tmp_path)
    names = [f"t{number:03}" for number in range(23)]
    for name in names:
        kept.note(name, pinned(), known=[name])

    kept.note("echo", pinned(), known=["echo", names[-1]])

    still = [name for name in names if kept.of(name) is not None]
    assert len(still) == 21
    assert names[-1] in still


def test_every_policy_has_its_own(tmp_path: Path) -> None:
    pins(tmp_path, "a").note("echo", pinned(1), known=["echo"])

    assert pins(tmp_path, "b").of("echo") is None


def test_nobody_else_may_read_it_and_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    pins(tmp_path).note("echo", pinned(), known=["echo"])
    (file,) = (tmp_path / "remembered").iterdir()
    before = file.stat()

    pins(tmp_path).note("echo", pinned(), known=["echo"])

    assert stat.S_IMODE(before.st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.stat() == before


DAMAGE: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "no lockfile": lambda _: b"{}",
    "no text": lambda _: b"\xff",
    "another digest": lambda text: text.replace(digest(1), digest(3)).encode(),
    "another name": lambda text: text.replace('"echo"', '"ech0"').encode(),
    "another version": lambda text: text.replace('"version": 2', '"version": 1').encode(),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_file_is_said_so(what: str, tmp_path: Path) -> None:
    kept = pins(tmp_path)
    kept.note("echo", pinned(), known=["echo"])
    (file,) = (tmp_path / "remembered").iterdir()
    file.write_bytes(DAMAGE[what](file.read_text()))

    with pytest.raises(ConfigError) as reading:
        kept.of("echo")
    with pytest.raises(ConfigError) as noting:
        kept.note("echo", pinned(2), known=["echo"])

    for error in (reading.value, noting.value):
        assert error.code in ("config.lock_corrupt", "config.version")
        assert str(error.hint).startswith(f"rm {file}; removed tools are then strangers")


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "remembered").write_text("in the way")

    with pytest.raises(ConfigError) as caught:
        pins(tmp_path).note("echo", pinned(), known=["echo"])

    assert (caught.value.code, pins(tmp_path).of("echo")) == ("config.unwritable", None)
    assert "XDG_DATA_HOME" in str(caught.value.hint)


# What is compared

SAME = [
    ("./echo.wasm", "/srv/project/echo.wasm"),
    ("oci://ghcr.io/acme/echo:1.0", f"oci://ghcr.io/acme/echo@{digest(1)}"),
    ("pypi:echo==1.0#e.wasm", "pypi:echo==1.1#e.wasm"),
    ("npm:@acme/echo@1.0.0#e.wasm", "npm:@acme/echo@2.0.0#e.wasm"),
    ("https://example.com/e.wasm", f"https://example.com/e.wasm@{digest(2)}"),
    ("what is this", "what is this"),
]
OTHERS = [
    ("./echo.wasm", "./other.wasm"),
    ("oci://ghcr.io/acme/echo:1.0", "oci://ghcr.io/acme/other:1.0"),
    ("oci://ghcr.io/acme/echo:1.0", "oci://ghcr.io.evil.example/acme/echo:1.0"),
    ("pypi:echo==1.0#e.wasm", "npm:echo@1.0.0#e.wasm"),
    ("OCI://ghcr.io/acme/echo", "OCI://ghcr.io/acme/other"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_version_is_no_part_of_a_place(one: str, other: str) -> None:
    assert is_same_place(pinned(source=one), pinned(source=other), base=BASE)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_what_lies_elsewhere_is_another_tool(one: str, other: str) -> None:
    assert not is_same_place(pinned(source=one), pinned(source=other), base=BASE)


@pytest.mark.parametrize(
    "more",
    [{"imports": ("a.b",)}, {"tools": {"echo": digest(5)}}, {"signers": ("key:a",)}],
    ids=str,
)
def test_more_power_other_words_or_another_signer_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(AdmissionError) as caught:
        require_as_approved("echo", pinned(), pinned(2, **more), base=BASE)

    assert caught.value.code == "admission.drift"
    assert caught.value.hint == "hatchway add ./echo.wasm --name echo"


@patient
@given(st.booleans(), st.booleans(), st.integers(1, 2))
def test_strangers_others_and_the_harmless_pass(
    is_stranger: bool, is_elsewhere: bool, number: int
) -> None:
    before = None if is_stranger else pinned(imports=("a.b",))
    more: dict[str, Any] = {"imports": ("x.y",), "source": "./other.wasm"} if is_elsewhere else {}

    require_as_approved("echo", before, pinned(number, **more), base=BASE)
