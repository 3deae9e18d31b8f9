"""WIT types as values: their JSON form for the cache, and what has no JSON form."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from strategies import patient, wit_types

from hatchway.core.wit import (
    INTEGER_RANGES,
    EnumType,
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
    function_from_json,
    function_to_json,
    type_from_json,
    type_to_json,
    unsupported_in,
)

TEXT = Primitive("string")
STREAM = UnsupportedType("stream<u8>")


def test_every_integer_has_the_range_of_its_bits() -> None:
    assert INTEGER_RANGES == {
        "s8": (-128, 127),
        "u8": (0, 255),
        "s16": (-32768, 32767),
        "u16": (0, 65535),
        "s32": (-2147483648, 2147483647),
        "u32": (0, 4294967295),
        "s64": (-9223372036854775808, 9223372036854775807),
        "u64": (0, 18446744073709551615),
    }


@patient
@given(wit_types())
def test_a_type_survives_being_written_as_json(kind: WitType) -> None:
    written = json.dumps(type_to_json(kind))

    assert type_from_json(json.loads(written)) == kind


def test_an_unsupported_type_survives_being_written_as_json() -> None:
    assert type_from_json(type_to_json(STREAM)) == STREAM


def test_an_unknown_type_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="unknown WIT type 'stream'"):
        type_from_json({"stream": "u8"})


@patient
@given(wit_types())
def test_a_type_with_a_json_form_contains_nothing_unsupported(kind: WitType) -> None:
    assert unsupported_in(kind) is None


@pytest.mark.parametrize(
    "around",
    [
        STREAM,
        ListType(STREAM),
        TupleType((TEXT, STREAM)),
        RecordType((("a", TEXT), ("b", STREAM))),
        VariantType((("none", None), ("some", STREAM))),
        OptionType(STREAM),
        ResultType(ok=STREAM, err=None),
        ResultType(ok=None, err=STREAM),
        ListType(OptionType(RecordType((("deep", TupleType((STREAM,))),)))),
    ],
    ids=str,
)
def test_an_unsupported_type_is_found_wherever_it_hides(around: WitType) -> None:
    assert unsupported_in(around) == "stream<u8>"


def test_the_first_unsupported_type_is_the_one_that_is_named() -> None:
    both = TupleType((UnsupportedType("own<file>"), STREAM))

    assert unsupported_in(both) == "own<file>"


def test_nothing_and_enums_have_nothing_unsupported_inside() -> None:
    assert unsupported_in(None) is None
    assert unsupported_in(EnumType(("a",))) is None


def test_what_is_no_type_at_all_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        unsupported_in(cast("Any", "string"))


def test_a_function_survives_being_written_as_json() -> None:
    function = WitFunction(
        name="resize",
        interface="acme:images/edit@1.0.0",
        parameters=(("width", Primitive("u32")), ("title", OptionType(TEXT))),
        result=ResultType(ok=None, err=TEXT),
    )

    assert function_from_json(json.loads(json.dumps(function_to_json(function)))) == function


def test_a_function_that_returns_nothing_survives_too() -> None:
    function = WitFunction(name="go", interface=None, parameters=(), result=None)

    assert function_from_json(json.loads(json.dumps(function_to_json(function)))) == function


def test_a_function_of_the_world_is_called_by_its_bare_name() -> None:
    function = WitFunction(name="go", interface=None, parameters=(), result=None)

    assert function.qualified_name == "go"


def test_a_function_of_an_interface_is_called_by_both_names() -> None:
    function = WitFunction(name="go", interface="a:b/c@1.0.0", parameters=(), result=None)

    assert function.qualified_name == "a:b/c@1.0.0#go"
