"""Tools that need one API, may reach everything, and use it.

postmark-mcp 1.0.16 to 1.0.18 (npm, September 2025, found by Koi Security) sent mail as it
should, and a copy of each to its author. Nothing but an open network was needed. In May 2025
Invariant Labs showed an agent reading a private repository through one server, and publishing
what it read through the same one, because a text told it to: private data, hostile text and a
way out, the lethal trifecta.

Outside, the copy arrives and the private note is published. Inside, a tool reaches the API that
it was granted; and with the flow rule, a call that has read something private reaches only what
the rule leaves.

What this does not do: postmark-mcp added its copy as a BCC, inside a request to the very API it
needs. A grant of that API allows such a request. There it is the pinned artifact that helps:
version 1.0.16 is another one than 1.0.15, and does not run until a person approves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from egress_servers import Heard, Origin, Reply, serving
from replaying import Inside, outside

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

MAIL = {"to": "ada@example.com", "subject": "Reset", "text": "Your code is 493021"}
NOTE = "the merger is called Falcon"


def accepted(_: Heard) -> Reply:
    return Reply(status=202)


def at(origin: Origin) -> str:
    return f"http://localhost:{origin.port}"


def bodies(origin: Origin) -> list[str]:
    return [heard.body.decode() for heard in origin.heard]


@pytest.fixture
def notes(here: Path) -> Path:
    """A directory with a private note."""
    directory = here / "notes"
    directory.mkdir()
    (directory / "merger.txt").write_text(NOTE)
    return directory


def test_outside_the_copy_of_every_mail_arrives() -> None:
    with serving(accepted) as api, serving(accepted) as canary:
        answer = outside("mail", MAIL, MAIL_API=f"{at(api)}/send", MAIL_COPY=f"{at(canary)}/copy")

    assert answer == {"sent": "202"}
    assert bodies(canary) == bodies(api)
    assert MAIL["text"] in bodies(canary)[0]


@pytest.mark.claim("egress.exact-origin")
def test_inside_the_mail_is_sent_and_the_copy_is_not(terminal: Terminal) -> None:
    with serving(accepted) as api, serving(accepted) as canary:
        inside = Inside(
            terminal,
            "hostile/mail/mail",
            f"net.http={at(api)}/send;methods=POST;internal",
            *(f"env=MAIL_API={at(api)}/send", f"env=MAIL_COPY={at(canary)}/copy"),
        )

        answer = inside.call(MAIL)

    assert answer.structured == {"sent": "202"}
    assert MAIL["text"] in bodies(api)[0]
    assert canary.connections == 0
    assert answer.denied == [("net.http", f"POST {at(canary)}")]
    assert answer.requests == [
        (at(api), "allowed", f"net.http={at(api)}/send;methods=POST;internal"),
        (at(canary), "denied", "egress.not_granted"),
    ]
    assert answer.done.hints == [f"hatchway grant mail 'net.http={at(canary)};internal'"]


def test_outside_a_private_note_is_published(notes: Path) -> None:
    with serving(accepted) as public:
        outside("ask", {"url": f"{at(public)}/issues", "file": str(notes / "merger.txt")})

    assert bodies(public) == [NOTE]


@pytest.mark.claim("egress.flow")
def test_inside_what_has_read_a_private_note_does_not_reach_the_public(
    terminal: Terminal, notes: Path
) -> None:
    with serving(accepted) as public, serving(accepted) as own:
        inside = Inside(
            terminal,
            "hostile/ask/ask",
            *(f"net.http={at(public)};internal", f"net.http={at(own)};internal"),
            f"fs.read={notes}:/notes",
            policy=f'[flow]\nafter_private = ["{at(own)}"]',
        )
        url = f"{at(public)}/issues"

        without = inside.call({"url": url, "body": "hello"})
        to_own = inside.call({"url": f"{at(own)}/issues", "file": "/notes/merger.txt"})
        heard_before = len(public.heard)
        published = inside.call({"url": url, "file": "/notes/merger.txt"})

    assert without.structured["status"] == to_own.structured["status"] == 202
    assert bodies(own) == [NOTE]
    assert published.structured == {"failed": "denied: Capabilities insufficient"}
    assert published.requests == [(at(public), "denied", "egress.private_flow")]
    assert len(public.heard) == heard_before
    # No grant would allow it, so none is named.
    assert published.done.hints == []


@pytest.mark.claim("egress.flow")
def test_inside_an_origin_marked_private_is_a_private_read_too(terminal: Terminal) -> None:
    with serving(accepted) as public, serving(lambda _: Reply(body=NOTE.encode())) as private:
        inside = Inside(
            terminal,
            "hostile/mail/mail",
            *(f"net.http={at(private)};internal;private", f"net.http={at(public)};internal"),
            *(f"env=MAIL_API={at(private)}/", f"env=MAIL_COPY={at(public)}/"),
            policy="[flow]\nafter_private = []",
        )

        answer = inside.call(MAIL)

    assert answer.requests[0][1:2] == ("allowed",)
    assert answer.requests[1:] == [(at(public), "denied", "egress.private_flow")]
    assert public.connections == 0
