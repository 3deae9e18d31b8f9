"""Binaries for other hosts are told by whose they are."""

from __future__ import annotations

import pytest
import wasmtime

from hatchway.audit import foreign
from hatchway.audit.foreign import foreign_abi, foreign_host
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
        (
            ("extism:host/user", "notify"),
            "an Extism host with functions of its own (extism:host/user); only that host can "
            "say what they do",
        ),
        (
            ("env", "extism_alloc"),
            "Extism before 1.0; build it with a current plug-in development kit",
        ),
        (("env", "proxy_log"), "proxy-wasm"),
        (("env", "napi_create_object"), "Node-API"),
        (("GOT.mem", "x"), "dynamic linking (dylink)"),
        (("env", "__memory_base"), "dynamic linking (dylink)"),
        (("env", "_embind_register_void"), "emscripten (JavaScript)"),
        (("env", "__cxa_throw"), "emscripten (JavaScript)"),
        (("emnapi", "x"), "Node-API (emnapi)"),
        (("env", "_emnapi_get_last_error_info"), "Node-API (emnapi)"),
        (("rb-js-abi-host", "x"), "ruby.wasm's JavaScript host (rb-js-abi-host)"),
        (
            ("__main_module__", "_start"),
            "the adapter from preview 1 to WASI 0.2; it works inside a component only",
        ),
        (
            ("wasi:cli/stdout@0.2.3", "get-stdout"),
            "a component's core module; wrap it with `wasm-tools component new`",
        ),
        (
            ("$root", "log"),
            "a component's core module; wrap it with `wasm-tools component new`",
        ),
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
        (("extism:host/env", "alloc"),),
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


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.3.0-rc-2026-01-06", "0.3"])
def test_every_version_of_that_wasi_is_recognised(version: str) -> None:
    artifact = component(
        more=f'(import "wasi:http/types@{version}" (instance (export "f" (func))))'
    )

    assert abi_of(artifact) == f"WASI 0.3 (wasi:http/types@{version})"


@pytest.mark.parametrize(
    "name",
    [
        "wasi:cli/environment@0.2.3", "wasi:cli/environment", "acme:tools/x@0.3.0",
        "wasi:nn/tensor@0.2.0-rc-0.3.0", "hyperlight:sandbox/tools",
    ],
)  # fmt: skip
def test_a_component_for_this_wasi_or_of_its_own_is_not_foreign(name: str) -> None:
    assert abi_of(component(more=instance(name))) is None


def test_a_component_with_plain_functions_is_not_foreign() -> None:
    assert abi_of(component("log")) is None
    assert abi_of(component()) is None


def test_a_component_that_is_a_shared_library_is_recognised_too() -> None:
    assert abi_of(component(more='(@custom "dylink.0" "")')) == "dynamic linking (dylink)"


def test_what_gives_a_host_away_is_told() -> None:
    artifact = importing(("wasi_snapshot_preview1", "fd_write"), ("env", "proxy_log"))

    host = foreign_host(read_artifact(artifact))

    assert host is not None
    assert str(host.told_by) == "env.proxy_log"


@pytest.mark.parametrize("more", ['(@custom "dylink.0" "")', '(import "a" "a" (func))'])
def test_what_no_single_import_shows_is_told_without_one(more: str) -> None:
    host = foreign_host(read_artifact(importing(more=more)))

    assert host is not None
    assert host.told_by is None


def test_an_ordinary_artifact_has_no_foreign_host() -> None:
    assert foreign_host(read_artifact(importing(("wasi_snapshot_preview1", "fd_write")))) is None
