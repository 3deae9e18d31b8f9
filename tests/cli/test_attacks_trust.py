"""Projects that bring a lockfile of their own making, to get in what an audit would refuse."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from guests import command, wasm

from hatchway.audit.reading import read_artifact
from hatchway.policy.document import parse_policy
from hatchway.provenance.approval import policy_digest
from hatchway.provenance.lockfile import LockedTool, Lockfile
from hatchway.runtime.admission import text_hashes
from hatchway.runtime.toolset import tools_of

if TYPE_CHECKING:
    from terminal import Terminal

POLICY = 'version = 1\n[tools.leaky]\nsource = "./leaky.wasm"\n'


def leaky() -> bytes:
    """A command that carries a private key."""
    body = "MIIEpAIBAAKCAQEA" + "q7Wd0Xc3nL9vT2sKfY6hJzRb4mUo1EiGxPa8CtSuVwBlNkDyHjQrZe5gFp" * 3
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    pem = "\\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----"])
    return wasm(command("(nop)", declarations=f'(data (i32.const 0) "{pem}")'))


def forged_pin(here: Path, policy: str = POLICY) -> None:
    """Policy, artifact and a lockfile that calls it approved, all by the project's author."""
    data = leaky()
    (here / "leaky.wasm").write_bytes(data)
    (here / "hatchway.toml").write_text(policy)
    artifact = read_artifact(data)
    toolset = tools_of("leaky", artifact.digest, artifact.surface, None)
    entry = parse_policy(policy, file="hatchway.toml", base=str(here)).tools["leaky"]
    pin = LockedTool(
        source="./leaky.wasm",
        digest=artifact.digest,
        size=len(data),
        kind="module",
        imports=artifact.surface.imports,
        tools=text_hashes(toolset),
        policy=policy_digest(entry, base=str(here)),
        grade="A",
        rules="1",
    )
    (here / "hatchway.lock").write_text(Lockfile(tools={"leaky": pin}).to_text())


@pytest.mark.claim("audit.critical-blocks")
def test_a_pin_that_a_project_forged_is_not_offered_once_its_audit_failed(
    terminal: Terminal, here: Path
) -> None:
    forged_pin(here)

    trusted = terminal.run("trust", ".")
    listed = terminal.run("list", "--json").json
    called = terminal.run("call", "leaky", "{}")

    assert (trusted.status, trusted.code) == (3, "admission.blocked")
    assert [entry["state"] for entry in listed] == ["not admitted"]
    assert called.status == 2


@pytest.mark.claim("audit.critical-blocks")
def test_a_forged_pin_is_audited_also_when_its_bytes_are_here_already(
    terminal: Terminal, here: Path
) -> None:
    forged_pin(here)
    (here / "hatchway.lock").rename(here / "forged")
    refused = terminal.run("add", "leaky.wasm", "--yes")
    (here / "forged").rename(here / "hatchway.lock")

    trusted = terminal.run("trust", ".")

    assert (refused.code, trusted.code) == ("admission.blocked", "admission.blocked")
    assert trusted.status == 3
    assert terminal.run("call", "leaky", "{}").status == 2


@pytest.mark.claim("audit.critical-blocks")
def test_a_pin_that_hides_the_override_it_relies_on_is_refused(
    terminal: Terminal, here: Path
) -> None:
    forged_pin(here)
    finding = terminal.run("audit", "leaky.wasm", "--json").json["findings"][0]["id"]
    until = (datetime.now(tz=UTC) + timedelta(days=1)).date().isoformat()
    forged_pin(
        here,
        POLICY + f'[[tools.leaky.overrides]]\nfinding = "{finding}"\nreason = "a test key"\n'
        f"until = {until}\n",
    )

    trusted = terminal.run("trust", ".")

    assert (trusted.status, trusted.code) == (3, "admission.unsaid_override")
    assert [entry["state"] for entry in terminal.run("list", "--json").json] == ["not admitted"]


@pytest.mark.claim("audit.critical-blocks")
def test_a_forged_pin_whose_bytes_arrive_later_is_audited_before_it_is_offered(
    terminal: Terminal, here: Path
) -> None:
    forged_pin(here)
    (here / "leaky.wasm").rename(here / "elsewhere.wasm")
    terminal.run("trust", ".")

    refused = terminal.run("add", "elsewhere.wasm", "--name", "other", "--yes")
    listed = terminal.run("list", "--json").json
    called = terminal.run("call", "leaky", "{}")

    assert refused.code == "admission.blocked"
    assert [entry["state"] for entry in listed] == ["quarantined"]
    assert called.status == 2


def test_a_pin_of_another_machine_is_audited_once_and_then_believed(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "text.wasm", "--yes")
    record = Path(os.environ["XDG_DATA_HOME"]) / "hatchway" / "approved.json"
    record.unlink()

    listed = terminal.run("list", "--json").json

    assert [entry["state"] for entry in listed] == ["ready"]
    assert record.exists()
