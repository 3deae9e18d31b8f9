"""The rules below the server, in a network where every address has somebody who answers.

The two networks, the rules, the sockets and the user are real; only the machine is one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from network_namespaces import Namespace, Place, answering, joined, skip_without_namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = Path(__file__).resolve().parents[2] / "deploy" / "hatchway.nft"
SERVICE = 64123
"""Who the service is here; the file says it by name."""

PUBLIC: list[Place] = [("tcp", "93.184.216.34", 443), ("tcp", "2606:2800:220:1::1", 443)]
LISTED: list[Place] = [("tcp", "10.77.0.3", 8443), ("tcp", "fd77::3", 8443)]
RESOLVER: list[Place] = [
    ("udp", "10.77.0.53", 53),
    ("tcp", "10.77.0.53", 53),
    ("udp", "fd77::53", 53),
]
METADATA: list[Place] = [
    ("tcp", "169.254.169.254", 80),
    ("tcp", "100.100.100.200", 443),
    ("tcp", "fd00:ec2::254", 80),
]
INNER: list[Place] = [
    ("tcp", "10.77.0.4", 8443),
    ("tcp", "10.77.0.3", 22),
    ("tcp", "192.168.7.7", 443),
    ("tcp", "fd77::4", 8443),
    ("udp", "10.77.0.4", 53),
]
OTHER: list[Place] = [
    ("tcp", "93.184.216.34", 80),
    ("udp", "93.184.216.34", 53),
    ("udp", "93.184.216.34", 443),
    ("tcp", "2606:2800:220:1::1", 22),
]
NEIGHBOUR: Place = ("tcp", "127.0.0.1", 6379)
"""Another service on the machine of the server."""
EVERYWHERE = [*PUBLIC, *LISTED, *RESOLVER, *METADATA, *INNER, *OTHER]
OWN: Place = ("own", "", 0)


def refused(places: list[Place]) -> list[str]:
    """What a process hears whose packets are turned back: at once, and not after a wait."""
    return [_refusal(kind, host) for kind, host, _ in places]


def _refusal(kind: str, host: str) -> str:
    if kind == "udp":
        return "EPERM"
    return "EACCES" if ":" in host else "EHOSTUNREACH"


def rules() -> str:
    """The file as it is, for a user that exists here."""
    text, count = re.subn(
        '^define service = "hatchway"$',
        f"define service = {SERVICE}",
        RULES.read_text(),
        flags=re.MULTILINE,
    )
    assert count == 1
    return text


@pytest.fixture(scope="module")
def machine() -> Iterator[Namespace]:
    """The server's machine, with a world around it in which everybody answers."""
    skip_without_namespaces()
    hosts = {host: None for _, host, _ in EVERYWHERE}
    addresses = [f"{host}/{128 if ':' in host else 32}" for host in hosts]
    with (
        joined(*addresses) as (inside, outside),
        answering(outside, EVERYWHERE),
        answering(inside, [NEIGHBOUR]),
    ):
        yield inside


@pytest.fixture
def floor(machine: Namespace) -> Namespace:
    """The same with the rules, and what an operator lists, the way an operator does it."""
    machine.load(rules())
    machine.load(
        "add element inet hatchway resolvers4 { 10.77.0.53 }\n"
        "add element inet hatchway resolvers6 { fd77::53 }\n"
        "add element inet hatchway listed4 { 10.77.0.3 . 8443 }\n"
        "add element inet hatchway listed6 { fd77::3 . 8443 }\n"
    )
    return machine


def test_without_the_floor_every_place_can_be_reached(machine: Namespace) -> None:
    machine.run("nft", "flush", "ruleset")

    answers = machine.probe([*EVERYWHERE, NEIGHBOUR, OWN], user=SERVICE)

    assert set(answers) == {"reached"}


def test_the_service_reaches_https_what_is_listed_the_resolver_and_itself(floor: Namespace) -> None:
    answers = floor.probe([*PUBLIC, *LISTED, *RESOLVER, OWN], user=SERVICE)

    assert set(answers) == {"reached"}


@pytest.mark.parametrize(
    ("places", "counter"),
    [(METADATA, "refused_metadata"), (INNER, "refused_inner"), (OTHER, "refused_other")],
    ids=["metadata", "inner", "other"],
)
def test_everything_else_is_turned_back_and_counted(
    floor: Namespace, places: list[Place], counter: str
) -> None:
    answers = floor.probe(places, user=SERVICE)

    assert answers == refused(places)
    assert floor.counted(counter) >= len(places)


def test_another_service_on_the_same_machine_never_completes_a_connection(floor: Namespace) -> None:
    answers = floor.probe([NEIGHBOUR], user=SERVICE)

    assert answers == ["no answer"]
    assert floor.counted("refused_loopback") > 0


def test_other_users_of_the_machine_are_left_alone(floor: Namespace) -> None:
    answers = floor.probe([*EVERYWHERE, NEIGHBOUR, OWN], user=0)

    assert set(answers) == {"reached"}


def test_a_metadata_service_stays_closed_when_somebody_lists_it(floor: Namespace) -> None:
    floor.load("add element inet hatchway listed4 { 169.254.169.254 . 80 }")

    answers = floor.probe([("tcp", "169.254.169.254", 80)], user=SERVICE)

    assert answers == ["EHOSTUNREACH"]


def test_without_public_ports_only_what_is_listed_can_be_reached(floor: Namespace) -> None:
    floor.load("delete element inet hatchway public_ports { 443 }")

    answers = floor.probe([*PUBLIC, *LISTED], user=SERVICE)

    assert answers == [*refused(PUBLIC), "reached", "reached"]


def test_who_makes_himself_root_of_a_user_namespace_is_still_the_service(floor: Namespace) -> None:
    answers = floor.probe([*METADATA, NEIGHBOUR], user=SERVICE, is_root_inside=True)

    assert answers == [*refused(METADATA), "no answer"]
