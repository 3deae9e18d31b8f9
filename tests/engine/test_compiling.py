"""Compiling happens in a child that may die; nothing here compiles in this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from guests import bomb, command, grant, wasm

from hatchway.core.errors import AdmissionError, InternalError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.wit import Primitive, RecordType, UnsupportedType
from hatchway.engine import compiling
from hatchway.engine.compiling import CompileBudget, CompileBudgets, compile_artifact
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import has_winch
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.core.surface import Surface

SMALL = wasm(command(""))

winch = pytest.mark.skipif(not has_winch(), reason="Winch is used on x86-64 only")


def described(artifact: bytes) -> Surface:
    compiled = compile_artifact(artifact, CompileBudgets())
    compiled.code.close()
    return compiled.surface


def pinned(budget: CompileBudget) -> CompileBudgets:
    """What a pinned Cranelift may take."""
    return CompileBudgets(pinned_cranelift=budget)


@pytest.mark.claim("limits.compile")
def test_a_compile_bomb_ends_with_its_cpu_seconds() -> None:
    with pytest.raises(AdmissionError, match="cranelift took more than 1 CPU-seconds") as refused:
        compile_artifact(bomb(), pinned(CompileBudget(cpu_seconds=1)), "cranelift")

    assert refused.value.code == "admission.compile_budget"


@pytest.mark.claim("limits.compile")
def test_a_compiler_that_takes_too_long_is_killed() -> None:
    with pytest.raises(AdmissionError, match=r"longer than 0\.5 s") as refused:
        compile_artifact(bomb(), pinned(CompileBudget(wall_seconds=0.5)), "cranelift")

    assert refused.value.code == "admission.compile_budget"


@pytest.mark.claim("limits.compile")
def test_a_compiler_that_runs_out_of_memory_takes_only_itself_down() -> None:
    """wasmtime aborts its process then; the artifact is refused, and this process lives."""
    with pytest.raises(AdmissionError, match="SIGABRT") as refused:
        compile_artifact(bomb(), pinned(CompileBudget(memory_bytes=40 << 20)), "cranelift")

    assert refused.value.code == "admission.compile_budget"
    assert described(SMALL).is_command


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"(module)",
        b"\0as",
        b"#!/bin/sh\necho",
        b"PK\x03\x04",
        b'(module (func (export "_start")))',
    ],
)
def test_what_is_not_a_binary_is_refused_before_an_engine_could_read_it_as_text(
    text: bytes,
) -> None:
    with pytest.raises(AdmissionError) as refused:
        compile_artifact(text, CompileBudgets())

    assert refused.value.code == "admission.not_wasm"


@pytest.mark.parametrize(
    "artifact",
    [
        SMALL[:-1],
        SMALL + b"\xff",
        b"\0asm\1\0\0\0\1",
        b"\0asm\2\0\0\0",
        b"\0asm\x0d\0\1\0\x63",
        SMALL.replace(b"\x0b", b"\x6a"),
    ],
)
def test_an_invalid_binary_is_refused_with_the_reason(artifact: bytes) -> None:
    with pytest.raises(AdmissionError) as refused:
        compile_artifact(artifact, CompileBudgets())

    assert refused.value.code == "admission.invalid"
    assert str(refused.value).isprintable()


OFF = {
    "threads": "(module (memory 1 1 shared))",
    "64-bit memory": "(module (memory i64 1))",
    "exceptions": "(module (tag $t) (func (throw $t)))",
    "garbage collection": "(module (type (struct (field i32))))",
}


@pytest.mark.parametrize("feature", OFF)
def test_a_feature_that_is_off_is_refused_at_admission(feature: str) -> None:
    with pytest.raises(AdmissionError) as refused:
        compile_artifact(wasm(OFF[feature]), CompileBudgets())

    assert refused.value.code == "admission.invalid"


IMPATIENT = CompileBudgets(cranelift=CompileBudget(cpu_seconds=1))
TAIL_CALL = "(module (func $f (return_call $f)))"


@winch
@pytest.mark.claim("limits.compile")
@pytest.mark.parametrize(
    "budget", [CompileBudget(cpu_seconds=1), CompileBudget(memory_bytes=40 << 20)]
)
def test_what_is_too_much_for_cranelift_goes_to_winch(budget: CompileBudget) -> None:
    compiled = compile_artifact(bomb(), CompileBudgets(cranelift=budget))
    compiled.code.close()

    assert compiled.compilation.compiler == "winch"
    assert str(compiled.compilation).startswith("winch (cranelift ")


@winch
def test_what_cranelift_refuses_winch_is_not_asked_about() -> None:
    with pytest.raises(AdmissionError) as refused:
        compile_artifact(SMALL[:-1], IMPATIENT)

    assert "winch" not in refused.value.message


@winch
@pytest.mark.claim("limits.compile")
def test_winch_has_a_budget_too() -> None:
    with pytest.raises(AdmissionError, match=r"winch took longer than 0\.01 s") as refused:
        compile_artifact(SMALL, CompileBudgets(winch=CompileBudget(wall_seconds=0.01)), "winch")

    assert refused.value.code == "admission.compile_budget"


@winch
def test_what_no_compiler_takes_is_refused_with_both_reasons() -> None:
    budgets = CompileBudgets(cranelift=CompileBudget(wall_seconds=0.01))

    with pytest.raises(AdmissionError) as refused:
        compile_artifact(wasm(TAIL_CALL), budgets)

    assert refused.value.code == "admission.compile_budget"
    assert "cranelift took longer than 0.01 s" in refused.value.message
    assert "winch does not take the artifact" in refused.value.message
    assert "tail calls" in refused.value.message


@winch
@pytest.mark.parametrize(
    ("feature", "text"),
    [
        ("tail calls", TAIL_CALL),
        (
            "relaxed SIMD",
            "(module (func (param v128) (result v128)"
            " (f32x4.relaxed_min (local.get 0) (local.get 0))))",
        ),
    ],
)
def test_what_winch_lacks_is_named_when_it_is_pinned(feature: str, text: str) -> None:
    with pytest.raises(AdmissionError, match=feature) as refused:
        compile_artifact(wasm(text), CompileBudgets(), "winch")

    assert refused.value.code == "admission.invalid"
    assert "cranelift takes more" in str(refused.value.hint)


def test_winch_is_not_used_on_machines_where_nobody_attacked_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiling, "has_winch", lambda: has_winch("aarch64"))

    with pytest.raises(AdmissionError) as pinned_there:
        compile_artifact(SMALL, CompileBudgets(), "winch")
    with pytest.raises(AdmissionError) as automatic:
        compile_artifact(bomb(), IMPATIENT)

    assert pinned_there.value.code == "admission.no_compiler"
    assert automatic.value.code == "admission.compile_budget"
    assert "x86-64 only" in automatic.value.message


@pytest.mark.claim("limits.compile")
@pytest.mark.parametrize(
    "failure", ["MemoryError", "ValueError('Cannot allocate memory (os error 12)')"]
)
def test_a_compiler_that_is_refused_memory_has_exceeded_its_budget(
    failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = f"""
from hatchway.engine import compiler
def fails(*_arguments): raise {failure}
compiler._compile = fails
from hatchway.engine.compiler import main
"""
    changed = compiling._BOOTSTRAP.replace(
        "from hatchway.engine.compiler import main\n", start.lstrip()
    )
    monkeypatch.setattr(compiling, "_BOOTSTRAP", changed)

    with pytest.raises(AdmissionError, match="cranelift ran out of memory") as refused:
        compile_artifact(SMALL, CompileBudgets(), "cranelift")

    assert refused.value.code == "admission.compile_budget"


@pytest.mark.claim("limits.compile")
def test_the_child_gets_no_environment_no_input_and_no_open_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    monkeypatch.setenv("SECRET", "not for children")
    monkeypatch.setattr(
        compiling,
        "_BOOTSTRAP",
        f"""
import os, sys
seen = sorted(int(name) for name in os.listdir("/proc/self/fd"))
text = repr((dict(os.environ), os.read(0, 10), os.getcwd(), sys.flags.safe_path, len(seen)))
open({str(report)!r}, "w").write(text)
sys.exit(9)
""",
    )
    with (tmp_path / "open").open("w") as other:
        os.set_inheritable(other.fileno(), True)
        with pytest.raises(InternalError):
            compile_artifact(SMALL, CompileBudgets())

    # 0, 1, 2, the three descriptors it was given, and the directory being listed. Python
    # itself sets LC_CTYPE when it finds no locale.
    environment, stdin, directory, safe_path, count = eval(report.read_text())  # noqa: S307
    assert set(environment) <= {"LC_CTYPE"}
    assert (stdin, directory, safe_path, count) == (b"", "/", True, 7)


def test_a_module_is_described_by_what_it_imports_and_needs() -> None:
    text = """(module
      (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
      (memory (export "memory") 3 10) (func (export "_start")) (func (export "other")))"""

    surface = described(wasm(text))

    assert surface.kind == "module"
    assert surface.imports == ("wasi_snapshot_preview1.sched_yield",)
    assert surface.is_command
    assert surface.exports == ("memory", "_start", "other")
    assert (surface.memory_min_bytes, surface.memory_max_bytes) == (3 * 65536, 10 * 65536)


def test_a_start_with_parameters_is_no_command() -> None:
    surface = described(wasm('(module (func (export "_start") (param i32)))'))

    assert not surface.is_command


def test_a_component_is_described_down_to_its_functions() -> None:
    text = """(component
      (import "wasi:cli/exit@0.2.3" (instance (export "exit" (func (param "status" (result))))))
      (core module $m (func (export "go") (param i32 i32)))
      (core instance $i (instantiate $m))
      (type $point (record (field "x" s32) (field "y" s32)))
      (export $p "point" (type $point))
      (func $go (param "at" $p) (canon lift (core func $i "go")))
      (instance $api (export "go" (func $go)))
      (export "go" (func $go))
      (export "demo:pkg/api@1.0.0" (instance $api)))"""

    surface = described(wasm(text))

    assert surface.kind == "component"
    assert surface.imports == ("wasi:cli/exit@0.2.3#exit",)
    names = [function.qualified_name for function in surface.functions]
    assert names == ["go", "demo:pkg/api@1.0.0#go"]
    point = RecordType((("x", Primitive("s32")), ("y", Primitive("s32"))))
    assert surface.functions[0].parameters == (("at", point),)


def test_a_resource_in_a_function_is_named_and_does_not_stop_the_others() -> None:
    text = """(component
      (type $r' (resource (rep i32))) (export $r "thing" (type $r'))
      (core module $m (func (export "use") (param i32)) (func (export "go")))
      (core instance $i (instantiate $m))
      (func $use (param "x" (own $r)) (canon lift (core func $i "use")))
      (export "use" (func $use))
      (func (export "go") (canon lift (core func $i "go"))))"""

    surface = described(wasm(text))

    assert surface.functions[0].parameters == (("x", UnsupportedType("own")),)
    assert surface.functions[1].name == "go"


def test_a_type_that_doubles_with_every_line_is_refused() -> None:
    """Types are shared in the binary: thirty lines mean a billion parts when spelled out."""
    lines = "".join(
        f"(type $t{number} (tuple $t{number - 1} $t{number - 1}))" for number in range(1, 17)
    )
    text = f"""(component (type $t0 (tuple u8)) {lines}
      (core module $m (memory (export "m") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
        (func (export "go") (param i32)))
      (core instance $i (instantiate $m))
      (func (export "go") (param "x" $t16) (canon lift (core func $i "go")
        (memory (core memory $i "m")) (realloc (core func $i "realloc")))))"""

    with pytest.raises(AdmissionError, match="10000 parts"):
        described(wasm(text))


@pytest.mark.claim("limits.compile")
def test_nothing_in_this_process_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    import wasmtime
    from wasmtime import component

    def compile_here(*_arguments: object) -> None:
        message = "compiled in the server's process"
        raise AssertionError(message)

    monkeypatch.setattr(wasmtime.Module, "__init__", compile_here)
    monkeypatch.setattr(component.Component, "__init__", compile_here)
    own = EngineSandbox(artifacts=lambda _: SMALL)

    execution = own.run(digest_of(SMALL), CommandInvocation(arguments=()), grant())

    assert execution.stop is None
