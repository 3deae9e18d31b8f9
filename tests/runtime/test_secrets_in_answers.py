"""No answer, no error and no event holds a secret, wherever a guest got it from."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from guests import command, wasi
from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, ask, workbench

from hatchway.core.errors import ConfigError
from hatchway.telemetry.reading import read_events

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-live-4f9a2c7e61d8"
ORIGIN = "https://api.example.com"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A tool that gives back what it gets, and another one that has a secret."""
    monkeypatch.setenv("API_KEY", KEY)
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    bench.add("caller", ECHO_JSON, f"net.http={ORIGIN}", manifest=ECHO_MANIFEST)
    with_secret(bench, "env:API_KEY")
    return bench


def with_secret(bench: Workbench, source: str) -> None:
    """Give the tool `caller` a secret, in the user's own policy."""
    file = bench.application.project.policy_file
    text = file.read_text()
    rule = f'secrets = [{{ name = "API_KEY", from = "{source}", to = "{ORIGIN}" }}]'
    file.write_text(text.replace("[tools.caller]\n", f"[tools.caller]\n{rule}\n"))


@pytest.mark.claim("secrets.redacted")
@pytest.mark.parametrize(
    "spelled",
    [
        KEY,
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"Bearer {KEY} and more".encode()).decode(),
        "".join(f"%{byte:02x}" for byte in KEY.encode()),
        "".join(f"\\u{ord(letter):04x}" for letter in KEY),
        KEY.encode().hex(),
    ],
    ids=["raw", "base64", "in-base64", "url-encoded", "json-escaped", "hex"],
)
def test_an_answer_that_holds_a_secret_loses_it(spelled: str, bench: Workbench) -> None:
    outcome = ask(bench.runtime(), "echo", {"text": f"the key is {spelled}!"})

    answer = json.dumps(outcome.to_json())
    assert spelled not in answer.replace("\\\\", "\\")
    assert "[redacted:API_KEY]" in answer
    assert not outcome.is_error


def test_a_leak_is_a_finding_that_names_the_secret_and_not_its_value(bench: Workbench) -> None:
    ask(bench.runtime(), "echo", {"text": KEY})

    (leak,) = bench.events("secret.leak_blocked")
    assert leak["details"] == {"secrets": ["API_KEY"]}
    assert leak["tool"] == "echo"
    log = bench.application.directories.events
    assert KEY not in log.read_text()
    assert [record["class_uid"] for record in read_events(log)][-2:] == [2004, 6003]


def test_an_answer_without_secrets_is_left_as_it_is(bench: Workbench) -> None:
    outcome = ask(bench.runtime(), "echo", {"text": "nothing to see"})

    assert outcome.structured == {"text": "nothing to see"}
    assert bench.events("secret.leak_blocked") == []


def test_what_a_failing_program_says_is_looked_through_as_well(bench: Workbench) -> None:
    outcome = ask(bench.runtime(), "echo", {"text": KEY, "times": "wrong"})

    assert outcome.is_error
    assert KEY not in json.dumps(outcome.to_json())


def test_a_missing_secret_keeps_everything_from_starting(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_KEY")

    with pytest.raises(ConfigError, match="API_KEY"):
        bench.application.live(lambda _line: None)


def test_the_secret_of_another_tool_is_not_asked_for(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_KEY")

    outcome = ask(bench.application.runtime("echo"), "echo", {"text": "hello"})

    assert outcome.structured == {"text": "hello"}
    assert bench.application.catalog().quarantined == ()


def test_a_tool_without_its_own_secret_is_not_called(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_KEY")

    with pytest.raises(ConfigError, match="API_KEY"):
        bench.application.runtime("caller")


# Looking has an end


def floods(ending: str = "") -> str:
    """A command that writes 8 MiB of escapes, which take long to undo."""
    return command(
        f"""(local $at i32)
    (loop $on
      (i32.store (i32.add (local.get $at) (i32.const 64)) (i32.const 0x25333725))
      (i32.store (i32.add (local.get $at) (i32.const 68)) (i32.const 0x33372533))
      (i32.store (i32.add (local.get $at) (i32.const 72)) (i32.const 0x37253337))
      (local.set $at (i32.add (local.get $at) (i32.const 12)))
      (br_if $on (i32.lt_u (local.get $at) (i32.const 8388600))))
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (local.get $at))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) {ending}""",
        imports=wasi("fd_write"),
        memory="130",
    )


def let_write(bench: Workbench, name: str) -> None:
    """Let an entry write much, in little time."""
    file = bench.application.project.policy_file
    limits = f'[tools.{name}.limits]\noutput = "9MiB"\ndeadline = "250ms"\n'
    file.write_text(file.read_text() + "\n" + limits)


@pytest.mark.claim("secrets.redacted")
@pytest.mark.parametrize(
    ("ending", "code"),
    [("", "guest.output_unchecked"), ("unreachable", "guest.trapped")],
    ids=["an answer", "an error"],
)
def test_what_takes_too_long_to_look_through_stays_here(
    ending: str, code: str, bench: Workbench
) -> None:
    bench.add("flood", floods(ending))
    let_write(bench, "flood")

    outcome = ask(bench.runtime(), "flood")

    assert outcome.error is not None
    assert outcome.error.code == code
    assert outcome.error.message == (
        "the answer was withheld: looking through it for secrets took too long"
    )
    assert (outcome.stdout, outcome.structured, len(outcome.content)) == (b"", None, 1)
    (end,) = [event for event in bench.events() if event["event"].startswith("call.")]
    assert (end["event"], end["code"]) == ("call.failed", code)
    assert end["usage"]["fuel"] > 0


def test_without_secrets_the_same_answer_is_given(bench: Workbench) -> None:
    file = bench.application.project.policy_file
    file.write_text(file.read_text().replace("secrets = ", "# "))
    bench.add("flood", floods())
    let_write(bench, "flood")

    outcome = ask(bench.runtime(), "flood")

    assert len(outcome.stdout) > 8_000_000
