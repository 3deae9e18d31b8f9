"""Guests for tests: text assembled to Wasm, and one engine for a whole test run."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import wasmtime

from hatchway.core.call import Principal
from hatchway.core.limits import Limits
from hatchway.core.manifest import ToolManifest
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.core.tool import Tool
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import EngineSettings
from hatchway.policy.decide import decide
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.policy.grammar import parse_capability
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from hatchway.core.call import Cancellation, Execution
    from hatchway.core.grant import Grant

TESTER = Principal(tenant="local", subject="tester", door="library")

WASI = "wasi_snapshot_preview1"


def wasm(text: str) -> bytes:
    """The binary of a module or component in text form."""
    return bytes(wasmtime.wat2wasm(text))


def command(body: str, *, imports: str = "", declarations: str = "", memory: str = "1") -> str:
    """The text of a WASI command whose `_start` is `body`.

    `imports` are (import …) forms; `declarations` anything else a module may hold.
    """
    return f"""(module
      {imports}
      (memory (export "memory") {memory})
      {declarations}
      (func (export "_start") {body}))"""


def wasi(name: str, parameters: str = "i32 i32 i32 i32", *, result: bool = True) -> str:
    """The (import …) form of one preview 1 function, under its own name."""
    answer = "(result i32)" if result else ""
    return f'(import "{WASI}" "{name}" (func ${name} (param {parameters}) {answer}))'


@cache
def sandbox() -> EngineSandbox:
    """The engine that tests share; nothing of a run outlives it."""
    return EngineSandbox(artifacts=_absent, settings=EngineSettings(concurrent_calls=16))


def _absent(digest: str) -> bytes:
    message = f"{digest} was never prepared"
    raise KeyError(message)


def grant(*allow: str, limits: Limits | None = None, **host: str) -> Grant:
    """A grant, made the only way there is."""
    capabilities = tuple(parse_capability(text, side="allowed") for text in allow)
    entry = ToolPolicy(
        name="guest", source="guest.wasm", allow=capabilities, limits=limits or Limits()
    )
    tool = Tool(
        name="guest",
        owner="guest",
        digest="sha256:" + "0" * 64,
        manifest=ToolManifest(name=None),
        input_schema={},
        output_schema=None,
    )
    return decide(tool, Policy(tools={"guest": entry}, host_environment=host), TESTER)


@cache
def prepared(text: str) -> str:
    """The digest of a guest that the shared engine has compiled."""
    artifact = wasm(text)
    digest = digest_of(artifact)
    sandbox().prepare(artifact, digest)
    return digest


def run(
    text: str,
    *,
    stdin: bytes = b"",
    arguments: tuple[bytes, ...] = (b"guest",),
    granted: Grant | None = None,
    cancellation: Cancellation | None = None,
) -> Execution:
    """Run a command once in the shared engine."""
    invocation = CommandInvocation(arguments=arguments, stdin=stdin)
    return sandbox().run(prepared(text), invocation, granted or grant(), cancellation)


def call(
    text: str,
    function: str,
    arguments: dict[str, Any] | None = None,
    *,
    granted: Grant | None = None,
) -> Execution:
    """Call a component's function once in the shared engine."""
    invocation = FunctionInvocation(function=function, arguments=arguments or {})
    return sandbox().run(prepared(text), invocation, granted or grant())


def stop_code(execution: Execution) -> str | None:
    """The code of what stopped a run."""
    return None if execution.stop is None else execution.stop.code


def trap(execution: Execution) -> object:
    """The trap that ended a run, by name."""
    return None if execution.stop is None else execution.stop.details.get("trap")
