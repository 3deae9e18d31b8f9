"""The path of a call: what is answered, and what is on record afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from components import ECHO, opening, trapping
from guests import command, wasi
from workbench import ECHO_JSON, ECHO_MANIFEST, OPERATOR, ask, workbench

from hatchway.core.call import Cancellation, Principal, TextContent
from hatchway.core.errors import ConfigError, InternalError
from hatchway.core.events import TERMINAL_EVENTS
from hatchway.runtime.recording import digest_of_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from workbench import Workbench


def terminal(bench: Workbench) -> list[str]:
    return [event["event"] for event in bench.events() if event["event"] in TERMINAL_EVENTS]


@pytest.mark.claim("events.exactly-one")
def test_a_call_is_answered_and_leaves_one_terminal_event(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    outcome = ask(bench.runtime(), "echo", {"text": "hello"})

    assert outcome.structured == {"text": "hello"}
    assert not outcome.is_error
    (event,) = bench.events("call.completed")
    assert event["tool"] == "echo"
    assert (event["tenant"], event["subject"]) == ("local", "operator")
    assert event["usage"]["fuel"] > 0
    assert terminal(bench) == ["call.completed"]


@pytest.mark.claim("events.no-arguments")
def test_events_know_the_arguments_by_digest_only(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    ask(bench.runtime(), "echo", {"text": "a very secret sentence"})

    (event,) = bench.events("call.completed")
    assert event["arguments_digest"] == digest_of_arguments({"text": "a very secret sentence"})
    written = bench.application.directories.events.read_text()
    assert "secret sentence" not in written


REFUSALS: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown tool": ("nothing", {}, "call.unknown_tool"),
    "a missing argument": ("echo", {}, "call.invalid_arguments"),
    "an unknown argument": ("echo", {"text": "x", "other": 1}, "call.invalid_arguments"),
    "a wrong type": ("echo", {"text": 1}, "call.invalid_arguments"),
    "an argument out of range": ("echo", {"text": "x", "times": 0}, "call.invalid_arguments"),
    "too much text": ("echo", {"text": "x" * (9 << 20)}, "call.invalid_arguments"),
    "too many digits": ("echo", {"text": "x", "times": 10**100}, "call.invalid_arguments"),
}


@pytest.mark.claim("events.exactly-one")
@pytest.mark.parametrize("what", REFUSALS)
def test_a_call_that_cannot_begin_is_refused_and_on_record(what: str, tmp_path: Path) -> None:
    tool, arguments, code = REFUSALS[what]
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    outcome = ask(bench.runtime(), tool, arguments)

    assert outcome.is_error
    assert outcome.error is not None
    assert outcome.error.code == code
    assert terminal(bench) == ["call.refused"]
    assert bench.events("call.refused")[0]["code"] == code


def test_arguments_nested_deeper_than_anything_needs_are_refused(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]

    outcome = ask(bench.runtime(), "echo", {"text": deep})

    assert outcome.error is not None
    assert outcome.error.code == "call.invalid_arguments"


def test_a_requirement_that_policy_does_not_cover_refuses_the_call(tmp_path: Path) -> None:
    needs = ECHO_MANIFEST.replace(
        "[input]", '[[requires]]\ncapability = "clock"\nreason = "to stamp"\n\n[input]'
    )
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=needs)

    refused = ask(bench.runtime(), "echo", {"text": "x"})
    with bench.application.project.editing() as edit:
        edit.set_allowed("echo", ["clock"])
    allowed = ask(bench.runtime(), "echo", {"text": "x"})

    assert refused.error is not None
    assert refused.error.code == "call.not_authorized"
    assert refused.error.hint == "hatchway grant echo clock"
    assert not allowed.is_error


@pytest.mark.claim("client.no-coaching")
def test_the_way_to_more_power_is_not_told_to_the_model(tmp_path: Path) -> None:
    needs = ECHO_MANIFEST.replace(
        "[input]", '[[requires]]\ncapability = "clock"\nreason = "to stamp"\n\n[input]'
    )
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=needs)

    outcome = ask(bench.runtime(), "echo", {"text": "x"})

    (block,) = outcome.content
    assert isinstance(block, TextContent)
    assert "grant" not in block.text
    assert bench.events("call.refused")[0]["details"]["hint"] == "hatchway grant echo clock"


def test_another_tenant_may_call_nothing(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    stranger = Principal(tenant="acme", subject="eve", door="http")

    outcome = ask(bench.runtime(), "echo", {"text": "x"}, principal=stranger)

    assert outcome.error is not None
    assert outcome.error.code == "call.not_authorized"


@pytest.mark.claim("isolation.recorded")
def test_a_denial_has_an_event_of_its_own_and_does_not_end_the_call(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("nosy", opening("etc/passwd"))

    outcome = ask(bench.runtime(), "nosy.open", {"open-flags": 0})

    assert outcome.structured == {"result": False}
    assert not outcome.is_error
    (denial,) = bench.events("capability.denied")
    assert (denial["capability"], denial["attempted"]) == ("fs.read", "/etc/passwd")
    assert denial["call_id"] == bench.events("call.completed")[0]["call_id"]
    assert bench.events("call.completed")[0]["denials"] == 1
    record = next(
        line
        for line in bench.application.directories.events.read_text().splitlines()
        if "capability.denied" in line
    )
    assert '"class_uid":1001' in record


def test_a_trap_is_a_security_signal_with_the_place_it_happened(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("bad", command("(call $inner)", declarations="(func $inner unreachable)"))

    outcome = ask(bench.runtime(), "bad")

    assert outcome.error is not None
    assert outcome.error.details == {"trap": "unreachable"}
    (event,) = bench.events("call.failed")
    assert event["code"] == "guest.trapped"
    assert event["details"] == {"trap": "unreachable"}
    assert event["frames"][0].startswith("inner at ")


def test_a_function_that_answers_with_err_is_a_tool_error_not_ours(tmp_path: Path) -> None:
    failing = """(component
      (core module $m (memory (export "memory") 1) (data (i32.const 16) "no such thing")
        (func (export "go") (result i32)
          (i32.store8 (i32.const 0) (i32.const 1))
          (i32.store (i32.const 4) (i32.const 16)) (i32.store (i32.const 8) (i32.const 13))
          (i32.const 0)))
      (core instance $i (instantiate $m))
      (func (export "go") (result (result u32 (error string)))
        (canon lift (core func $i "go") (memory (core memory $i "memory")))))"""
    bench = workbench(tmp_path)
    bench.add("failing", failing)

    outcome = ask(bench.runtime(), "failing.go")

    assert outcome.is_error
    assert outcome.error is None
    assert outcome.content == (TextContent(text="no such thing"),)
    assert terminal(bench) == ["call.failed"]


def test_a_command_that_exits_badly_shows_the_end_of_its_stderr(tmp_path: Path) -> None:
    text = command(
        """
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
        (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $proc_exit (i32.const 2))
        """,
        imports=wasi("fd_write") + wasi("proc_exit", "i32", result=False),
        declarations='(data (i32.const 64) "bad file")',
    )
    bench = workbench(tmp_path)
    bench.add("tool", text)

    outcome = ask(bench.runtime(), "tool")

    assert outcome.error is not None
    assert outcome.error.code == "guest.exited"
    assert outcome.content == (TextContent(text="the guest exited with status 2\nbad file"),)
    assert bench.events("call.failed")[0]["details"] == {"exit_code": 2}


def test_an_answer_that_is_no_json_is_the_tools_fault(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    broken = ECHO_JSON.replace("(i32.load (i32.const 8))", "(i32.const 3)")
    bench.add("echo", broken, manifest=ECHO_MANIFEST)

    outcome = ask(bench.runtime(), "echo", {"text": "x"})

    assert outcome.error is not None
    assert outcome.error.code == "guest.invalid_output"


def test_an_answer_that_breaks_its_own_promise_is_not_passed_on(tmp_path: Path) -> None:
    promising = ECHO_MANIFEST + '\n[output]\ntype = "object"\nrequired = ["answer"]\n'
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=promising)

    outcome = ask(bench.runtime(), "echo", {"text": "x"})

    assert outcome.error is not None
    assert outcome.error.code == "guest.invalid_output"
    assert outcome.structured is None


def test_a_call_that_nobody_waits_for_does_not_begin(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    cancellation = Cancellation()
    cancellation.request()

    outcome = ask(bench.runtime(), "echo", {"text": "x"}, cancellation=cancellation)

    assert outcome.error is not None
    assert outcome.error.code == "call.cancelled"
    assert terminal(bench) == ["call.refused"]


@pytest.mark.claim("events.exactly-one")
def test_a_bug_of_ours_is_on_record_and_tells_the_caller_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    runtime = bench.runtime()

    def broken(*_arguments: object) -> None:
        message = "secret detail in /etc/hatchway"
        raise RuntimeError(message)

    monkeypatch.setattr(bench.application.sandbox, "run", broken)

    with pytest.raises(InternalError) as failure:
        ask(runtime, "echo", {"text": "x"})

    assert "secret" not in str(failure.value)
    assert terminal(bench) == ["call.failed"]
    assert bench.events("call.failed")[0]["code"] == "internal"


@pytest.mark.claim("events.exactly-one")
def test_nothing_is_answered_that_could_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    runtime = bench.runtime()

    def full(_event: object) -> None:
        message = "no space left"
        raise ConfigError(message, code="config.events_unwritable")

    monkeypatch.setattr(bench.application.events, "emit", full)

    with pytest.raises(ConfigError):
        ask(runtime, "echo", {"text": "x"})


def test_call_identifiers_are_unique_and_say_nothing_else(tmp_path: Path) -> None:
    runtime = workbench(tmp_path).runtime()

    identifiers = {runtime.new_call_id() for _ in range(1000)}

    assert len(identifiers) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9]+", identifier) for identifier in identifiers)


@pytest.mark.claim("events.no-arguments")
def test_a_name_from_a_client_cannot_write_into_the_log(tmp_path: Path) -> None:
    bench = workbench(tmp_path)

    ask(bench.runtime(), 'x"\n{"fake": "event"}\x1b[2J' + "y" * 10_000)

    (event,) = bench.events("call.refused")
    assert event["tool"].isprintable()
    assert len(event["tool"]) < 300
    assert len(bench.application.directories.events.read_text().splitlines()) == 1


def test_every_function_of_a_component_is_a_tool_of_its_own(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("text", ECHO)
    bench.add("trap", trapping("unreachable"))
    runtime = bench.runtime()

    assert list(runtime.catalog.entries) == ["text.echo", "trap.go"]
    assert ask(runtime, "text.echo", {"text": "héllo"}).structured == {"result": "héllo"}


def test_a_component_refuses_arguments_that_do_not_fit_its_types(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("text", ECHO)

    wrong = ask(bench.runtime(), "text.echo", {"text": 5})
    missing = ask(bench.runtime(), "text.echo", {})
    unknown = ask(bench.runtime(), "text.echo", {"text": "x", "more": 1})

    for outcome in (wrong, missing, unknown):
        assert outcome.error is not None
        assert outcome.error.code == "call.invalid_arguments"
    assert terminal(bench) == ["call.refused"] * 3


def test_the_operator_is_who_the_door_says_not_what_the_arguments_say(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST.replace("additionalProperties = false", ""))

    ask(bench.runtime(), "echo", {"text": "x", "tenant": "acme", "principal": "root"})

    (event,) = bench.events("call.completed")
    assert (event["tenant"], event["subject"]) == (OPERATOR.tenant, OPERATOR.subject)
