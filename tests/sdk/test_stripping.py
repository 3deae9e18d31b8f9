"""Imports taken out of finished components: what replaces them, what stays, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import wasmtime
from guests import wasm
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import often
from wasm_bytes import component as component_of
from wasm_bytes import custom, many, name, section, sections_of
from wasmtime import component as wc

from hatchway.audit.reading import read_artifact
from hatchway.core.errors import ConfigError
from hatchway.sdk.stripping import NOTHING, stripped

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.oracle  # wasmtime says whether what comes out is valid

ENGINE = wasmtime.Engine()
GONE = "test:gone/door"

NET = """
  (import "test:kept/poll@0.2.9" (instance $poll
    (export "pollable" (type (sub resource)))
    (type $u (func (result u32))) (export "now" (func (type $u)))))
  (alias export $poll "pollable" (type $pollable))
  (import "test:gone/net@0.2.9" (instance $net
    (export "network" (type (sub resource)))
    (type $codes (enum "unknown" "access-denied")) (export "code" (type $code (eq $codes)))
    (type $v4r (record (field "port" u16) (field "address" (tuple u8 u8 u8 u8))))
    (export "v4" (type $v4 (eq $v4r)))
    (type $anyv (variant (case "v4" $v4) (case "other" string) (case "none")))
    (export "any" (type (eq $anyv)))))
  (alias export $net "network" (type $network))
  (alias export $net "code" (type $code))
  (alias export $net "any" (type $any))
  (import "test:gone/door@0.2.9" (instance $door
    (alias outer 1 $pollable (type $p0)) (export "pollable" (type $p (eq $p0)))
    (alias outer 1 $code (type $c0)) (export "code" (type $c (eq $c0)))
    (alias outer 1 $any (type $a0)) (export "any" (type $a (eq $a0)))
    (alias outer 1 $network (type $n0)) (export "network" (type $n (eq $n0)))
    (export "sock" (type $sock (sub resource)))
    (type $made (result (own $sock) (error $c)))
    (type $open (func (result $made))) (export "open" (func (type $open)))
    (type $bound (result (error $c))) (type $bs (borrow $sock)) (type $bn (borrow $n))
    (type $bind (func (param "self" $bs) (param "to" $bn) (param "at" $a) (result $bound)))
    (export "[method]sock.bind" (func (type $bind)))
    (type $lp (list (own $p))) (type $ls (list string))
    (type $wait (func (param "self" $bs) (param "on" $lp) (result $ls)))
    (export "[method]sock.wait" (func (type $wait)))
    (type $names (func (result $ls))) (export "names" (func (type $names)))))
"""
"""Three interfaces of which the last two go, as entangled as those of sockets."""

USES = """
  (alias export $door "sock" (type $sock))
  (alias export $door "open" (func $open))
  (alias export $door "names" (func $names))
  (core module $libc (memory (export "m") 1)
    (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $libc (instantiate $libc))
  (core func $open (canon lower (func $open) (memory (core memory $libc "m"))))
  (core func $names (canon lower (func $names)
    (memory (core memory $libc "m")) (realloc (core func $libc "r"))))
  (core func $drop (canon resource.drop $sock))
  (core module $main
    (import "" "open" (func $open (param i32))) (import "" "names" (func $names (param i32)))
    (import "" "drop" (func $drop (param i32))) (import "libc" "m" (memory 1))
    (func (export "open") (result i32)
      (call $open (i32.const 8))
      (i32.or (i32.shl (i32.load8_u (i32.const 8)) (i32.const 8)) (i32.load8_u (i32.const 12))))
    (func (export "names") (result i32) (call $names (i32.const 8)) (i32.load (i32.const 12)))
    (func (export "drop") (call $drop (i32.const 1)))
    (func (export "seven") (result i32) (i32.const 7)))
  (core instance $main (instantiate $main (with "libc" (instance $libc)) (with "" (instance
    (export "open" (func $open)) (export "names" (func $names)) (export "drop" (func $drop))))))
  (func (export "open") (result u32) (canon lift (core func $main "open")))
  (func (export "names") (result u32) (canon lift (core func $main "names")))
  (func (export "seven") (result u32) (canon lift (core func $main "seven")))
"""
BOTH = ("test:gone/net", GONE)


def without(
    text: str, *interfaces: str, answers: Mapping[str, Mapping[str, str]] | None = None
) -> bytes:
    return stripped(wasm(text), interfaces or BOTH, answers=answers).component


def names_of(component: bytes) -> list[str]:
    return list(wc.Component(ENGINE, component).type.imports(ENGINE))


def called(component: bytes, function: str) -> object:
    """What an export gives back in a fresh instance that is given nothing but traps."""
    store, linker = wasmtime.Store(ENGINE), wc.Linker(ENGINE)
    made = wc.Component(ENGINE, component)
    linker.define_unknown_imports_as_traps(made)
    found = linker.instantiate(store, made).get_func(store, function)
    assert found is not None
    return found(store)


def is_valid(component: bytes) -> bool:
    try:
        wc.Component(ENGINE, component)
    except wasmtime.WasmtimeError:
        return False
    return True


# What goes


def test_an_interface_is_not_imported_any_more_and_what_does_not_need_it_works() -> None:
    component = wasm(f"(component {NET} {USES})")

    found = stripped(component, BOTH)

    assert found.interfaces == ("test:gone/net@0.2.9", "test:gone/door@0.2.9")
    assert names_of(component) == ["test:kept/poll@0.2.9", *found.interfaces]
    assert names_of(found.component) == ["test:kept/poll@0.2.9"]
    assert called(found.component, "seven") == 7


def test_the_audit_sees_nothing_of_it() -> None:
    found = read_artifact(without(f"(component {NET} {USES})"))

    assert {each.namespace for each in found.imports} == {"test:kept/poll@0.2.9"}
    assert found.type_only == ()


def test_a_function_that_went_ends_the_program() -> None:
    component = without(f"(component {NET} {USES})")

    with pytest.raises(wasmtime.WasmtimeError, match="unreachable"):
        called(component, "open")


def test_a_function_answers_with_the_error_that_was_wanted() -> None:
    component = without(
        f"(component {NET} {USES})", answers={GONE: {"open": "access-denied", "names": NOTHING}}
    )

    assert called(component, "open") == 0x101
    assert called(component, "names") == 0


@pytest.mark.parametrize(
    ("function", "answer"),
    [("open", "no-such-case"), ("open", NOTHING), ("names", "unknown"), ("[method]sock.bind", "")],
)
def test_an_answer_that_a_function_cannot_give_is_refused(function: str, answer: str) -> None:
    with pytest.raises(ConfigError, match="cannot answer"):
        without(f"(component {NET} {USES})", answers={GONE: {function: answer}})


def test_one_of_two_may_go_when_the_other_does_not_need_it() -> None:
    component = without(f"(component {NET} {USES})", GONE)

    assert names_of(component) == ["test:kept/poll@0.2.9", "test:gone/net@0.2.9"]
    assert called(component, "seven") == 7


def test_imports_of_one_section_are_told_apart() -> None:
    component = wasm(
        '(component (import "a:a/a" (instance $a)) (import "b:b/b" (instance $b)) '
        '(import "c:c/c" (instance $c)) (export "a" (instance $a)) (export "c" (instance $c)))'
    )
    kinds = [kind for kind, _ in sections_of(component)]
    joined = component_of(
        section(7, many(b"\x42\0")),
        section(10, many(*(b"\0" + name(f"{x}:{x}/{x}") + b"\5\0" for x in "abc"))),
    )

    found = stripped(joined, ["b:b/b"]).component

    assert kinds.count(10) == 3
    assert names_of(found) == ["a:a/a", "c:c/c"]
    assert names_of(stripped(joined, ["a:a/a", "c:c/c"]).component) == ["b:b/b"]
    assert is_valid(stripped(component, ["a:a/a"]).component)


# What stays


def test_without_such_an_import_a_component_keeps_its_bytes() -> None:
    component = wasm(f"(component {NET} {USES})")

    found = stripped(component, ["test:gone/nothing", "test:kept/pol", "kept"])

    assert (found.component, found.interfaces) == (component, ())


def test_the_same_component_is_stripped_the_same_way_and_only_once() -> None:
    component = wasm(f"(component {NET} {USES})")

    once = stripped(component, BOTH).component

    assert once == stripped(component, reversed(BOTH)).component  # type: ignore[arg-type]  # order
    assert stripped(once, BOTH).component == once


def test_custom_sections_and_modules_keep_their_bytes() -> None:
    component = wasm(f"(component {NET} {USES})") + custom("hatchway", b"{}")

    found = stripped(component, BOTH).component

    for kind in (0, 1, 2):
        before = [content for number, content in sections_of(component) if number == kind]
        assert [content for number, content in sections_of(found) if number == kind] == before


# Types


PRIMITIVES = st.sampled_from(
    ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"]
)


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(inner, min_size=1, max_size=6)
    return st.one_of(
        inner.map(lambda each: f"(list {each})"),
        inner.map(lambda each: f"(option {each})"),
        some.map(lambda each: f"(tuple {' '.join(each)})"),
        st.tuples(inner, inner).map(lambda pair: f"(result {pair[0]} (error {pair[1]}))"),
        st.sampled_from(["(result)", "(own $r)", "(borrow $r)"]),
    )


VALUES = st.recursive(PRIMITIVES, _compound, max_leaves=8)
RESULTS = VALUES.filter(lambda each: "borrow" not in each)


def again(kind: str, *, types: list[str], functions: list[str]) -> str:
    """A component whose import, taken apart and put together, must still be of the type `kind`."""
    apart = "".join(f'(alias export $i "{each}" (type ${each}))' for each in types)
    apart += "".join(f'(alias export $i "{each}" (func ${each}))' for each in functions)
    parts = "".join(f'(export "{each}" (type ${each}))' for each in types)
    parts += "".join(f'(export "{each}" (func ${each}))' for each in functions)
    return (
        f'(component (import "{GONE}" (instance $i {kind})) {apart} (instance $parts {parts}) '
        f'(component $same (import "i" (instance {kind}))) '
        '(instance (instantiate $same (with "i" (instance $parts)))))'
    )


@settings(max_examples=often(80), deadline=None)
@given(st.lists(st.tuples(st.lists(VALUES, max_size=9), st.none() | RESULTS), max_size=4))
def test_a_stub_has_functions_of_every_type(
    functions: list[tuple[list[str], str | None]],
) -> None:
    declared = ""
    for place, (parameters, result) in enumerate(functions):
        given_types = " ".join(f'(param "p{at}" {each})' for at, each in enumerate(parameters))
        answer = f"(result {result})" if result else ""
        declared += f'(export "f{place}" (func {given_types} {answer}))'
    kind = f'(export "r" (type $r (sub resource))) {declared}'
    component = wasm(again(kind, types=["r"], functions=[f"f{at}" for at in range(len(functions))]))

    found = stripped(component, [GONE]).component

    assert is_valid(component)
    assert names_of(found) == []


def test_records_variants_flags_and_enums_are_made_again() -> None:
    flags = " ".join(f'"f{each}"' for each in range(32))
    kind = f"""
      (type $fs (flags {flags})) (export "fs" (type $f (eq $fs)))
      (type $es (enum "a" "b")) (export "es" (type $e (eq $es)))
      (type $rs (record (field "f" $f) (field "e" $e) (field "x" f32) (field "y" s64)))
      (export "rs" (type $r (eq $rs)))
      (type $vs (variant (case "r" $r) (case "d" f64) (case "n") (case "s" string)))
      (export "vs" (type $v (eq $vs)))
      (export "go" (func (param "v" $v) (param "r" $r) (result $v)))"""
    component = wasm(again(kind, types=["fs", "es", "rs", "vs"], functions=["go"]))

    found = stripped(component, [GONE]).component

    assert is_valid(component)
    assert names_of(found) == []


# Indices


@settings(max_examples=often(60), deadline=None)
@given(
    st.lists(st.sampled_from(["import", "component", "instance", "again", "given"]), max_size=14)
)
def test_everything_behind_a_stub_is_still_what_it_was(steps: list[str]) -> None:
    """Components that give back numbers of their own, among imports that go."""
    parts: list[str] = []
    components: list[int] = []
    numbers: list[int] = []
    for place, step in enumerate(steps):
        if step == "import":
            parts.append(
                f'(import "test:gone/i{place}" (instance (export "f" (func (result u32)))))'
            )
        elif step == "component" or not components:
            components.append(place)
            parts.append(
                f'(component $c{place} (core module $m (func (export "f") (result i32) '
                f"(i32.const {place}))) (core instance $i (instantiate $m)) "
                '(func (export "f") (result u32) (canon lift (core func $i "f"))))'
            )
        elif step == "again":
            parts.append(
                f'(instance $e{place} (export "c" (component $c{components[-1]})))'
                f'(alias export $e{place} "c" (component $c{place}))'
            )
            components.append(place)
            numbers.append(0)
            parts.append(f"(instance $n{place} (instantiate $c{place}))")
            parts.append(f'(export "n{place}" (func $n{place} "f"))')
        else:
            of = components[place % len(components)]
            given_component = f'(with "c" (component $c{of}))' if step == "given" else ""
            parts.append(f"(instance $n{place} (instantiate $c{of} {given_component}))")
            parts.append(f'(export "n{place}" (func $n{place} "f"))')
    component = wasm(f"(component {' '.join(parts)})")
    gone = [f"test:gone/i{place}" for place in range(len(steps))]
    exported = [f"n{place}" for place in range(len(steps)) if f'"n{place}"' in " ".join(parts)]

    found = stripped(component, gone).component

    assert names_of(found) == []
    assert [called(found, each) for each in exported] == [
        called(component, each) for each in exported
    ]


def test_what_comes_before_the_last_import_may_be_anything_known() -> None:
    component = wasm(f"""(component
      (import "f" (func $f (param "a" u8)))
      (import "r" (type $r (sub resource)))
      (import "m" (core module $m))
      (type $l (list u8)) (import "l" (type $l2 (eq $l)))
      (component $c) (instance $n (instantiate $c))
      (instance $p (export "l" (type $l2)) (export "n" (instance $n)) (export "m" (core module $m)))
      (alias export $p "l" (type $l3)) (alias export $p "n" (instance $n2))
      (export $l4 "l4" (type $l3))
      (import "{GONE}" (instance $door (export "f" (func (result u32)))))
      (alias export $door "f" (func $g)) (core func $g (canon lower (func $g)))
      (core module $main (import "" "g" (func $g (result i32)))
        (func (export "g") (result i32) (call $g)) (func (export "two") (result i32) (i32.const 2)))
      (core instance $main (instantiate $main (with "" (instance (export "g" (func $g))))))
      (func (export "g") (result u32) (canon lift (core func $main "g")))
      (func (export "two") (result u32) (canon lift (core func $main "two"))))""")

    found = stripped(component, [GONE]).component

    assert names_of(found) == names_of(component)[:-1]
    assert is_valid(component)


# What is refused


def test_types_that_what_stays_needs_may_not_go() -> None:
    with pytest.raises(ConfigError, match=r"'test:gone/door@0.2.9' stays, and needs types of"):
        without(f"(component {NET})", "test:gone/net")


ODD = {
    "a component inside that uses one from around it": (
        f'(component (import "{GONE}" (instance)) (component $c) '
        "(component (component (alias outer 2 $c (component $d)) (instance (instantiate $d)))))",
        "uses one from around it",
    ),
    "a function in the place of an interface": (
        '(component (import "gone" (func)))',
        "is no interface",
    ),
    "an interface in an interface": (
        f'(component (import "{GONE}" (instance (export "i" (instance)))))',
        "a type of the kind 0x42",
    ),
    "a module in an interface": (
        f'(component (import "{GONE}" (instance (core type $m (module)) '
        '(export "m" (core module (type $m))))))',
        "a declaration 0x0",
    ),
    "a component type before its imports": (
        f'(component (type (component)) (import "{GONE}" (instance)))',
        "a type of the kind 0x41",
    ),
    "an interface that goes, handed on as a whole": (
        f'(component (import "{GONE}" (instance $i (export "f" (func)))) '
        '(instance (export "i" (instance $i))))',
        "handed on as a whole",
    ),
    "a function of the first before the last": (
        f'(component (import "{GONE}" (instance $i (export "f" (func)))) '
        '(alias export $i "f" (func)) (import "test:gone/net" (instance)))',
        "'f' is used before its last import",
    ),
    "a component that is imported, of a type that is not known": (
        f'(component (type $c (component)) (import "c" (component (type $c))) '
        f'(import "{GONE}" (instance)))',
        "a type of the kind 0x41",
    ),
    "a type that is not a value's": (
        f'(component (import "{GONE}" (instance (type $s (stream u8)) '
        '(export "f" (func (param "s" $s))))))',
        "a type of the kind 0x66",
    ),
    "a type whose name is one of ours": (
        f'(component (import "{GONE}" (instance (type $e (enum "a")) '
        '(export "of-another-1" (type (eq $e))))))',
        "a type of-another-",
    ),
    "a type of another interface that holds a resource": (
        '(component (import "test:gone/net" (instance $n (export "r" (type $r (sub resource))) '
        '(type $v (variant (case "a" (own $r)))) (export "v" (type (eq $v)))))'
        f'(alias export $n "v" (type $v)) (import "{GONE}" (instance (alias outer 1 $v (type $w)) '
        '(export "v" (type (eq $w))))))',
        "cannot be made",
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_understood_is_refused(odd: str) -> None:
    text, why = ODD[odd]
    component = wasm(text)

    with pytest.raises(ConfigError, match=why) as refused:
        stripped(component, [*BOTH, "gone"])

    assert refused.value.code == "config.build_failed"


@pytest.mark.parametrize(
    "binary",
    [
        b"",
        b"\0asm\1\0\0\0",
        component_of(section(12)),
        component_of(section(10, many(b"\2" + name("a:b/c") + b"\0\5\0"))),
        component_of(section(10, many(b"\0" + name("a:b/c") + b"\5\0"))),
        component_of(section(10, many(b"\0" + name("a:b/c") + b"\2\0"))),
        component_of(section(5, many(b"\0\0\0"))),
        component_of(section(6, many(b"\3\0\0" + name("x")))),
        component_of(section(6, many(b"\3\2\1\0"))),
        component_of(section(6, many(b"\1\0\xff\xff\xff\xff\x7f"))),
        component_of(section(6, many(b"\1\0\0\2\xff\xff"))),
        component_of(section(11, many(b"\0" + name("x") + b"\4\0\2"))),
        component_of(section(11, many(b"\0" + name("x") + b"\1\0\0\0"))),
        component_of(section(4, b"\0asm\1\0\0\0")),
        component_of(b"\7\5\1"),
        component_of(b"\7\1\5", section(10, many(b"\0" + name("a:b/c") + b"\5\0"))),
    ],
)
def test_bytes_that_are_no_component_are_refused(binary: bytes) -> None:
    with pytest.raises(ConfigError, match="cannot be stripped"):
        stripped(binary, ["a:b/c"])


def test_components_inside_components_end_somewhere() -> None:
    binary = component_of()
    for _ in range(40):
        binary = component_of(section(4, binary))

    with pytest.raises(ConfigError, match="nested more than 32 deep"):
        stripped(binary, [GONE])


def test_types_inside_types_end_somewhere() -> None:
    steps = "".join(
        f"(type $t{at} (list {'u8' if at == 0 else f'$t{at - 1}'}))" for at in range(150)
    )
    component = wasm(
        f'(component (import "test:gone/net" (instance $n {steps} (export "t" (type (eq $t149)))))'
        f'(alias export $n "t" (type $t)) (import "{GONE}" (instance (alias outer 1 $t (type $u)) '
        '(export "t" (type (eq $u))))))'
    )

    with pytest.raises(ConfigError, match="nested more than 100 deep"):
        stripped(component, BOTH)


WHOLE = wasm(f"(component {NET} {USES})")


@settings(max_examples=often(300), deadline=None)
@given(st.integers(8, len(WHOLE) - 1), st.integers(0, 255), st.booleans())
def test_a_damaged_component_is_refused_or_stays_what_it_was(
    place: int, value: int, is_cut: bool
) -> None:
    tail = b"" if is_cut else WHOLE[place + 1 :]
    damaged = WHOLE[:place] + bytes((value,)) + tail

    try:
        found = stripped(damaged, BOTH)
    except ConfigError:
        return

    if is_valid(damaged):
        expected = [each for each in names_of(damaged) if each not in found.interfaces]
        assert names_of(found.component) == expected


def test_strings_of_names_are_compared_whole() -> None:
    component = wasm('(component (import "test:gone/door-2@1.0.0" (instance)))')

    assert stripped(component, [GONE]).interfaces == ()
