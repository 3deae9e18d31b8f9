"""What an operator is told about the network: before a call, when it fails, and by `doctor`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from egress_servers import Authority, echo, serving

if TYPE_CHECKING:
    from terminal import Terminal

WEB = Path(__file__).parents[2] / "examples" / "web" / "web.wasm"
ORIGIN = "https://api.example.com"


@pytest.fixture
def policy(terminal: Terminal) -> Path:
    """The user's policy, with one tool that may ask one origin."""
    terminal.run("add", str(WEB), "--yes", "--allow", f"net.http={ORIGIN}")
    return Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"


def give_secret(policy: Path, source: str) -> None:
    rule = f'secrets = [{{ name = "KEY", from = "{source}", to = "{ORIGIN}" }}]'
    policy.write_text(policy.read_text().replace("[tools.web]\n", f"[tools.web]\n{rule}\n"))


def test_explain_says_what_a_call_would_get_of_a_tool_with_a_secret(
    terminal: Terminal, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_secret(policy, "env:SOME_KEY")
    monkeypatch.setenv("SOME_KEY", "a value, long enough")
    there = terminal.run("explain", "web", f"net.http={ORIGIN}")
    monkeypatch.delenv("SOME_KEY")
    missing = terminal.run("explain", "web", f"net.http={ORIGIN}")

    assert there.out.startswith("allowed: ")
    assert missing.out.startswith("denied: 'web' uses the secret KEY")


def test_doctor_counts_what_may_be_reached_and_misses_a_secret(
    terminal: Terminal, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_secret(policy, "env:SOME_KEY")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("SOME_KEY", raising=False)
    missing = terminal.run("doctor")
    monkeypatch.setenv("SOME_KEY", "a value, long enough")
    there = terminal.run("doctor")

    assert missing.status == 2
    assert "problem  secrets of web: there is no value for the secret KEY" in missing.out
    assert there.status == 0
    assert "ok       network: 1 tool may send requests, to 1 origin\n" in there.out
    assert "ok       secret KEY of web: it is there" in there.out
    assert "HTTPS_PROXY is set, and tools do not go by it" in there.out
    assert "long enough" not in there.out + there.err


@pytest.mark.parametrize(
    ("content", "why"), [(None, "cannot be read"), ("not a certificate", "holds no certificate")]
)
@pytest.mark.parametrize("command", ["list", "doctor", "call"])
def test_authorities_that_nobody_can_believe_are_an_error_before_any_request(
    terminal: Terminal, policy: Path, content: str | None, why: str, command: str
) -> None:
    if content is not None:
        (policy.parent / "ca.pem").write_text(content)
    policy.write_text(policy.read_text() + '\n[egress]\nauthorities = "ca.pem"\n')

    done = terminal.run(*([command] if command != "call" else ["call", "web", '{"url": "x"}']))

    assert done.status == 2
    assert f"ca.pem' {why}" in done.out + done.err


def test_a_request_that_is_allowed_and_fails_says_why(terminal: Terminal, tmp_path: Path) -> None:
    with serving(echo, tls=Authority(tmp_path).context("localhost")) as origin:
        url = f"https://localhost:{origin.port}"
        terminal.run("add", str(WEB), "--yes", "--allow", f"net.http={url};internal")
        done = terminal.run("call", "web", f'{{"url": "{url}/"}}')

    assert done.status == 1
    assert f"failed: GET {url}: TLS-certificate-error; is its authority trusted here?" in done.err


def test_nobody_is_talked_into_granting_a_metadata_service(
    terminal: Terminal, policy: Path
) -> None:
    done = terminal.run("call", "web", '{"url": "http://169.254.169.254/latest/meta-data/"}')

    assert "denied: net.http GET http://169.254.169.254" in done.err
    assert done.hints == []


def test_no_tool_is_granted_the_directory_of_a_secrets_file(
    terminal: Terminal, policy: Path, here: Path
) -> None:
    keys = here / "keys"
    keys.mkdir()
    (keys / "key").write_text("a value, long enough")
    (keys / "key").chmod(0o600)
    give_secret(policy, f"file:{keys / 'key'}")

    beside = terminal.run("grant", "web", f"fs.read={keys}:/keys")
    around = terminal.run("grant", "web", f"fs.read={here}:/here")

    assert (beside.status, around.status) == (2, 2)
    assert "fs.read" not in policy.read_text()


def test_a_server_without_a_client_ends_by_itself(policy: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchway", "serve"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert "bug" not in done.stderr
