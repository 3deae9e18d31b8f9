"""The product above the floor: an unprivileged service, a read-only machine, a fetching tool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fetch_guests import component
from guests import wasm
from network_namespaces import Namespace, answering, joined, skip_without_namespaces

import hatchway

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = Path(__file__).resolve().parents[2] / "deploy" / "hatchway.nft"
SERVICE = 64123
LISTED, UNLISTED = "10.77.0.3", "10.77.0.4"
PORT = 8443
SHOWN = (sys.prefix, sys.base_prefix, str(Path(hatchway.__file__).parents[1]))
SECONDS = 300


@dataclass(frozen=True)
class Service:
    """The machine of a service, with a tool whose policy grants it two origins."""

    network: Namespace
    home: Path

    def command(self, *arguments: str) -> list[str]:
        """`hatchway ARGUMENTS` as the unit would start it."""
        kinds = ("CONFIG", "DATA", "STATE", "CACHE")
        own = [f"XDG_{kind}_HOME={self.home / kind.lower()}" for kind in kinds]
        start = ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={self.home}", *own, sys.executable]
        shown = (*SHOWN, str(self.home))
        return self.network.service_command(SERVICE, shown, *start, "-m", "hatchway", *arguments)

    def run(self, *arguments: str) -> str:
        """What a command printed on standard output."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert done.returncode in {0, 1}, done.stderr  # 1: the tool has failed
        return done.stdout

    def fetch(self, host: str) -> Any:
        """What the tool says of an origin."""
        request = {"method": "GET", "url": f"http://{host}:{PORT}/", "headers": [], "body": ""}
        arguments = json.dumps({"request": {**request, "redirects": 0}})
        return json.loads(self.run("call", "guest.go", arguments, "--json"))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One tool, admitted by the service's own user, and two servers it may ask."""
    skip_without_namespaces()
    places = [("tcp", host, PORT) for host in (LISTED, UNLISTED)]
    with (
        tempfile.TemporaryDirectory(prefix="hatchway-service-", dir="/tmp") as directory,
        joined(f"{LISTED}/32", f"{UNLISTED}/32") as (inside, outside),
        answering(outside, places),
    ):
        home = Path(directory)
        (home / "guest.wasm").write_bytes(wasm(component()))
        for path in (home, home / "guest.wasm"):
            os.chown(path, SERVICE, SERVICE)
        found = Service(inside, home)
        grants = [f"--allow=net.http=http://{host}:{PORT};internal" for _, host, _ in places]
        found.run("add", str(home / "guest.wasm"), "--yes", *grants)
        yield found


def load_floor(network: Namespace) -> None:
    """The rules as they are, and one origin in their list."""
    network.load(RULES.read_text().replace('service = "hatchway"', f"service = {SERVICE}"))
    network.load(f"add element inet hatchway listed4 {{ {LISTED} . {PORT} }}")


def test_a_policy_that_grants_too_much_does_not_reach_below_the_floor(service: Service) -> None:
    before = service.fetch(UNLISTED)
    load_floor(service.network)

    after, listed = service.fetch(UNLISTED), service.fetch(LISTED)

    assert before["structured"]["status"] == 200
    assert (after["ok"], after["structured"]) == (False, None)
    assert "destination-unavailable" in after["content"][0]["text"]
    assert service.network.counted("refused_inner") > 0
    assert listed["structured"]["status"] == 200


def test_a_client_on_the_same_machine_reaches_the_server_above_the_floor(service: Service) -> None:
    load_floor(service.network)
    command = service.command("serve", "--http", "127.0.0.1:8414")

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = [server.stderr.readline() for _ in range(2)]
        answers = service.network.probe([("tcp", "127.0.0.1", 8414)])
        server.terminate()
        said.append(server.stderr.read())

    assert any("serving 1 tool at http://127.0.0.1:8414" in line for line in said), said
    assert answers == ["something else"]  # it wants a token, so it has answered
