"""Binaries for other hosts are told by whose they are."""

from __future__ import annotations

import pytest
import wasmtime

from hatchway.audit import foreign
from hatchway.audit.foreign import foreign_abi
from hatchway.audit.reading import read_artifact


def importing(*names: tuple[str, str], more: str = "") -> bytes:
    """A module that imports these functions."""
    forms = "".join(f'(import "{namespace}" "{field}" (func))' for namespace, field in names)
    return bytes(wasmtime.wat2wasm(f"(module {forms} {more})"))


def abi_of(artifact: bytes) -> str | None:
    return foreign_abi(read_artifact(artifact))


@pytest.mark.parametrize("namespace", foreign._NAMESPACES)
def test_a_namespace_of_another_host_is_recognised(namespace: str) -> None:
    artifact = importing(("wasi_snapshot_preview1", "fd_write"), (namespace, "anything"))

    assert abi_of(artifact) == foreign._NAMESPACES[namespace]


@pytest.mark.parametrize(("namespace", "prefix", "name"), foreign._FIELD_PREFIXES)
def test_a_function_of_another_host_is_recognised(namespace: str, prefix: str, name: str) -> None:
    assert abi_of(importing((namespace, f"{prefix}x"))) == name


@pytest.mark.parametrize(
    ("name", "abi"),
    [
        (("wbg", "__wbindgen_throw"), "wasm-bindgen (JavaScript)"),
        (("./app_bg.js", "__wbg_log"), "wasm-bindgen (JavaScript)"),
        (("__wbindgen_placeholder__", "x"), "wasm-bindgen (JavaScript), not yet processed"),
        (("env", "emscripten_notify_memory_growth"), "emscripten (JavaScript)"),
        (("env", "invoke_vii"), "emscripten (JavaScript)"),
        (("env", "__syscall_openat"), "emscripten (JavaScript)"),
        (("gojs", "runtime.wasmExit"), "Go's js/wasm port; build with GOOS=wasip1"),
        (("wasi_unstable", "fd_write"), "WASI preview 0; rebuild for wasi_snapshot_preview1"),
        (("wasix_32v1", "thread_spawn"), "WASIX"),
        (("wasi", "thread-spawn"), "wasi-threads"),
        (("extism:host/env", "alloc"), "Extism"),
        (("env", "proxy_log"), "proxy-wasm"),
        (("env", "napi_create_object"), "Node-API"),
        (("GOT.mem", "x"), "dynamic linking (dylink)"),
    ],
)
def test_well_known_imports_name_their_host(name: tuple[str, str], abi: str) -> None:
    assert abi_of(importing(name)) == abi


@pytest.mark.parametrize("section", ["dylink.0", "dylink"])
def test_a_shared_library_is_recognised_by_its_section(section: str) -> None:
    assert abi_of(importing(more=f'(@custom "{section}" "")')) == "dynamic linking (dylink)"


def test_minified_imports_are_recognised() -> None:
    assert abi_of(importing(("a", "a"), ("a", "bc"))) == "emscripten (JavaScript), minified"


@pytest.mark.parametrize(
    "names",
    [
        (("a", "abc"),),
        (("a", "a"), ("b", "a")),
        (("env", "memory"),),
        (("wasi_snapshot_preview1", "fd_write"),),
        (("wasi_snapshot_preview1", "proc_exit"), ("env", "host_function")),
        (("environment", "emscripten_x"),),
        (("wasi", "other"),),
        (("app_bg.jsx", "x"),),
        (),
    ],
    ids=str,
)
def test_what_is_not_known_to_be_foreign_is_left_to_the_engine(
    names: tuple[tuple[str, str], ...],
) -> None:
    assert abi_of(importing(*names)) is None


def component(*imports: str, more: str = "") -> bytes:
    forms = "".join(f'(import "{name}" (func))' for name in imports)
    return bytes(wasmtime.wat2wasm(f"(component {forms} {more})"))


def instance(name: str) -> str:
    return f'(import "{name}" (instance))'


def test_a_component_for_a_later_wasi_is_recognised() -> None:
    artifact = component(more=instance("wasi:cli/environment@0.3.0"))

    assert abi_of(artifact) == "WASI 0.3 (wasi:cli/environment@0.3.0)"


@pytest.mark.parametrize(
    "name", ["wasi:cli/environment@0.2.3", "wasi:cli/environment", "acme:tools/x@0.3.0"]
)
def test_a_component_for_this_wasi_or_of_its_own_is_not_foreign(name: str) -> None:
    assert abi_of(component(more=instance(name))) is None


def test_a_component_with_plain_functions_is_not_foreign() -> None:
    assert abi_of(component("log")) is None
    assert abi_of(component()) is None


def test_a_component_that_is_a_shared_library_is_recognised_too() -> None:
    assert abi_of(component(more='(@custom "dylink.0" "")')) == "dynamic linking (dylink)"
