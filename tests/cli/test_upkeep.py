"""Damaged files, client configurations, events, and what is said of all this."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from terminal import Terminal

# damaged files and directories


def test_a_broken_policy_names_file_line_and_nearest_key(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    policy = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"
    policy.write_text(policy.read_text() + '\n[tools.echo.limits]\nmemroy = "64MiB"\n')

    done = terminal.run("list")

    assert (done.status, done.code) == (2, "config.unknown_key")
    assert f"{policy}:8: " in done.err
    assert done.hints == ["did you mean 'memory'?"]


def test_a_corrupt_lockfile_is_said_so_with_a_way_out(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    lock = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.lock"
    lock.write_text("{" + lock.read_text())

    done = terminal.run("list")

    assert (done.status, done.code) == (2, "config.lock_corrupt")
    assert "admit the tools again" in done.hints[0]


def test_a_corrupt_cache_is_rebuilt_without_a_word_to_the_user(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "hatchway" / "compiled"
    for file in cache.iterdir():
        file.write_bytes(b"garbage")

    done = terminal.run("call", "echo", '{"text": "x"}')

    assert (done.status, done.out) == (0, '{"text": "x"}\n')


@pytest.mark.parametrize("kind", ["CONFIG", "DATA", "STATE", "CACHE"])
def test_a_home_that_cannot_be_written_says_which_variable_to_set(
    kind: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A path below a file cannot be made by anybody, root included.
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "blocked" / "x"))

    done = terminal.run("add", "echo.wasm", "--yes")

    assert done.status == 2
    assert done.code in {"config.unwritable", "config.events_unwritable"}
    assert f"XDG_{kind}_HOME" in done.hints[-1]


def test_a_working_directory_that_was_removed_is_said_so(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    done = terminal.run("list")

    assert (done.status, done.code) == (2, "config.unreadable")
    monkeypatch.chdir(tmp_path)


# install


CLIENTS = {
    "claude-code": (".claude.json", "mcpServers"),
    "claude-desktop": ("config/Claude/claude_desktop_config.json", "mcpServers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "vscode": ("config/Code/User/mcp.json", "servers"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_install_prints_by_default_and_touches_nothing(client: str, terminal: Terminal) -> None:
    file, section = CLIENTS[client]

    done = terminal.run("install", client)

    entry = done.json[section]["hatchway"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-3] == "--config"
    assert Path(entry["args"][-2]).is_absolute()
    assert entry["args"][-1] == "serve"
    assert not (Path(os.environ["HOME"]) / file).exists()


@pytest.mark.parametrize("client", CLIENTS)
def test_install_writes_beside_what_is_there_and_keeps_a_backup(
    client: str, terminal: Terminal
) -> None:
    name, section = CLIENTS[client]
    file = Path(os.environ["HOME"]) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    before = json.dumps({"theme": "dark", section: {"other": {"command": "/bin/other"}}})
    file.write_text(before)
    file.chmod(0o600)

    done = terminal.run("install", client, "--write")
    again = terminal.run("install", client, "--write")

    assert (done.status, again.status) == (0, 0)
    written = json.loads(file.read_text())
    assert written["theme"] == "dark"
    assert written[section].keys() == {"other", "hatchway"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.with_name(f"{file.name}.hatchway-backup").exists()


def test_install_writes_tomls_client_too(terminal: Terminal) -> None:
    file = Path(os.environ["HOME"]) / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text('# mine\nmodel = "x"\n')

    shown = terminal.run("install", "codex")
    done = terminal.run("install", "codex", "--write")

    assert "mcp_servers" in tomllib.loads(shown.out)
    assert done.status == 0
    assert "# mine" in file.read_text()
    assert tomllib.loads(file.read_text())["mcp_servers"]["hatchway"]["args"][-1] == "serve"


def test_a_client_configuration_that_is_broken_is_left_alone(terminal: Terminal) -> None:
    file = Path(os.environ["HOME"]) / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text("{ not json // comment }")

    done = terminal.run("install", "cursor", "--write")

    assert (done.status, done.code) == (2, "config.unreadable")
    assert file.read_text() == "{ not json // comment }"


def test_an_unknown_client_lists_the_known_ones(terminal: Terminal) -> None:
    done = terminal.run("install", "emacs")

    assert done.status == 2
    assert "claude-code" in done.hints[0]


# events, doctor, usage


def test_events_are_shown_as_lines_and_as_ocsf(terminal: Terminal) -> None:
    terminal.run("add", "nosy.wasm", "--yes")
    terminal.run("call", "nosy", '{"open-flags": 0}')

    lines = terminal.run("events").out.splitlines()
    records = [json.loads(line) for line in terminal.run("events", "--json").out.splitlines()]
    last = terminal.run("events", "--last", "1").out.splitlines()

    assert len(lines) == len(records) == 3
    assert "capability.denied" in lines[1]
    assert "/etc/passwd" in lines[1]
    assert [record["class_uid"] for record in records] == [3004, 1001, 6003]
    assert last == lines[-1:]


def test_there_may_be_no_events_yet(terminal: Terminal) -> None:
    done = terminal.run("events")

    assert (done.status, done.out) == (0, "")
    assert "no events yet" in done.err


def test_events_can_be_followed(here: Path) -> None:
    follower = subprocess.Popen(
        [sys.executable, "-m", "hatchway", "events", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert follower.stderr is not None
    assert follower.stdout is not None
    try:
        follower.stderr.readline()
        subprocess.run(
            [sys.executable, "-m", "hatchway", "run", "echo.wasm"],
            stdin=subprocess.DEVNULL, capture_output=True, check=True,
        )  # fmt: skip
        line = follower.stdout.readline()
    finally:
        follower.send_signal(signal.SIGINT)
        follower.communicate(timeout=30)

    assert "call.completed" in line


def test_doctor_finds_everything_here(terminal: Terminal) -> None:
    terminal.run("add", "echo.wasm", "--yes")

    done = terminal.run("doctor", "--json")

    states = {check["name"]: check["state"] for check in done.json}
    assert done.status == 0
    assert states["walls"] == "ok"
    assert states["engine"] == "ok"
    assert states["files"] == "ok"
    assert "problem" not in states.values()


def test_doctor_names_what_is_wrong_and_the_way_out(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    terminal.run("add", "echo.wasm", "--yes", "--allow", "env=SURELY_NOT_SET")

    done = terminal.run("doctor")

    assert done.status == 2
    assert "problem  tool echo" in done.out
    assert "hint: set SURELY_NOT_SET" in done.out


def test_a_usage_error_is_one_line_and_a_hint(terminal: Terminal) -> None:
    unknown = terminal.run("frobnicate")
    flag = terminal.run("list", "--frob")
    missing = terminal.run("show")

    for done in (unknown, flag, missing):
        assert (done.status, done.code) == (2, "config.usage")
        assert done.hints[0].endswith("--help")


def test_without_a_command_the_help_is_shown(terminal: Terminal) -> None:
    done = terminal.run()

    assert done.status == 0
    assert "Usage: hatchway" in done.out
    assert "Call a tool once" in done.out


def test_a_bug_of_ours_exits_with_seventy_and_asks_for_a_report(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        message = "unforeseen"
        raise RuntimeError(message)

    monkeypatch.setattr("hatchway.compose.open_application", broken)

    done = terminal.run("list")

    assert (done.status, done.code) == (70, "internal")
    assert "please report" in done.hints[0]
    assert "Traceback" in done.err


def test_the_version_is_told(terminal: Terminal) -> None:
    done = terminal.run("--version")

    assert done.status == 0
    assert done.out.startswith("hatchway ")


def test_a_reader_that_goes_away_is_no_error(here: Path) -> None:
    done = subprocess.run(  # noqa: S602 - a pipe is what is tested
        f"{sys.executable} -m hatchway doctor | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["inline", "tables"])
def test_revoking_an_origin_takes_the_secrets_that_go_there_with_it(
    form: str, terminal: Terminal
) -> None:
    origins = ["https://api.example.com", "https://other.example.com"]
    terminal.run("add", "echo.wasm", "--yes", *(f"--allow=net.http={each}" for each in origins))
    policy = Path(os.environ["XDG_CONFIG_HOME"]) / "hatchway" / "hatchway.toml"
    rules = [
        f'name = "{name}"{{}} from = "env:API_KEY"{{}} to = "{to}"'
        for name, to in zip(("FIRST", "SECOND"), origins, strict=True)
    ]
    if form == "inline":
        listed = ", ".join(f"{{ {rule.format(',', ',')} }}" for rule in rules)
        text = policy.read_text().replace("[tools.echo]\n", f"[tools.echo]\nsecrets = [{listed}]\n")
    else:
        tables = [f"[[tools.echo.secrets]]\n{rule.format(chr(10), chr(10))}\n" for rule in rules]
        text = policy.read_text() + "\n" + "\n".join(tables)
    policy.write_text(text)
    assert "secret     FIRST from env:API_KEY" in terminal.run("show", "echo").out

    one = terminal.run("revoke", "echo", f"net.http={origins[0]}")
    left = terminal.run("show", "echo", "--json").json["secrets"]
    both = terminal.run("revoke", "echo", f"net.http={origins[1]}")

    assert "its secrets went with the origin: FIRST" in one.err
    assert [secret["name"] for secret in left] == ["SECOND"]
    assert both.status == 0
    assert "secrets" not in policy.read_text()
