"""Components: what is read of them, in agreement with wasmtime."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wasmtime
from specimens import COMPONENTS, assembled
from wasmtime import component as wit

from hatchway.audit import features
from hatchway.audit.artifact import Artifact, Export
from hatchway.audit.reading import read_artifact
from hatchway.core.wit import (
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    UnsupportedType,
    VariantType,
    WitType,
)
from hatchway.engine.describe import describe_component, describe_module
from hatchway.engine.settings import EngineSettings, base_config

if TYPE_CHECKING:
    from hatchway.core.surface import Surface

EXAMPLES = Path(__file__).parents[2] / "examples"

LIBRARY = """
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "f") (param i32)) (func (export "g")))
  (core instance $i (instantiate $m))
  (func $f (param "p" u32) (canon lift (core func $i "f")))
  (func $g (canon lift (core func $i "g")))
  (instance $both (export "f" (func $f)) (export "g" (func $g)))"""


@cache
def engine() -> wasmtime.Engine:
    return wasmtime.Engine(base_config(EngineSettings(), "cranelift"))


def read(text: str) -> Artifact:
    return read_artifact(assembled(f"(component {text})"))


def engine_surface(binary: bytes) -> Surface:
    return describe_component(engine(), wit.Component(engine(), binary))


def agreed(text: str) -> Surface:
    """The surface of a component, about which wasmtime says the same."""
    found = read(text).surface
    assert found == engine_surface(assembled(f"(component {text})"))
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("title", COMPONENTS)
def test_a_components_surface_is_the_one_that_wasmtime_finds(title: str) -> None:
    binary = assembled(COMPONENTS[title])

    assert read_artifact(binary).surface == engine_surface(binary)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "file",
    sorted(path for path in EXAMPLES.rglob("*.wasm") if path.stat().st_size < 1_000_000),
    ids=lambda path: path.name,
)
def test_the_surface_of_an_example_is_the_one_that_wasmtime_finds(file: Path) -> None:
    binary = file.read_bytes()

    found = read_artifact(binary)

    if found.kind == "module":
        assert found.surface == describe_module(wasmtime.Module(engine(), binary))
    else:
        assert found.surface == engine_surface(binary)


def test_imports_are_listed_function_by_function() -> None:
    found = read_artifact(assembled(COMPONENTS["imports"]))

    assert [(str(item), item.kind) for item in found.imports] == [
        ("log", "function"),
        ("wasi:cli/environment@0.2.3#get", "function"),
        ("acme:deep/x#f", "function"),
        ("acme:deep/x#inner#g", "function"),
        ("module", "module"),
        ("resource", "type"),
        ("url=<https://example.com>", "function"),
    ]
    assert [(str(item), item.kind) for item in found.type_only] == [
        ("wasi:sockets/tcp@0.2.3", "instance"),
        ("type", "type"),
    ]


def test_an_import_says_where_it_stands() -> None:
    binary = assembled(COMPONENTS["imports"])

    for item in read_artifact(binary).imports:
        interface = (item.namespace or item.name).encode()
        assert binary[item.offset + 2 :].startswith(interface)


def test_whatever_an_imported_instance_offers_beside_types_is_asked_for() -> None:
    found = read(
        """(import "acme:x/y" (instance
             (export "m" (core module (import "a" "b" (func))))
             (export "c" (component (import "x" (func))))))"""
    )

    assert [(str(item), item.kind) for item in found.imports] == [
        ("acme:x/y#m", "module"),
        ("acme:x/y#c", "component"),
    ]


def test_what_is_inside_is_not_asked_of_the_host() -> None:
    found = read(
        """(component (import "wasi:sockets/tcp@0.2.3" (instance (export "f" (func)))))
           (core module (import "wasi_snapshot_preview1" "sock_open" (func)))"""
    )

    assert found.imports == ()
    assert [str(item) for item in found.modules[0].imports] == ["wasi_snapshot_preview1.sock_open"]


def test_nested_parts_are_found_with_their_paths() -> None:
    found = read(
        """(core module)
           (component (core module) (component (core module) (core module)))
           (core module)"""
    )

    assert [module.path for module in found.modules] == [(0,), (1, 0), (1, 1, 0), (1, 1, 1), (2,)]
    assert (found.components, found.depth) == (2, 2)
    binary = assembled(
        """(component (core module)
           (component (core module) (component (core module) (core module)))
           (core module))"""
    )
    for module in found.modules:
        assert binary[module.offset :].startswith(b"\0asm\1\0\0\0")


def test_exports_are_listed_with_their_kinds() -> None:
    found = read(
        f"""{LIBRARY} (type $r (record (field "a" u8)))
        (export "f" (func $f)) (export "both" (instance $both)) (export "m" (core module $m))
        (export "r" (type $r))"""
    )

    assert found.exports == (
        Export(name="f", kind="function"),
        Export(name="both", kind="instance"),
        Export(name="m", kind="module"),
        Export(name="r", kind="type"),
    )


@pytest.mark.oracle
def test_exported_functions_carry_their_types() -> None:
    surface = agreed(COMPONENTS["types"].partition("(component")[2].rpartition(")")[0])

    (say,) = (function for function in surface.functions if function.name == "say")
    assert say.parameters == (("text", Primitive("string")),)
    assert say.result == ListType(Primitive("u8"))
    assert surface.is_command
    assert [function.qualified_name for function in surface.functions] == [
        "say",
        "acme:tools/all@1.0.0#g",
        "acme:tools/all@1.0.0#f",
    ]


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("definitions", "kind", "expected"),
    [
        ("", "bool", Primitive("bool")),
        ("", "char", Primitive("char")),
        ("", "f64", Primitive("f64")),
        ("", "s64", Primitive("s64")),
        ("", "(list u8)", ListType(Primitive("u8"))),
        ("", "(tuple u8 s8)", TupleType((Primitive("u8"), Primitive("s8")))),
        ("", "(option string)", OptionType(Primitive("string"))),
        ("", "(result)", ResultType(None, None)),
        ("", "(result u8)", ResultType(Primitive("u8"), None)),
        ("", "(result (error u8))", ResultType(None, Primitive("u8"))),
        ('(flags "a" "b")', "$t", FlagsType(("a", "b"))),
        ('(enum "a" "b")', "$t", EnumType(("a", "b"))),
        ('(record (field "a" u16))', "$t", RecordType((("a", Primitive("u16")),))),
        (
            '(variant (case "a") (case "b" f32))',
            "$t",
            VariantType((("a", None), ("b", Primitive("f32")))),
        ),
    ],
)
def test_every_type_of_a_value_is_understood(
    definitions: str, kind: str, expected: WitType
) -> None:
    define = f'(type $d {definitions}) (export $t "t" (type $d))' if definitions else ""
    text = f"""{define}
      (core module $m (memory (export "m") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "r") (result i32) (unreachable)))
      (core instance $i (instantiate $m))
      (type $ft (func (param "x" {kind})))
      (component $c (import "f" (func (param "y" u8))))"""
    found = read(f'{text} (import "f" (func (type $ft))) (export "g" (func 0))')

    (function,) = found.surface.functions
    assert function.parameters == (("x", expected),)


def test_handles_are_named_as_what_has_no_json_form() -> None:
    found = read(
        """(import "r" (type $r (sub resource)))
           (import "f" (func $f (param "a" (own $r)) (param "b" (borrow $r))))
           (export "g" (func $f))"""
    )

    (function,) = found.surface.functions
    assert [kind for _, kind in function.parameters] == [
        UnsupportedType("own"),
        UnsupportedType("borrow"),
    ]


# What stands for what


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ('(export "f" (func $f)) (export "again" (func $f))', ["f", "again"]),
        ('(export "x" (instance $both))', ["x#f", "x#g"]),
        ('(alias export $both "g" (func $h)) (export "h" (func $h))', ["h"]),
        (
            '(export $e "x" (instance $both)) (export "y" (instance $e))',
            ["x#f", "x#g", "y#f", "y#g"],
        ),
        ('(export "wasi:cli/run@0.2.0" (instance $both))', []),
        ('(export "exports" (instance $both))', []),
        ('(instance $o (export "b" (instance $both))) (export "x" (instance $o))', []),
        ('(export "x" (instance $both) (instance (export "g" (func))))', ["x#f", "x#g"]),
        ('(type $t (func)) (export "t" (type $t))', ["t"]),
    ],
)  # fmt: skip
def test_exports_are_followed_to_their_functions(text: str, functions: list[str]) -> None:
    surface = agreed(f"{LIBRARY} {text}")

    assert [function.qualified_name for function in surface.functions] == functions


@pytest.mark.oracle
@pytest.mark.parametrize(
    "inner",
    [
        '(export "y" (instance $x))',
        '(instance $z (export "in" (instance $x))) (alias export $z "in" (instance $w)) '
        '(export "y" (instance $w))',
        '(component $d (import "x" (instance $x (export "g" (func)))) (export "y" (instance $x))) '
        '(instance $e (instantiate $d (with "x" (instance $x)))) '
        '(alias export $e "y" (instance $w)) (export "y" (instance $w))',
    ],
    ids=["as it is", "in another", "through another"],
)
def test_an_instance_that_is_passed_through_keeps_all_that_it_exports(inner: str) -> None:
    surface = agreed(
        f"""{LIBRARY}
        (component $c (import "x" (instance $x (export "g" (func)))) {inner})
        (instance $made (instantiate $c (with "x" (instance $both))))
        (alias export $made "y" (instance $y)) (export "y" (instance $y))"""
    )

    assert [function.qualified_name for function in surface.functions] == ["y#f", "y#g"]


@pytest.mark.oracle
def test_a_member_of_an_instance_that_is_passed_through_keeps_all_as_well() -> None:
    surface = agreed(
        f"""{LIBRARY}
        (component $c
          (import "x" (instance $x (export "in" (instance (export "g" (func))))))
          (alias export $x "in" (instance $z))
          (instance $bag (export "z" (instance $z)) (export "more" (instance $z)))
          (export "bag" (instance $bag)))
        (instance $outer (export "in" (instance $both)))
        (instance $made (instantiate $c (with "x" (instance $outer))))
        (alias export $made "bag" (instance $bag))
        (alias export $bag "z" (instance $y)) (export "y" (instance $y))"""
    )

    assert [function.qualified_name for function in surface.functions] == ["y#f", "y#g"]


@pytest.mark.oracle
def test_an_instantiation_exports_what_its_component_does() -> None:
    surface = agreed(
        f"""{LIBRARY}
        (component $c (import "x" (func $x (param "p" u32))) (import "t" (type $t (sub resource)))
          (export "b" (func $x)) (export "a" (func $x)))
        (type $r (resource (rep i32)))
        (instance $made (instantiate $c (with "x" (func $f)) (with "t" (type $r))))
        (export "made" (instance $made))"""
    )

    assert [function.qualified_name for function in surface.functions] == ["made#b", "made#a"]


# Features and starts


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ('(import "f" (func async))', features.COMPONENT_ASYNC),
        ('(import "f" (func (param "s" (stream u8))))', features.COMPONENT_ASYNC),
        ('(import "f" (func (param "s" (future))))', features.COMPONENT_ASYNC),
        ("(core func (canon task.cancel))", features.COMPONENT_ASYNC),
        ("(core func (canon backpressure.inc))", features.COMPONENT_ASYNC),
        ("(core func (canon waitable-set.new))", features.COMPONENT_ASYNC),
        ("(type $s (stream u8)) (core func (canon stream.new $s))", features.COMPONENT_ASYNC),
        ("(core func (canon context.get i32 0))", features.COMPONENT_ASYNC),
        ("(core func (canon task.return (result u8)))", features.COMPONENT_ASYNC),
        ("(core func (canon thread.index))", features.COMPONENT_THREADING),
        ('(import "f" (func (param "e" error-context)))', features.COMPONENT_ERROR_CONTEXT),
        ("(core func (canon error-context.drop))", features.COMPONENT_ERROR_CONTEXT),
        ('(import "f" (func (param "l" (list u8 4))))', features.COMPONENT_FIXED_LISTS),
        ('(import "f" (func (param "m" (map string u8))))', features.COMPONENT_MAPS),
        (
            '(import "s" (implements "wasi:sockets/tcp@0.2.3") (instance (export "f" (func))))',
            features.COMPONENT_NAME_ATTRIBUTES,
        ),
        ("(core module (memory 1 2 shared))", features.THREADS),
        ("(component (core module (memory i64 1)))", features.MEMORY64),
        ("(core type (struct))", features.GC),
    ],
)
def test_a_proposal_that_a_component_needs_is_noticed(text: str, feature: str) -> None:
    assert feature in read(text).features


@pytest.mark.parametrize("option", ["async", "(callback $f)", "gc", "(core-type 0)"])
def test_an_option_of_a_proposal_is_noticed(option: str) -> None:
    text = f"""(core type (func)) (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (alias core export $i "f" (core func $f)) (func (canon lift (core func $f) {option}))"""
    needed = (
        features.COMPONENT_GC if option in {"gc", "(core-type 0)"} else features.COMPONENT_ASYNC
    )

    assert needed in read(text).features


def test_an_ordinary_component_needs_no_proposal() -> None:
    assert all(not read_artifact(assembled(text)).features for text in COMPONENTS.values())


def test_a_module_inside_that_starts_by_itself_does_not_start_the_component() -> None:
    found = read("(core module (func $f) (start $f))")

    assert found.modules[0].start_function == 0
    assert not found.runs_at_start
