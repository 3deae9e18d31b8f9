"""A flow rule sees the calls inside each other as one: what one has read, all have read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from egress_servers import echo, serving
from fetch_guests import component
from tool_guests import CAT, Workshop, caller, spelled

from hatchway.core.capability import FileAccess
from hatchway.core.egress import FlowRule
from hatchway.egress.broker import Broker
from hatchway.runtime.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.core.events import Event

FILES = FileAccess(access="read", guest_path="/d", host_path="/d")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """A directory of the host with something in it."""
    (tmp_path / "f").write_text("nobody's business")
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


class Kept:
    """Somewhere for the events of broker and runtime."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def workshop(url: str, directory: int, kept: Kept, **changed: Any) -> Workshop:
    """`glue` may call `cat`, which reads, and `net`, which asks; `after` is under a flow rule."""
    entries: dict[str, Any] = {
        "glue": {"allow": ("tool=cat", "tool=net", "tool=other", "tool=glue")},
        "cat": {"allow": (FILES,)},
        "net": {"allow": (f"net.http={url};internal",)},
        "other": {"allow": (f"net.http={url};internal;private",)},
    }
    return Workshop(
        guests={"glue": caller(), "cat": CAT, "net": component(), "other": component()},
        entries=entries,
        policy={"directories": {FILES: directory}, "flow": FlowRule(), **changed},
        egress=Broker(Witness(kept)),
    )


def request(url: str) -> str:
    parts = {"method": "GET", "url": f"{url}/take", "headers": [], "body": "", "redirects": 0}
    return spelled(request=parts)


def denied(kept: Kept) -> list[str]:
    return [
        event.http.rule
        for event in kept.events
        if event.http is not None and event.http.decision == "denied"
    ]


@pytest.mark.claim("egress.flow")
@pytest.mark.parametrize("first", ["cat", "net"], ids=["reads", "reads-nothing"])
def test_what_one_tool_read_does_not_leave_through_another(first: str, directory: int) -> None:
    kept = Kept()
    with serving(echo) as outside:
        shop = workshop(outside.url, directory, kept)
        name = {"cat": "cat", "net": "net.go"}[first]
        arguments = {"cat": "{}", "net": request(outside.url)}[first]

        shop.call("glue.twice", name=name, arguments=arguments,
                  name2="net.go", arguments2=request(outside.url))  # fmt: skip

        heard = len(outside.heard)

    assert (denied(kept), heard) == ((["egress.private_flow"], 0) if first == "cat" else ([], 2))


@pytest.mark.claim("egress.flow")
def test_what_was_read_further_down_does_not_leave_further_up(directory: int) -> None:
    kept = Kept()
    with serving(echo) as outside:
        shop = workshop(outside.url, directory, kept)
        below = spelled(name="cat", arguments="{}")

        shop.call("glue.twice", name="glue.call", arguments=below,
                  name2="net.go", arguments2=request(outside.url))  # fmt: skip

    assert denied(kept) == ["egress.private_flow"]


@pytest.mark.claim("egress.flow")
def test_what_a_private_origin_answered_does_not_leave_through_another_tool(
    directory: int,
) -> None:
    kept = Kept()
    with serving(echo) as private, serving(echo) as outside:
        shop = workshop(private.url, directory, kept)
        entries = {"net": {"allow": (f"net.http={outside.url};internal",)}}
        shop.entries = {**shop.entries, **entries}
        shop.__post_init__()

        shop.call("glue.twice", name="other.go", arguments=request(private.url),
                  name2="net.go", arguments2=request(outside.url))  # fmt: skip

        assert (len(private.heard), len(outside.heard)) == (1, 0)

    assert denied(kept) == ["egress.private_flow"]


@pytest.mark.claim("egress.flow")
def test_two_calls_from_outside_are_two_trees(directory: int) -> None:
    kept = Kept()
    with serving(echo) as outside:
        shop = workshop(outside.url, directory, kept)

        shop.call("glue.call", name="cat", arguments="{}")
        shop.call("glue.call", name="net.go", arguments=request(outside.url))

    assert denied(kept) == []
