"""Why an artifact cannot become a tool here, from its structure alone."""

from __future__ import annotations

import pytest
from components import ECHO
from fetch_guests import COMMAND, component
from guests import wasm
from workbench import ECHO_JSON

from hatchway.audit.hosting import why_not_hostable
from hatchway.audit.reading import read_artifact


@pytest.mark.parametrize("text", [ECHO_JSON, ECHO], ids=["command", "component"])
def test_nothing_speaks_against_a_tool(text: str) -> None:
    assert why_not_hostable(read_artifact(wasm(text))) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            '(module (import "wbg" "__wbindgen_throw" (func (param i32 i32))))',
            "built for another host: wasm-bindgen (JavaScript)",
        ),
        (
            '(module (memory i64 1) (func (export "_start")))',
            "needs memory64, which the engine has turned off",
        ),
        (
            '(module (import "host" "memory" (memory 1)) (func (export "_start")))',
            "imports the memory host.memory, which no host here provides",
        ),
        (
            '(module (import "host" "ask" (func)) (func (export "_start")))',
            "imports host.ask, which no host here provides",
        ),
        (
            '(component (import "wasi:http/incoming-handler@0.2.3" '
            '(instance (export "handle" (func)))))',
            "imports wasi:http/incoming-handler@0.2.3#handle, which no host here provides",
        ),
        (
            '(component (import "hatchway:tools/tools@0.2.0" (instance (export "search" (func)))))',
            "imports hatchway:tools/tools@0.2.0#search, which no host here provides",
        ),
        (
            '(module (import "extism:host/env" "input_length" (func (result i64))) '
            '(func (export "count") (param i32) (result i32) (local.get 0)))',
            "offers no tool: it exports no function that an Extism host could call",
        ),
        (
            '(module (func (export "add")))',
            "offers no tool: it exports neither _start nor functions of a component",
        ),
    ],
    ids=["foreign", "feature", "memory", "function", "http", "tools", "plug-in", "library"],
)
def test_what_is_in_the_way_is_named(text: str, reason: str) -> None:
    assert why_not_hostable(read_artifact(wasm(text))) == reason


@pytest.mark.parametrize("text", [COMMAND, component()], ids=["command", "component"])
def test_what_asks_for_its_requests_by_hatchways_own_interface_is_a_tool(text: str) -> None:
    assert why_not_hostable(read_artifact(wasm(text))) is None


def test_a_later_version_of_that_interface_is_served_by_nobody() -> None:
    reason = why_not_hostable(read_artifact(wasm(component("0.2.0"))))

    assert reason == "imports hatchway:egress/fetch@0.2.0#fetch, which no host here provides"
