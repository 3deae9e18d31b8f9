"""Guests for tests: text assembled to Wasm, and one engine for a whole test run."""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING, Any

import wasmtime

from hatchway.compose.isolating import ENTRY, roots
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
from hatchway.workers.process import Start
from hatchway.workers.sandbox import Ending, Refused, WorkerSandbox
from hatchway.workers.watching import Watcher

if TYPE_CHECKING:
    from hatchway.core.call import Cancellation, Execution
    from hatchway.core.grant import Grant
    from hatchway.core.isolation import Isolation
    from hatchway.core.surface import Compiler

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
def bomb(count: int = 10_000) -> bytes:
    """Valid, small, and far more work for an optimising compiler than its size says."""
    places = [8 * (number % 8000) for number in range(count)]
    declared = "(local i64)" * count
    filled = "".join(
        f"(local.set {number} (i64.load (i32.const {place})))"
        for number, place in enumerate(places)
    )
    used = "".join(
        f"(i64.store (i32.const {place}) (i64.add (local.get {number}) "
        f"(local.get {number * 7919 % count})))"
        for number, place in enumerate(places)
    )
    return wasm(f'(module (memory 1) (func (export "_start") {declared} {filled} {used}))')


class Pinned:
    """How the guests of the test that runs are run.

    Attributes:
        compiler: Whose code; None leaves it to the engine.
        isolation: In this process or in a worker.
    """

    compiler: Compiler | None = None
    isolation: Isolation = "thread"


@cache
def sandbox() -> EngineSandbox:
    """The engine that tests share; nothing of a run outlives it."""
    return EngineSandbox(
        artifacts=_ARTIFACTS.__getitem__, settings=EngineSettings(concurrent_calls=16)
    )


@cache
def workers() -> WorkerSandbox:
    """Worker processes over the shared engine; they end with the test run."""
    found = WorkerSandbox(
        codes=sandbox(),
        start=Start(entry=ENTRY, roots=roots()),
        at_most=4,
        watcher=Watcher(),
        report=REPORTED.append,
    )
    atexit.register(found.close)
    return found


REPORTED: list[Ending | Refused] = []
"""What workers did that sound ones never do, during the test that runs."""


def host() -> EngineSandbox | WorkerSandbox:
    """What runs the guests of the test that runs."""
    return workers() if Pinned.isolation == "worker" else sandbox()


_ARTIFACTS: dict[str, bytes] = {}
"""What was prepared: code that this process has loaded is compiled anew for a worker."""


def grant(*allow: str, limits: Limits | None = None, **host: str) -> Grant:
    """A grant, made the only way there is."""
    capabilities = tuple(parse_capability(text, side="allowed") for text in allow)
    entry = ToolPolicy(
        name="guest",
        source="guest.wasm",
        allow=capabilities,
        limits=limits or Limits(),
        compiler=Pinned.compiler,
        isolation=Pinned.isolation,
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


def prepared(text: str) -> str:
    """The digest of a guest that the shared engine has compiled."""
    return _prepared(text, Pinned.compiler)


@cache
def _prepared(text: str, compiler: Compiler | None) -> str:
    artifact = wasm(text)
    digest = digest_of(artifact)
    _ARTIFACTS[digest] = artifact
    sandbox().prepare(artifact, digest, compiler)
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
    return host().run(prepared(text), invocation, granted or grant(), cancellation)


def call(
    text: str,
    function: str,
    arguments: dict[str, Any] | None = None,
    *,
    granted: Grant | None = None,
) -> Execution:
    """Call a component's function once in the shared engine."""
    invocation = FunctionInvocation(function=function, arguments=arguments or {})
    return host().run(prepared(text), invocation, granted or grant())


def stop_code(execution: Execution) -> str | None:
    """The code of what stopped a run."""
    return None if execution.stop is None else execution.stop.code


def trap(execution: Execution) -> object:
    """The trap that ended a run, by name."""
    return None if execution.stop is None else execution.stop.details.get("trap")
