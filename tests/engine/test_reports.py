"""What a compile child says is believed only if a compile child of ours could have said it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.surface import Surface
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
    WitFunction,
    WitType,
)
from hatchway.engine import report
from hatchway.engine.describe import MAX_TYPE_DEPTH
from hatchway.engine.report import NoReportError

TEXT = Primitive("string")
EVERY_TYPE: tuple[WitType, ...] = (
    ListType(Primitive("u8")),
    TupleType((TEXT, Primitive("f64"))),
    RecordType((("x", Primitive("s32")), ("y", OptionType(Primitive("bool"))))),
    RecordType(()),
    VariantType((("none", None), ("some", TEXT))),
    EnumType(("a", "b")),
    FlagsType(("c",)),
    ResultType(None, Primitive("char")),
    UnsupportedType("own"),
)


def surface_with(kind: Any) -> Surface:
    function = WitFunction(
        name="f", interface="a:b/c", parameters=(("x", kind),), result=Primitive("u64")
    )
    return Surface(kind="component", imports=("i#f",), is_command=False, functions=(function,))


def changed(**fields: object) -> bytes:
    """A report like any other but for some fields of its surface."""
    surface = surface_with(TEXT).to_json()
    return json.dumps({"surface": {**surface, **fields}}).encode()


def changed_function(**fields: object) -> bytes:
    (function,) = surface_with(TEXT).to_json()["functions"]
    return changed(functions=[{**function, **fields}])


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_a_surface_comes_in_as_it_went_out(kind: WitType) -> None:
    surface = surface_with(kind)

    assert report.surface_in(report.of_surface(surface)) == surface


def test_a_refusal_comes_in_as_it_went_out_but_for_its_beginning() -> None:
    assert report.refusal_in(report.of_refusal("x" * 5000 + "cause", "a.b")) == (
        "a.b",
        "x" * 3995 + "cause",
    )


NONSENSE = [
    b"",
    b"\xff",
    b"null",
    b"[]",
    b'{"surface": 5}',
    b'{"surface": {}}',
    b"[" * 100_000,
    changed(kind="native"),
    changed(kind=None),
    changed(is_command="yes"),
    changed(imports=[5]),
    changed(imports=None),
    changed(exports=[["nested"]]),
    changed(plugin=["\ud800"]),
    changed(memory_min_bytes="65536"),
    changed(memory_min_bytes=-1),
    changed(memory_max_bytes=True),
    changed(functions=[{}]),
    changed_function(name=None),
    changed_function(interface=7),
    changed_function(parameters=[["x"]]),
    changed_function(parameters=[[None, "u8"]]),
    changed_function(result="u65"),
    changed_function(result={"enum": [1]}),
    changed_function(result={"record": [[["x"], "u8"]]}),
    changed_function(result={"result": ["u8"]}),
    changed_function(result={"native": "u8"}),
    changed_function(result={"unsupported": []}),
]


@pytest.mark.parametrize("words", NONSENSE, ids=range(len(NONSENSE)))
def test_what_no_child_of_ours_says_is_no_report(words: bytes) -> None:
    with pytest.raises(NoReportError):
        report.surface_in(words)


def test_types_deeper_than_ours_ever_are_no_report() -> None:
    deep: Any = "u8"
    for _ in range(MAX_TYPE_DEPTH + 1):
        deep = {"list": deep}

    with pytest.raises(NoReportError):
        report.surface_in(changed_function(result=deep))


@pytest.mark.parametrize("words", [b"", b"[]", b'{"code": "a.b"}', b'{"code": 1, "error": ""}'])
def test_a_refusal_has_a_code_and_a_text(words: bytes) -> None:
    with pytest.raises(NoReportError):
        report.refusal_in(words)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(Surface(kind="module", imports=(), is_command=True).to_json())),
    json_values,
)
def test_whatever_stands_in_a_field_either_makes_sense_or_is_no_report(
    field: str, value: object
) -> None:
    try:
        surface = report.surface_in(changed(**{field: value}))
    except NoReportError:
        return

    assert report.surface_in(report.of_surface(surface)) == surface
