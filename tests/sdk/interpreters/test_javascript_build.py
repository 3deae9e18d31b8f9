"""The JavaScript interpreter is its engine and what is in the package, and always the same."""

from __future__ import annotations

import pytest
from interpreters import artifact, needed

from hatchway.audit.reading import read_artifact
from hatchway.core.errors import ConfigError
from hatchway.sdk.interpreters import recipe
from hatchway.sdk.interpreters.describing import described
from hatchway.sdk.interpreters.javascript import building, component, engine
from hatchway.sdk.interpreters.javascript.binary import numbered, sections, signed, unsigned_at
from hatchway.sdk.interpreters.javascript.snapshot import with_memory

CAPABILITIES = {
    "hatchway:tools/tools",
    "wasi:cli/stderr",
    "wasi:cli/stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
}


@pytest.mark.oracle
def test_a_build_in_this_process_gives_the_bytes_of_one_in_a_child() -> None:
    words: list[str] = []
    (published,) = needed("javascript")

    inside, outside = (
        component.build(published),
        recipe("javascript").build(words.append, published),
    )

    assert described(inside, engine.GUEST / "tool.toml") == outside
    assert words == ["building the JavaScript interpreter (once, a few seconds)"]


def test_a_build_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_WALL_SECONDS", 0)

    with pytest.raises(ConfigError, match="building took longer than 0 s") as refused:
        recipe("javascript").build(print, b"")

    assert refused.value.code == "config.build_failed"


def test_a_build_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_CHILD", "raise SystemExit('no room')")

    with pytest.raises(ConfigError, match="interpreter was not built: no room") as refused:
        recipe("javascript").build(print, b"")

    assert refused.value.code == "config.build_failed"


def test_nothing_has_to_be_installed_first() -> None:
    assert recipe("javascript").missing() is None


def test_it_imports_these_interfaces_and_no_network() -> None:
    imports = read_artifact(artifact("javascript")).imports

    assert {str(each).partition("@")[0] for each in imports} == CAPABILITIES


@pytest.mark.parametrize("number", [0, 63, 64, 127, 128, 8191, 8192, 1 << 20, (1 << 31) - 1])
def test_numbers_are_written_as_webassembly_reads_them(number: int) -> None:
    assert unsigned_at(b"?" + numbered(number), 1) == (number, 1 + len(numbered(number)))
    assert _signed_value(signed(number)) == number


def _signed_value(written: bytes) -> int:
    value, end = unsigned_at(written, 0)
    assert end == len(written)
    return value - (1 << 7 * end) if written[-1] & 0x40 else value


def test_a_snapshot_keeps_all_but_memory_data_and_start() -> None:
    module = engine.assembled("""(module
      (memory (export "memory") 1)
      (global $changed (mut i32) (i32.const 0))
      (func $start)
      (start $start)
      (data (i32.const 0) "before"))""")
    memory = b"\0" * 100 + b"after" + b"\0" * (131_072 - 106) + b"!"

    snapshot = dict(sections(with_memory(module, memory)))

    original = dict(sections(module))
    assert {kind: snapshot[kind] for kind in (1, 3, 6, 7, 10)} == {
        kind: original[kind] for kind in (1, 3, 6, 7, 10)
    }
    assert snapshot[5] == b"\1\0\2"
    assert snapshot[11].count(b"after") == 1
    assert b"before" not in snapshot[11]
    assert set(original) - set(snapshot) == {0, 8}


@pytest.mark.parametrize("memories", ["(memory 1) (memory 1)", "(memory i64 1)"])
def test_a_module_with_other_memories_has_no_snapshot(memories: str) -> None:
    with pytest.raises(ValueError, match="expected one memory of 32 bits"):
        with_memory(engine.assembled(f"(module {memories})"), bytes(65_536))
