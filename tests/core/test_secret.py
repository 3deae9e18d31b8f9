"""Secrets do not show themselves."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pytest

from hatchway.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "as a key": repr({Secret(VALUE): 1}),
    "as data of a dataclass": repr(asdict(Holder(token=Secret(VALUE)))),
    "with percent": "%s %r" % (Secret(VALUE), Secret(VALUE)),  # noqa: UP031 - one of the ways
    "in an error": repr(ValueError("no", Secret(VALUE))),
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


def test_a_byte_that_is_no_text_is_told_from_any_other() -> None:
    assert Secret("\udce9").matches("\udce8") is False
    assert Secret("\udce9").matches("?") is False
    assert Secret("\udce9").matches("\udce9") is True


def test_secrets_of_one_value_are_equal_and_no_others() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret(VALUE + "x")


def test_a_secret_is_not_equal_to_its_value() -> None:
    assert Secret(VALUE) != VALUE
    assert VALUE not in {Secret(VALUE): 1}


def test_the_hash_of_a_secret_says_nothing_about_it() -> None:
    assert hash(Secret(VALUE)) == hash(Secret("something else"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError) as caught:
        pickle.dumps(Holder(token=Secret(VALUE)), protocol)

    assert VALUE not in str(caught.value)


def test_a_secret_is_not_written_as_json() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"token": Secret(VALUE)})

    assert VALUE not in str(caught.value)
    assert json.dumps(Secret(VALUE), default=str) == json.dumps("Secret(…)")


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_secret_is_the_secret(way: Callable[[Secret], Secret]) -> None:
    secret = Secret(VALUE)

    assert way(secret) is secret


def test_a_secret_cannot_be_changed() -> None:
    secret = Secret(VALUE)

    with pytest.raises(AttributeError, match="cannot be changed"):
        secret._value = "another"  # as somebody may try

    assert secret.matches(VALUE)
