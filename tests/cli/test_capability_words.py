"""What people are told who grant a network for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from terminal import Terminal


@pytest.mark.parametrize("command", ["grant", "revoke", "explain"])
def test_an_address_alone_is_answered_with_the_capability(command: str, terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run(command, "echo", "https://example.com")

    assert (done.status, done.code) == (2, "config.bad_capability")
    assert done.hints == ["did you mean 'net.http=https://example.com'?"]


def test_an_address_alone_is_answered_with_the_capability_by_allow_too(terminal: Terminal) -> None:
    done = terminal.run("add", "echo.wasm", "--yes", "--allow", "net=https://example.com")

    assert done.hints == ["did you mean 'net.http=https://example.com'?"]


@pytest.mark.parametrize("command", ["grant", "revoke", "explain", "add", "run"])
def test_help_shows_an_origin_and_says_to_quote_it(command: str, terminal: Terminal) -> None:
    shown = " ".join(terminal.run(command, "--help").out.split())

    assert "'net.http=https://api.example.com;methods=GET'" in shown
    assert "Quote what has a ';'." in shown


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://10.0.0.1"])
def test_an_inner_origin_is_answered_with_the_grant_that_says_so(
    origin: str, terminal: Terminal
) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    blocked = terminal.run("grant", "echo", f"net.http={origin}")
    meant = terminal.run("grant", "echo", f"net.http={origin};internal")

    assert (blocked.status, blocked.code) == (3, "admission.blocked")
    assert blocked.hints[0].startswith(
        "if you mean this machine or a network of yours: "
        f"hatchway grant echo 'net.http={origin};internal'; "
    )
    assert meant.status == 0


@pytest.mark.parametrize("origin", ["http://169.254.169.254", "https://8.8.8.8"])
def test_nobody_is_told_to_call_credentials_or_a_public_address_internal(
    origin: str, terminal: Terminal
) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    blocked = terminal.run("grant", "echo", f"net.http={origin}")

    assert blocked.code == "admission.blocked"
    assert ";internal" not in blocked.hints[0]


def test_a_contradiction_is_answered_with_what_to_revoke(terminal: Terminal) -> None:
    old = "net.http=https://e.org;methods=GET"
    terminal.run("add", "echo.wasm", "--yes")
    terminal.run("grant", "echo", old)

    refused = terminal.run("grant", "echo", "net.http=https://e.org")

    assert refused.code == "config.contradiction"
    assert refused.hints[0].endswith(f"hatchway revoke echo '{old}'")
    assert terminal.run("revoke", "echo", old).status == 0


@pytest.mark.parametrize("capability", ["net.dns=*.e.org:53", "net.socket=*.e.org:5432"])
def test_a_raw_look_up_below_a_wildcard_is_not_granted_and_net_http_is_named(
    capability: str, terminal: Terminal
) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    refused = terminal.run("grant", "echo", capability)

    assert refused.code == "config.unsupported"
    assert refused.hints[0].startswith("net.http=https://HOST needs neither")
