"""The proposals that are noticed, and what the engine says of them."""

from __future__ import annotations

from hatchway.audit import features
from hatchway.engine.settings import FEATURES


def test_every_proposal_is_explained() -> None:
    named = {
        value
        for label, value in vars(features).items()
        if isinstance(value, str) and label.isupper()
    }

    assert named == set(features.EXPLANATIONS)


def test_what_is_said_to_be_turned_off_is_off_in_the_engine() -> None:
    switches = {FEATURES[switch] for switch in features.ENGINE_SWITCHES.values()}

    assert switches == {False}


def test_what_the_engine_turns_off_of_webassembly_is_known_here() -> None:
    """What is left has no form of its own: it goes with one of the others."""
    off = {switch for switch, is_on in FEATURES.items() if not is_on}

    assert off - set(features.ENGINE_SWITCHES.values()) == {
        "shared_memory", "gc_support", "concurrency_support", "memory_may_move",
    }  # fmt: skip


def test_nothing_is_turned_off_that_ordinary_artifacts_need() -> None:
    assert features.MULTI_MEMORY not in features.TURNED_OFF
    assert features.EXTENDED_CONST not in features.TURNED_OFF
