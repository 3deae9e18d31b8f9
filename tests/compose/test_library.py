"""`from hatchway import Sandbox`: code runs in a fresh instance, and all it does is data."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from code_homes import move_in

from hatchway import CodeError, CodeException, CodeOutcome, Sandbox
from hatchway.core.call import Cancellation
from hatchway.core.errors import (
    CallCancelledError,
    ConfigError,
    DeadlineExceededError,
    FuelExhaustedError,
    InvalidArgumentsError,
    OutputTooLargeError,
    UnknownToolError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n and more"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    move_in(monkeypatch)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


# What comes back


def test_the_value_of_the_last_expression_is_the_result(box: Sandbox) -> None:
    outcome = box.python("total = sum(rows)\n{'total': total}", inputs={"rows": [1, 2, 3]})

    assert outcome.ok
    assert outcome.value == {"total": 6}
    assert outcome.unwrap() == {"total": 6}


def test_what_is_printed_comes_back_apart(box: Sandbox) -> None:
    outcome = box.python("import sys\nprint('out é')\nprint('err', file=sys.stderr)")

    assert (outcome.stdout, outcome.stderr, outcome.value) == ("out é\n", "err\n", None)
    assert outcome.usage.fuel is not None
    assert outcome.usage.wall_us is not None


def test_an_exception_of_the_code_is_data(box: Sandbox) -> None:
    outcome = box.python("print('before')\ndef f(x):\n    return 1 / x\nf(0)")

    assert not outcome.ok
    assert outcome.error is None
    assert outcome.exception is not None
    assert outcome.exception.kind == "ZeroDivisionError"
    assert outcome.exception.message == "division by zero"
    assert outcome.exception.line == 3
    assert 'File "code.py", line 4' in outcome.exception.traceback
    assert outcome.stdout == "before\n"


def test_what_failed_is_raised_only_when_its_value_is_asked_for(box: Sandbox) -> None:
    outcome = box.python("int('x')")

    with pytest.raises(CodeError, match="ValueError: invalid literal") as raised:
        outcome.unwrap()

    assert raised.value.code == "code.failed"
    assert raised.value.exception == outcome.exception


def test_files_go_in_and_what_was_made_or_changed_comes_out(box: Sandbox) -> None:
    code = """
import os
data = open('in.csv').read()
open('out.csv', 'w').write(data.upper())
open('deep/er/changed.txt', 'a').write('!')
os.makedirs('new')
open('new/chart.png', 'wb').write(bytes(png))
"""
    brought: dict[str, bytes | str] = {"in.csv": b"a,b", "deep/er/changed.txt": "text"}

    outcome = box.python(code, files=brought, inputs={"png": list(PNG)})

    assert outcome.ok, outcome.exception
    assert outcome.files == {
        "out.csv": b"A,B",
        "deep/er/changed.txt": b"text!",
        "new/chart.png": PNG,
    }
    assert outcome.images == {"new/chart.png": "image/png"}


def test_files_that_come_back_as_they_were_cost_no_output(box: Sandbox) -> None:
    large = b"x" * (2 << 20)  # twice the limit of output

    outcome = box.python("len(open('large', 'rb').read())", files={"large": large})

    assert outcome.value == len(large)
    assert outcome.files == {}


def test_an_outcome_is_a_frozen_value() -> None:
    outcome = CodeOutcome(value=1)

    with pytest.raises(AttributeError):
        outcome.value = 2  # type: ignore[misc]  # that it cannot be set is the point


# Nothing is shared


def test_nothing_of_one_run_is_there_in_the_next(box: Sandbox) -> None:
    box.python("import builtins\nbuiltins.left = 1\nopen('left', 'w').write('x')")

    outcome = box.python("import builtins, os\n[hasattr(builtins, 'left'), os.listdir('.')]")

    assert outcome.value == [False, []]


def test_many_threads_share_one_sandbox_and_see_only_their_own(box: Sandbox) -> None:
    def run(number: int) -> Any:
        code = "open('mine', 'w').write(str(number))\nprint(number)\nopen('mine').read()"
        outcome = box.python(code, inputs={"number": number})
        return outcome.value, outcome.stdout

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(40)))

    assert answers == [(str(number), f"{number}\n") for number in range(40)]


def test_a_second_sandbox_has_its_own_limits() -> None:
    with Sandbox(fuel=10_000) as poor, Sandbox() as rich:
        assert isinstance(poor.python("1").error, FuelExhaustedError)
        assert rich.python("1").value == 1


# What stops it


def test_a_loop_ends_at_the_deadline_and_keeps_what_was_printed() -> None:
    with Sandbox(deadline=0.5) as box:
        outcome = box.python("print('before', flush=True)\nwhile True: pass")

    assert isinstance(outcome.error, DeadlineExceededError)
    assert outcome.exception is None
    assert outcome.stdout == "before\n"
    with pytest.raises(CodeError) as raised:
        outcome.unwrap()
    assert (raised.value.code, raised.value.exception) == ("guest.deadline_exceeded", None)


def test_output_is_bounded() -> None:
    with Sandbox(output="64KiB") as box:
        outcome = box.python("while True: print('x' * 1000)")

    assert isinstance(outcome.error, OutputTooLargeError)
    assert 0 < len(outcome.stdout) <= 64 * 1024


def test_memory_is_bounded_and_the_code_may_say_so(box: Sandbox) -> None:
    outcome = box.python("try:\n    x = bytearray(1 << 30)\nexcept MemoryError:\n    print('no')")

    assert outcome.ok
    assert outcome.stdout == "no\n"


def test_a_run_can_be_withdrawn_from_another_thread(box: Sandbox) -> None:
    cancellation = Cancellation()
    timer = threading.Timer(0.2, cancellation.request)

    timer.start()
    outcome = box.run("python", "while True: pass", cancellation=cancellation)

    assert isinstance(outcome.error, CallCancelledError)


# What it may touch


def test_what_was_not_granted_is_an_error_of_the_code_and_a_denial(box: Sandbox) -> None:
    outcome = box.python("open('/etc/passwd').read()")

    assert outcome.exception is not None
    assert outcome.exception.kind in ("PermissionError", "FileNotFoundError")
    assert ("fs.read", "/etc/passwd") in [
        (denial.capability, denial.attempted) for denial in outcome.denials
    ]


def test_a_granted_directory_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("granted")

    with Sandbox(allow=[f"fs.read={tmp_path}:/data"]) as box:
        outcome = box.python("open('/data/data.txt').read()")
        refused = box.python("open('/data/data.txt', 'w')")

    assert outcome.value == "granted"
    assert not refused.ok


def test_relative_directories_start_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "data.txt").write_text("relative")
    monkeypatch.chdir(tmp_path)

    with Sandbox(allow=["fs.read=here:/data"]) as box:
        assert box.python("open('/data/data.txt').read()").value == "relative"


def test_the_environment_holds_what_was_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "eo")
    monkeypatch.setenv("SECRET", "hidden")

    with Sandbox(allow=["env=LANGUAGE", "env=MODE=fast"]) as box:
        outcome = box.python("import os\ndict(os.environ)")

    assert outcome.value["LANGUAGE"] == "eo"
    assert outcome.value["MODE"] == "fast"
    assert "SECRET" not in outcome.value


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"deadline": "2"}, "expected a duration"),
        ({"memory": "128 MB"}, "expected a size"),
        ({"memory": True}, "expected a size"),
        ({"deadline": 0}, "lies between"),
        ({"limits": {"disk": 1}}, "disk"),
        ({"limits": {"host_calls": object()}}, "Sandbox"),
        ({"allow": ["fs.red=/x"]}, "fs.red"),
        ({"allow": ["net.socket=*.example.com:80"]}, "raw sockets"),
        ({"allow": ["env=A=1", "env=A=2"]}, "contradicts"),
        ({"tools": ["no such name"]}, "tool"),
    ],
)
def test_what_is_misspelt_is_refused_before_anything_runs(
    arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Sandbox(**arguments)


def test_a_directory_that_nobody_may_grant_is_refused() -> None:
    with Sandbox(allow=["fs.read=/etc:/data"]) as box, pytest.raises(ConfigError, match="/etc"):
        box.python("1")


def test_a_tool_that_is_not_there_is_refused() -> None:
    with Sandbox(tools=["weather"]) as box, pytest.raises(UnknownToolError, match="weather"):
        box.python("1")


# What it cannot be given


@pytest.mark.parametrize(
    "inputs", [{"when": object()}, {1: "a"}, {"deep": [[]]}], ids=["object", "number", "circle"]
)
def test_inputs_without_a_json_form_are_refused(box: Sandbox, inputs: dict[Any, Any]) -> None:
    if "deep" in inputs:
        inputs["deep"].append(inputs["deep"])

    with pytest.raises(InvalidArgumentsError, match="inputs"):
        box.python("1", inputs=inputs)


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a//b", "", "a\0b", "a/b/c/d/e/f", "."])
def test_a_file_can_be_put_nowhere_but_into_the_workspace(box: Sandbox, name: str) -> None:
    outcome = box.python("1", files={name: b""})

    assert isinstance(outcome.error, InvalidArgumentsError)


def test_files_need_scratch_space() -> None:
    with Sandbox(scratch=0) as box:
        outcome = box.python("1", files={"a": b""})

    assert isinstance(outcome.error, InvalidArgumentsError)
    assert "scratch" in outcome.error.message


def test_there_is_no_interpreter_for_every_language(box: Sandbox) -> None:
    with pytest.raises(ConfigError) as raised:
        box.run("cobol", "DISPLAY 'HI'.")

    assert raised.value.code == "config.unknown_language"


def test_a_closed_sandbox_runs_nothing() -> None:
    box = Sandbox()
    box.close()

    with pytest.raises(ConfigError, match="closed"):
        box.python("1")


# What is recorded


def test_events_can_be_watched_instead_of_written() -> None:
    seen: list[Mapping[str, Any]] = []

    with Sandbox(events=seen.append) as box:
        box.python("open('/etc/passwd')")

    names = [event["unmapped"]["hatchway"]["event"] for event in seen]
    assert names.count("call.failed") == 1
    assert names.count("capability.denied") == len(names) - 1 > 0
    assert json.dumps(seen)


def test_without_events_nothing_is_written(tmp_path: Path) -> None:
    with Sandbox(events=False) as box:
        assert box.python("1").value == 1


def test_progress_is_told_to_whoever_wants_it(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    with Sandbox(progress=told.append) as watched, Sandbox(progress=True) as loud:
        watched.prepare("python")
        loud.prepare()

    assert told == []  # everything was there
    assert capsys.readouterr().err == ""


def test_exceptions_can_be_compared() -> None:
    assert CodeException(kind="E", message="m") == CodeException(kind="E", message="m")
