"""A call's files through the whole path: from arguments to content, and gone afterwards."""

from __future__ import annotations

import gc
import resource
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from guests import command, wasi
from strategies import often
from workbench import OPERATOR, Workbench, ask, workbench

from hatchway.core.call import Principal, ToolCall
from hatchway.engine.files.workspace.workspace import Workspace
from hatchway.runtime.runtime import Runtime

LIST_AND_COPY = command(
    """
    ;; Lists the first directory to stdout, then copies its file `in` to `out`.
    (drop (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 8192) (i64.const 0)
      (i32.const 4)))
    (i32.store (i32.const 0) (i32.const 1024))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 2)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
    (i32.store (i32.const 4) (i32.const 16384))
    (drop (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 72) (i32.const 3)
      (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $fd_write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    """,
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")
    + wasi("fd_read")
    + wasi("fd_write")
    + wasi("fd_readdir", "i32 i32 i32 i64 i32"),
    declarations='(data (i32.const 64) "in") (data (i32.const 72) "out")',
)
MANIFEST = """
purpose = "Copies a text"
abi = "argv"
files = [{ path = "in", value = "{text}" }]
result = [{ type = "text" }, { type = "text", file = "out" }]

[input]
type = "object"
required = ["text"]
properties = { text = { type = "string" } }
"""


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An application with the copying tool."""
    made = workbench(tmp_path)
    made.write("copy", LIST_AND_COPY).with_suffix(".tool.toml").write_text(MANIFEST)
    admitted = made.application.keeper.examine("copy", str(tmp_path / "copy.wasm"))
    made.application.keeper.keep(admitted, [], {"scratch": "64KiB"})
    return made


def test_arguments_become_files_and_files_become_content(bench: Workbench) -> None:
    outcome = ask(bench.runtime(), "copy", {"text": "hello"})

    listed, copied = outcome.content
    assert copied.to_json()["text"] == "hello"
    assert "in" in listed.to_json()["text"]
    assert "out" not in listed.to_json()["text"]


def test_arguments_that_do_not_fit_are_refused_by_name(bench: Workbench) -> None:
    outcome = ask(bench.runtime(), "copy", {"text": "x" * (64 << 10)})

    assert outcome.error is not None
    assert outcome.error.code == "guest.scratch_exceeded"
    assert "65536 bytes" in outcome.error.message


@pytest.mark.claim("files.private")
def test_interleaved_tenants_never_see_each_others_files(bench: Workbench) -> None:
    first = bench.runtime()
    calls = often(5000, gate=500)
    shown: dict[str, set[str]] = {"ada": set(), "eve": set()}
    wrong: list[object] = []

    def work(tenant: str) -> None:
        policy = replace(first.catalog.policy, tenant=tenant)
        catalog = replace(first.catalog, policy=policy)
        runtime = Runtime(catalog, bench.application.sandbox, bench.application.events)
        caller = Principal(tenant=tenant, subject="agent", door="library")
        for number in range(calls):
            canary = f"{tenant}'s secret {number}"
            outcome = runtime.call(
                ToolCall(
                    call_id=runtime.new_call_id(),
                    principal=caller,
                    tool="copy",
                    arguments={"text": canary},
                )
            )
            listed, copied = (block.to_json()["text"] for block in outcome.content)
            shown[tenant].add(listed)
            if copied != canary:
                wrong.append(copied)

    threads = [threading.Thread(target=work, args=(tenant,)) for tenant in shown]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    # The same listing in each of all the calls: nothing but the call's own file.
    assert len(shown["ada"] | shown["eve"]) == 1


@pytest.mark.claim("files.private")
def test_very_many_calls_leave_no_file_no_descriptor_and_no_memory(
    bench: Workbench, tmp_path: Path
) -> None:
    runtime = bench.runtime()
    text = {"text": "x" * 10_000}

    def calls(count: int) -> None:
        for _ in range(count):
            assert not ask(runtime, "copy", text, principal=OPERATOR).is_error

    calls(often(2000, gate=1000))
    gc.collect()
    files = sorted(path for path in tmp_path.rglob("*") if "events" not in path.name)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls(often(10_000, gate=3000))
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert sorted(path for path in tmp_path.rglob("*") if "events" not in path.name) == files
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert grown_kib < 2048


def test_a_workspace_is_gone_with_its_call_and_not_with_the_garbage_collector(
    bench: Workbench,
) -> None:
    runtime = bench.runtime()
    ask(runtime, "copy", {"text": "hello"})
    gc.collect()
    gc.disable()
    try:
        ask(runtime, "copy", {"text": "hello"})
        alive = [item for item in gc.get_objects() if isinstance(item, Workspace)]
    finally:
        gc.enable()

    assert alive == []
