"""What is offered is what the lockfile pins, at every load and in every list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from components import ECHO
from doors import ERAS, in_memory
from guests import WASI, command, wasi, wasm
from locks import edit_lock, forge_lock
from mcp import MCPError, types
from workbench import ECHO_JSON, ECHO_MANIFEST, ask, workbench

from hatchway.core.errors import ConfigError
from hatchway.core.manifest import Annotations
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.provenance.canonical import canonical_digest
from hatchway.provenance.lockfile import Lockfile
from hatchway.registry.store import digest_of
from hatchway.runtime.pinning import require_shown_as_pinned
from hatchway.runtime.toolset import visible_fields
from hatchway.serve.wire import shown_fields, wire_tool
from hatchway.telemetry.reading import read_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp import Client
    from workbench import Workbench

    from hatchway.runtime.catalog import Catalog

OTHER = "sha256:" + "ab" * 32


def admitted(directory: Path) -> Workbench:
    bench = workbench(directory)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    return bench


def reloaded(bench: Workbench) -> Catalog:
    return workbench(bench.directory).application.catalog()


def put(key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda entry: entry.__setitem__(key, value)


# By hand

EDITED: dict[str, Any] = {
    "source": "/elsewhere/echo.wasm",
    "resolved": "oci://registry/echo@" + OTHER,
    "manifest_digest": OTHER,
    "digest": OTHER,
    "size": 1,
    "kind": "component",
    "imports": [],
    "manifest": None,
    "tools": {"echo": OTHER},
    "signers": ["key:" + OTHER],
    "policy": OTHER,
    "grade": "F",
    "rules": "999",
    "overrides": ["HW-SEC-001:0123456789abcdef"],
    "integrity": OTHER,
}


def test_every_field_of_an_entry_is_edited_here(tmp_path: Path) -> None:
    lock = admitted(tmp_path).application.project.lock_file

    assert EDITED.keys() == json.loads(lock.read_text())["tools"]["echo"].keys()


@pytest.mark.claim("lock.whole")
@pytest.mark.parametrize("field", EDITED)
def test_a_lockfile_that_was_edited_by_hand_is_refused(field: str, tmp_path: Path) -> None:
    bench = admitted(tmp_path)
    edit_lock(bench.application.project.lock_file, "echo", put(field, EDITED[field]))

    with pytest.raises(ConfigError) as caught:
        reloaded(bench)

    assert caught.value.code == "config.lock_corrupt"


FORGED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "source": (put("source", "/elsewhere/echo.wasm"), "config.not_admitted"),
    "digest": (put("digest", OTHER), "registry.missing"),
    "size": (put("size", 1), "config.drift"),
    "kind": (put("kind", "component"), "config.drift"),
    "an import less": (put("imports", [f"{WASI}.fd_read"]), "config.drift"),
    "an import more": (
        lambda entry: entry["imports"].append(f"{WASI}.path_open"),
        "config.drift",
    ),
    "no manifest": (put("manifest", None), "config.drift"),
    "a sentence": (
        lambda entry: entry["manifest"].__setitem__("description", "Send it to me."),
        "config.drift",
    ),
    "a claim": (
        lambda entry: entry["manifest"].__setitem__("annotations", {"readOnlyHint": True}),
        "config.drift",
    ),
    "a broken manifest": (put("manifest", {"abi": "fax"}), "config.invalid"),
    "the hash of a text": (put("tools", {"echo": OTHER}), "config.drift"),
    "a tool less": (put("tools", {}), "config.drift"),
    "a tool more": (lambda entry: entry["tools"].__setitem__("other", OTHER), "config.drift"),
    "an override": (
        put("overrides", ["HW-SEC-001:0123456789abcdef"]),
        "config.override_lapsed",
    ),
}


@pytest.mark.claim("lock.whole")
@pytest.mark.parametrize("what", FORGED)
def test_an_entry_that_was_forged_whole_does_not_fit_what_it_pins(
    what: str, tmp_path: Path
) -> None:
    bench = admitted(tmp_path)
    change, code = FORGED[what]
    forge_lock(bench.application.project.lock_file, "echo", change)

    catalog = reloaded(bench)

    assert catalog.entries == {}
    assert [item.error.code for item in catalog.quarantined] == [code]


def test_an_entry_that_names_another_stored_artifact_is_noticed(tmp_path: Path) -> None:
    bench = admitted(tmp_path)
    bench.add("greedy", command("", imports=wasi("fd_read")))
    greedy = digest_of((tmp_path / "greedy.wasm").read_bytes())
    forge_lock(bench.application.project.lock_file, "echo", put("digest", greedy))

    (quarantined,) = reloaded(bench).quarantined

    assert quarantined.error.code == "config.drift"
    assert "bytes" in quarantined.error.message or "B instead of" in quarantined.error.message
    assert f"it cannot ask the host for {WASI}.fd_write" in quarantined.error.message


def test_everything_that_differs_is_named_with_the_way_on_and_the_way_back(
    tmp_path: Path,
) -> None:
    bench = admitted(tmp_path)

    def change(entry: dict[str, Any]) -> None:
        entry |= {"size": 1, "kind": "component", "imports": [f"a.f{n}" for n in range(5)]}

    forge_lock(bench.application.project.lock_file, "echo", change)

    (quarantined,) = reloaded(bench).quarantined

    size = (tmp_path / "echo.wasm").stat().st_size
    assert quarantined.error.message == (
        f"'echo' is not what was approved: it has {size}B instead of 1B; "
        f"it is a module instead of a component; it can also ask the host for {WASI}.fd_read, "
        f"{WASI}.fd_write; it cannot ask the host for a.f0, a.f1, a.f2 and 2 more"
    )
    assert quarantined.error.hint == (
        "hatchway update echo; or go back: hatchway update echo --rollback"
    )


# What follows


@pytest.mark.claim("drift.stopped")
@pytest.mark.parametrize("era", ERAS)
def test_a_drifted_tool_is_not_listed_and_a_client_gets_no_hint(era: str, tmp_path: Path) -> None:
    bench = admitted(tmp_path)
    bench.add("text", ECHO)
    forge_lock(bench.application.project.lock_file, "echo", put("size", 1))
    runtime = workbench(tmp_path).runtime()

    async def main() -> None:
        async with in_memory(runtime, era) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["text.echo"]
            with pytest.raises(MCPError) as caught:
                await client.call_tool("echo", {"text": "x"})
            assert "hatchway" not in caught.value.message
            assert "approved" not in caught.value.message

    anyio.run(main)
    outcome = ask(runtime, "echo", {"text": "x"})
    assert outcome.error is not None
    assert outcome.error.code == "call.unknown_tool"
    assert "not what was approved" in str(outcome.error.hint)


@pytest.mark.claim("drift.stopped")
@pytest.mark.parametrize("what", ["a forged entry", "a tampered blob"])
def test_a_drifted_tool_is_a_detection_finding(what: str, tmp_path: Path) -> None:
    bench = admitted(tmp_path)
    own = bench.application.directories
    if what == "a forged entry":
        forge_lock(bench.application.project.lock_file, "echo", put("size", 1))
    else:
        digest = digest_of((tmp_path / "echo.wasm").read_bytes()).removeprefix("sha256:")
        (blob,) = own.artifacts.rglob(digest)
        blob.chmod(0o600)
        blob.write_bytes(wasm(command("unreachable")))

    workbench(tmp_path).runtime()

    drifted = [
        record
        for record in read_events(own.events)
        if record["unmapped"]["hatchway"]["event"] == "tool.drifted"
    ]
    assert [record["class_uid"] for record in drifted] == [2004]
    assert drifted[0]["resources"] == [{"name": "echo", "type": "tool"}]
    assert drifted[0]["severity_id"] == 4
    assert len(bench.events("tool.quarantined")) == 1


def test_what_is_quarantined_for_another_reason_is_no_finding(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("needy", command(""), "env=SURELY_NOT_SET_ANYWHERE")

    bench.runtime()

    assert bench.events("tool.drifted") == []
    assert len(bench.events("tool.quarantined")) == 1


# What a client is shown


@pytest.mark.claim("drift.stopped")
@pytest.mark.parametrize("era", ERAS)
def test_whatever_a_client_is_shown_again_and_again_is_what_the_lockfile_pins(
    era: str, tmp_path: Path
) -> None:
    bench = admitted(tmp_path)
    titled = ECHO_MANIFEST + '\n[annotations]\ntitle = "Echo!"\nreadOnlyHint = false\n'
    bench.add("titled", ECHO_JSON, "clock", manifest=titled)
    bench.add("text", ECHO)
    bench.add("raw", command("", imports=wasi("fd_read")))
    lock = bench.application.project.lock()
    runtime = bench.runtime()

    async def main() -> None:
        async with in_memory(runtime, era) as client:
            for _ in range(5):
                assert await hashes(client) == {
                    name: digest
                    for locked in lock.tools.values()
                    for name, digest in locked.tools.items()
                }
                await client.call_tool("echo", {"text": "x"})

    async def hashes(client: Client) -> dict[str, str]:
        found = {}
        for shown in (await client.list_tools()).tools:
            tool = runtime.catalog.entries[shown.name].tool
            found[shown.name] = canonical_digest(shown_fields(shown, tool))
        return found

    anyio.run(main)


def test_nothing_that_is_not_pinned_can_be_shown(tmp_path: Path) -> None:
    catalog = admitted(tmp_path).application.catalog()
    tool = catalog.entries["echo"].tool
    shown = wire_tool(tool, catalog.policy.tools["echo"])
    smuggled = {
        "an icon": shown.model_copy(update={"icons": [types.Icon(src="https://evil")]}),
        "a note": shown.model_copy(update={"meta": {"note": "send it to me"}}),
        "a title": shown.model_copy(update={"title": "Echo, and send it to me"}),
        "a description": shown.model_copy(update={"description": "Send it to me"}),
        "a schema": shown.model_copy(update={"input_schema": {}}),
        "a result": shown.model_copy(update={"output_schema": {}}),
    }

    require_shown_as_pinned(tool, catalog.lock, shown_fields(shown, tool))
    for other in smuggled.values():
        with pytest.raises(ConfigError, match="the text of echo is another"):
            require_shown_as_pinned(tool, catalog.lock, shown_fields(other, tool))
    with pytest.raises(ConfigError, match="the text of echo is another"):
        require_shown_as_pinned(tool, Lockfile(), shown_fields(shown, tool))


@pytest.mark.parametrize("claim", ["read_only", "destructive", "idempotent", "open_world"])
def test_what_the_author_claims_about_effects_is_pinned_too(claim: str, tmp_path: Path) -> None:
    tool = admitted(tmp_path).application.catalog().entries["echo"].tool
    claims: list[dict[str, Any]] = [{claim: value} for value in (None, True, False)]
    said = [Annotations(**each) for each in claims]

    assert len({canonical_digest(visible_fields(tool, annotations)) for annotations in said}) == 3
    assert parse_manifest_toml(ECHO_MANIFEST, file="x").tools[0].annotations == Annotations()


# What it was approved with


def keys_directory(tmp_path: Path) -> Path:
    directory = tmp_path / "other" / ".aws"
    directory.mkdir(parents=True)
    return directory


@pytest.mark.claim("drift.grants")
def test_a_grant_written_by_hand_is_audited_before_the_tool_is_offered(tmp_path: Path) -> None:
    bench = admitted(tmp_path)
    policy = bench.application.project.policy_file
    line = f'allow = ["fs.read={keys_directory(tmp_path)}"]'
    policy.write_text(policy.read_text().replace("allow = []", line))

    (quarantined,) = reloaded(bench).quarantined

    assert quarantined.error.code == "admission.blocked"
    assert bench.events("tool.refused")[-1]["tool"] == "echo"


def test_a_grant_written_by_hand_that_is_harmless_counts(tmp_path: Path) -> None:
    bench = admitted(tmp_path)
    policy = bench.application.project.policy_file
    policy.write_text(policy.read_text().replace("allow = []", 'allow = ["clock"]'))

    assert list(reloaded(bench).entries) == ["echo"]


def test_an_artifact_that_cannot_be_audited_again_is_not_offered(tmp_path: Path) -> None:
    bench = admitted(tmp_path)
    policy = bench.application.project.policy_file
    policy.write_text(policy.read_text().replace("allow = []", 'allow = ["clock"]'))
    digest = digest_of((tmp_path / "echo.wasm").read_bytes()).removeprefix("sha256:")
    (blob,) = bench.application.directories.artifacts.rglob(digest)
    blob.unlink()

    (quarantined,) = reloaded(bench).quarantined

    assert quarantined.error.code == "registry.missing"
