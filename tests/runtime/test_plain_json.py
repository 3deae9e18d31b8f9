"""JSON the plain way: objects for lists of pairs, underscores for dashes, both ways."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.errors import InvalidArgumentsError, InvalidOutputError
from hatchway.core.wit import (
    EnumType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitFunction,
    WitType,
)
from hatchway.runtime.plain_json import arguments_from_plain, plain
from hatchway.runtime.wit_schema import input_schema, is_object, output_schema, schema_of

TEXT, NUMBER = Primitive("string"), Primitive("s64")
PRICES = ListType(TupleType((TEXT, NUMBER)))
ITEM = RecordType((("unit-price", NUMBER), ("by-size", OptionType(PRICES))))

EVERYTHING: list[tuple[WitType, Any, Any]] = [
    (PRICES, [["a", 1]], {"a": 1}),
    (ITEM, {"unit-price": 1, "by-size": [["s", 2]]}, {"unit_price": 1, "by_size": {"s": 2}}),
    (ListType(ITEM), [{"unit-price": 1}], [{"unit_price": 1}]),
    (TupleType((ITEM, TEXT)), [{"unit-price": 1}, "a"], [{"unit_price": 1}, "a"]),
    (OptionType(PRICES), None, None),
    (OptionType(OptionType(PRICES)), {"some": [["a", 1]]}, {"some": {"a": 1}}),
    (OptionType(OptionType(PRICES)), None, None),
    (
        VariantType((("of-size", PRICES), ("none", None))),
        {"tag": "of-size", "value": [["a", 1]]},
        {"tag": "of-size", "value": {"a": 1}},
    ),
    (VariantType((("of-size", PRICES), ("none", None))), {"tag": "none"}, {"tag": "none"}),
    (ResultType(PRICES, TEXT), {"ok": [["a", 1]]}, {"ok": {"a": 1}}),
    (ResultType(PRICES, None), {"err": None}, {"err": None}),
    (EnumType(("left-most",)), "left-most", "left-most"),
    (ListType(TupleType((TEXT, PRICES))), [["a", [["b", 1]]]], {"a": {"b": 1}}),
    (ListType(TupleType((NUMBER, TEXT))), [[1, "a"]], [[1, "a"]]),
]


def function(kind: WitType) -> WitFunction:
    return WitFunction(
        name="look-up", interface=None, parameters=(("the-value", kind),), result=kind
    )


@pytest.mark.parametrize(("kind", "engines", "clients"), EVERYTHING)
def test_every_value_has_one_plain_form(kind: WitType, engines: Any, clients: Any) -> None:
    assert plain(kind, engines) == clients
    assert arguments_from_plain(function(kind), {"the_value": clients}) == {"the-value": engines}


@pytest.mark.parametrize(("kind", "engines", "clients"), EVERYTHING)
def test_the_plain_form_fits_the_schema_that_a_model_sees(
    kind: WitType, engines: Any, clients: Any
) -> None:
    jsonschema.validate(clients, schema_of(kind, "plain"))
    jsonschema.validate({"the_value": clients}, input_schema(function(kind), "plain"))


def test_an_object_with_free_keys_is_a_result_by_itself() -> None:
    assert is_object(PRICES, "plain")
    assert not is_object(PRICES)
    schema = output_schema(function(PRICES), "plain")
    assert schema is not None
    assert schema["additionalProperties"] == schema_of(NUMBER)


def test_an_option_has_no_choice_inside_a_choice() -> None:
    assert len(schema_of(OptionType(NUMBER), "plain")["anyOf"]) == 3
    assert len(schema_of(OptionType(NUMBER))["anyOf"]) == 2


def test_a_guest_that_gives_a_key_twice_fails() -> None:
    with pytest.raises(InvalidOutputError, match="twice"):
        plain(PRICES, [["a", 1], ["a", 2]])


@pytest.mark.parametrize("name", ["the-value", "value", "_"])
def test_a_name_that_is_not_plain_is_unknown(name: str) -> None:
    with pytest.raises(InvalidArgumentsError, match="known: the_value"):
        arguments_from_plain(function(TEXT), {name: "a"})


def test_a_function_without_parameters_says_so() -> None:
    bare = WitFunction(name="rest", interface=None, parameters=(), result=None)

    with pytest.raises(InvalidArgumentsError, match="known: none"):
        arguments_from_plain(bare, {"a": 1})


def test_a_list_where_an_object_belongs_is_refused() -> None:
    with pytest.raises(InvalidArgumentsError, match="expected an object"):
        arguments_from_plain(function(PRICES), {"the_value": [["a", 1]]})


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_what_does_not_fit_is_left_for_the_engine_to_refuse(value: Any) -> None:
    for kind in (
        ITEM,
        TupleType((ITEM, TEXT)),
        VariantType((("a", ITEM),)),
        ResultType(None, ITEM),
    ):
        found = arguments_from_plain(function(kind), {"the_value": value})
        assert found == {"the-value": value}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (OptionType(OptionType(PRICES)), 3),
        (VariantType((("a", ITEM),)), {"tag": "b", "value": {}}),
        (ResultType(ITEM, ITEM), {"neither": {}}),
    ],
)
def test_a_case_that_there_is_not_is_left_for_the_engine_to_refuse(
    kind: WitType, value: Any
) -> None:
    assert arguments_from_plain(function(kind), {"the_value": value}) == {"the-value": value}
