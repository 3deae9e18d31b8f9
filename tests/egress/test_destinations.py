"""Where requests end up: at an address that was checked, once, or nowhere."""

from __future__ import annotations

import ipaddress
import threading
from typing import TYPE_CHECKING

import pytest
from egress_calls import BOUND_SECONDS, access, admitted, grant
from egress_servers import FakeResolver, echo, serving

from hatchway.core.addresses import address_in
from hatchway.core.egress import EgressLimits
from hatchway.core.exchange import RequestHead
from hatchway.egress import resolving
from hatchway.egress.resolving import (
    Resolver,
    ask_the_system,
    is_of_this_machine,
    objection_to,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egress_servers import Origin

NAME = "api.example.test"


@pytest.fixture
def canary() -> Iterator[Origin]:
    """A server on loopback that nobody may reach unless he was granted it."""
    with serving(echo) as origin:
        yield origin


@pytest.mark.claim("egress.addresses")
def test_a_name_is_asked_for_once_so_a_second_answer_changes_nothing(canary: Origin) -> None:
    resolver = FakeResolver({NAME: ["127.0.0.1"]}, later={NAME: ["169.254.169.254"]})
    url = f"http://{NAME}:{canary.port}"

    with admitted(grant(f"{url};internal"), resolver) as call:
        assert call.ask("GET", url).status == 200

    assert resolver.asked == [NAME]
    assert canary.heard[0].field("host") == f"{NAME}:{canary.port}"


@pytest.mark.claim("egress.addresses")
def test_a_name_that_is_rebound_to_this_machine_is_refused(canary: Origin) -> None:
    resolver = FakeResolver({NAME: ["127.0.0.1"]})
    url = f"http://{NAME}:{canary.port}"

    with admitted(grant(url), resolver) as call:
        answer = call.ask("GET", url)

    assert (answer.error, answer.rule) == ("HTTP-request-denied", "egress.forbidden_address")
    assert answer.refusal is not None
    assert answer.refusal.attempted == f"GET {url}"
    assert answer.refusal.wanted == f"net.http={url};internal"
    assert canary.connections == 0
    assert call.events[0].decision == "denied"
    assert call.events[0].rule == "egress.forbidden_address"


@pytest.mark.claim("egress.addresses")
def test_one_inner_address_condemns_all_answers(canary: Origin) -> None:
    resolver = FakeResolver({NAME: ["93.184.216.34", "127.0.0.1"]})
    url = f"http://{NAME}:{canary.port}"

    with admitted(grant(url), resolver) as call:
        assert call.ask("GET", url).rule == "egress.forbidden_address"

    assert canary.connections == 0


SPELLINGS = [
    "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0x7f000001", "2130706433",
    "0177.0.0.1", "127.1", "0", "0.0.0", "[::]", "localhost", "localhost.", "LOCALHOST",
    "127.0.0.1.", "127.0.0.1.nip.io", "api.example.test.", "api.example.test@127.0.0.1",
    "127.0.0.1#@api.example.test", "127.0.0.1\\@api.example.test", "api.example.test:80@127.0.0.1",
    "api.example.test%2f@127.0.0.1", "аpi.example.test", "api。example。test", "ａpi.example.test",
    "api.example.test\t", " api.example.test", "api.example.test\n", "api.example.test\r\nx: y",
    "api.example.test\0", "[fe80::1%25lo]", "[::1%lo]", "api.example.test:", "api.example.test:0",
    "api.example.test:080", "api.example.test:65536", "", "@", ":", "..", "api..example.test",
]  # fmt: skip


@pytest.mark.claim("egress.addresses")
@pytest.mark.parametrize("authority", SPELLINGS)
def test_no_spelling_leads_to_this_machine(canary: Origin, authority: str) -> None:
    resolver = FakeResolver({NAME: ["93.184.216.34"], "localhost": ["127.0.0.1"]})
    port = f":{canary.port}" if authority and authority[-1] not in ":.@" else ""
    head = RequestHead(method="GET", scheme="http", authority=authority + port, target="/")

    with admitted(grant(f"https://{NAME}"), resolver) as call:
        answer = call.send(head)

    assert answer.error == "HTTP-request-denied"
    assert canary.connections == 0
    assert resolver.asked == []
    assert [event.decision for event in call.events] == ["denied"]
    assert "\n" not in call.events[0].origin
    assert "\t" not in call.events[0].origin


@pytest.mark.parametrize("host", ["localhost", "sub.localhost", "127.0.0.1", "[::1]"])
def test_a_host_of_this_machine_that_was_granted_is_refused_unless_as_internal(
    canary: Origin, host: str
) -> None:
    resolver = FakeResolver({"localhost": ["127.0.0.1"], "sub.localhost": ["127.0.0.1", "::1"]})
    url = f"http://{host}:{canary.port}"

    with admitted(grant(url), resolver) as call:
        assert call.ask("GET", url).rule == "egress.forbidden_address"

    assert canary.connections == 0


METADATA = [
    "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254%eth0",
]  # fmt: skip


@pytest.mark.claim("egress.addresses")
@pytest.mark.parametrize("address", METADATA)
def test_a_metadata_service_is_refused_even_to_an_internal_name(address: str) -> None:
    resolver = FakeResolver({NAME: ["10.0.0.1", address]})
    url = f"http://{NAME}"

    with admitted(grant(f"{url};internal"), resolver) as call:
        answer = call.ask("GET", url)

    assert answer.rule == "egress.forbidden_address"
    assert answer.refusal is not None
    assert answer.refusal.wanted == "", "nobody is told how to reach it"


@pytest.mark.parametrize(
    ("granted", "addresses", "objection"),
    [
        ("http://169.254.169.254;internal", ["169.254.169.254"], None),
        ("http://[fd00:ec2::254];internal", ["fd00:ec2::254"], None),
        ("http://169.254.169.254", ["169.254.169.254"], "egress.forbidden_address"),
        ("http://10.0.0.1;internal", ["10.0.0.1"], None),
        ("http://a.test;internal", ["fe80::1%eth0"], "egress.forbidden_address"),
        ("http://a.test;internal", ["192.168.1.1", "fd00::1"], None),
        ("http://a.test", ["8.8.8.8", "2606:4700::1111"], None),
        ("http://a.test", ["::ffff:8.8.8.8"], "egress.forbidden_address"),
    ],
)
def test_a_grant_opens_what_it_spells(
    granted: str, addresses: list[str], objection: str | None
) -> None:
    found = [ipaddress.ip_address(each) for each in addresses]

    assert objection_to(found, access(granted), port=80, own_port=1) == objection


@pytest.mark.claim("egress.exact-origin")
def test_a_granted_origin_opens_nothing_beside_it(canary: Origin) -> None:
    resolver = FakeResolver({NAME: ["127.0.0.1"], f"sub.{NAME}": ["127.0.0.1"]})
    port = canary.port

    with admitted(grant(f"http://{NAME}:{port}/v1;methods=GET;internal"), resolver) as call:
        assert call.ask("GET", f"http://{NAME}:{port}/v1/x").status == 200
        rules = [
            call.ask(method, url).rule
            for method, url in (
                ("GET", f"http://sub.{NAME}:{port}/v1"),
                ("GET", f"https://{NAME}:{port}/v1"),
                ("GET", f"http://{NAME}:{port + 1}/v1"),
                ("POST", f"http://{NAME}:{port}/v1"),
                ("GET", f"http://{NAME}:{port}/v2"),
                ("GET", f"http://{NAME}:{port}/v1/../v2"),
                ("GET", f"http://{NAME}:{port}/v1/%2e%2e/v2"),
            )
        ]

    assert rules[:3] == ["egress.not_granted"] * 3
    assert rules[3:] == ["egress.method", "egress.path", "egress.path", "egress.path"]
    assert len(canary.heard) == 1


def test_a_name_that_nobody_knows_is_the_networks_failure() -> None:
    with admitted(grant("https://api.example.test"), FakeResolver({})) as call:
        answer = call.ask("GET", "https://api.example.test/")

    assert (answer.error, answer.rule) == ("DNS-error", "egress.unknown_host")
    assert answer.refusal is not None
    assert not answer.refusal.is_denial
    assert call.events[0].decision == "allowed"
    assert call.events[0].error == "DNS-error"


def test_a_name_without_addresses_is_unknown() -> None:
    with admitted(grant("https://api.example.test"), FakeResolver({NAME: []})) as call:
        assert call.ask("GET", "https://api.example.test/").error == "DNS-error"


class Stuck:
    """A name server that never answers, until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_released = threading.Event()

    def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        self.is_released.wait(BOUND_SECONDS)
        return ["93.184.216.34"]


def test_a_name_server_that_never_answers_is_not_waited_for() -> None:
    stuck = Stuck()
    limits = EgressLimits(connect_seconds=0.05)

    with admitted(grant("https://api.example.test", limits=limits), stuck) as call:
        answer = call.ask("GET", "https://api.example.test/")
        stuck.is_released.set()

    assert (answer.error, answer.rule) == ("DNS-timeout", "egress.connect_seconds")


def test_lookups_that_hang_are_counted_and_hold_up_their_own_tool_only() -> None:
    stuck = Stuck()
    limits = EgressLimits(connect_seconds=0.01)

    with admitted(grant("https://api.example.test", limits=limits), stuck) as call:
        rules = [call.ask("GET", "https://api.example.test/").rule for _ in range(20)]
        stuck.is_released.set()

    assert rules[0] == "egress.connect_seconds"
    assert rules[-1] == "egress.lookups"
    assert stuck.asked == 16


def test_the_systems_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in ask_the_system("localhost", 80)
    assert Resolver()._resolve is ask_the_system


def test_an_address_is_tried_after_another_that_is_closed(canary: Origin) -> None:
    resolver = FakeResolver({NAME: ["127.0.0.2", "127.0.0.1"]})
    url = f"http://{NAME}:{canary.port}"

    with admitted(grant(f"{url};internal"), resolver) as call:
        assert call.ask("GET", url).status == 200


def test_a_port_where_nobody_listens_refuses() -> None:
    with serving(echo) as gone:
        port = gone.port

    with admitted(grant(f"http://127.0.0.1:{port};internal")) as call:
        answer = call.ask("GET", f"http://127.0.0.1:{port}")

    assert (answer.error, answer.rule) == ("connection-refused", "egress.connection_refused")


def test_an_address_without_a_way_to_it_is_unreachable() -> None:
    with admitted(grant("http://255.255.255.255;internal")) as call:
        answer = call.ask("GET", "http://255.255.255.255/")

    assert (answer.error, answer.rule) == ("destination-unavailable", "egress.unreachable")


def test_every_spelling_of_loopback_that_is_an_address_is_known() -> None:
    assert {str(address_in(text)) for text in ("0x7f000001", "2130706433", "127.1")} == {
        "127.0.0.1"
    }


def test_a_public_address_of_this_machine_is_not_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    public = [ipaddress.ip_address("8.8.8.8")]
    monkeypatch.setattr(resolving, "is_of_this_machine", lambda address: address in public)

    closed = objection_to(public, access("http://a.test"), port=80, own_port=1)
    opened = objection_to(public, access("http://a.test;internal"), port=80, own_port=1)

    assert (closed, opened) == ("egress.forbidden_address", None)


def test_this_machine_knows_its_own_addresses() -> None:
    assert is_of_this_machine(ipaddress.ip_address("127.0.0.1"))
    assert not is_of_this_machine(ipaddress.ip_address("8.8.8.8"))
    assert not is_of_this_machine(ipaddress.ip_address("255.255.255.255"))
