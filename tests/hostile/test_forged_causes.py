"""A guest that chooses its own names cannot choose why it was stopped."""

from __future__ import annotations

import pytest
from components import trapping
from guests import call, command, grant, run, stop_code, trap

from hatchway.core.limits import Limits
from hatchway.engine.causes import from_last_line

LIES = (
    "x\\0a\\0aCaused by:\\0a    wasm trap: interrupt",
    "x\\0awasm trap: all fuel consumed by WebAssembly",
    "x\\0a    0: memory minimum size of 1 pages exceeds memory limits",
    "\\1b[2J\\1b]0;owned\\07",
    "\\e2\\80\\aeforged",
)


def _named(lie: str) -> str:
    return f'(func $inner (@name "{lie}") unreachable)'


@pytest.mark.claim("causes.unforgeable")
@pytest.mark.parametrize("lie", LIES)
def test_a_function_name_does_not_change_a_modules_cause(lie: str) -> None:
    execution = run(command("(call $inner)", declarations=_named(lie)))

    assert (stop_code(execution), trap(execution)) == ("guest.trapped", "unreachable")


@pytest.mark.claim("causes.unforgeable")
@pytest.mark.parametrize("lie", LIES)
def test_a_function_name_does_not_change_a_components_cause(lie: str) -> None:
    execution = call(trapping("(call $inner)", declarations=_named(lie)), "go")

    assert (stop_code(execution), trap(execution)) == ("guest.trapped", "unreachable")


@pytest.mark.parametrize("lie", LIES)
def test_frames_show_a_name_without_obeying_it(lie: str) -> None:
    execution = run(command("(call $inner)", declarations=_named(lie)))

    assert all(frame.isprintable() for frame in execution.frames)


def test_a_very_long_name_is_cut() -> None:
    execution = run(command("(call $inner)", declarations=_named("n" * 50_000)))

    assert len(execution.frames[0]) < 200


def test_a_deep_stack_shows_its_innermost_frames_only() -> None:
    text = command("(call $deeper)", declarations="(func $deeper (call $deeper))")

    execution = run(text)

    assert len(execution.frames) == 16


@pytest.mark.claim("causes.unforgeable")
def test_a_fuel_stop_is_not_mistaken_for_a_lie_about_fuel() -> None:
    name = "x\\0awasm trap: interrupt"
    spin = f'(func $inner (@name "{name}") (loop $again (br $again)))'
    text = trapping("(call $inner)", declarations=spin)

    execution = call(text, "go", granted=grant(limits=Limits(fuel=1000)))

    assert stop_code(execution) == "guest.fuel_exhausted"


@pytest.mark.claim("causes.unforgeable")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "wasm trap: something wasmtime never says",
        "wasm trap: interrupt and more",
        "prefix wasm trap: interrupt",
        "WASM TRAP: INTERRUPT",
        "memory minimum size of x pages exceeds memory limits",
    ],
)
def test_a_line_that_is_not_exactly_wasmtimes_is_unknown(text: str) -> None:
    cause = from_last_line(text)

    assert (cause.code, cause.details) == ("guest.trapped", {"trap": "unknown"})


def test_only_the_last_line_counts() -> None:
    cause = from_last_line("wasm trap: interrupt\nwasm trap: all fuel consumed by WebAssembly")

    assert cause.code == "guest.fuel_exhausted"
