"""Attacks: binaries made so that reading them costs more than they are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from specimens import assembled
from wasm_bytes import component, leb, many, module, name, section

from hatchway.audit import binary
from hatchway.audit.binary import MAX_KEPT, MalformedError
from hatchway.audit.reading import read_artifact
from hatchway.core.errors import AdmissionError

if TYPE_CHECKING:
    from hatchway.audit.artifact import Artifact


def read(text: str) -> Artifact:
    return read_artifact(assembled(f"(component {text})"))


def refusal(binary: bytes) -> AdmissionError:
    with pytest.raises(AdmissionError) as raised:
        read_artifact(binary)
    return raised.value


def nested(depth: int) -> bytes:
    binary = component()
    for _ in range(depth):
        binary = component(section(4, binary))
    return binary


def test_components_may_be_nested_but_not_without_end() -> None:
    assert read_artifact(nested(32)).depth == 32
    assert "nested more than 32 deep" in refusal(nested(33)).message
    assert "nested more than 32 deep" in refusal(nested(1000)).message


def test_types_may_be_nested_but_not_without_end() -> None:
    def types(depth: int) -> bytes:
        definition = b"\x42\0"
        for _ in range(depth):
            definition = b"\x42\1\1" + definition
        return component(section(7, many(definition)))

    assert read_artifact(types(31)).imports == ()
    assert "nested more than 32 deep" in refusal(types(32)).message
    assert "nested more than 32 deep" in refusal(types(1000)).message


def test_instances_may_be_nested_but_not_without_end() -> None:
    def instances(depth: int) -> bytes:
        level = b"\x42" + many(b"\2\3\2\1" + leb(0), b"\4\0" + name("x") + b"\5\0")
        below = (level.replace(b"\2\3\2\1\0", b"\2\3\2\1" + leb(at)) for at in range(depth))
        return component(section(7, many(b"\x42\0", *below)))

    assert read_artifact(instances(32)).imports == ()
    assert "instances are nested more than 32 deep" in refusal(instances(33)).message


@pytest.mark.parametrize("identifier", range(1, 14))
def test_four_billion_items_in_a_module_cost_nothing(identifier: int) -> None:
    content = leb(0xFFFFFFFF)

    assert isinstance(refusal(module(section(identifier, content))), MalformedError)


@pytest.mark.parametrize("identifier", range(1, 13))
def test_four_billion_items_in_a_component_cost_nothing(identifier: int) -> None:
    content = leb(0xFFFFFFFF)

    assert isinstance(refusal(component(section(identifier, content))), MalformedError)


@pytest.mark.parametrize("code", [0x72, 0x71, 0x6F, 0x6E, 0x6D, 0x40, 0x41, 0x42])
def test_four_billion_parts_of_a_type_cost_nothing(code: int) -> None:
    binary = component(section(7, many(bytes([code]) + leb(0xFFFFFFFF))))

    assert "4294967295 items are announced" in refusal(binary).message


def test_more_things_than_any_tool_has_are_refused() -> None:
    types = section(7, many(*[b"\x7d"] * MAX_KEPT))
    binary = component(types)

    assert read_artifact(binary).imports == ()
    assert f"more than {MAX_KEPT} things" in refusal(binary + section(7, many(b"\x7d"))).message


def test_things_in_many_modules_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "MAX_KEPT", 20_000)
    exports = section(7, many(*(name(str(at)) + b"\2\0" for at in range(1000))))
    inner = section(1, module(section(5, many(b"\0\0")), exports))

    assert "more than 20000 things" in refusal(component(inner * 21)).message


def test_very_many_modules_are_refused() -> None:
    inner = section(1, module())

    assert len(read_artifact(component(inner * 2000)).modules) == 2000
    assert "more than 2000 modules and components" in refusal(component(inner * 2001)).message


def doubling(levels: int) -> str:
    """Types each of which mentions the one before it twice."""
    text = "(type $t0 (tuple u8 u8))"
    for level in range(1, levels):
        text += f"(type $t{level} (tuple $t{level - 1} $t{level - 1}))"
    return text


def test_types_that_double_with_every_line_are_refused_when_they_are_used() -> None:
    used = '(import "f" (func $f (param "x" $t{}))) (export "g" (func $f))'

    assert read(doubling(1000)).imports == ()
    assert read(doubling(10) + used.format(9)).surface.functions
    with pytest.raises(AdmissionError, match="10000 parts or 32 levels"):
        read(doubling(20) + used.format(19))
    with pytest.raises(AdmissionError, match="10000 parts or 32 levels"):
        read(doubling(1000) + used.format(999))


def test_a_chain_of_types_as_long_as_the_file_is_refused_when_it_is_used() -> None:
    chain = [b"\x7d", *(b"\x70" + leb(at, padding=1) for at in range(20_000))]
    types = section(7, many(*chain, b"\x40" + many(name("x") + leb(20_000, padding=1)) + b"\1\0"))
    imported = section(10, many(b"\0" + name("f") + b"\1" + leb(20_001)))
    exported = section(11, many(b"\0" + name("g") + b"\1\0\0"))

    assert read_artifact(component(types, imported)).imports
    assert "10000 parts or 32 levels" in refusal(component(types, imported, exported)).message


def instances_doubling(levels: int, innermost: str) -> str:
    text = f"(type $i0 (instance {innermost}))"
    for level in range(1, levels):
        below = f"(alias outer 1 $i{level - 1} (type $t))"
        exports = '(export "a" (instance (type $t))) (export "b" (instance (type $t)))'
        text += f"(type $i{level} (instance {below} {exports}))"
    return text + f'(import "acme:x/y" (instance (type $i{levels - 1})))'


def test_instances_that_double_with_every_line_are_refused() -> None:
    assert len(read(instances_doubling(8, '(export "f" (func))')).imports) == 128
    for innermost in ('(export "f" (func))', ""):
        with pytest.raises(AdmissionError, match="more than 10000 imports") as raised:
            read(instances_doubling(30, innermost))
        assert raised.value.code == "admission.invalid"


def test_very_many_exported_functions_are_refused() -> None:
    exports = "".join(f'(export "f{at}" (func $f))' for at in range(1001))

    with pytest.raises(AdmissionError, match="more than 1000 exported functions"):
        read(f'(import "f" (func $f)) {exports}')


def test_instantiations_that_double_with_every_line_cost_little() -> None:
    inner = """(component $c (import "x" (instance $x))
        (instance $y (export "a" (instance $x)) (export "b" (instance $x)))
        (export "y" (instance $y)))"""
    text = f"{inner} (instance $i0)"
    for level in range(1, 16):
        text += f"""(instance $j{level} (instantiate $c (with "x" (instance $i{level - 1}))))
            (alias export $j{level} "y" (instance $i{level}))"""

    found = read(f'{text} (export "out" (instance $i15))')

    assert found.surface.exports == ("out",)


def test_a_large_component_cannot_be_instantiated_very_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(binary, "MAX_KEPT", 50_000)
    exports = section(11, many(*(b"\0" + name(f"f{at}") + b"\3\0\0" for at in range(5000))))
    large = component(section(7, many(b"\x7d")), exports)

    def instantiated(times: int) -> bytes:
        return component(section(4, large), section(5, many(*[b"\0\0\0"] * times)))

    assert read_artifact(instantiated(5)).components == 1
    assert "more than 50000 things" in refusal(instantiated(20)).message
