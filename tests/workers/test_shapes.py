"""The server takes of a worker exactly those values that the engine could have lifted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given
from strategies import patient
from wit_values import lowered, lowers, nearly_typed_values, there_and_back, typed_values

from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.core.surface import Surface
from hatchway.core.wit import (
    ListType,
    OptionType,
    Primitive,
    ResultType,
    TupleType,
    UnsupportedType,
    WitFunction,
    WitType,
)
from hatchway.engine.values_to_json import lift
from hatchway.workers.shapes import can_give, result_type
from hatchway.workers.shapes import fits as fits_within

TEXT, NUMBER = Primitive("string"), Primitive("u32")


def fits(kind: WitType, value: Any) -> bool:
    return fits_within(kind, value, lambda _: None)


def spelled(value: Any) -> str:
    """Two values of Python are the same in JSON, down to 1 and 1.0; names have no order."""
    return json.dumps(value, sort_keys=True)


@patient
@given(typed_values())
def test_whatever_the_engine_lifts_is_taken(typed: tuple[WitType, Any]) -> None:
    kind, value = typed

    assert fits(kind, there_and_back(kind, value))


@patient
@given(nearly_typed_values())
def test_what_is_taken_is_what_the_engine_would_have_lifted(typed: tuple[WitType, Any]) -> None:
    kind, value = typed

    is_taken = fits(kind, value)

    event("taken" if is_taken else "refused")
    is_lifted = lowers(kind, value) and spelled(there_and_back(kind, value)) == spelled(value)
    assert is_taken == is_lifted


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Primitive("u64"), 1 << 53),
        (Primitive("u64"), "9007199254740991"),
        (Primitive("s64"), "-0"),
        (Primitive("u64"), "١" * 17),
        (Primitive("u64"), "9" * 5000),
        (Primitive("u64"), "nine"),
        (Primitive("u8"), True),
        (Primitive("bool"), 1),
        (Primitive("f64"), 1),
        (Primitive("f64"), float("nan")),
        (Primitive("f64"), "nan"),
        (Primitive("f32"), 0.1),
        (Primitive("f32"), 1e300),
        (Primitive("char"), "ab"),
        (TEXT, "\ud800"),
        (TEXT, b"bytes"),
        (ListType(Primitive("u8")), "YQ"),
        (ListType(Primitive("u8")), "YR=="),
        (ListType(Primitive("u8")), "é"),
        (ListType(Primitive("u8")), [1]),
        (UnsupportedType("stream"), None),
    ],
)
def test_what_an_engine_never_says_is_refused(kind: WitType, value: Any) -> None:
    assert not fits(kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "failed", "expected"),
    [
        (None, None, False, True),
        (None, "text", False, False),
        (NUMBER, 7, False, True),
        (NUMBER, 7, True, False),
        (OptionType(NUMBER), None, False, True),
        (ResultType(NUMBER, TEXT), 7, False, True),
        (ResultType(NUMBER, TEXT), "no", True, True),
        (ResultType(NUMBER, TEXT), "no", False, False),
        (ResultType(None, TEXT), None, False, True),
        (ResultType(None, TEXT), None, True, False),
    ],
)
def test_an_error_has_a_type_of_its_own(
    kind: WitType | None, value: Any, failed: bool, expected: bool
) -> None:
    assert can_give(kind, value, failed=failed, most=100) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TEXT, "12345"),
        (ListType(TEXT), ["1", "2", "3"]),
        (ListType(ListType(NUMBER)), [[], [], [1, 2]]),
        (ListType(Primitive("u8")), "MTIzNDU2Nzg="),
        (OptionType(TEXT), "12345"),
    ],
)
def test_no_more_comes_out_than_the_call_may_put_out(kind: WitType, value: Any) -> None:
    assert can_give(kind, value, failed=False, most=20)
    assert not can_give(kind, value, failed=False, most=4)


@patient
@given(typed_values())
def test_whatever_the_engine_counts_as_little_enough_is_little_enough(
    typed: tuple[WitType, Any],
) -> None:
    kind, value = typed
    counted = 0

    def count(number: int) -> None:
        nonlocal counted
        counted += number

    with lowered(kind, value) as address:
        lift(kind, address, count)

    assert can_give(TupleType((kind,)), [value], failed=False, most=counted)


def test_only_functions_give_values() -> None:
    exported = WitFunction(name="f", interface="a:b/c", parameters=(), result=NUMBER)
    surface = Surface(kind="component", imports=(), is_command=True, functions=(exported,))

    def result_of(name: str) -> WitType | None:
        return result_type(FunctionInvocation(function=name, arguments={}), surface)

    assert result_of("a:b/c#f") == NUMBER
    assert result_of("g") is None
    assert result_type(CommandInvocation(arguments=()), surface) is None
