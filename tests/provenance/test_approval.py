"""What an operator approved is one hash: of powers, secrets, limits, compiler and isolation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import allowed_capabilities, patient

from hatchway.core.capability import Clock, EnvironmentVariable, RandomSource
from hatchway.core.egress import EgressLimits
from hatchway.core.limits import Limits
from hatchway.policy.document import ToolPolicy
from hatchway.policy.grammar import parse_capability
from hatchway.policy.secrets import SecretRule
from hatchway.provenance.approval import policy_digest, secret_digests

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


def secret(origin: str = "https://api.example.com", base: str = "/p", **more: Any) -> SecretRule:
    facts: dict[str, Any] = {"name": "KEY", "kind": "env", "source": "KEY"}
    found = parse_capability(f"net.http={origin}", side="allowed", base=base)
    return SecretRule(**(facts | {"origin": found} | more))


SECRETS: dict[str, tuple[SecretRule, ...]] = {
    "none": (),
    "one": (secret(),),
    "one more": (secret(), secret(name="OTHER", header="x-other")),
    "another name": (secret(name="OTHER"),),
    "from elsewhere": (secret(source="OTHER"),),
    "from a file": (secret(kind="file", source="/p/key"),),
    "from another file": (secret(kind="file", source="/srv/key"),),
    "to elsewhere": (secret("https://evil.example"),),
    "to another port": (secret("https://api.example.com:8443"),),
    "in another field": (secret(header="x-key"),),
    "with other words": (secret(template="Bearer {}"),),
}


def test_a_secret_that_goes_elsewhere_is_another_approval() -> None:
    hashes = {policy_digest(entry(Clock(), secrets=rules), base="/p") for rules in SECRETS.values()}

    assert len(hashes) == len(SECRETS)


def test_each_secret_can_be_told_apart_and_no_entry_has_none() -> None:
    found = [secret_digests(entry(secrets=rules), base="/p") for rules in SECRETS.values()]

    assert secret_digests(None, base="/p") == found[0] == {}
    assert found[2].keys() == {"KEY", "OTHER"}
    assert found[2]["KEY"] == found[1]["KEY"]
    assert len({each["KEY"] for each in found if len(each) == 1 and "KEY" in each}) == 8


def test_neither_order_nor_place_nor_machine_of_secrets_matters() -> None:
    one, other = secret(line=3), secret(name="OTHER", header="x-other")
    here = secret(base="/p", kind="file", source="/p/keys/a")
    there = secret(base="/srv", kind="file", source="/srv/keys/a")

    assert policy_digest(entry(secrets=(one, other)), base="/p") == policy_digest(
        entry(secrets=(other, replace(one, line=9))), base="/p"
    )
    assert policy_digest(entry(secrets=(here,)), base="/p") == policy_digest(
        entry(secrets=(there,)), base="/srv"
    )


CHANGES: dict[str, ToolPolicy] = {
    "what requests may consume": entry(Clock(), egress=EgressLimits(per_minute=1)),
    "a secret": entry(Clock(), secrets=SECRETS["one"]),
    "a power more": entry(Clock(), RandomSource()),
    "a power less": entry(),
    "another value": entry(Clock(), EnvironmentVariable(variable="LANG", value="C")),
    "a limit": entry(Clock(), limits=Limits(fuel=1)),
    "a compiler": entry(Clock(), compiler="winch"),
    "a thread": entry(Clock(), isolation="thread"),
    "a worker": entry(Clock(), isolation="worker"),
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
