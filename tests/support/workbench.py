"""An application in a directory of its own, for tests that go through admission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guests import wasm

from hatchway.compose import Application, open_application
from hatchway.core.call import Outcome, Principal, ToolCall
from hatchway.telemetry.reading import read_events

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.core.call import Cancellation
    from hatchway.runtime.runtime import Runtime

OPERATOR = Principal(tenant="local", subject="operator", door="library")


@dataclass(frozen=True)
class Workbench:
    """A directory with artifacts, and the application that is found from it."""

    directory: Path
    application: Application

    def write(self, name: str, text: str) -> Path:
        """Assemble `text` into `NAME.wasm`."""
        file = self.directory / f"{name}.wasm"
        file.write_bytes(wasm(text))
        return file

    def add(self, name: str, text: str, *allow: str, manifest: str | None = None) -> None:
        """Assemble and admit a tool."""
        file = self.write(name, text)
        if manifest is not None:
            file.with_suffix(".tool.toml").write_text(manifest)
        self.application.keeper.admit(name, str(file), list(allow))

    def runtime(self) -> Runtime:
        """A runtime over everything admitted so far."""
        return self.application.runtime()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Our own fields of every event so far, or of those called `name`."""
        records = read_events(self.application.directories.events)
        own = [record["unmapped"]["hatchway"] for record in records]
        return [fields for fields in own if name is None or fields["event"] == name]


def workbench(directory: Path) -> Workbench:
    """A workbench in `directory`."""
    return Workbench(directory, open_application(start=directory))


def ask(
    runtime: Runtime,
    tool: str,
    arguments: dict[str, Any] | None = None,
    *,
    principal: Principal = OPERATOR,
    cancellation: Cancellation | None = None,
) -> Outcome:
    """Call a tool as the operator would."""
    call = ToolCall(
        call_id=runtime.new_call_id(), principal=principal, tool=tool, arguments=arguments or {}
    )
    return runtime.call(call, cancellation)


ECHO_JSON = """(module
  (import "wasi_snapshot_preview1" "fd_read" (func $in (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $out (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $in (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $out (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
"""A command that writes what it reads."""

ECHO_MANIFEST = """
name = "echo"
purpose = "Gives back what it gets"
description = "Echo the arguments."
abi = "json"

[input]
type = "object"
required = ["text"]
additionalProperties = false
properties = { text = { type = "string" }, times = { type = "integer", minimum = 1 } }
"""
