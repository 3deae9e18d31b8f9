"""What some rules look for cannot be said here, or cannot happen here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from workbench import ECHO_JSON, ECHO_MANIFEST, ask, workbench

from hatchway.core.errors import ConfigError
from hatchway.core.events import TERMINAL_EVENTS
from hatchway.policy.document import parse_policy

if TYPE_CHECKING:
    from pathlib import Path

REMEMBERING = """(module
  (import "wasi_snapshot_preview1" "fd_read" (func $in (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $out (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 512) "{\\22seen\\22:   }")
  (global $calls (mut i32) (i32.const 0))
  (func (export "_start")
    ;; what an earlier call left at 4096 and in the global, as two digits of the answer
    (i32.store8 (i32.const 520) (i32.add (i32.const 49) (i32.load8_u (i32.const 4096))))
    (i32.store8 (i32.const 521) (i32.add (i32.const 48) (global.get $calls)))
    (i32.store8 (i32.const 4096) (i32.const 5))
    (global.set $calls (i32.const 5))
    (i32.store (i32.const 0) (i32.const 512)) (i32.store (i32.const 4) (i32.const 12))
    (drop (call $out (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
"""Answers 10 in an instance of its own; a memory or a global that outlived a call adds to it."""

REMEMBERING_MANIFEST = """
name = "remembering"
purpose = "Tells what it remembers"
description = "Tell what is left of earlier calls."
abi = "json"
result = "json"

[input]
type = "object"
"""


def allowing(capability: str) -> str:
    return f'version = 1\n[tools.tool]\nsource = "tool.wasm"\nallow = ["{capability}"]\n'


@pytest.mark.parametrize(
    "capability",
    ["env", "env=", "env=*", "env=AWS_*", "env=*_TOKEN", "env=A,B", "env=A B", "env=.*", "env=?"],
)
def test_a_policy_cannot_pass_the_environment_whole_or_by_pattern(capability: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_policy(allowing(capability), file="hatchway.toml", base="/")

    assert raised.value.code == "config.bad_capability"


def test_what_one_call_left_in_memory_is_gone_in_the_next(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("remembering", REMEMBERING, manifest=REMEMBERING_MANIFEST)
    runtime = bench.runtime()

    answers = [ask(runtime, "remembering").structured for _ in range(3)]

    assert answers == [{"seen": 10}] * 3


@pytest.mark.parametrize(
    "key",
    ["events = false", 'events = "none"', 'log = "off"', "log_arguments = true", "audit = false"],
)
@pytest.mark.parametrize("table", ["", "[tools.tool]", "[tools.tool.limits]"])
def test_no_key_of_a_policy_speaks_of_events(key: str, table: str) -> None:
    lines = ["version = 1", *([key] if not table else []), "[tools.tool]", 'source = "x"']
    if table:
        lines += [*([table] if table != "[tools.tool]" else []), key]

    with pytest.raises(ConfigError) as raised:
        parse_policy("\n".join(lines), file="hatchway.toml", base="/")

    assert raised.value.code == "config.unknown_key"


def test_no_policy_switches_events_off_and_no_event_holds_arguments(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, "clock", "env=MODE=quiet", manifest=ECHO_MANIFEST)

    outcome = ask(bench.runtime(), "echo", {"text": "hunter2 in an argument and in the result"})

    assert "hunter2" in str(outcome.structured)
    assert len([item for item in bench.events() if item["event"] in TERMINAL_EVENTS]) == 1
    assert "hunter2" not in bench.application.directories.events.read_text()
