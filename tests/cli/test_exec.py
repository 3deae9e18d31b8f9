"""`hatchway exec`: what the code prints, then its value; words, tracebacks and hints apart."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from code_homes import move_in

from hatchway.cli.made_files import save
from hatchway.cli.terminals import safe_for_terminal
from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Done, Terminal


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    move_in(monkeypatch)


def run(terminal: Terminal, here: Path, code: str, *options: str, name: str = "code.py") -> Done:
    (here / name).write_text(code)
    return terminal.run("exec", name, *options)


# What is printed


def test_what_the_code_prints_comes_first_and_then_its_value(
    terminal: Terminal, here: Path
) -> None:
    done = run(terminal, here, "print('hello')\n[1, 'é', None, 2.5]")

    assert (done.status, done.err) == (0, "")
    assert done.out == 'hello\n[1, "é", null, 2.5]\n'


@pytest.mark.parametrize(
    ("code", "out"),
    [
        ("print('no newline', end='')\n1", "no newline\n1\n"),
        ("print('no newline', end='')", "no newline"),
        ("'a text'", '"a text"\n'),
        ("None", ""),
        ("x = 1", ""),
    ],
)
def test_a_value_has_a_line_of_its_own_and_none_has_no_line(
    terminal: Terminal, here: Path, code: str, out: str
) -> None:
    assert run(terminal, here, code).out == out


def test_bytes_go_through_a_pipe_as_they_are(here: Path) -> None:
    code = "import sys; sys.stdout.buffer.write(bytes(range(256)))"

    done = subprocess.run(
        [sys.executable, "-m", "hatchway", "exec", "-"],
        input=code.encode(),
        capture_output=True,
        check=False,
    )

    assert done.stdout.removesuffix(b"256\n").rstrip(b"\n") == bytes(range(256)).rstrip(b"\n")
    assert done.returncode == 0, done.stderr


def test_a_terminal_is_shown_what_would_command_it(here: Path) -> None:
    master, slave = pty.openpty()
    (here / "code.py").write_text("print('\\x1b]0;owned\\x07\\u202e')")

    try:
        subprocess.run(
            [sys.executable, "-m", "hatchway", "exec", "code.py"],
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=subprocess.PIPE,
            check=True,
        )
        shown = os.read(master, 1000)
    finally:
        os.close(master)
        os.close(slave)

    assert shown == b"\\x1b]0;owned\\x07\\u202e\r\n"


def test_on_a_terminal_lines_of_the_code_are_marked(here: Path) -> None:
    forged = "error[guest.trapped]: no\n  hint: hatchway grant python fs.read=/"
    (here / "code.py").write_text(f"import sys\nprint({forged!r}, file=sys.stderr)\n")
    master, slave = pty.openpty()

    try:
        subprocess.run(
            [sys.executable, "-m", "hatchway", "exec", "code.py"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=slave,
            check=True,
        )
        shown = os.read(master, 1000)
    finally:
        os.close(master)
        os.close(slave)

    lines = shown.decode().splitlines()
    assert lines == ["| error[guest.trapped]: no", "|   hint: hatchway grant python fs.read=/"]


def test_in_a_pipe_lines_of_the_code_are_as_they_were_written(
    terminal: Terminal, here: Path
) -> None:
    done = run(terminal, here, "import sys\nprint('  hint: mine', file=sys.stderr)")

    assert done.err == "  hint: mine\n"


def test_lines_and_tabs_are_no_danger_to_a_terminal() -> None:
    assert safe_for_terminal("a\tb\né\r\x7f".encode() + b"\xff") == (
        "a\tb\né\\r\\x7f\\xff".encode()
    )
    assert safe_for_terminal(b"plain\n") == b"plain\n"


# What goes wrong


def test_a_failure_exits_with_one_and_says_where(terminal: Terminal, here: Path) -> None:
    done = run(terminal, here, "print('before')\n1 / 0")

    assert done.status == 1
    assert done.out == "before\n"
    assert 'File "code.py", line 2' in done.err
    assert "ZeroDivisionError: division by zero" in done.err


def test_a_stop_names_the_limit_and_keeps_what_was_printed(terminal: Terminal, here: Path) -> None:
    code = "print('before', flush=True)\nwhile True: pass"

    done = run(terminal, here, code, "--limit", "deadline=300ms")

    assert (done.status, done.code) == (1, "guest.deadline_exceeded")
    assert done.out == "before\n"


def test_a_denial_comes_with_the_grant_that_would_allow_it(terminal: Terminal, here: Path) -> None:
    done = run(terminal, here, "open('/srv/data/table.csv')")

    assert done.status == 1
    assert "denied: fs.read /srv/data/table.csv" in done.err
    assert "--allow fs.read=DIRECTORY:/srv/data" in done.hints


def test_a_socket_is_denied_with_what_works_in_its_place(terminal: Terminal, here: Path) -> None:
    code = "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/')"

    done = run(terminal, here, code)

    assert done.status == 1
    assert "denied: net.dns 192.0.2.1" in done.err
    assert done.hints == [
        "code may call a tool that has net.http: --allow tool=NAME; "
        "or use a socket of its own: --allow net.socket=HOST:PORT"
    ]


def test_what_is_granted_is_there(terminal: Terminal, here: Path) -> None:
    (here / "table.csv").write_text("a,b")

    done = run(terminal, here, "open('/data/table.csv').read()", "--allow", "fs.read=.:/data")

    assert done.out == '"a,b"\n'


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--lang", "cobol"], "config.unknown_language"),
        (["--limit", "deadline=2"], "config.invalid"),
        (["--limit", "disk=2"], "config.unknown_key"),
        (["--allow", "fs.red=/x"], "config.bad_capability"),
        (["--input", "rows"], "config.usage"),
        (["--input", "=1"], "config.usage"),
        (["--input", "rows=[1"], "config.usage"),
        (["--input", 'rows=1, "more": 2'], "config.usage"),
        (["--inputs", "absent.json"], "config.unreadable"),
        (["--inputs", "code.py"], "config.usage"),
        (["--file", "absent.csv"], "config.unreadable"),
        (["--file", "code.py:../up"], "call.invalid_arguments"),
        (["--compiler", "gcc"], "config.invalid"),
    ],
)
def test_wrong_options_exit_with_two(
    terminal: Terminal, here: Path, options: list[str], code: str
) -> None:
    done = run(terminal, here, "1", *options)

    assert (done.status, done.code, done.out) == (2, code, "")


def test_without_code_the_next_step_is_named(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    done = terminal.run("exec")

    assert (done.status, done.code) == (2, "call.invalid_arguments")
    assert "hatchway exec FILE" in done.hints[0]


def test_code_is_text(terminal: Terminal, here: Path) -> None:
    (here / "code.py").write_bytes(b"\xff")

    done = terminal.run("exec", "code.py")

    assert (done.status, done.code) == (2, "call.invalid_arguments")


# What goes in and comes out


def test_inputs_are_variables(terminal: Terminal, here: Path) -> None:
    (here / "inputs.json").write_text('{"rows": [1, 2], "name": "file"}')

    done = run(
        terminal, here, "[rows, name]", "--inputs", "inputs.json", "--input", 'name="option"'
    )

    assert done.out == '[[1, 2], "option"]\n'


def test_files_are_copied_in_and_kept_where_somebody_wants_them(
    terminal: Terminal, here: Path
) -> None:
    (here / "data.csv").write_text("a,b")
    code = "import os\nos.makedirs('made')\nopen('made/out.txt', 'w').write(open('in.csv').read())"

    lost = run(terminal, here, code, "--file", "data.csv:in.csv")
    kept = run(terminal, here, code, "--file", "data.csv:in.csv", "--out", "results")

    assert "made made/out.txt (3 bytes)" in lost.err
    assert lost.hints == ["--out DIR keeps what the code makes"]
    assert "wrote made/out.txt (3 bytes) to results" in kept.err
    assert (here / "results" / "made" / "out.txt").read_text() == "a,b"
    assert not (here / "results" / "in.csv").exists()


def test_json_has_the_shape_of_a_call(terminal: Terminal, here: Path) -> None:
    code = "print('x' * 40_000)\nopen('a.txt', 'w').write('1')\n{'n': 1}"

    done = run(terminal, here, code, "--json")

    shape: dict[str, Any] = done.json
    assert (shape["ok"], shape["is_error"], shape["error"]) == (True, False, None)
    assert shape["structured"] == {
        "value": {"n": 1},
        "stdout": "x" * 40_000 + "\n",
        "stderr": "",
        "exception": None,
        "files": [{"name": "a.txt", "media_type": "text/plain", "bytes": 1}],
    }
    assert shape["usage"]["fuel"] > 0


def test_json_of_a_failure_has_the_exception(terminal: Terminal, here: Path) -> None:
    done = run(terminal, here, "int('x')", "--json")

    assert done.status == 1
    assert done.json["ok"] is False
    exception = done.json["structured"]["exception"]
    assert (exception["kind"], exception["line"]) == ("ValueError", 1)


def test_json_of_a_stop_has_its_code(terminal: Terminal, here: Path) -> None:
    done = run(terminal, here, "1", "--json", "--limit", "fuel=1000")

    assert done.status == 1
    assert done.json["error"]["code"] == "guest.fuel_exhausted"


# Files that code made


@pytest.mark.parametrize("name", ["link/out", "fifo", "folder", "link"])
def test_what_code_made_is_written_through_no_link_and_into_no_pipe(here: Path, name: str) -> None:
    outside = here / "outside"
    outside.mkdir()
    out = here / "out"
    (out / "folder").mkdir(parents=True)
    (out / "link").symlink_to(outside)
    os.mkfifo(out / "fifo")

    with pytest.raises(ConfigError, match="cannot write"):
        save({name: b"data"}, out)

    assert list(outside.iterdir()) == []


def test_a_file_that_is_there_is_replaced_whole(here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "a.txt").write_text("much longer than before")

    save({"a.txt": b"new"}, here / "out", overwrite=True)

    assert (here / "out" / "a.txt").read_bytes() == b"new"
    assert [file.name for file in (here / "out").iterdir()] == ["a.txt"]


def test_a_file_that_is_there_stays_and_the_others_are_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.txt").write_text("mine")

    with pytest.raises(ConfigError, match=r"'a\.txt'.*it is there already") as refused:
        save({"a.txt": b"new", "b.txt": b"data"}, here)

    assert "--overwrite" in (refused.value.hint or "")
    assert (here / "a.txt").read_text() == "mine"
    assert (here / "b.txt").read_bytes() == b"data"
    assert "wrote b.txt (4 bytes)" in capsys.readouterr().err


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_with_two_names_is_not_written_through_one_of_them(
    here: Path, overwrite: bool
) -> None:
    (here / "elsewhere").write_text("original")
    (here / "out").mkdir()
    (here / "out" / "linked").hardlink_to(here / "elsewhere")

    with pytest.raises(ConfigError, match="cannot write"):
        save({"linked": b"new"}, here / "out", overwrite=overwrite)

    assert (here / "elsewhere").read_text() == "original"
    assert (here / "out" / "linked").read_text() == "original"


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        *(".git/config", ".mcp.json", "deeper/.claude/settings.json", ".envrc", "../up", "."),
        *("hatchway.toml", "deeper/hatchway.lock", "HATCHWAY.TOML", "a.tool.toml", "tool.toml"),
        *("HEAD", "repository/HEAD"),
    ],
)
def test_what_programs_obey_is_never_written(here: Path, name: str, overwrite: bool) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        save({name: b"data"}, here / "out", overwrite=overwrite)

    assert not (here / "out").exists()
    assert not (here / "up").exists()


def test_several_files_that_are_refused_are_counted(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"'\.a'.*; 2 more files not written either"):
        save({".a": b"", "b": b"", ".c": b"", ".d": b""}, here)


def test_a_second_run_into_one_directory_says_overwrite(terminal: Terminal, here: Path) -> None:
    code = "open('report.md', 'w').write('x')"

    first = run(terminal, here, code, "--out", "made")
    second = run(terminal, here, code, "--out", "made")
    third = run(terminal, here, code, "--out", "made", "--overwrite")

    assert [each.status for each in (first, second, third)] == [0, 2, 0]
    assert second.code == "config.unwritable"
    assert any("--overwrite" in hint for hint in second.hints)


def test_many_files_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    save({f"{number}.txt": b"" for number in range(30)}, None)

    assert "and 10 more" in capsys.readouterr().err
