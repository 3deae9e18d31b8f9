"""The kernel by itself: blocks that never overlap, whatever is asked of it."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

import hatchway.engine.extism
from hatchway.engine.compiling import CompileBudgets, compile_artifact
from hatchway.engine.extism.kernel import SIGNATURES, kernel, kernel_digest
from hatchway.engine.settings import EngineSettings, base_config
from hatchway.registry.store import digest_of

PAGE = 65536
FIRST = 1040
"""Where the first block begins: behind what is the kernel's own, and its header."""
EDGES = (0, 1, 8, 1023, 1024, 1025, PAGE - 8, PAGE - 7, PAGE - 1, PAGE, 1 << 32, (1 << 32) + FIRST)
WRAPPING = (-1, -7, -8, -PAGE, -(1 << 63), (1 << 63) - 1)


@cache
def compiled() -> tuple[wasmtime.Engine, wasmtime.Module]:
    engine = wasmtime.Engine(base_config(EngineSettings(), "cranelift"))
    with compile_artifact(kernel(), CompileBudgets()).code as code:
        module = wasmtime.Module.deserialize(engine, code.read())
    return engine, module


class Kernel:
    """A kernel with a memory of its own, of `pages` at most."""

    def __init__(self, pages: int = 64) -> None:
        engine, module = compiled()
        self.store = wasmtime.Store(engine)
        self.store.set_fuel(1 << 40)
        self.store.set_epoch_deadline(1 << 40)
        self.store.set_limits(memory_size=pages * PAGE)
        self._exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def do(self, name: str, *arguments: int) -> int:
        return int(self._exports[name](self.store, *arguments) or 0)  # type: ignore[operator]

    def block(self, size: int) -> int:
        return self.do("alloc", size)

    @property
    def types(self) -> dict[str, Any]:
        return {
            name: item.type(self.store)
            for name, item in self._exports.items()
            if isinstance(item, wasmtime.Func)
        }


def test_it_exports_what_its_table_says() -> None:
    letters = {"i32": "i", "i64": "I"}

    found = {
        name: (
            "".join(letters[str(part)] for part in kind.params),
            "".join(letters[str(part)] for part in kind.results),
        )
        for name, kind in Kernel().types.items()
    }

    assert found == SIGNATURES
    assert kernel_digest() == digest_of(kernel())


def test_it_is_what_its_source_says() -> None:
    source = Path(hatchway.engine.extism.__file__).with_name("kernel.wat").read_text()

    assert bytes(wasmtime.wat2wasm(source)) == kernel()


def test_nothing_is_no_block() -> None:
    found = Kernel()

    assert found.block(0) == 0
    assert found.do("length", 0) == 0
    found.do("free", 0)


def test_a_block_has_the_length_that_was_asked_for() -> None:
    found = Kernel()

    for size in (1, 15, 16, 17, 2047, 2048, 2049, 70_000):
        block = found.block(size)
        assert (found.do("length", block), found.do("length_unsafe", block)) == (size, size)
        assert block % 16 == 0


@pytest.mark.parametrize("size", [1 << 32, (1 << 32) - 1, -1, -(1 << 63), 0xFFFF0001])
def test_what_is_larger_than_a_memory_is_refused(size: int) -> None:
    assert Kernel().block(size) == 0


def test_memory_grows_up_to_its_limit_and_then_there_is_none() -> None:
    found = Kernel(pages=4)

    assert found.block(3 * PAGE) != 0
    assert found.block(PAGE) == 0
    assert found.do("memory_bytes") == 4 * PAGE
    assert found.block(16) != 0


@pytest.mark.parametrize("size", [16, 100, 2048, 2049, 100_000])
def test_a_freed_block_is_used_again(size: int) -> None:
    found = Kernel()
    first = found.block(size)
    found.do("free", first)

    assert found.do("length", first) == 0
    assert found.block(size) == first


def test_a_block_is_freed_once() -> None:
    found = Kernel()
    block = found.block(16)
    found.do("free", block)
    found.do("free", block)

    assert found.block(16) == block
    assert found.block(16) != block


@pytest.mark.parametrize("offset", [FIRST + 1, FIRST + 16, 1024, 0, -16, 1 << 40])
def test_what_is_no_block_is_not_freed_and_has_no_length(offset: int) -> None:
    found = Kernel()
    block = found.block(64)

    found.do("free", offset)

    assert found.do("length", offset) == 0
    assert found.do("length", block) == 64


@pytest.mark.parametrize("at", [*EDGES, *WRAPPING])
def test_an_address_outside_reads_as_zero_and_is_not_written_to(at: int) -> None:
    found = Kernel()
    address = at & 0xFFFFFFFFFFFFFFFF
    is_byte = 1024 <= address < PAGE
    is_word = 1024 <= address <= PAGE - 8

    found.do("store_u8", at, 255)
    assert found.do("load_u8", at) == (255 if is_byte else 0)
    found.do("store_u64", at, -1)
    assert found.do("load_u64", at) == (-1 if is_word else found.do("load_u64", at))
    assert is_word or found.do("load_u64", at) == 0


@pytest.mark.parametrize("offset", [0, 7, 8, 15, 16, *WRAPPING])
def test_input_is_read_as_far_as_it_goes(offset: int) -> None:
    found = Kernel()
    block = found.block(16)
    for index in range(16):
        found.do("store_u8", block + index, 1)
    found.do("input_set", block, 15)

    assert found.do("input_load_u8", offset) == (1 if 0 <= offset < 15 else 0)
    assert found.do("input_load_u64", offset) == (0x0101010101010101 if 0 <= offset < 8 else 0)
    assert (found.do("input_offset"), found.do("input_length")) == (block, 15)


def test_input_shorter_than_a_word_has_no_word() -> None:
    found = Kernel()
    found.do("input_set", found.block(7), 7)

    assert found.do("input_load_u64", 0) == 0


def test_input_that_is_freed_is_gone() -> None:
    found = Kernel()
    block = found.block(8)
    found.do("input_set", block, 8)
    found.do("free", block)

    assert found.do("input_length") == 0


@pytest.mark.parametrize("name", ["input", "output"])
@pytest.mark.parametrize(
    ("at", "count"),
    [(PAGE, 1), (PAGE - 1, 2), (-1, 2), (FIRST, PAGE), (FIRST, -1), (-8, 16), (0, 8)],
)
def test_what_does_not_lie_inside_is_neither_input_nor_output(
    name: str, at: int, count: int
) -> None:
    found = Kernel()

    found.do(f"{name}_set", at, count)

    assert (found.do(f"{name}_offset"), found.do(f"{name}_length")) == (0, 0)


def test_an_output_of_nothing_is_one() -> None:
    found = Kernel()
    found.do("output_set", FIRST, 8)
    found.do("output_set", 0, 0)

    assert found.do("output_length") == 0


def test_an_error_outside_of_the_memory_is_none() -> None:
    found = Kernel()
    found.do("error_set", PAGE)
    found.do("error_set", -1)

    assert found.do("error_get") == 0


def test_a_reset_begins_anew() -> None:
    found = Kernel()
    block = found.block(8)
    found.do("store_u64", block, -1)
    for name in ("input_set", "output_set"):
        found.do(name, block, 8)
    found.do("error_set", block)

    found.do("reset")

    states = ("input_offset", "input_length", "output_offset", "output_length", "error_get")
    assert [found.do(name) for name in states] == [0] * 5
    assert found.block(8) == block
    assert found.do("load_u64", block) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5000)), max_size=60))
def test_blocks_keep_what_was_put_into_them(steps: list[tuple[bool, int]]) -> None:
    found = Kernel()
    live: list[tuple[int, int, int]] = []
    for number, (frees, size) in enumerate(steps):
        if frees and live:
            found.do("free", live.pop(size % len(live))[0])
            continue
        block = found.block(size)
        for at in (block, block + size - 1):
            found.do("store_u8", at, number)
        live.append((block, size, number))

    for block, size, number in live:
        assert found.do("length", block) == size
        assert {found.do("load_u8", at) for at in (block, block + size - 1)} == {number}
    spans = sorted((block, block + size) for block, size, _ in live)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
