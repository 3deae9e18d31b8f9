"""Everything through the operator's proxy, when there is one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from egress_calls import admitted, grant
from egress_servers import Authority, FakeResolver, echo, read_head, saying, serving, serving_raw

from hatchway.core.egress import Route
from hatchway.egress.routing import read_proxy

if TYPE_CHECKING:
    from pathlib import Path

NAME = "api.example.test"
RESOLVER = {NAME: ["127.0.0.1"], "proxy.example.test": ["127.0.0.1"]}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@dataclass
class Proxying:
    """A proxy that makes tunnels, and remembers for what."""

    heads: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        self.heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        source, sink = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n")
        await asyncio.gather(_piped(reader, sink), _piped(source, writer))


async def _piped(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await source.read(1 << 16):
            sink.write(part)
            await sink.drain()
    sink.transport.abort()


def test_a_tunnel_is_asked_for_the_address_that_was_checked(authority: Authority) -> None:
    proxying, resolver = Proxying(), FakeResolver(RESOLVER)
    with (
        serving(echo, tls=authority.context(NAME)) as origin,
        serving_raw(proxying) as proxy,
    ):
        url = f"https://{NAME}:{origin.port}"
        route = Route(
            proxy=f"http://me:p%40ss@proxy.example.test:{proxy.port}", authorities=authority.file
        )
        with admitted(grant(f"{url};internal", route=route), resolver) as call:
            answer = call.ask("GET", f"{url}/x")

    assert answer.status == 200
    assert origin.heard[0].field("host") == f"{NAME}:{origin.port}"
    assert "proxy-authorization" not in origin.heard[0].names
    lines = proxying.heads[0].decode().split("\r\n")
    assert lines[0] == f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1"
    assert "proxy-authorization: Basic bWU6cEBzcw==" in lines
    assert resolver.asked == [NAME, "proxy.example.test"]
    assert "p@ss" not in call.events.text


def test_a_proxy_may_itself_be_spoken_to_with_tls(authority: Authority) -> None:
    proxying = Proxying()
    with (
        serving(echo, tls=authority.context(NAME)) as origin,
        serving_raw(proxying, tls=authority.context("127.0.0.1")) as proxy,
    ):
        url = f"https://{NAME}:{origin.port}"
        route = Route(proxy=f"https://127.0.0.1:{proxy.port}", authorities=authority.file)
        with admitted(grant(f"{url};internal", route=route), FakeResolver(RESOLVER)) as call:
            assert call.ask("POST", url, body=b"x" * 100_000).status == 200

    assert len(proxying.heads) == 1


def test_in_the_open_a_proxy_is_told_the_name() -> None:
    with serving(echo) as proxy:
        route = Route(proxy=f"http://me@127.0.0.1:{proxy.port}/")
        url = f"http://{NAME}:8080"
        headers = (("proxy-authorization", b"Basic guess"),)
        with admitted(grant(f"{url};internal", route=route), FakeResolver(RESOLVER)) as call:
            assert call.ask("GET", f"{url}/x?y", headers=headers).status == 200
            assert call.ask("GET", f"{url}/x?y").status == 200

    heard = proxy.heard[0]
    assert heard.target == f"{url}/x?y"
    assert heard.field("host") == f"{NAME}:8080"
    assert heard.field("proxy-authorization") == "Basic bWU6"
    assert proxy.connections == 1


def test_a_proxy_does_not_open_what_policy_or_addresses_close() -> None:
    with serving(echo) as proxy:
        route = Route(proxy=f"http://127.0.0.1:{proxy.port}")
        with admitted(grant(f"http://{NAME}", route=route), FakeResolver(RESOLVER)) as call:
            rules = [
                call.ask("GET", f"http://{NAME}").rule,
                call.ask("GET", "http://other.example.test").rule,
            ]

    assert rules == ["egress.forbidden_address", "egress.not_granted"]
    assert proxy.connections == 0


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "destination-unavailable"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "destination-unavailable"),
        (b"SSH-2.0\r\n\r\n", "destination-unavailable"),
        (b"", "connection-terminated"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000, "connection-terminated"),
    ],
    ids=["no login", "no way", "no proxy", "nothing", "endless"],
)
def test_a_proxy_that_makes_no_tunnel_is_no_way(said: bytes, error: str) -> None:
    with serving_raw(saying(said)) as proxy:
        route = Route(proxy=f"http://127.0.0.1:{proxy.port}")
        granted = grant(f"https://{NAME};internal", route=route)
        with admitted(granted, FakeResolver(RESOLVER)) as call:
            answer = call.ask("GET", f"https://{NAME}")

    assert answer.error == error
    assert answer.refusal is not None
    assert not answer.refusal.is_denial


def test_a_proxy_that_is_none_lets_nothing_around_itself() -> None:
    with serving(echo) as origin:
        route = Route(proxy="socks5://127.0.0.1:1080")
        with admitted(grant(f"{origin.url};internal", route=route)) as call:
            answer = call.ask("GET", origin.url)

    assert (answer.error, answer.rule) == ("destination-unavailable", "egress.proxy")
    assert origin.connections == 0


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://proxy.test:3128", "proxy.test", 3128),
        ("http://proxy.test", "proxy.test", 80),
        ("https://PROXY.test/", "proxy.test", 443),
        ("http://[::1]:3128", "::1", 3128),
    ],
)
def test_a_proxy_is_named_by_a_url(url: str, host: str, port: int) -> None:
    proxy = read_proxy(url)

    assert (proxy.host, proxy.port, proxy.fields) == (host, port, ())


@pytest.mark.parametrize(
    "url", ["", "proxy.test:3128", "http://", "http://a b", "http://p.test/x", "http://p:99999"]
)
def test_a_url_that_names_no_proxy_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - of two modules
        read_proxy(url)

    assert "secret" not in str(caught.value)
