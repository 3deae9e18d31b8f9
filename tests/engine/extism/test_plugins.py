"""Plug-ins for Extism, as they see their host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from guests import grant, prepared, sandbox, stop_code, trap
from plugins import ECHO, HOST, Script, ask, imported
from stub_broker import broker

from hatchway.core.errors import AdmissionError, InternalError
from hatchway.core.exchange import Refusal
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation
from hatchway.engine.extism.requests import MAX_BODY_BYTES
from hatchway.engine.fetch.request import MAX_HEAD_BYTES

if TYPE_CHECKING:
    from stub_broker import Peer

URL = "https://e.org/a?b"


def asking(**fields: Any) -> bytes:
    return json.dumps({"url": URL, **fields}).encode()


def shown(script: Script, *allow: str) -> bytes:
    """What a script made its output."""
    execution = script.run(*allow, tells=False).execution
    assert execution.stop is None
    return execution.stdout


# Input, output, failures


@pytest.mark.parametrize("data", [b"", b"x", b"12345678", b"\0\xff" * 5000])
def test_a_plugin_reads_its_input_and_gives_back_its_output(data: bytes) -> None:
    execution = ask(ECHO, "echo", data)

    assert (execution.stdout, execution.stop, execution.failed) == (data, None, False)
    assert execution.usage.output_bytes == len(data)


def test_every_call_is_an_instance_of_its_own() -> None:
    script = Script()
    found = script.do("var_get", b"k")
    script.do("var_set", b"k", b"v")
    script.do("output_set", found, 8)

    assert [script.run().results[found.index] for _ in range(3)] == [0, 0, 0]


def test_an_error_is_the_plugins_own_word_that_it_failed() -> None:
    script = Script()
    script.do("error_set", b"no such city")

    execution = script.run(tells=False).execution

    assert (execution.value, execution.failed, execution.stop) == ("no such city", True, None)


def test_a_status_other_than_zero_is_a_failure_without_words() -> None:
    execution = Script().run(tells=False, status=7).execution

    assert (execution.value, execution.failed) == ("the plug-in gave back 7", True)


def test_an_error_that_was_taken_back_is_none() -> None:
    script = Script()
    script.do("error_set", b"no")
    script.do("error_set", 0)
    got = script.do("error_get")

    told = script.run()

    assert told[got] == 0
    assert not told.execution.failed


def test_a_plugin_that_exits_well_has_answered() -> None:
    text = f"""(module {imported("alloc", "output_set")}
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "f") (result i32)
        (call $output_set (call $alloc (i64.const 3)) (i64.const 3))
        (call $exit (i32.const 0)) (i32.const 9)))"""

    execution = ask(text, "f")

    assert (execution.stdout, execution.failed, execution.stop) == (b"\0\0\0", False, None)


def test_a_plugin_that_exits_with_a_status_has_failed() -> None:
    text = f"""(module {imported("alloc")}
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "f") (result i32) (call $exit (i32.const 3)) (i32.const 0)))"""

    assert stop_code(ask(text, "f")) == "guest.exited"


# Initialisers


def counting(*exports: str, more: str = "") -> str:
    """A plug-in that tells in which order its functions were called, as digits."""
    bodies = "".join(
        f'(func (export "{name}") {parameters} (call $note (i32.const {index})) {result})'
        for index, (name, parameters, result) in enumerate(
            (*entry.split("|"), "", "")[:3] for entry in exports
        )
    )
    return f"""(module {imported("alloc", "store_u8", "output_set")}
      (memory (export "memory") 1)
      (global $at (mut i32) (i32.const 0))
      (func $note (param $digit i32)
        (i32.store8 (global.get $at) (i32.add (local.get $digit) (i32.const 48)))
        (global.set $at (i32.add (global.get $at) (i32.const 1))))
      {bodies} {more}
      (func (export "f") (result i32) (local $to i64) (local $i i32)
        (local.set $to (call $alloc (i64.const 8)))
        (loop $next (if (i32.lt_u (local.get $i) (global.get $at)) (then
          (call $store_u8 (i64.add (local.get $to) (i64.extend_i32_u (local.get $i)))
            (i32.load8_u (local.get $i)))
          (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $next))))
        (call $output_set (local.get $to) (i64.extend_i32_u (global.get $at)))
        (i32.const 0)))"""


@pytest.mark.parametrize(
    ("exports", "order"),
    [
        ((), b""),
        (("_initialize",), b"0"),
        (("__wasm_call_ctors", "_initialize"), b"0"),
        (("_initialize|(param i32)",), b""),
        (("hs_init|(param i32 i32)", "_initialize"), b"10"),
        (("hs_init|(param i32 i32) (result i32)|(i32.const 5)",), b"0"),
        (("hs_init|(param i32)",), b""),
    ],
    ids=str,
)
def test_runtimes_are_initialised_once_as_extism_does_it(
    exports: tuple[str, ...], order: bytes
) -> None:
    assert ask(counting(*exports), "f").stdout == order


def test_an_initialiser_that_traps_ends_the_call() -> None:
    text = counting(more='(func (export "_initialize") unreachable)')

    assert trap(ask(text, "f")) == "unreachable"


def test_a_start_function_runs_before_everything_else() -> None:
    text = counting(more="(func $s (call $note (i32.const 7))) (start $s)")

    assert ask(text, "f").stdout == b"7"


def test_a_start_function_that_traps_ends_the_call() -> None:
    text = counting(more="(func $s unreachable) (start $s)")

    assert trap(ask(text, "f")) == "unreachable"


# Settings, variables, logs


def test_settings_are_the_variables_that_were_granted() -> None:
    script = Script()
    script.show(script.do("config_get", b"CITY"))

    assert shown(script, "env=CITY=Oslo") == b"Oslo"


def test_without_a_grant_there_are_no_settings_and_asking_is_counted() -> None:
    script = Script()
    found = script.do("config_get", b"PATH")

    told = script.run()

    assert told[found] == 0
    assert told.execution.gated.env == 1


def test_variables_last_as_long_as_the_call() -> None:
    script = Script()
    script.do("var_set", b"k", b"first")
    script.do("var_set", b"k", b"second")
    script.do("var_set", b"other", b"x")
    script.do("var_set", b"other", 0)
    gone = script.do("var_get", b"other")
    kept = script.do("var_get", b"k")
    length = script.do("length", kept)

    told = script.run()

    assert (told[gone], told[length]) == (0, 6)


def test_what_is_logged_goes_to_stderr_from_info_upwards() -> None:
    script = Script()
    for level in ("trace", "debug", "info", "warn", "error"):
        script.do(f"log_{level}", level.encode())
    script.do("log_info", 0)
    lowest = script.do("get_log_level")

    told = script.run()

    assert told.execution.stderr == b"info: info\nwarn: warn\nerror: error\ninfo: \n"
    assert told[lowest] == 2


def test_what_a_plugin_prints_is_not_its_answer() -> None:
    text = f"""(module {imported("log_info", "alloc")}
      (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\10\\00\\00\\00\\02\\00\\00\\00")
      (data (i32.const 16) "hi")
      (func (export "f") (result i32)
        (call $log_info (call $alloc (i64.const 1)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.const 0)))"""

    execution = ask(text, "f")

    assert (execution.stdout, execution.stderr) == (b"", b"hiinfo: \0\n")


# Requests


def greeting(peer: Peer) -> None:
    peer.body()
    peer.reply(
        201,
        headers=(("X-A", b"1"), ("X-A", b"2"), ("connection", b"close")),
        body=b"hello",
    )


def test_a_request_goes_through_the_broker_and_its_response_comes_back() -> None:
    script = Script()
    body = script.do("http_request", asking(method="post", headers={"A": "b"}), b"question")
    status = script.do("http_status_code")
    length = script.do("length", body)
    first = script.do("load_u8", body)

    with broker(greeting) as peer:
        told = script.run(ticket=peer.ticket)

    assert (told[status], told[length], told[first]) == (201, 5, ord("h"))
    (head,) = peer.heads
    assert (head.method, head.scheme, head.authority, head.target) == (
        "POST", "https", "e.org", "/a?b",
    )  # fmt: skip
    assert (head.headers, head.redirects) == (
        (("a", b"b"), ("content-length", b"8")), 5,
    )  # fmt: skip


def test_the_headers_of_a_response_are_told_without_those_of_the_connection() -> None:
    script = Script()
    script.do("http_request", asking(), 0)
    script.show(script.do("http_headers"))

    with broker(greeting) as peer:
        execution = script.run(ticket=peer.ticket, tells=False).execution

    assert json.loads(execution.stdout) == {"x-a": "1, 2"}


def test_before_any_response_there_is_no_status_and_no_header() -> None:
    script = Script()
    status = script.do("http_status_code")
    length = script.do("length", script.do("http_headers"))

    told = script.run()

    assert (told[status], told[length]) == (0, 2)


def test_a_large_body_is_sent_and_received_whole() -> None:
    script = Script()
    body = script.do("http_request", asking(method="PUT"), b"x" * 300_000)
    length = script.do("length", body)

    with broker(lambda peer: peer.reply(200, body=peer.body())) as peer:
        told = script.run(ticket=peer.ticket)

    assert told[length] == 300_000


def test_without_a_grant_a_request_ends_the_plugin_and_is_recorded() -> None:
    script = Script()
    script.do("http_request", asking(method="PUT"), 0)

    execution = script.run().execution

    assert trap(execution) == "host_function"
    assert execution.stop is not None
    assert execution.stop.message == (
        "the plug-in cannot go on: its request was not answered: HTTP-request-denied"
    )
    (denial,) = execution.denials
    assert (denial.capability, denial.attempted, denial.function, denial.wanted) == (
        "net.http", "PUT https://e.org", f"{HOST}.http_request", "net.http=https://e.org",
    )  # fmt: skip


def test_what_the_broker_denies_ends_the_plugin_and_is_recorded() -> None:
    denied = Refusal(
        error="HTTP-request-denied",
        rule="egress.not_granted",
        attempted="GET https://e.org",
        wanted="net.http=https://e.org",
    )
    script = Script()
    script.do("http_request", asking(), 0)

    with broker(lambda peer: peer.refuse(denied)) as peer:
        execution = script.run(ticket=peer.ticket).execution

    assert trap(execution) == "host_function"
    assert [denial.attempted for denial in execution.denials] == ["GET https://e.org"]


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"{",
        b"[]",
        b'{"url": 5}',
        b'{"method": "GET"}',
        b'{"url": "https://e.org", "more": 1}',
        b'{"url": "https://e.org", "headers": []}',
        b'{"url": "https://e.org", "headers": {"a": 1}}',
        b'{"url": "https://e.org", "headers": {"host": "evil"}}',
        b'{"url": "https://e.org", "headers": {"a": "b\\r\\nc: d"}}',
        b'{"url": "https://e.org", "method": 1}',
        b"\xff",
        b"[" * 50_000,
        b'{"url": "' + b"x" * MAX_HEAD_BYTES + b'"}',
        b'{"url": "https://e.org/' + b"x" * (MAX_HEAD_BYTES - 100) + b'", "headers": {"'
        + b"a" * 80 + b'": ""}}',
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_request_ends_the_plugin(request_: bytes) -> None:
    script = Script()
    script.do("http_request", request_, 0)

    with broker() as peer:
        execution = script.run(ticket=peer.ticket).execution

    assert trap(execution) == "host_function"
    assert peer.heads == []


def test_a_response_that_is_too_large_ends_the_plugin() -> None:
    script = Script()
    script.do("http_request", asking(), 0)

    with broker(lambda peer: peer.reply(200, body=b"x" * (MAX_BODY_BYTES + 1))) as peer:
        execution = script.run(ticket=peer.ticket).execution

    assert trap(execution) == "host_function"


# Linking


def test_a_function_of_the_host_with_another_type_is_refused() -> None:
    for name, kind in (("alloc", "(param i32)"), ("log_info", "(param i64) (result i32)")):
        text = f"""(module (import "{HOST}" "{name}" (func {kind}))
          (func (export "f") (result i32) (i32.const 0)))"""

        with pytest.raises(AdmissionError) as caught:
            prepared(text)

        assert caught.value.code == "admission.missing_host"


def test_the_kernels_memory_cannot_be_imported() -> None:
    text = f"""(module (import "{HOST}" "memory" (memory 0)) {imported("alloc")}
      (func (export "f") (result i32) (i32.const 0)))"""

    with pytest.raises(AdmissionError) as caught:
        prepared(text)

    assert caught.value.code == "admission.missing_host"


def test_only_functions_that_take_nothing_and_return_an_i32_are_called() -> None:
    text = f"""(module {imported("alloc")} (memory (export "memory") 1)
      (func (export "good") (result i32) (i32.const 0))
      (func (export "_start"))
      (func (export "takes") (param i32) (result i32) (i32.const 0))
      (func (export "wide") (result i64) (i64.const 0)))"""
    digest = prepared(text)

    surface = sandbox().surface(digest)

    assert (surface.plugin, surface.is_plugin, surface.is_command) == (("good",), True, False)
    for function in ("takes", "wide", "_start", "memory", "absent"):
        invocation = CommandInvocation(arguments=(b"t",), function=function)
        with pytest.raises(InternalError, match="no such function"):
            sandbox().run(digest, invocation, grant())


def test_the_memory_of_both_is_reported() -> None:
    script = Script()
    script.do("alloc", 1 << 20)

    told = script.run(granted=grant(limits=Limits(memory_bytes=4 << 20)))

    assert told.execution.usage.memory_bytes is not None
    assert told.execution.usage.memory_bytes > 1 << 20


def test_memory_is_reported_for_a_plugin_that_called_nothing() -> None:
    execution = ask(counting(), "f")

    assert execution.usage.memory_bytes == 2 * 65536
