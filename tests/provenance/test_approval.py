"""What an operator approved is one hash: of the powers, the limits and the compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import allowed_capabilities, patient

from hatchway.core.capability import Clock, EnvironmentVariable, RandomSource
from hatchway.core.limits import Limits
from hatchway.policy.document import ToolPolicy
from hatchway.policy.grammar import parse_capability
from hatchway.provenance.approval import policy_digest

if TYPE_CHECKING:
    from hatchway.core.capability import Capability


def entry(*allow: Capability, **more: Any) -> ToolPolicy:
    facts: dict[str, Any] = {"name": "grep", "source": "./grep.wasm", "allow": allow}
    return ToolPolicy(**(facts | more))


def files(text: str, base: str) -> str:
    return policy_digest(entry(parse_capability(text, side="allowed", base=base)), base=base)


@patient
@given(st.lists(allowed_capabilities(), max_size=4), st.randoms())
def test_the_order_of_the_lines_does_not_matter(allow: list[Capability], random: Any) -> None:
    shuffled = list(allow)
    random.shuffle(shuffled)

    assert policy_digest(entry(*allow), base="/p") == policy_digest(entry(*shuffled), base="/p")


@patient
@given(st.sets(allowed_capabilities(), max_size=3), st.sets(allowed_capabilities(), max_size=3))
def test_it_is_the_same_only_for_the_same_powers(
    one: set[Capability], other: set[Capability]
) -> None:
    is_same = policy_digest(entry(*one), base="/") == policy_digest(entry(*other), base="/")

    assert is_same == ({str(item) for item in one} == {str(item) for item in other})


CHANGES: dict[str, ToolPolicy] = {
    "a power more": entry(Clock(), RandomSource()),
    "a power less": entry(),
    "another value": entry(Clock(), EnvironmentVariable(variable="LANG", value="C")),
    "a limit": entry(Clock(), limits=Limits(fuel=1)),
    "a compiler": entry(Clock(), compiler="winch"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_is_approved_changes_it(what: str) -> None:
    approved = policy_digest(entry(Clock()), base="/p")

    assert policy_digest(CHANGES[what], base="/p") != approved


def test_where_it_comes_from_and_what_it_is_called_is_pinned_elsewhere() -> None:
    renamed = entry(Clock(), name="sed", source="./sed.wasm", allow_lines=(7,))

    assert policy_digest(renamed, base="/p") == policy_digest(entry(Clock()), base="/p")


@pytest.mark.parametrize(
    "text", ["fs.read=./docs", "fs.read=./docs:/docs", "fs.write=docs/a;quota=1MiB", "fs.read=."]
)
def test_a_project_has_the_same_hash_on_every_machine(text: str) -> None:
    assert files(text, "/home/ada/project") == files(text, "/srv/project")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fs.read=./docs", "fs.read=./notes"),
        ("fs.read=./docs:/docs", "fs.read=./docs:/notes"),
        ("fs.read=./docs", "fs.write=./docs"),
        ("fs.read=/docs", "fs.read=./docs"),
    ],
)
def test_another_directory_is_another_approval(one: str, other: str) -> None:
    assert files(one, "/srv/project") != files(other, "/srv/project")
