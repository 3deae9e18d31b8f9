"""Core modules: what is read of them, and whatever is not as it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from specimens import MODULES, assembled
from strategies import patient
from wasm_bytes import leb, many, module, name, section

from hatchway.audit import binary, features
from hatchway.audit.artifact import Artifact, CoreModule, DataSegment, Export, Memory
from hatchway.audit.binary import MalformedError
from hatchway.audit.reading import read_artifact
from hatchway.engine.describe import describe_module

if TYPE_CHECKING:
    from hatchway.core.surface import Surface

PAGE = 65536
NOTHING = b"\x60\0\0"
TYPES = section(1, many(NOTHING))
IMPORTS, FUNCTIONS, TABLES, MEMORIES, GLOBALS, EXPORTS = 2, 3, 4, 5, 6, 7
START, ELEMENTS, CODE, DATA, COUNT, TAGS = 8, 9, 10, 11, 12, 13
BODY = b"\2\0\x0b"
HUGE = 7_654_322


def read(text: str) -> Artifact:
    return read_artifact(assembled(text))


def core(text: str) -> CoreModule:
    (found,) = read(text).modules
    return found


def complaint(*sections: bytes) -> str:
    with pytest.raises(MalformedError) as raised:
        read_artifact(module(*sections))
    return raised.value.message


def test_imports_are_listed_in_order_with_repetitions_and_places() -> None:
    binary = assembled(MODULES["every import"])

    found = read_artifact(binary).imports

    assert [str(item) for item in found][:3] == ["a.function", "a.function", "a.table"]
    assert [item.kind for item in found] == [
        "function", "function", *["table"] * 4, *["memory"] * 5, *["global"] * 4, "tag", "function",
    ]  # fmt: skip
    for item in found[:-1]:
        assert binary[item.offset :].startswith(name("a") + name(item.name))


def test_an_import_whose_names_are_empty_is_still_spelled() -> None:
    assert str(read(MODULES["every import"]).imports[-1]) == "."


def test_a_module_is_described_down_to_its_sizes() -> None:
    found = core(MODULES["a command"])

    assert found.exports == (
        Export(name="second", kind="memory"),
        Export(name="t", kind="table"),
        Export(name="g", kind="global"),
        Export(name="_start", kind="function"),
        Export(name="f", kind="function"),
    )
    assert found.memories == (
        Memory(minimum_bytes=PAGE, maximum_bytes=2 * PAGE, is_imported=True),
        Memory(minimum_bytes=PAGE, maximum_bytes=None),
    )
    assert (found.tables, found.functions, found.start_function) == (2, 2, 1)
    assert (found.path, found.offset) == ((), 0)
    assert found.code_bytes == 11
    assert found.largest_function_bytes == 5


def test_data_segments_say_where_they_stand_and_where_they_go() -> None:
    binary = assembled(MODULES["a command"])

    assert core(MODULES["a command"]).segments == (
        DataSegment(offset=binary.index(b"hello"), size=5, address=8),
        DataSegment(offset=binary.index(b"\x0b\0\1\7passive") + 2, size=0, address=0xFFFFFFFF),
        DataSegment(offset=binary.index(b"passive"), size=7, address=None),
    )


def test_an_address_that_is_computed_is_not_guessed() -> None:
    text = """(module (import "a" "b" (global i32)) (memory 1)
      (data (global.get 0) "x") (data (i32.add (i32.const 1) (i32.const 2)) "y"))"""

    assert [segment.address for segment in core(text).segments] == [None, None]


def test_a_table_is_filled_in_every_form_there_is() -> None:
    table = section(TABLES, many(b"\x70\0\1"))
    null = many(b"\xd0\x70\x0b")
    start = b"\x41\0\x0b"
    forms = (
        b"\0" + start + b"\0", b"\1\0\0", b"\2\0" + start + b"\0\0", b"\3\0\0",
        b"\4" + start + null, b"\5\x70" + null, b"\6\0" + start + b"\x70" + null,
        b"\7\x70" + null,
    )  # fmt: skip

    found = read_artifact(module(table, section(ELEMENTS, many(*forms))))

    assert found.modules[0].tables == 1


def test_a_start_function_is_seen() -> None:
    assert read(MODULES["a command"]).runs_at_start
    assert not read(MODULES["nothing"]).runs_at_start


def test_memories_are_told_with_all_that_is_unusual_about_them() -> None:
    memories = core(MODULES["every import"]).memories

    assert memories[1].maximum_bytes == 65536 * PAGE
    assert memories[2].is_64_bit
    assert memories[3].is_shared
    assert (memories[4].page_bytes, memories[4].maximum_bytes) == (1, 2)


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("(memory 1 2 shared)", features.THREADS),
        ("(memory i64 1)", features.MEMORY64),
        ("(table i64 1 funcref)", features.MEMORY64),
        ("(memory 1 (pagesize 1))", features.CUSTOM_PAGE_SIZES),
        ("(tag)", features.EXCEPTIONS),
        ("(global exnref (ref.null exn))", features.EXCEPTIONS),
        ("(type (struct))", features.GC),
        ("(type (array i32))", features.GC),
        ("(rec (type (func)))", features.GC),
        ("(type (sub (func)))", features.GC),
        ("(global anyref (ref.null any))", features.GC),
        ("(func) (global (ref func) (ref.func 0))", features.FUNCTION_REFERENCES),
        ("(type $t (func)) (global (ref null $t) (ref.null $t))", features.FUNCTION_REFERENCES),
        ("(type $t (func)) (type (cont $t))", features.STACK_SWITCHING),
        ("(type (shared (struct)))", features.SHARED_EVERYTHING),
        ("(global (ref null (shared any)) (ref.null (shared any)))", features.SHARED_EVERYTHING),
        ('(import "a" "b" (global (shared i32)))', features.SHARED_EVERYTHING),
        ("(memory 1) (memory 1)", features.MULTI_MEMORY),
        ("(global i32 (i32.add (i32.const 1) (i32.const 1)))", features.EXTENDED_CONST),
    ],
)
def test_a_proposal_that_the_structure_needs_is_noticed(text: str, feature: str) -> None:
    found = read(f"(module {text})")

    assert feature in found.features
    assert found.features == core(f"(module {text})").features


def test_descriptors_of_types_are_noticed() -> None:
    described = b"\x4e" + many(b"\x4d\1\x5f\0", b"\x4c\0\x5f\0")

    found = read_artifact(module(section(1, many(described))))

    assert features.CUSTOM_DESCRIPTORS in found.features


def test_an_ordinary_module_needs_no_proposal() -> None:
    text = """(module (type (func (param externref v128) (result funcref i64)))
      (memory 1 2) (table 1 externref) (global (mut i32) (i32.const 1)))"""

    assert read(text).features == frozenset()


# The surface, as the engine describes it


@pytest.mark.parametrize(
    ("text", "minimum", "maximum"),
    [
        ("", None, None),
        ("(memory 3)", None, None),
        ('(memory (export "m") 3 9)', 3, 9),
        ('(memory (export "m") 3)', 3, None),
        ('(memory $m (export "m") 3 9) (export "n" (memory $m))', 6, None),
        ('(import "a" "b" (memory 2 5))', 2, 5),
        ('(import "a" "b" (memory 2 5)) (export "m" (memory 0))', 4, None),
        ('(import "a" "b" (memory 2 5)) (memory (export "m") 1 3)', 3, None),
    ],
)
@pytest.mark.oracle
def test_the_memory_of_a_surface_is_what_the_engine_describes(
    text: str, minimum: int | None, maximum: int | None
) -> None:
    found = read(f"(module {text})").surface

    assert found.memory_min_bytes == (None if minimum is None else minimum * PAGE)
    assert found.memory_max_bytes == (None if maximum is None else maximum * PAGE)
    assert found == surface_of(f"(module {text})")


@pytest.mark.parametrize(
    ("text", "is_command"),
    [
        ('(func (export "_start"))', True),
        ('(import "a" "b" (func $f)) (export "_start" (func $f))', True),
        ('(func (export "_start") (param i32))', False),
        ('(func (export "_start") (result i32) (i32.const 1))', False),
        ('(memory (export "_start") 1)', False),
        ('(func (export "_initialize"))', False),
        ("", False),
    ],
)
@pytest.mark.oracle
def test_a_command_is_what_exports_a_plain_start_function(text: str, is_command: bool) -> None:
    assert read(f"(module {text})").surface.is_command is is_command
    assert read(f"(module {text})").surface == surface_of(f"(module {text})")


def surface_of(text: str) -> Surface:
    return describe_module(wasmtime.Module(wasmtime.Engine(), assembled(text)))


names = st.text(st.characters(codec="utf-8"), max_size=6)
KINDS = (
    "(func)", "(func (param i32 f64) (result i64))", "(memory 1)", "(memory 0 9)",
    "(table 1 funcref)", "(table 0 100000 externref)", "(global i32)", "(global (mut f32))",
    "(memory i64 1)",
)  # fmt: skip
imports = st.lists(st.tuples(names, names, st.sampled_from(KINDS)), max_size=5)


def quoted(text: str) -> str:
    return '"' + "".join(f"\\{byte:02x}" for byte in text.encode()) + '"'


@patient
@pytest.mark.oracle
@given(imports)
def test_a_modules_surface_is_the_one_that_wasmtime_finds(
    chosen: list[tuple[str, str, str]],
) -> None:
    forms = "".join(f"(import {quoted(m)} {quoted(n)} {kind})" for m, n, kind in chosen)
    found = read(f"(module {forms})")

    assert found.surface == surface_of(f"(module {forms})")
    assert [(item.namespace, item.name) for item in found.imports] == [
        (namespace, label) for namespace, label, _ in chosen
    ]


# What is not as it must be

A_B = name("a") + name("b")


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ((TYPES, TYPES), "section 1 is repeated or out of order"),
        ((section(MEMORIES, b"\0"), TYPES), "section 1 is repeated or out of order"),
        ((section(GLOBALS, b"\0"), section(TAGS, b"\0")), "section 13 is repeated or out of order"),
        ((section(COUNT, b"\0"), section(ELEMENTS, b"\0")), "section 9 is repeated"),
        ((section(1, many(NOTHING), b"\0"),), "longer than what it lists"),
        ((section(1, many(b"\x61")),), "unknown kind of type 0x61"),
        ((section(1, many(b"\x60\1\x22\0")),), "unknown type 0x22"),
        ((section(1, many(b"\x60\1\x64\5\0")),), "type 5 is used, and there are 1"),
        ((section(1, many(b"\x5e\x7f\2")),), "a field's mutability must be 0 or 1, not 0x2"),
        ((section(1, many(b"\x50\2\0\0\x60\0\0")),), "2 items are announced where at most 1"),
        ((section(1, many(b"\x50\1\1\x60\0\0")),), "type 1 is used, and there are 1"),
        ((section(1, many(b"\x5d\x70")),), "type -16 is used, and there are 1"),
        ((section(1, many(b"\x5e\x64\x62\3\0")),), "type 3 is used, and there are 1"),
        ((section(IMPORTS, b""),), "ends in the middle"),
        ((section(IMPORTS, b"\1"),), "1 items are announced in 0 bytes"),
        ((section(IMPORTS, b"\1" + A_B + b"\5\0"),), "unknown kind of import 0x5"),
        ((section(IMPORTS, b"\1" + A_B + b"\0\0"),), "type 0 is used, and there are 0"),
        ((section(1, many(b"\x5f\0")), section(IMPORTS, b"\1" + A_B + b"\0\0")), "and is none"),
        ((section(IMPORTS, b"\1" + A_B + b"\2\x10\0"),), "unknown limits 0x10"),
        ((section(IMPORTS, b"\1" + A_B + b"\1\x70\x08\0\0"),), "unknown limits 0x8"),
        ((section(IMPORTS, b"\1" + A_B + b"\2\1\5\4"),), "the largest size 4 is below"),
        ((section(IMPORTS, b"\1" + A_B + b"\2\0" + leb(1 << 32)),), "does not fit in 32 bits"),
        ((section(IMPORTS, b"\1" + A_B + b"\2\x08\0\x40"),), "a page has 2^64 bytes"),
        ((section(IMPORTS, b"\1" + A_B + b"\3\x7f\4"),), "unknown kind of global 0x4"),
        ((TYPES, section(IMPORTS, b"\1" + A_B + b"\4\1\0")), "the kind of a tag must be 0x0"),
        ((section(IMPORTS, b"\1\1\xff\1b\0\0"),), "a name is not UTF-8"),
        ((TYPES, section(FUNCTIONS, many(b"\1"))), "index 1 is used, and there are 1"),
        ((section(1, many(b"\x5f\0")), section(FUNCTIONS, many(b"\0"))), "none of a function"),
        ((TYPES, section(FUNCTIONS, many(b"\0"))), "1 functions are declared and 0 have a body"),
        ((section(CODE, many(BODY)),), "0 functions are declared and 1 have a body"),
        ((TYPES, section(FUNCTIONS, many(b"\0")), section(CODE, b"\1\5")), "5 bytes are announced"),
        (
            (TYPES, section(FUNCTIONS, many(b"\0")), section(CODE, many(BODY), b"\0")),
            "longer than what it lists",
        ),
        (
            (TYPES, section(FUNCTIONS, many(b"\0")), section(CODE, b"\1", leb(HUGE), b"x" * HUGE)),
            "a function has 7654322 bytes",
        ),
        ((section(TABLES, many(b"\x40\1\x70\0\0")),), "the form of a table must be 0x0"),
        ((section(TABLES, many(b"\x7f\0\0")),), "unknown type 0x7f"),
        ((section(GLOBALS, many(b"\x7f\0\x0b")),), "an initial value is missing"),
        ((section(GLOBALS, many(b"\x7f\0\x20\0\x0b")),), "may not use the instruction 0x20"),
        ((section(GLOBALS, many(b"\x7b\0\xfd\x0b\x0b")),), "may not use the instruction 0xfd"),
        ((section(GLOBALS, many(b"\x6e\0\xfb\x1f\x0b")),), "may not use the instruction 0xfb 31"),
        ((section(GLOBALS, many(b"\x6e\0\xfb\x00\0\x0b")),), "type 0 is used, and there are 0"),
        ((section(GLOBALS, many(b"\x7f\0\x23\0\x0b")),), "global 0 is used, and there are 0"),
        ((section(GLOBALS, many(b"\x70\0\xd2\0\x0b")),), "function 0 is used, and there are 0"),
        ((section(GLOBALS, many(b"\x7f\0\x41" + b"\x80" * 5 + b"\0\x0b")),), "too many bytes"),
        ((section(EXPORTS, many(name("a") + b"\5\0")),), "unknown kind of export 0x5"),
        ((section(EXPORTS, many(name("a") + b"\2\0")),), "memory 0 is used, and there are 0"),
        (
            (section(MEMORIES, many(b"\0\1")), section(EXPORTS, many(*[name("a") + b"\2\0"] * 2))),
            "two exports have one name",
        ),
        ((section(START, b"\0"),), "function 0 is used, and there are 0"),
        ((section(ELEMENTS, many(b"\x08")),), "unknown kind of element segment 0x8"),
        ((section(ELEMENTS, many(b"\0\x41\0\x0b\0")),), "table 0 is filled, and there is none"),
        ((section(ELEMENTS, many(b"\1\1\0")),), "the kind of an element segment must be 0x0"),
        ((section(ELEMENTS, many(b"\1\0\1\0")),), "index 0 is used, and there are 0"),
        ((section(ELEMENTS, many(b"\1\0\5\0")),), "5 items are announced"),
        ((section(DATA, many(b"\3")),), "unknown kind of data segment 0x3"),
        ((section(DATA, many(b"\0\x41\0\x0b\0")),), "memory 0 is filled, and there is none"),
        ((section(DATA, many(b"\1\5ab")),), "5 bytes are announced and 2 are left"),
        ((section(COUNT, b"\2"), section(DATA, many(b"\1\0"))), "2 data segments are announced, 1"),
        ((section(ELEMENTS, many(b"\5\x7f\0")),), "unknown type 0x7f"),
        ((section(COUNT, b"\1"),), "1 data segments are announced, 0 stand"),
    ],
)  # fmt: skip
def test_a_module_that_is_not_well_formed_is_malformed(
    sections: tuple[bytes, ...], why: str
) -> None:
    assert why in complaint(*sections)


def test_a_start_function_with_parameters_is_malformed() -> None:
    types = section(1, many(b"\x60\1\x7f\0"))
    imports = section(IMPORTS, b"\1" + A_B + b"\0\0")

    assert "the start function has parameters" in complaint(types, imports, section(START, b"\0"))


SOME = 20_000
"""What may be defined in the next tests; what really may takes seconds to count to."""


@pytest.fixture
def _some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "MAX_KEPT", SOME)
    monkeypatch.setattr(binary, "MAX_ENTRIES", SOME)


@pytest.mark.usefixtures("_some")
@pytest.mark.parametrize(
    "content",
    [
        leb(SOME + 1) + NOTHING * (SOME + 1),
        b"\1\x4e" + leb(SOME) + NOTHING * SOME,
        leb(21) + (b"\x60" + leb(1000) + b"\x63\x70" * 1000 + b"\0") * 21,
    ],
    ids=["types", "a group of types", "unusual parameters"],
)
def test_there_may_not_be_types_without_end(content: bytes) -> None:
    assert f"more than {SOME} things" in complaint(section(1, content))


@pytest.mark.usefixtures("_some")
@pytest.mark.parametrize("is_long", [False, True], ids=["in one byte each", "in two"])
def test_there_may_not_be_elements_without_end(is_long: bool) -> None:
    count = SOME - 2
    indices = (b"\x80\0" if is_long else b"\0") * count
    functions = section(1, many(NOTHING)), section(FUNCTIONS, many(b"\0"))
    most = b"\1\0" + leb(count) + indices
    code = section(CODE, many(BODY))

    found = read_artifact(module(*functions, section(ELEMENTS, many(most)), code))

    assert found.modules[0].functions == 1
    more = section(ELEMENTS, many(most, b"\1\0\1\0"))
    assert f"more than {SOME} functions and elements" in complaint(*functions, more, code)


@pytest.mark.usefixtures("_some")
def test_an_initial_value_may_not_be_computed_without_end() -> None:
    def computed(operations: int) -> bytes:
        return section(GLOBALS, many(b"\x7f\0" + b"\x41\0" * operations + b"\x0b"))

    assert read_artifact(module(computed(1000))).imports == ()
    assert f"more than {SOME} things" in complaint(computed(SOME + 3))
