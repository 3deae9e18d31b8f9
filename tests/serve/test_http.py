"""The HTTP door: loopback only, for those who hold the token, and for no web page."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from doors import ERAS
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from workbench import ECHO_JSON, ECHO_MANIFEST, workbench

from hatchway.core.errors import ConfigError
from hatchway.serve.http import Address, load_token, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    made = workbench(tmp_path)
    made.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    return made


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """`hatchway serve --http` in a process of its own; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hatchway", "serve", "--http", "127.0.0.1:0", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        match = re.search(r"http://127\.0\.0\.1:[0-9]+/mcp", line)
        assert match is not None, line
        yield match[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def token_of(bench: Workbench) -> str:
    return bench.application.directories.http_token.read_text().strip()


INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def post(url: str, token: str | None, **headers: str) -> httpx2.Response:
    sent = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        **headers,
    }
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    return httpx2.post(url, content=json.dumps(INITIALIZE), headers=sent)


@pytest.mark.parametrize("era", ERAS)
def test_serve_answers_a_client_with_the_token(era: str, bench: Workbench) -> None:
    async def main(url: str) -> None:
        headers = {"Authorization": f"Bearer {token_of(bench)}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(url, http_client=http), mode=era) as client,
        ):
            listed = await client.list_tools()
            result = await client.call_tool("echo", {"text": "over http"})

        assert [tool.name for tool in listed.tools] == ["echo"]
        assert result.structured_content == {"text": "over http"}

    with serving() as url:
        anyio.run(main, url)

    (event,) = bench.events("call.completed")
    assert event["tool"] == "echo"


@pytest.mark.claim("door.loopback")
def test_without_the_token_nothing_is_answered(bench: Workbench) -> None:
    with serving() as url:
        token = token_of(bench)
        answers = {
            "none": post(url, None).status_code,
            "empty": post(url, None, authorization="Bearer").status_code,
            "wrong": post(url, "x" * len(token)).status_code,
            "prefix": post(url, token[:-1]).status_code,
            "longer": post(url, token + "x").status_code,
            "basic": post(url, None, authorization=f"Basic {token}").status_code,
            "query": post(f"{url}?token={token}", None).status_code,
            "other path": httpx2.get(url.replace("/mcp", "/")).status_code,
        }
        good = post(url, token).status_code

    assert set(answers.values()) == {401}
    assert good == 200


def test_the_challenge_names_the_scheme_and_says_no_more(bench: Workbench) -> None:
    with serving() as url:
        answer = post(url, "wrong")

    assert answer.headers["www-authenticate"] == 'Bearer realm="hatchway"'
    assert answer.json() == {"error": "unauthorized"}
    assert bench.events("server.started")


@pytest.mark.claim("door.loopback")
def test_a_name_that_points_here_by_dns_is_refused(bench: Workbench) -> None:
    with serving() as url:
        token = token_of(bench)
        port = url.split(":")[2].split("/")[0]
        hosts = {
            host: post(url, token, host=host).status_code
            for host in (
                "evil.test",
                f"evil.test:{port}",
                "127.0.0.1",
                f"127.0.0.1.evil.test:{port}",
            )
        }
        fine = post(url, token, host=f"localhost:{port}").status_code

    assert set(hosts.values()) == {421}
    assert fine == 200


@pytest.mark.claim("door.loopback")
def test_a_web_page_is_refused_even_with_the_token(bench: Workbench) -> None:
    with serving() as url:
        token = token_of(bench)
        origins = {
            origin: post(url, token, origin=origin).status_code
            for origin in ("http://evil.test", "null", "https://127.0.0.1", "http://localhost:1")
        }

    assert set(origins.values()) == {403}


@pytest.mark.claim("door.loopback")
@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0:8414", "[::]:8414", ":8414", "192.0.2.1:80", "example.com:80", "*:80",
        "127.0.0.1.evil.test:80", "[2001:db8::1]:80", "169.254.169.254:80",
    ],
)  # fmt: skip
def test_an_address_that_others_could_reach_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_address(text)

    assert refused.value.code == "config.unauthenticated_bind"
    assert refused.value.exit_status == 2


@pytest.mark.parametrize("text", ["", "8414", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "a:b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_address(text)

    assert refused.value.code == "config.bad_address"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8414", "http://127.0.0.1:8414/mcp"),
        ("localhost:1", "http://127.0.0.1:1/mcp"),
        ("[::1]:80", "http://[::1]:80/mcp"),
        ("127.8.8.8:80", "http://127.8.8.8:80/mcp"),
    ],
)
def test_loopback_addresses_are_understood(text: str, url: str) -> None:
    assert parse_address(text).url == url


def test_a_port_that_is_taken_is_said_so(bench: Workbench) -> None:
    with serving() as url:
        port = url.split(":")[2].split("/")[0]
        done = subprocess.run(
            [sys.executable, "-m", "hatchway", "serve", "--http", f"127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 2
    assert "error[config.bad_address]" in done.stderr
    assert bench.events("server.stopped")


def test_the_token_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "token"

    first = load_token(file)
    second = load_token(file)

    assert first.reveal() == second.reveal()
    assert len(first.reveal()) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.claim("door.loopback")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666])
def test_a_token_others_could_read_is_refused(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "token"
    load_token(file)
    file.chmod(mode)

    with pytest.raises(ConfigError) as refused:
        load_token(file)

    assert refused.value.code == "config.unsafe_token"


def test_a_token_behind_a_link_or_too_short_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.touch(0o600)
    short.write_text("abc")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")

    for file in (short, link):
        with pytest.raises(ConfigError):
            load_token(file)


def test_the_token_never_appears_in_output_or_events(bench: Workbench) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hatchway", "serve", "--http", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    os.kill(process.pid, signal.SIGINT)
    out, rest = process.communicate(timeout=30)

    token = token_of(bench)
    assert token not in first + rest + out
    assert token not in bench.application.directories.events.read_text()


def test_an_address_says_where_it_is() -> None:
    assert Address(host="127.0.0.1", port=80).url == "http://127.0.0.1:80/mcp"
