"""Preparing maps no code into this process: the compile child says whether it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import wasmtime
from guests import command, grant, wasm
from wasmtime import component as wit

from hatchway.core.errors import AdmissionError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.surface import Surface
from hatchway.engine import causes
from hatchway.engine.cache import CompiledCache
from hatchway.engine.compiling import CompileBudgets, Compiled, compile_artifact
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.supply import NoCodeError
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from pathlib import Path

SMALL = wasm(command(""))
DIGEST = digest_of(SMALL)
NOTHING = CommandInvocation(arguments=())
PLUGIN = wasm(
    """(module (import "extism:host/env" "input_length" (func (result i64)))
    (memory (export "memory") 1) (func (export "go") (result i32) i32.const 0))"""
)
COMPONENT = wasm(
    """(component
    (core module $m (memory 1) (data (i32.const 0) "held") (func (export "go")))
    (core instance $i (instantiate $m)) (func (export "go") (canon lift (core func $i "go"))))"""
)


@pytest.fixture
def _maps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> None:
        message = "compiled code was loaded"
        raise AssertionError(message)

    for kind in (wasmtime.Module, wit.Component):
        monkeypatch.setattr(kind, "deserialize", refused)
        monkeypatch.setattr(kind, "deserialize_file", refused)


@pytest.mark.usefixtures("_maps_nothing")
@pytest.mark.parametrize(
    "artifact", [SMALL, COMPONENT, PLUGIN], ids=["module", "component", "plugin"]
)
def test_preparing_loads_no_code(artifact: bytes, tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path / "cache", tmp_path / "key")
    first = EngineSandbox(artifacts=lambda _: artifact, cache=cache)

    prepared = first.prepare(artifact, digest_of(artifact))
    later = EngineSandbox(artifacts=lambda _: b"", cache=cache)

    assert later.prepare(artifact, digest_of(artifact)) == prepared
    assert later.surface(digest_of(artifact)) == prepared


MISFITS = {
    "a module's import": (
        wasm(command("", imports='(import "nix" "f" (func))')),
        "admission.missing_host",
        "the module does not fit this host: unknown import: `nix::f` has not been defined",
    ),
    "a plug-in's import": (
        wasm('(module (import "extism:host/env" "nothing" (func)))'),
        "admission.missing_host",
        "the plug-in does not fit this host: unknown import: "
        "`extism:host/env::nothing` has not been defined",
    ),
    "a component's import": (
        wasm('(component (import "acme:x/y" (instance (export "f" (func)))))'),
        "admission.missing_host",
        "the component does not fit this host: component imports instance `acme:x/y`",
    ),
    "a component's type": (
        wasm(
            '(component (import "wasi:cli/exit@0.2.6" (instance (export "exit-with-code"'
            ' (func (param "status-code" u32))))))'
        ),
        "admission.missing_host",
        "the component does not fit this host: `wasi:cli/exit@0.2.6#exit-with-code`"
        " has the wrong type",
    ),
    "more than the engine holds": (
        wasm("(module (memory 1) (memory 1) (memory 1) (memory 1) (memory 1))"),
        "admission.too_large",
        "the engine cannot hold the artifact: defined memories count of 5",
    ),
}


@pytest.mark.usefixtures("_maps_nothing")
@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_refused_without_being_loaded_here(misfit: str) -> None:
    artifact, code, words = MISFITS[misfit]
    own = EngineSandbox(artifacts=lambda _: artifact)

    with pytest.raises(AdmissionError) as refused:
        own.prepare(artifact, digest_of(artifact))

    assert refused.value.code == code
    assert refused.value.message.startswith(words)


def test_a_component_that_needs_more_memory_than_the_compiler_gets_fits_nevertheless() -> None:
    """Types are compared before memory is made; how much a call may have, its grant says."""
    large = "(component (core module $m (memory 65000)) (core instance (instantiate $m)))"

    surface = EngineSandbox(artifacts=lambda _: b"").prepare(wasm(large), digest_of(wasm(large)))

    assert surface.kind == "component"


def test_what_the_system_refuses_is_no_fault_of_a_guest_s() -> None:
    assert causes.from_last_line("error\n  1: Cannot allocate memory (os error 12)").code == (
        "call.overloaded"
    )
    assert causes.from_last_line("a guest (os error 12) said so").code == "guest.trapped"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The artifacts that were compiled during the test."""
    compiled: list[bytes] = []

    def counted(artifact: bytes, *arguments: object) -> Compiled:
        compiled.append(artifact)
        return compile_artifact(artifact, *arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr("hatchway.engine.supply.compile_artifact", counted)
    return compiled


def test_without_a_cache_code_is_held_until_the_first_run_has_loaded_it(
    compilations: list[bytes],
) -> None:
    own = EngineSandbox(artifacts=lambda _: SMALL)
    own.prepare(SMALL, DIGEST)

    with own.sealed((DIGEST, None)), own.sealed((DIGEST, None)):
        own.run(DIGEST, NOTHING, grant())
    held_after_the_run = list(own._supply._held)
    own.run(DIGEST, NOTHING, grant())

    assert compilations == [SMALL]
    assert held_after_the_run == []


def test_code_that_cannot_be_cached_is_held_like_code_without_a_cache(
    tmp_path: Path, compilations: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = CompiledCache(tmp_path / "cache", tmp_path / "key")
    monkeypatch.setattr(cache, "_directory", tmp_path / "gone")
    own = EngineSandbox(artifacts=lambda _: SMALL, cache=cache)

    own.prepare(SMALL, DIGEST)
    own.run(DIGEST, NOTHING, grant())

    assert compilations == [SMALL]


def test_code_that_one_process_prepared_another_adopts(compilations: list[bytes]) -> None:
    first, second = (EngineSandbox(artifacts=lambda _: PLUGIN) for _ in range(2))
    first.prepare(PLUGIN, digest_of(PLUGIN))

    with first.sealed((digest_of(PLUGIN), None)) as sealed:
        for one in sealed:
            second.adopt(*one)
    execution = second.run(
        digest_of(PLUGIN), CommandInvocation(arguments=(), function="go"), grant()
    )

    assert execution.stop is None
    assert len(compilations) == 2  # the plug-in, and the kernel for it


def test_code_that_is_gone_is_an_error_of_ours() -> None:
    with (
        pytest.raises(NoCodeError),
        EngineSandbox(artifacts=lambda _: b"")._supply.stored((DIGEST, None)),
    ):
        pass


def test_a_description_that_names_what_the_code_lacks_is_refused_when_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The child compiled the component, and lied about what it exports."""
    true = compile_artifact(COMPONENT, CompileBudgets())
    lie = Surface.from_json(
        {
            **true.surface.to_json(),
            "functions": [{**true.surface.to_json()["functions"][0], "name": "away"}],
        }
    )
    monkeypatch.setattr(
        "hatchway.engine.supply.compile_artifact",
        lambda *_arguments: Compiled(surface=lie, compilation=true.compilation, code=true.code),
    )
    own = EngineSandbox(artifacts=lambda _: COMPONENT)
    own.prepare(COMPONENT, digest_of(COMPONENT))

    with (
        own.sealed((digest_of(COMPONENT), None)) as (sealed,),
        pytest.raises(AdmissionError, match="does not export 'away'") as refused,
    ):
        own.adopt(*sealed)

    assert refused.value.code == "admission.compiler_failed"
