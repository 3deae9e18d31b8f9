"""A tool that fetches whatever URL it is given, and is given one that leads inside.

The reference server `mcp-server-fetch` asks any URL a model names and follows every redirect
(modelcontextprotocol/servers, issue 4492, September 2026); its page warns of it. Those that
added a check were passed: markdownify-mcp by names and `[::1]` (CVE-2025-65512), auth-fetch-mcp
before 3.0.2 by `[::ffff:127.0.0.1]` (CVE-2026-49857). What is asked for is the metadata service
of a cloud, which hands out credentials, or an admin page on the same machine.

Here a service on loopback has credentials, and `ask` is to fetch a page of a granted site. The
plain program brings the credentials home for every spelling of the address. The guest asks the
site, and nothing else: the service gets no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from egress_servers import Heard, Origin, Reply, redirecting, serving
from replaying import EXAMPLES, Inside, outside

if TYPE_CHECKING:
    from terminal import Terminal

CREDENTIALS = '{"AccessKeyId": "ASIA0CANARY", "SecretAccessKey": "s3cr3t-canary"}'
PATH = "/latest/meta-data/iam/security-credentials/worker"
SPELLINGS = (
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
)
"""One address, as the field has seen it spelled. All of them work outside."""


def metadata(heard: Heard) -> Reply:
    """What a metadata service answers to whoever can reach it."""
    return Reply(body=CREDENTIALS.encode()) if heard.target == PATH else Reply(status=404)


def harmless(_: Heard) -> Reply:
    return Reply(body=b"an article")


def site_of(origin: Origin) -> str:
    return f"http://localhost:{origin.port}"


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_outside_every_spelling_brings_the_credentials(spelled: str) -> None:
    with serving(metadata) as service:
        answer = outside("ask", {"url": f"http://{spelled}:{service.port}{PATH}"})

    assert answer == {"status": 200, "body": CREDENTIALS}
    assert service.connections == 1


@pytest.mark.claim("egress.exact-origin")
def test_inside_no_spelling_reaches_the_service(terminal: Terminal) -> None:
    with serving(metadata) as service, serving(harmless) as site:
        inside = Inside(terminal, "hostile/ask/ask", f"net.http={site_of(site)};internal")

        wanted = inside.call({"url": f"{site_of(site)}/article"})
        answers = {
            spelled: inside.call({"url": f"http://{spelled}:{service.port}{PATH}"})
            for spelled in SPELLINGS
        }

    assert wanted.structured == {"status": 200, "body": "an article"}
    assert service.connections == 0
    for spelled, answer in answers.items():
        assert answer.structured == {"failed": "denied: Capabilities insufficient"}, spelled
        assert [capability for capability, _ in answer.denied] == ["net.http"], spelled
        assert [decision for _, decision, _ in answer.requests] == ["denied"], spelled
        assert CREDENTIALS not in answer.done.out + answer.done.err


def test_outside_a_redirect_brings_the_credentials() -> None:
    with serving(metadata) as service:
        there = f"http://127.0.0.1:{service.port}{PATH}"
        with serving(redirecting(there)) as site:
            answer = outside("ask", {"url": f"{site_of(site)}/article"})

    assert answer == {"status": 200, "body": CREDENTIALS}


@pytest.mark.claim("egress.redirects")
def test_inside_a_redirect_is_decided_about_like_any_other_request(terminal: Terminal) -> None:
    with serving(metadata) as service:
        there = f"http://127.0.0.1:{service.port}{PATH}"
        with serving(redirecting(there)) as site:
            inside = Inside(terminal, "hostile/ask/ask", f"net.http={site_of(site)};internal")

            answer = inside.call({"url": f"{site_of(site)}/article"})

    assert len(site.heard) == 1
    assert service.connections == 0
    assert answer.structured == {"failed": "denied: Capabilities insufficient"}
    assert answer.denied == [("net.http", f"GET http://127.0.0.1:{service.port}")]


def test_a_grant_that_leads_inside_must_say_so(terminal: Terminal) -> None:
    refused = terminal.run(
        *("add", str(EXAMPLES / "hostile/ask/ask.wasm"), "--yes"),
        *("--allow", "net.http=http://localhost:8080"),
    )

    assert (refused.status, refused.code) == (3, "admission.blocked")
    assert "HW-POL-005" in refused.err
