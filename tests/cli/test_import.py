"""`hatchway import`: a policy of Wassette, shown and written."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

GOOD = """
version: "1.0"
description: for a test
permissions:
  storage:
    allow:
      - uri: "fs://data/**"
        access: ["read"]
  network:
    allow:
      - host: api.example.com
  resources:
    limits:
      memory: 128Mi
"""
BAD = """
version: "1.0"
permissions:
  network:
    allow:
      - cidr: "10.0.0.0/8"
    deny:
      - host: evil.example
"""


@pytest.fixture
def policies(here: Path) -> Path:
    (here / "data").mkdir()
    (here / "policy.yaml").write_text(GOOD)
    (here / "bad.yaml").write_text(BAD)
    return here


def test_the_entry_is_printed_and_the_next_command_is_said(
    policies: Path, terminal: Terminal
) -> None:
    done = terminal.run("import", "wassette", "policy.yaml", "--name", "weather")

    assert done.status == 0
    assert tomllib.loads(done.out) == {
        "tools": {
            "weather": {
                "allow": [f"fs.read={policies}/data:/data", "net.http=https://api.example.com"],
                "limits": {"memory": "128MiB"},
            }
        }
    }
    assert done.out.startswith('[tools.weather]\n# source = "…"\n')
    assert "note: api.example.com: HTTPS on its usual port" in done.err
    assert (
        f"to admit a component with it: hatchway add SOURCE --name weather --allow "
        f"fs.read={policies}/data:/data --allow net.http=https://api.example.com --limit "
        f"memory=128MiB"
    ) in done.err
    assert not (policies / "hatchway.toml").exists()


def test_what_was_printed_can_be_admitted(policies: Path, terminal: Terminal) -> None:
    allow = f"fs.read={policies}/data:/data"

    done = terminal.run(
        "import", "wassette", "policy.yaml", "--name", "w", "--source", "text.wasm", "--json"
    )

    assert json.loads(done.out) == {
        "name": "w",
        "source": "text.wasm",
        "allow": [allow, "net.http=https://api.example.com"],
        "limits": {"memory": "128MiB"},
        "notes": ["api.example.com: HTTPS on its usual port; Wassette allows plain HTTP"],
    }
    assert terminal.run("add", "text.wasm", "--name", "w", "--yes", "--allow", allow).status == 0


def test_every_key_that_cannot_be_kept_is_named_and_nothing_is_printed(
    policies: Path, terminal: Terminal
) -> None:
    done = terminal.run("import", "wassette", "bad.yaml", "--name", "w")

    assert (done.status, done.code, done.out) == (2, "config.unsupported", "")
    assert [line for line in done.err.splitlines() if line.startswith("refused: ")] == [
        "refused: permissions.network.allow.0.cidr: requests are allowed by name; a range of "
        "addresses is nobody's name",
        "refused: permissions.network.deny: grants are exact here, so there is nothing to deny; "
        "allow less instead",
    ]
    assert policies.exists()


def test_an_entry_gets_exactly_what_the_policy_says(policies: Path, terminal: Terminal) -> None:
    terminal.run("add", "text.wasm", "--yes", "--allow", "env=OLD=1")

    done = terminal.run("import", "wassette", "policy.yaml", "--name", "text", "--write")
    shown = terminal.run("import", "wassette", "policy.yaml", "--name", "text")

    assert done.status == 0
    assert "no longer: env=OLD=1" in done.err
    assert terminal.run("show", "text", "--json").json["grants"] == [
        f"fs.read={policies}/data:/data", "net.http=https://api.example.com",
    ]  # fmt: skip
    assert "text.wasm" in tomllib.loads(shown.out)["tools"]["text"]["source"]
    again = terminal.run("import", "wassette", "policy.yaml", "--name", "text", "--write", "--json")
    assert json.loads(again.out)["name"] == "text"
    assert "no longer" not in again.err


def test_there_must_be_an_entry_to_write_into(policies: Path, terminal: Terminal) -> None:
    done = terminal.run("import", "wassette", "policy.yaml", "--name", "absent", "--write")

    assert (done.status, done.code) == (2, "config.no_such_tool")
    assert policies.exists()


def test_a_directory_that_is_none_is_refused_before_anything_is_said(
    policies: Path, terminal: Terminal
) -> None:
    (policies / "data").rmdir()

    done = terminal.run("import", "wassette", "policy.yaml", "--name", "w")

    assert (done.status, done.out) == (2, "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("docker", "policy.yaml"), "config.usage"),
        (("wassette", "absent.yaml"), "config.unreadable"),
        (("wassette", "data"), "config.unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused(
    words: tuple[str, str], code: str, policies: Path, terminal: Terminal
) -> None:
    done = terminal.run("import", *words, "--name", "w")

    assert (done.status, done.code) == (2, code)
    assert policies.exists()


def test_a_policy_that_allows_nothing_is_an_entry_without_grants(
    policies: Path, terminal: Terminal
) -> None:
    (policies / "none.yaml").write_text('version: "1.0"\npermissions: {}\n')

    done = terminal.run("import", "wassette", "none.yaml", "--name", "w", "--source", "x.wasm")

    assert tomllib.loads(done.out) == {"tools": {"w": {"source": "x.wasm", "allow": []}}}
