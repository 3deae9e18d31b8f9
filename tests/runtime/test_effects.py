"""What a tool can do follows from its grants; its author can only be more cautious."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient, related_capabilities

from hatchway.core.manifest import Annotations
from hatchway.policy.grammar import parse_capability
from hatchway.runtime.effects import annotations_of

if TYPE_CHECKING:
    from hatchway.core.capability import Capability

NO_CLAIM = Annotations()
maybe = st.none() | st.booleans()
claims = st.builds(
    Annotations,
    title=st.none() | st.just("T"),
    read_only=maybe,
    destructive=maybe,
    idempotent=maybe,
    open_world=maybe,
)
allowances = st.lists(related_capabilities(), max_size=4).map(tuple)


def shown(*allow: str, claim: Annotations = NO_CLAIM) -> Annotations:
    return annotations_of(tuple(parse_capability(text, side="allowed") for text in allow), claim)


def effects(annotations: Annotations) -> tuple[bool | None, ...]:
    """(read-only, destructive, idempotent, open world)."""
    return (
        annotations.read_only,
        annotations.destructive,
        annotations.idempotent,
        annotations.open_world,
    )


def danger(annotations: Annotations) -> tuple[bool, ...]:
    """The same, each turned so that True means more reason for caution."""
    return (
        not annotations.read_only,
        bool(annotations.destructive),
        not annotations.idempotent,
        bool(annotations.open_world),
    )


def test_a_tool_that_is_granted_nothing_changes_nothing() -> None:
    assert effects(shown()) == (True, False, True, False)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ("fs.read=/a", (True, False, True, False)),
        ("fs.write=/a", (False, True, False, False)),
        ("net.http=https://e.org;methods=GET,HEAD", (True, False, False, True)),
        ("net.http=https://e.org;methods=OPTIONS", (True, False, False, True)),
        ("net.http=https://e.org;methods=GET,POST", (False, True, False, True)),
        ("net.http=https://e.org", (False, True, False, True)),
        ("net.socket=e.org:80", (False, True, False, True)),
        ("net.dns=e.org:53", (False, True, False, True)),
        ("tool=grep", (False, True, False, True)),
        ("env=LANG", (True, False, True, False)),
        ("env=LANG=C", (True, False, True, False)),
        ("clock", (True, False, False, False)),
        ("random", (True, False, False, False)),
    ],
)
def test_a_grant_has_these_effects(capability: str, expected: tuple[bool, ...]) -> None:
    assert effects(shown(capability)) == expected


@patient
@given(allowances, claims)
def test_a_claim_only_ever_makes_a_tool_look_more_dangerous(
    allow: tuple[Capability, ...], claim: Annotations
) -> None:
    without = danger(annotations_of(allow, NO_CLAIM))
    with_it = danger(annotations_of(allow, claim))

    assert all(after >= before for before, after in zip(without, with_it, strict=True))


@patient
@given(allowances, related_capabilities(), claims)
def test_a_further_grant_never_makes_a_tool_look_safer(
    allow: tuple[Capability, ...], more: Capability, claim: Annotations
) -> None:
    before = danger(annotations_of(allow, claim))
    after = danger(annotations_of((*allow, more), claim))

    assert all(later >= earlier for earlier, later in zip(before, after, strict=True))


@patient
@given(allowances, claims)
def test_every_effect_is_stated_and_none_is_left_open(
    allow: tuple[Capability, ...], claim: Annotations
) -> None:
    assert None not in effects(annotations_of(allow, claim))


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (Annotations(read_only=False), (False, False, True, False)),
        (Annotations(destructive=True), (True, True, True, False)),
        (Annotations(idempotent=False), (True, False, False, False)),
        (Annotations(open_world=True), (True, False, True, True)),
        (
            Annotations(read_only=True, destructive=False, idempotent=True, open_world=False),
            (True, False, True, False),
        ),
    ],
)
def test_a_cautious_claim_is_believed(claim: Annotations, expected: tuple[bool, ...]) -> None:
    assert effects(shown(claim=claim)) == expected


def test_a_bold_claim_is_not_believed() -> None:
    bold = Annotations(read_only=True, destructive=False, idempotent=True, open_world=False)

    assert effects(shown("net.http=https://e.org", claim=bold)) == (False, True, False, True)


def test_a_title_is_the_authors() -> None:
    assert shown(claim=Annotations(title="Grep")).title == "Grep"
    assert shown().title is None
