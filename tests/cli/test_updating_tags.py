"""Tags move. What was pinned does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from guests import WASI, wasm
from locks import forge_lock
from workbench import ECHO_JSON

from hatchway.registry.descriptors import WasmConfig
from hatchway.registry.publishing import push
from hatchway.registry.reference import LayoutReference
from hatchway.registry.settings import SourceSettings

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

SOURCE = "oci-layout:./shop:stable"
OPENING = f"""(import "{WASI}" "path_open"
  (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"""


def publish(here: Path, *, more: str = "", note: bytes = b"", shop: str = "shop") -> str:
    """Move the tag to a new version; the digest of its manifest."""
    artifact = wasm(ECHO_JSON.replace("(memory", f"{more} (memory", 1))
    if note:
        artifact += b"\0" + bytes([len(note) + 1, len(note)]) + note
    reference = LayoutReference(directory=str(here / shop), tag="stable")
    settings = SourceSettings()
    return push(reference, artifact, WasmConfig(os="wasip1"), settings=settings).manifest_digest


def project(terminal: Terminal, here: Path) -> None:
    """A trusted project whose one tool comes from a tag."""
    (here / "hatchway.toml").write_text(f'version = 1\n[tools.echo]\nsource = "{SOURCE}"\n')
    assert terminal.run("trust", ".").status == 0


def pinned(here: Path) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads((here / "hatchway.lock").read_text())["tools"]["echo"]
    return entry


def elsewhere(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """From here on this is another person's machine, with the same project."""
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(directory / kind))


def test_a_tag_is_pinned_as_the_version_it_stood_for(terminal: Terminal, here: Path) -> None:
    digest = publish(here)

    project(terminal, here)

    entry = pinned(here)
    assert entry["source"] == SOURCE
    assert entry["manifest_digest"] == digest
    assert entry["resolved"].endswith(f"@{digest}")


@pytest.mark.claim("drift.blocked")
def test_a_tag_that_moved_to_something_that_can_do_more_is_stopped(
    terminal: Terminal, here: Path
) -> None:
    publish(here)
    project(terminal, here)
    before = pinned(here)
    publish(here, more=OPENING)

    called = terminal.run("call", "echo", '{"stdin": "x"}')
    done = terminal.run("update", "echo", "--yes", "--json")

    assert called.out == "x\n"
    assert (done.status, done.json[0]["reasons"]) == (3, ["capabilities"])
    assert pinned(here) == before


def test_a_tag_that_moved_to_new_bytes_is_resolved_again(terminal: Terminal, here: Path) -> None:
    publish(here)
    project(terminal, here)
    digest = publish(here, note=b"1.0.1")

    done = terminal.run("update", "echo", "--yes")

    assert done.status == 0
    assert pinned(here)["manifest_digest"] == digest


def test_another_machine_gets_what_was_pinned_and_not_what_the_tag_says_now(
    terminal: Terminal, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(here)
    project(terminal, here)
    before = pinned(here)
    publish(here, more=OPENING)
    elsewhere(monkeypatch, tmp_path / "bob")

    trusted = terminal.run("trust", ".")
    called = terminal.run("call", "echo", '{"stdin": "x"}')

    assert (trusted.status, called.out) == (0, "x\n")
    assert pinned(here) == before


def test_a_lockfile_cannot_send_anybody_to_another_place_than_the_policy_names(
    terminal: Terminal, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(here)
    project(terminal, here)
    digest = pinned(here)["manifest_digest"]
    publish(here, shop="mirror")
    publish(here, note=b"1.0.1")

    def redirect(entry: dict[str, Any]) -> None:
        entry["resolved"] = f"oci-layout:./mirror:stable@{digest}"

    forge_lock(here / "hatchway.lock", "echo", redirect)
    elsewhere(monkeypatch, tmp_path / "bob")

    done = terminal.run("trust", ".")

    assert (done.status, done.code) == (3, "registry.changed")
