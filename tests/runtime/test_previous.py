"""What was pinned before is kept: bounded, whole, and apart for every policy."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.provenance.lockfile import LockedTool
from hatchway.runtime.previous import (
    KEPT,
    Previous,
    PreviousPins,
    digests_to_keep,
    is_same_artifact,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def pinned(number: int, **more: Any) -> LockedTool:
    facts: dict[str, Any] = {
        "source": "./echo.wasm",
        "digest": digest(number),
        "size": 8,
        "kind": "module",
        "imports": (),
        "tools": {},
    }
    return LockedTool(**(facts | more))


def pins(directory: Path, project: str = "a") -> PreviousPins:
    return PreviousPins(directory / "previous", directory / project / "hatchway.toml")


def remember(kept: PreviousPins, *numbers: int, name: str = "echo") -> None:
    for number in numbers:
        previous = Previous(tool=pinned(number), allow=("clock",))
        kept.remember(name, previous, known=["echo", name])


def numbers_of(kept: PreviousPins, name: str = "echo") -> list[int]:
    return [int(item.tool.digest.removeprefix("sha256:"), 16) for item in kept.of(name)]


def test_there_is_nothing_at_first(tmp_path: Path) -> None:
    assert pins(tmp_path).of("echo") == ()
    assert digests_to_keep(tmp_path / "previous") == frozenset()


def test_what_was_pinned_is_kept_whole_the_newest_first(tmp_path: Path) -> None:
    kept = pins(tmp_path)
    tool = pinned(1, signers=("key:a",), manifest={"abi": "json"}, grade="B", policy=digest(9))

    kept.remember("echo", Previous(tool=tool, allow=("clock", "env=A")), known=["echo"])
    remember(kept, 2)

    assert pins(tmp_path).of("echo")[1] == Previous(tool=tool, allow=("clock", "env=A"))
    assert numbers_of(pins(tmp_path)) == [2, 1]


def test_a_file_from_before_there_were_secrets_is_read(tmp_path: Path) -> None:
    kept = pins(tmp_path)
    remember(kept, 1)
    (file,) = (tmp_path / "previous").iterdir()
    document = json.loads(file.read_text())
    del document["tools"]["echo"][0]["secrets"]
    file.write_text(json.dumps(document))

    assert kept.of("echo") == (Previous(tool=pinned(1), allow=("clock",)),)


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    kept = pins(tmp_path)

    remember(kept, *range(KEPT + 3))

    assert numbers_of(kept) == [KEPT + 2 - place for place in range(KEPT)]


def test_what_is_kept_twice_is_kept_once_and_is_the_newest(tmp_path: Path) -> None:
    kept = pins(tmp_path)

    remember(kept, 1, 2, 1)

    assert numbers_of(kept) == [1, 2]


def test_going_back_forgets_what_came_after(tmp_path: Path) -> None:
    kept = pins(tmp_path)
    remember(kept, 1, 2, 3)

    kept.forget_since("echo", pinned(2))
    kept.forget_since("echo", pinned(77))

    assert numbers_of(kept) == [1]


def test_tools_that_the_policy_does_not_have_any_more_are_dropped(tmp_path: Path) -> None:
    kept = pins(tmp_path)
    remember(kept, 1, name="gone")

    remember(kept, 2)

    assert kept.of("gone") == ()


def test_every_policy_has_its_own(tmp_path: Path) -> None:
    remember(pins(tmp_path, "a"), 1)
    remember(pins(tmp_path, "b"), 2)

    assert numbers_of(pins(tmp_path, "a")) == [1]
    assert numbers_of(pins(tmp_path, "b")) == [2]
    assert digests_to_keep(tmp_path / "previous") == {digest(1), digest(2)}


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    remember(pins(tmp_path), 1)

    (file,) = (tmp_path / "previous").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


DAMAGE: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "another version": lambda text: text.replace('"version": 1', '"version": 2'),
    "a list": lambda _: "[]",
    "a number": lambda _: "5",
    "no tools": lambda _: '{"tools": 5, "version": 1}',
    "no pins": lambda _: '{"tools": {"echo": 5}, "version": 1}',
    "an odd pin": lambda _: '{"tools": {"echo": [5]}, "version": 1}',
    "another digest": lambda text: text.replace(digest(1), digest(3)),
    "another name": lambda text: text.replace('"echo": [', '"ech0": ['),
    "odd grants": lambda text: json.dumps(odd(json.loads(text), "clock")),
    "odd grants inside": lambda text: json.dumps(odd(json.loads(text), [5])),
    "half of it": lambda text: text[: len(text) // 2],
    "too deep": lambda _: '{"tools": ' + "[" * 100_000,
}


def odd(document: Any, allow: Any) -> Any:
    document["tools"]["echo"][0]["allow"] = allow
    return document


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_file_is_said_so_and_nothing_is_pruned_meanwhile(
    what: str, tmp_path: Path
) -> None:
    kept = pins(tmp_path)
    remember(kept, 1)
    (file,) = (tmp_path / "previous").iterdir()
    file.write_text(DAMAGE[what](file.read_text()))

    for read in (
        lambda: kept.of("echo"),
        lambda: remember(kept, 2),
        lambda: digests_to_keep(tmp_path / "previous"),
    ):
        with pytest.raises(ConfigError) as caught:
            read()
        assert caught.value.code == "config.lock_corrupt"
        assert str(caught.value.hint).startswith(f"rm {file}")


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "previous").write_text("in the way")

    with pytest.raises(ConfigError) as caught:
        remember(pins(tmp_path), 1)

    assert caught.value.code == "config.unwritable"
    assert "XDG_DATA_HOME" in str(caught.value.hint)


@pytest.mark.parametrize(
    "decided",
    [{"grade": "C"}, {"rules": "9"}, {"policy": digest(5)}, {"overrides": ("x",)}],
    ids=str,
)
def test_what_was_decided_about_an_artifact_does_not_make_it_another(
    decided: dict[str, Any],
) -> None:
    assert is_same_artifact(pinned(1), replace(pinned(1), **decided))


@pytest.mark.parametrize(
    "other",
    [
        {"digest": digest(2)}, {"tools": {"a": digest(1)}}, {"manifest": {}}, {"source": "x"},
        {"signers": ("key:a",)}, {"imports": ("a.b",)},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_else_differs_makes_it_another(other: dict[str, Any]) -> None:
    assert not is_same_artifact(pinned(1), replace(pinned(1), **other))


@patient
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=12))
def test_whatever_happens_the_pins_are_few_and_distinct(
    tmp_path_factory: Any, steps: list[tuple[bool, int]]
) -> None:
    kept = pins(tmp_path_factory.mktemp("pins"))

    for keeps, number in steps:
        if keeps:
            remember(kept, number)
            assert numbers_of(kept)[0] == number
        else:
            kept.forget_since("echo", pinned(number))
            assert number not in numbers_of(kept)

    assert len(set(numbers_of(kept))) == len(numbers_of(kept)) <= KEPT
