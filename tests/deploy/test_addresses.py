"""What the broker refuses, the floor refuses: files that are written by hand say the same."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import yaml

from hatchway.core import addresses

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
GLOBAL = addresses._SIXTH_UNICAST
INNER_4, INNER_6 = set(addresses._FOURTH), set(addresses._SIXTH)
NOT_GLOBAL = set(ipaddress.IPv6Network("::/0").address_exclude(GLOBAL))


def networks(text: str) -> set[Any]:
    """Every network that `text` names, and nothing else may stand in it."""
    return {ipaddress.ip_network(item) for item in re.split(r"[\s,]+", text) if item}


def elements(name: str) -> set[Any]:
    """What a set of the rules holds."""
    rules = (DEPLOY / "hatchway.nft").read_text()
    [found] = re.findall(rf"set {name} \{{[^}}]*?elements = \{{(.*?)\}}", rules, re.DOTALL)
    return networks(found)


def single(found: set[Any]) -> set[Any]:
    """The addresses among networks."""
    return {network[0] for network in found if network.num_addresses == 1}


def test_the_rules_know_every_metadata_service_that_the_broker_knows() -> None:
    known = single(elements("metadata4") | elements("metadata6"))

    assert known == addresses.METADATA


def test_the_rules_call_inner_what_the_broker_calls_inner() -> None:
    assert elements("inner4") == INNER_4
    assert elements("inner6") == INNER_6 | NOT_GLOBAL


def test_the_policy_for_pods_opens_what_the_rules_open() -> None:
    policy = yaml.safe_load((DEPLOY / "networkpolicy.yaml").read_text())
    found = [
        to["ipBlock"] for rule in policy["spec"]["egress"] for to in rule["to"] if "ipBlock" in to
    ]
    [fourth, sixth] = [(block["cidr"], networks(" ".join(block["except"]))) for block in found]
    metadata = {each for each in elements("metadata4") if not any(map(each.subnet_of, INNER_4))}

    assert fourth == ("0.0.0.0/0", INNER_4 | metadata)
    assert sixth == (str(GLOBAL), INNER_6)


def test_the_unit_denies_nothing_that_is_public_but_a_metadata_service() -> None:
    [denied] = re.findall(
        r"^IPAddressDeny=(.*)$", (DEPLOY / "hatchway.service").read_text(), re.MULTILINE
    )
    words = [word for word in denied.split() if word not in {"link-local", "multicast"}]
    listed = networks(" ".join(words))

    assert single(listed) <= addresses.METADATA
    assert listed - elements("metadata4") <= INNER_4 | {ipaddress.ip_network("fc00::/7")}
