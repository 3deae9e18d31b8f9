"""The example that reads web pages, with pages that are kind and pages that are not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from guests import grant, sandbox, stop_code
from stub_broker import broker

from hatchway.core.exchange import Refusal
from hatchway.core.sandbox import CommandInvocation
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from stub_broker import Peer

WEB = Path(__file__).resolve().parents[2] / "examples" / "web" / "web.wasm"
PAGE = b"""<!doctype html>
<html><head><title>Not the text</title><style>p { color: red }</style>
<script>if (a < b && c > d) { x = "</p>"; }</script></head>
<body><h1>Fish &amp; chips</h1>
<p>One <b>bold</b>   word,
and a <a href="https://e.org/?a>b">link</a>.</p><ul><li> first </li><li>second &lt;2&gt;</li></ul>
</body></html>
"""
TEXT = "# Fish & chips\nOne bold word, and a link.\n- first\n- second <2>\n"
DENIED = Refusal(error="HTTP-request-denied", rule="egress.x", attempted="GET https://e.org")


def read(behave: Any, *arguments: bytes) -> Any:
    artifact = WEB.read_bytes()
    sandbox().prepare(artifact, digest_of(artifact))
    invocation = CommandInvocation(arguments=(b"web", *(arguments or (b"https://e.org/",))))
    with broker(behave) as peer:
        return sandbox().run(digest_of(artifact), invocation, grant(), None, peer.ticket)


def page(body: bytes, status: int = 200) -> Any:
    def answering(peer: Peer) -> None:
        peer.body()
        peer.reply(status, body=body)

    return answering


def test_a_page_is_given_without_its_markup() -> None:
    execution = read(page(PAGE))

    assert execution.stdout.decode() == TEXT
    assert execution.stop is None


def test_plain_text_is_given_as_it_is() -> None:
    execution = read(page(b"\n  a < b &amp; c\n\n\n  d"))

    assert execution.stdout == b"a < b &amp; c\n\n\n  d"


@pytest.mark.parametrize("body", [PAGE * 5000, b"text " * 100_000, b"<p>" + b"&" * 300_000])
def test_a_long_page_is_given_up_to_64_kib(body: bytes) -> None:
    execution = read(page(body))

    assert execution.stop is None
    assert len(execution.stdout) <= 2 * (64 << 10)


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (lambda peer: peer.refuse(DENIED), b"that address is not allowed\n"),
        (
            lambda peer: peer.refuse(Refusal(error="DNS-error", rule="egress.x")),
            b"there is no such place\n",
        ),
        (page(b"gone", 404), b"there is no such page\n"),
        (page(b"sorry", 500), b"the site answered with an error\n"),
    ],
    ids=["denied", "unknown", "missing", "broken"],
)
def test_what_went_wrong_is_told_in_plain_words(behave: Any, said: bytes) -> None:
    execution = read(behave)

    assert execution.stderr == said
    assert stop_code(execution) == "guest.exited"


def test_it_takes_one_address_that_fits_a_request() -> None:
    assert read(page(b""), b"a", b"b").stderr == b"it takes one address\n"
    assert read(page(b""), b"https://e.org/" + b"x" * 20_000).stderr == b"it is too large\n"


@pytest.mark.parametrize(
    "body",
    [
        b"<",
        b"<p",
        b"&",
        b"&amp",
        b"<script>",
        b"<script><",
        b"< p >x",
        b"<p><" * 9,
        b"\0<p>\0",
        b"",
    ],
)
def test_no_page_makes_it_trap(body: bytes) -> None:
    assert read(page(body)).stop is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<h2>a</h2><H3>b</H3><hr>c", "## a\n### b\nc\n"),
        (b"<ol><li>a<li><p>b</ol>", "- a\nb\n"),
        (b"<pre>a\n  b</pre><p>c  d", "a\n  b\nc d\n"),
        (b"<p>&#8217;&#x2019;&eacute;&copy;&euro;", "’’é©€\n"),
        (b"<p>AT&T &nonsense; a&b<i>c</i>&", "AT&T &nonsense; a&bc&\n"),
        (b"<p>&#0;&#xd800;&#99999999999;", "�" * 2 + "�\n"),
        (b"<p>a<!-- don't > show --> b<!----> c", "a b c\n"),
        (b"<nav><script></nav></script>menu</nav>a<footer>b</footer>", "menu\na\n"),
        (b"<script>'</style>'</script><style>p{}</style>a", "a\n"),
    ],
)
def test_what_a_page_means_is_kept_and_what_it_hides_is_left_out(body: bytes, text: str) -> None:
    assert read(page(body)).stdout.decode() == text
