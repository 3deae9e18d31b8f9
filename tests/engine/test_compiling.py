"""Compiling happens in a child that may die; nothing here compiles in this process."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import pytest
from guests import command, grant, wasm

from hatchway.core.errors import AdmissionError, InternalError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.wit import Primitive, RecordType, UnsupportedType
from hatchway.engine import compiling
from hatchway.engine.compiling import CompileBudget, compile_artifact
from hatchway.engine.sandbox import EngineSandbox
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.core.surface import Surface

SMALL = wasm(command(""))


def described(artifact: bytes) -> Surface:
    compiled = compile_artifact(artifact, CompileBudget())
    compiled.code.close()
    return compiled.surface


@cache
def bomb() -> bytes:
    """Valid, small, and far more work for an optimising compiler than its size says."""
    count = 10_000
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


@pytest.mark.claim("limits.compile")
def test_a_compile_bomb_ends_with_its_cpu_seconds() -> None:
    with pytest.raises(AdmissionError, match="1 CPU-seconds") as refused:
        compile_artifact(bomb(), CompileBudget(cpu_seconds=1))

    assert refused.value.code == "admission.compile_budget"


@pytest.mark.claim("limits.compile")
def test_a_compiler_that_takes_too_long_is_killed() -> None:
    with pytest.raises(AdmissionError, match=r"longer than 0\.5 s") as refused:
        compile_artifact(bomb(), CompileBudget(wall_seconds=0.5))

    assert refused.value.code == "admission.compile_budget"


@pytest.mark.claim("limits.compile")
def test_a_compiler_that_runs_out_of_memory_takes_only_itself_down() -> None:
    """wasmtime aborts its process then; the artifact is refused, and this process lives."""
    with pytest.raises(AdmissionError, match="SIGABRT") as refused:
        compile_artifact(bomb(), CompileBudget(memory_bytes=100 << 20))

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
        compile_artifact(text, CompileBudget())

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
        compile_artifact(artifact, CompileBudget())

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
        compile_artifact(wasm(OFF[feature]), CompileBudget())

    assert refused.value.code == "admission.invalid"


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
            compile_artifact(SMALL, CompileBudget())

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
