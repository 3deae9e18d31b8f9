"""What a grant says to the broker, and what it never shows."""

from __future__ import annotations

import dataclasses

import pytest

from hatchway.core.capability import HttpAccess
from hatchway.core.egress import (
    BoundSecret,
    EgressGrant,
    EgressLimits,
    FlowRule,
    Route,
    Ticket,
)
from hatchway.core.secret import Secret

ORIGIN = HttpAccess(scheme="https", host="e.org", port=443)
VALUE = "hunter2"


def bound(value: str = VALUE) -> BoundSecret:
    return BoundSecret(
        name="KEY",
        scheme="https",
        host="e.org",
        port=443,
        header="authorization",
        template="Bearer {}",
        secret=Secret(value),
    )


def test_a_grant_says_as_little_as_it_may() -> None:
    assert EgressGrant(origins=(ORIGIN,)) == EgressGrant(
        origins=(ORIGIN,), secrets=(), limits=EgressLimits(), flow=None, route=Route()
    )


def test_a_flow_rule_leaves_nothing_unless_it_says_what() -> None:
    assert FlowRule().may_reach == ()


def test_every_limit_is_finite_and_positive() -> None:
    limits = dataclasses.asdict(EgressLimits())

    assert all(0 < value < 1 << 40 for value in limits.values())


@pytest.mark.claim("egress.secrets")
def test_neither_a_grant_nor_a_ticket_shows_what_is_secret() -> None:
    grant = EgressGrant(origins=(ORIGIN,), secrets=(bound(),))
    ticket = Ticket(port=1, token=Secret(VALUE))

    assert VALUE not in f"{grant!r} {grant} {ticket!r} {ticket}"


def test_grants_with_different_values_are_different_grants() -> None:
    grant = EgressGrant(origins=(ORIGIN,), secrets=(bound(),))

    assert grant == EgressGrant(origins=(ORIGIN,), secrets=(bound(),))
    assert grant != EgressGrant(origins=(ORIGIN,), secrets=(bound("another"),))


@pytest.mark.parametrize(
    "value", [EgressLimits(), bound(), FlowRule(), Route(), EgressGrant(origins=())]
)
def test_nothing_of_it_can_be_changed(value: object) -> None:
    name = dataclasses.fields(value)[0].name  # type: ignore[arg-type]  # each is a dataclass

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)
