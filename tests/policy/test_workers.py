"""Which walls must stand around workers, and where guests run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.errors import ConfigError
from hatchway.core.isolation import LAYERS, Layer
from hatchway.policy.decide import isolation_of
from hatchway.policy.document import Policy, parse_policy
from hatchway.policy.workers import Workers, require_layers

NETWORKED = 'allow = ["net.http=https://e.org"]'


def parsed(top: str = "", entry: str = "") -> Policy:
    text = f"version = 1\n{top}\n[tools.grep]\nsource = 'g'\n{entry}\n"
    return parse_policy(text, file="hatchway.toml", base="/")


def complaint(workers: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parse_policy(f"version = 1\n[workers]\n{workers}", file="hatchway.toml", base="/")
    return raised.value


@dataclass(frozen=True)
class Found:
    """What was found out about one layer."""

    layer: Layer
    holds: bool
    detail: str = "the kernel has none"


def refusal(workers: Workers, *walls: Found) -> ConfigError | None:
    try:
        require_layers(workers, lambda: walls, file="hatchway.toml")
    except ConfigError as error:
        return error
    return None


def test_workers_say_what_they_need_and_how_many_there_may_be() -> None:
    text = '[workers]\nrequire = ["seccomp", "limits"]\ncalls = 1\nat_most = 256'

    assert parsed(text).workers == Workers(require=("seccomp", "limits"), calls=1, at_most=256)
    assert parsed().workers == Workers(require=(), calls=1000, at_most=32)


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ('require = ["secomp"]', "'secomp' is no layer around a worker", "did you mean 'seccomp'?"),
        ('require = ["x\\u202e"]', r"'x\\u202e' is no layer", "layers are landlock, seccomp"),
        ('require = ["limits", "limits"]', "'limits' stands there twice", None),
        ("calls = 0", "'calls' lies between 1 and 1000000, got 0", None),
        ("at_most = 257", "'at_most' lies between 1 and 256, got 257", None),
        ('calls = "many"', "expected a whole number", None),
        ("at_least = 1", "unknown key 'at_least' in [workers]", "did you mean 'at_most'?"),
    ],
)
def test_a_word_about_workers_that_cannot_be_meant_is_refused_with_its_line(
    line: str, message: str, hint: str | None
) -> None:
    error = complaint(line)

    assert error.message.startswith("hatchway.toml:3: ")
    assert message in error.message
    assert hint is None or (error.hint or "").startswith(hint)


@given(st.integers())
def test_no_number_of_calls_is_too_large_to_complain_about(calls: int) -> None:
    if not 1 <= calls <= 1_000_000:
        assert "lies between" in complaint(f"calls = {calls}").message


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_that_is_required_and_does_not_hold_is_named_with_the_reason(layer: Layer) -> None:
    error = refusal(Workers(require=(layer,)), Found(layer, holds=False))

    assert error is not None
    assert error.code == "config.missing_layer"
    assert error.message.endswith(f"does not hold here: {layer!r} (the kernel has none)")
    assert (error.hint or "").startswith("hatchway doctor")


def test_a_layer_that_nobody_could_try_does_not_hold() -> None:
    error = refusal(Workers(require=LAYERS), Found("landlock", holds=True))

    assert error is not None
    assert "'landlock'" not in error.message
    assert error.message.count("nobody could try it") == len(LAYERS) - 1


def test_layers_that_hold_and_those_that_nobody_asks_for_are_no_reason_to_refuse() -> None:
    lacking = Found("namespaces", holds=False)

    assert refusal(Workers(require=("seccomp",)), Found("seccomp", holds=True), lacking) is None


def test_nothing_is_tried_for_a_policy_that_requires_nothing() -> None:
    def tried() -> Any:
        raise AssertionError

    require_layers(Workers(), tried, file="hatchway.toml")


@pytest.mark.parametrize(
    ("top", "entry", "expected"),
    [
        ("", "", "thread"),
        ("", NETWORKED, "worker"),
        ("", f'{NETWORKED}\nisolation = "thread"', "thread"),
        ('isolation = "thread"', NETWORKED, "thread"),
        ('isolation = "worker"', "", "worker"),
        ('isolation = "worker"', 'isolation = "thread"', "thread"),
    ],
)
def test_an_entry_runs_where_it_says_or_where_all_do_or_where_its_grants_lead(
    top: str, entry: str, expected: str
) -> None:
    policy = parsed(top, entry)

    assert isolation_of(policy.tools["grep"], policy) == expected


def test_an_entry_that_is_in_no_document_runs_where_the_policy_says() -> None:
    (entry,) = parsed().tools.values()

    assert isolation_of(entry, Policy(isolation="worker")) == "worker"


@pytest.mark.parametrize("value", ['"process"', "1", '["worker"]'])
def test_an_isolation_that_there_is_not_is_refused_with_its_line(value: str) -> None:
    with pytest.raises(ConfigError) as top:
        parsed(f"isolation = {value}")
    with pytest.raises(ConfigError) as entry:
        parsed("", f"isolation = {value}")

    assert "hatchway.toml:2: 'isolation'" in top.value.message
    assert "hatchway.toml:5: 'isolation'" in entry.value.message
