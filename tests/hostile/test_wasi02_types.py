"""Components that say other types of the functions they import than those functions have."""

from __future__ import annotations

from functools import cache

import pytest
import wasmtime
from guests import sandbox, wasm
from wasmtime import component as wit

from hatchway.core.errors import AdmissionError
from hatchway.engine import fetch
from hatchway.engine.fetch import component as fetching
from hatchway.engine.preview2.binding import WASI_VERSION
from hatchway.engine.preview2.linking import FUNCTIONS, UNSTABLE
from hatchway.engine.preview2.reference import SIGNATURES, Reference
from hatchway.engine.settings import EngineSettings, base_config
from hatchway.registry.store import digest_of

ALL = [
    (f"{interface}@{version}", name)
    for functions, version in ((FUNCTIONS, WASI_VERSION), (fetching.FUNCTIONS, fetch.VERSION))
    for interface, known in functions.items()
    for name in known
]

LEAKING = """(component
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $r (sub resource)))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $r)) (param "contents" string) (result bool)))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (export "output-stream" (type $s (eq $stream)))
    (export "get-stdout" (func (result (own $s))))))
  (core module $libc (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $l (instantiate $libc))
  (alias core export $l "memory" (core memory $memory))
  (alias core export $l "realloc" (core func $realloc))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.write")
    (memory $memory) (realloc $realloc)))
  (core module $m
    (import "h" "get" (func $get (result i32)))
    (import "h" "write" (func $write (param i32 i32 i32) (result i32)))
    (func (export "go") (drop (call $write (call $get) (i32.const 0) (i32.const 16)))))
  (core instance $i (instantiate $m (with "h" (instance
    (export "get" (func $get)) (export "write" (func $write))))))
  (func (export "go") (canon lift (core func $i "go"))))"""
"""It writes text where a list of bytes is read: 32 bytes of the host's for each of its own."""


@pytest.mark.claim("isolation.memory")
def test_text_in_the_place_of_bytes_does_not_read_the_memory_of_the_host() -> None:
    artifact = wasm(LEAKING)

    with pytest.raises(AdmissionError, match="has the wrong type") as refused:
        sandbox().prepare(artifact, digest_of(artifact))

    assert refused.value.code == "admission.missing_host"


@cache
def engine() -> wasmtime.Engine:
    return wasmtime.Engine(base_config(EngineSettings(), "cranelift"))


def importing(interface: str, name: str) -> str:
    """A component that imports a function as one that takes a character and gives one.

    Nothing of WASI does. A method takes its resource first, as it must.
    """
    first, kinds = "", ""
    if name.startswith("["):
        kind, _, rest = name[1:].partition("]")
        resource = rest.partition(".")[0]
        kinds = f'(export "{resource}" (type $r (sub resource)))'
        first = '(param "self" (borrow $r))' if kind == "method" else ""
        if kind == "constructor":
            return f"""(component (import "{interface}" (instance {kinds}
              (export "{name}" (func (param "c" char) (result (own $r)))))))"""
    return f"""(component (import "{interface}" (instance {kinds}
      (export "{name}" (func {first} (param "c" char) (result char))))))"""


@pytest.mark.oracle
@pytest.mark.claim("isolation.memory")
@pytest.mark.parametrize(("interface", "name"), ALL, ids=lambda part: part)
def test_no_function_of_ours_is_attached_to_another_type(interface: str, name: str) -> None:
    component = wit.Component(engine(), wasm(importing(interface, name)))

    misfit = Reference(engine()).misfit(component)

    assert misfit is not None
    assert "wrong type" in misfit


@pytest.mark.oracle
@pytest.mark.parametrize("interface", sorted({interface for interface, _ in ALL}))
def test_an_interface_of_which_nothing_is_used_fits(interface: str) -> None:
    component = wit.Component(engine(), wasm(f'(component (import "{interface}" (instance)))'))

    assert Reference(engine()).misfit(component) is None


@pytest.mark.oracle
def test_a_component_is_compared_without_running_any_of_it() -> None:
    text = """(component
      (core module $m (func $spin (loop $on (br $on))) (start $spin))
      (core instance (instantiate $m)))"""

    assert Reference(engine()).misfit(wit.Component(engine(), wasm(text))) is None


@pytest.mark.oracle
def test_something_else_under_the_name_of_a_function_does_not_fit() -> None:
    text = """(component (import "hatchway:egress/fetch@0.1.0"
      (instance (export "fetch" (type (sub resource))))))"""

    misfit = Reference(engine()).misfit(wit.Component(engine(), wasm(text)))

    assert misfit == "`hatchway:egress/fetch@0.1.0#fetch` has the wrong type"


@pytest.mark.oracle
def test_types_too_large_for_any_function_do_not_fit() -> None:
    shared = "(type $t0 (tuple u8 u8))" + "".join(
        f"(type $t{depth} (tuple $t{depth - 1} $t{depth - 1}))" for depth in range(1, 16)
    )
    text = f"""(component (import "hatchway:egress/fetch@0.1.0" (instance {shared}
      (export "fetch" (func (param "c" $t15))))))"""

    misfit = Reference(engine()).misfit(wit.Component(engine(), wasm(text)))

    assert misfit == "`hatchway:egress/fetch@0.1.0#fetch` has the wrong type"


def test_the_table_holds_what_wasmtime_leaves_out_and_nothing_else() -> None:
    known = {
        f"{interface.partition('@')[0]}#{name}"
        for interface, functions in SIGNATURES.items()
        for name in functions
    }

    ours = {"hatchway:egress/fetch#fetch"} | {
        f"hatchway:tools/tools#{name}" for name in ("search", "describe", "call")
    }
    assert known == UNSTABLE | ours
