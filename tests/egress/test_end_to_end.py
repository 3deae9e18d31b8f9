"""Components that others' tools built for any host of `wasi:http`, through everything we have.

A Python one (requests, asyncio) and a JavaScript one (fetch), unmodified, admitted by the real
command line and called by it and by an MCP client of `hatchway serve`. They ask an HTTPS server
with the certificate of a test's own authority, which wants a credential that no guest is told.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from doors import over_stdio
from egress_servers import Authority, Heard, Origin, Reply, serving
from http_guests import javascript_guest, python_guest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp import types

pytestmark = [pytest.mark.artifacts, pytest.mark.slow]

GUESTS = {"python": python_guest, "javascript": javascript_guest}
DENIED = {"python": "ErrorCode_HttpRequestDenied", "javascript": "NetworkError"}
"""What each language tells its program of a denied request."""
SECONDS = 300


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


@dataclass
class World:
    """A home in which a guest was admitted, and the servers around it.

    Attributes:
        token: What the server wants, and the guest must never see.
        said: Everything that any command printed.
    """

    language: str
    home: Path
    token: str
    api: Origin
    elsewhere: Origin
    said: str = ""

    @property
    def url(self) -> str:
        """What was granted."""
        return f"https://localhost:{self.api.port}"

    @property
    def denied_url(self) -> str:
        """What was not."""
        return f"https://localhost:{self.elsewhere.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Where commands find their home."""
        kinds = ("CONFIG", "DATA", "STATE", "CACHE")
        own = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in kinds}
        return {**os.environ, **own, "HOME": str(self.home)}

    def run(self, *arguments: str, stdin: str = "") -> Done:
        """Run `hatchway ARGUMENTS`."""
        done = subprocess.run(
            [sys.executable, "-m", "hatchway", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        self.said += done.stdout + done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def call(self, function: str, **arguments: Any) -> Done:
        """Call the guest from the command line."""
        return self.run("call", f"guest.{function}", "-", "--json", stdin=json.dumps(arguments))

    def events(self, name: str) -> list[dict[str, Any]]:
        """Our own fields of every event of that name."""
        told = self.run("events", "--json", "--last", "1000").out.splitlines()
        own = [json.loads(line)["unmapped"]["hatchway"] for line in told]
        return [fields for fields in own if fields["event"] == name]


def answering(token: str) -> Any:
    """An API that wants `token`, and tells what it was asked, but for the token."""

    def answer(heard: Heard) -> Reply:
        if heard.field("authorization") != f"Bearer {token}":
            return Reply(status=401, body=b"who are you?")
        if heard.target == "/whoami":
            encoded = base64.b64encode(token.encode()).decode()
            spelled = [token, urllib.parse.quote(token, safe=""), encoded, json.dumps(token)]
            return Reply(body="\n".join(spelled).encode())
        told = f"{heard.method} {heard.target} {heard.body.decode()}".strip()
        return Reply(headers=[("content-type", "text/plain; charset=utf-8")], body=told.encode())

    return answer


@pytest.fixture(scope="module", params=sorted(GUESTS))
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A guest that may ask one origin, with a credential."""
    home = tmp_path_factory.mktemp(request.param)
    # Characters that every encoding spells in its own way.
    token = f'{secrets.token_hex(8)}+/"{secrets.token_hex(8)}='
    (home / "token").write_text(token)
    (home / "token").chmod(0o600)
    authority = Authority(home)
    tls = authority.context("localhost")
    with (
        serving(answering(token), tls=tls) as api,
        serving(lambda _: Reply(body=b"elsewhere"), tls=tls) as elsewhere,
    ):
        made = World(request.param, home, token, api, elsewhere)
        added = made.run(
            *("add", str(GUESTS[request.param]()), "--name", "guest", "--yes"),
            *("--allow", f"net.http={made.url};internal"),
            *("--limit", "memory=256MiB", "--limit", "fuel=50000000000"),
            *("--limit", "deadline=60s"),
        )
        assert added.status == 0, added.err
        policy = home / "config" / "hatchway" / "hatchway.toml"
        bound = (
            f'secrets = [{{ name = "API_TOKEN", from = "file:{home}/token", '
            f'to = "{made.url}", header = "Authorization", value = "Bearer {{}}" }}]'
        )
        text = policy.read_text().replace("[tools.guest]\n", f"[tools.guest]\n{bound}\n")
        policy.write_text(f'{text}\n[egress]\nauthorities = "{authority.file}"\n')
        yield made


def spellings(token: str) -> list[str]:
    """What must be nowhere."""
    encoded = base64.b64encode(token.encode()).decode()
    return [token, token[:16], urllib.parse.quote(token, safe=""), encoded, json.dumps(token)]


def test_a_request_arrives_with_the_credential_and_its_answer_returns(world: World) -> None:
    done = world.call("get", url=f"{world.url}/items?page=2")

    assert done.status == 0, done.err
    assert json.loads(done.out)["structured"] == {"result": "GET /items?page=2"}
    heard = world.api.heard[-1]
    assert heard.field("authorization") == f"Bearer {world.token}"
    assert heard.field("host") == f"localhost:{world.api.port}"


def test_a_body_arrives_whole(world: World) -> None:
    body = "é" * 40_000

    done = world.call("post", url=f"{world.url}/items", body=body)

    assert done.status == 0, done.err
    assert world.api.heard[-1].body.decode() == body
    assert json.loads(done.out)["structured"] == {"result": f"POST /items {body}"}


def test_several_requests_at_once_are_all_answered(world: World) -> None:
    if world.language != "python":
        pytest.skip("the JavaScript guest asks one at a time")

    done = world.call("get-all", urls=[f"{world.url}/{n}" for n in range(8)])

    assert json.loads(done.out)["structured"] == {"result": [f"GET /{n}" for n in range(8)]}


def test_an_origin_that_was_not_granted_is_denied_and_the_operator_told(world: World) -> None:
    done = world.call("get", url=f"{world.denied_url}/items")

    told = json.loads(done.out)
    grant = f"hatchway grant guest 'net.http={world.denied_url};internal'"
    assert done.status == 1
    assert told["is_error"] is True
    assert DENIED[world.language] in told["content"][0]["text"]
    assert f"  hint: {grant}\n" in done.err
    assert grant not in done.out
    assert world.elsewhere.connections == 0
    denied = world.events("capability.denied")[-1]
    assert (denied["capability"], denied["details"]) == ("net.http", {"hint": grant})


def test_the_credential_is_the_brokers_whatever_the_guest_is_told(world: World) -> None:
    done = world.call("get", url=f"{world.url}/whoami")

    assert done.status == 0, done.err
    leaked = world.events("secret.leak_blocked")[-1]
    assert leaked["tool"] == "guest.get"
    assert [spelled for spelled in spellings(world.token) if spelled in done.out + done.err] == []


def test_an_mcp_client_gets_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    heard = len(world.api.heard)

    async def main() -> list[types.CallToolResult]:
        async with over_stdio("serve") as client:
            return [
                await client.call_tool("guest.get", {"url": f"{url}/items"})
                for url in (world.url, world.denied_url)
            ]

    allowed, denied = anyio.run(main)

    assert allowed.structured_content == {"result": "GET /items"}
    assert len(world.api.heard) == heard + 1
    assert denied.is_error
    assert "hatchway grant" not in str(denied.content)
    assert world.elsewhere.connections == 0


def test_every_request_is_one_line_of_the_events(world: World) -> None:
    world.call("get", url=f"{world.url}/items?key=private")

    told = world.run("events", "--last", "20").out.splitlines()
    line = [each for each in told if "  http.request  " in each][-1]
    assert f"GET {world.url}, allowed by net.http={world.url};internal, 200" in line
    assert "private" not in line


def test_the_credential_is_in_nothing_that_was_said_or_kept(world: World) -> None:
    world.call("get", url=f"{world.url}/whoami")
    world.run("list")
    world.run("show", "guest")
    world.run("explain", "guest", f"net.http={world.url}")
    world.run("events", "--json", "--last", "1000")

    kept = {
        file: file.read_bytes()
        for file in world.home.rglob("*")
        if file.is_file() and file.name != "token" and file.suffix != ".wasm"
    }

    for spelled in spellings(world.token):
        assert spelled not in world.said
        assert [str(file) for file, data in kept.items() if spelled.encode() in data] == []
