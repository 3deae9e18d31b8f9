"""What the two compilers cost for one program: compiling it, and running what they made.

    python bench/compilers.py FILE.wasm [ARGUMENT…] < INPUT

The runs take turns, so that whatever the machine does, it does to both.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, get_args

from hatchway.core.call import Principal
from hatchway.core.limits import GIBIBYTE, MEBIBYTE, Limits
from hatchway.core.manifest import ToolManifest
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.surface import Compiler
from hatchway.core.tool import Tool
from hatchway.engine.compiling import CompileBudgets, compile_artifact
from hatchway.engine.sandbox import EngineSandbox
from hatchway.policy.decide import decide
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from hatchway.core.grant import Grant

COMPILERS: tuple[Compiler, ...] = get_args(Compiler)
CALLER = Principal(tenant="local", subject="bench", door="library")
LIMITS = Limits(
    fuel=1 << 60, deadline_seconds=600, memory_bytes=GIBIBYTE, scratch_bytes=64 * MEBIBYTE
)
RUNS = 9


def grant_with(compiler: Compiler) -> Grant:
    entry = ToolPolicy(name="bench", source="bench.wasm", limits=LIMITS, compiler=compiler)
    tool = Tool(
        name="bench",
        owner="bench",
        digest="sha256:" + "0" * 64,
        manifest=ToolManifest(name=None),
        input_schema={},
        output_schema=None,
    )
    return decide(tool, Policy(tools={"bench": entry}), CALLER)


def compiled(artifact: bytes, compiler: Compiler) -> str:
    """One compilation in words: wall and CPU time, and the size of the code."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    made = compile_artifact(artifact, CompileBudgets(), compiler)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with made.code as code:
        size = code.seek(0, 2) / 1e6
    return f"{compiler:10} compiled in {wall:.2f} s, {cpu:.2f} CPU-seconds; {size:.1f} MB of code"


def main(file: str, *arguments: str) -> int:
    artifact = Path(file).read_bytes()
    digest = digest_of(artifact)
    engine = EngineSandbox(artifacts=lambda _: artifact)
    stdin = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    words = (Path(file).stem.encode(), *(argument.encode() for argument in arguments))
    invocation = CommandInvocation(arguments=words, stdin=stdin)
    times: dict[Compiler, list[int]] = {compiler: [] for compiler in COMPILERS}
    for compiler in COMPILERS:
        print(compiled(artifact, compiler))
        engine.prepare(artifact, digest, compiler)
    for _ in range(RUNS):
        for compiler, kept in times.items():
            execution = engine.run(digest, invocation, grant_with(compiler))
            assert execution.stop is None, (execution.stop, execution.stderr[-1000:])
            kept.append(execution.usage.wall_us or 0)
    first, second = (median(times[compiler]) / 1000 for compiler in COMPILERS)
    print(f"a run: {first:.1f} ms, {second:.1f} ms; winch takes {second / first:.2f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
