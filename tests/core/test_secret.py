"""Secrets do not show themselves."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hatchway.core.secret import Secret

VALUE = "hunter2-hunter2"


@dataclass(frozen=True)
class Holder:
    token: Secret


WAYS_TO_SHOW = {
    "repr": repr(Secret(VALUE)),
    "str": str(Secret(VALUE)),
    "format": f"{Secret(VALUE)}",
    "padded": f"{Secret(VALUE)!r:>40}",
    "inside a dataclass": repr(Holder(token=Secret(VALUE))),
    "inside a list": repr([Secret(VALUE)]),
}


@pytest.mark.parametrize("way", WAYS_TO_SHOW)
def test_a_secret_is_never_shown(way: str) -> None:
    assert VALUE not in WAYS_TO_SHOW[way]
    assert "Secret(…)" in WAYS_TO_SHOW[way]


def test_a_secret_is_revealed_to_whoever_asks_for_it_by_name() -> None:
    assert Secret(VALUE).reveal() == VALUE


def test_a_secret_has_no_attributes_that_a_dump_would_list() -> None:
    assert not hasattr(Secret(VALUE), "__dict__")


def test_a_secret_matches_itself() -> None:
    assert Secret(VALUE).matches(VALUE) is True


@pytest.mark.parametrize(
    "presented", ["", "hunter2", VALUE + "x", VALUE.upper(), "é", "\ud800", "\0"]
)
def test_a_secret_matches_nothing_else(presented: str) -> None:
    assert Secret(VALUE).matches(presented) is False


def test_a_secret_may_hold_any_unicode() -> None:
    assert Secret("pässwörd 😀").matches("pässwörd 😀") is True
