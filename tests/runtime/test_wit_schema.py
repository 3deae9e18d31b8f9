"""Schemas from WIT types, in step with how values are read and written.

`schema_of` tells clients which JSON a type takes, `lower` turns that JSON into a value in
wasmtime's memory and `lift` reads it back. Random types and values walk through all three.
What JSON Schema cannot say, or we do not make it say, is written down in `beyond`.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import event, given
from strategies import often, patient, wit_types
from wit_values import lowered, lowers, nearly_typed_values, there_and_back, typed_values

from hatchway.core.errors import InvalidArgumentsError
from hatchway.core.wit import (
    INTEGER_RANGES,
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
from hatchway.policy.schema import safe_schema
from hatchway.runtime.wit_schema import input_schema, is_object, output_schema, schema_of

BYTES = ListType(Primitive("u8"))
TEXT = Primitive("string")


def fits(kind: WitType, value: Any) -> bool:
    return jsonschema.Draft202012Validator(schema_of(kind)).is_valid(value)


# Values


@patient
@given(typed_values())
def test_every_value_of_a_type_fits_the_types_schema(typed: tuple[WitType, Any]) -> None:
    kind, value = typed

    assert fits(kind, value)


@patient
@given(typed_values())
def test_every_value_is_read_back_as_it_was_written(typed: tuple[WitType, Any]) -> None:
    kind, value = typed

    assert there_and_back(kind, value) == value


@patient
@given(wit_types())
def test_the_schema_of_every_type_is_valid_and_safe(kind: WitType) -> None:
    schema = schema_of(kind)

    jsonschema.Draft202012Validator.check_schema(schema)
    document = {"type": "object", "properties": {"a": schema}}
    assert safe_schema(document) == document


# Values that do not fit


def is_decimal(name: str, text: str) -> bool:
    digits = text.removeprefix("-")
    low, high = INTEGER_RANGES[name]
    return digits.isascii() and digits.isdigit() and low <= int(text) <= high


def is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def is_base64(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False


def beyond(kind: WitType, value: Any) -> bool:  # noqa: C901 - one case for every kind
    """Whether some part of `value` is wrong in a way that a schema does not express.

    These are the known differences: text that is not Unicode or not base64, a 64-bit integer
    in anything but its digits or out of its range, and a number that a float cannot hold.
    """
    match kind, value:
        case Primitive("s64" | "u64" as name), str():
            return not is_decimal(name, value)
        case Primitive("string" | "char"), str():
            return not is_unicode(value)
        case Primitive("f32"), int() | float():
            return math.isinf(ctypes.c_float(float(value)).value)
        case ListType(Primitive("u8")), str():
            return not is_base64(value)
        case ListType(element), list():
            return any(beyond(element, item) for item in value)
        case TupleType(elements), list():
            return any(map(beyond, elements, value))
        case RecordType(fields), dict():
            return any(beyond(field, value.get(name)) for name, field in fields)
        case OptionType(OptionType() as some), dict():
            return beyond(some, value.get("some"))
        case OptionType(some), _:
            return beyond(some, value)
        case VariantType(cases), dict():
            payload = dict(cases).get(str(value.get("tag")))
            return payload is not None and beyond(payload, value.get("value"))
        case ResultType(ok, err), dict():
            sides = ((ok, value.get("ok")), (err, value.get("err")))
            return any(part is not None and beyond(part, item) for part, item in sides)
        case _:
            return False


@patient
@given(nearly_typed_values())
def test_what_fits_the_schema_is_what_can_be_written_and_nothing_else(
    typed: tuple[WitType, Any],
) -> None:
    kind, value = typed

    if not beyond(kind, value):
        event(f"fits: {fits(kind, value)}")
        assert fits(kind, value) == lowers(kind, value)


@patient
@given(nearly_typed_values())
def test_nothing_can_be_written_that_does_not_fit_the_schema(typed: tuple[WitType, Any]) -> None:
    kind, value = typed

    if lowers(kind, value):
        assert fits(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TEXT, "\ud800"),
        (Primitive("char"), "\udfff"),
        (Primitive("u64"), "18446744073709551616"),
        (Primitive("u64"), "-1"),
        (Primitive("u64"), "1.0"),
        (Primitive("u64"), "0x10"),
        (Primitive("u64"), "٣"),
        (Primitive("s64"), "-9223372036854775809"),
        (Primitive("s64"), "--1"),
        (Primitive("s64"), "-"),
        (Primitive("s64"), " 1"),
        (Primitive("s64"), "1_000"),
        (Primitive("f32"), 1e39),
        (BYTES, "a"),
        (BYTES, "===="),
        (BYTES, "aGk=\n"),
        (BYTES, "é"),
    ],
)
def test_the_known_differences_between_schema_and_values_are_real(
    kind: WitType, value: Any
) -> None:
    assert beyond(kind, value)
    assert fits(kind, value)
    assert not lowers(kind, value)


def test_a_float_of_64_bits_has_no_room_for_every_integer() -> None:
    assert not lowers(Primitive("f64"), 10**400)


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (Primitive("u8"), 3.0, 3),
        (Primitive("u64"), "9", 9),
        (Primitive("u64"), "007", 7),
        (Primitive("s64"), "-9223372036854775808", "-9223372036854775808"),
        (Primitive("u64"), 1 << 63, str(1 << 63)),
        (Primitive("f64"), 1, 1.0),
        (Primitive("f32"), 0.1, ctypes.c_float(0.1).value),
        (FlagsType(("a", "b")), ["b", "a"], ["a", "b"]),
        (FlagsType(("a", "b")), ["b", "b"], ["b"]),
        (RecordType((("a", OptionType(TEXT)),)), {}, {"a": None}),
        (VariantType((("a", OptionType(TEXT)),)), {"tag": "a"}, {"tag": "a", "value": None}),
    ],
)
def test_what_may_be_written_in_several_ways_is_read_back_in_one(
    kind: WitType, value: Any, written: Any
) -> None:
    assert fits(kind, value)
    assert there_and_back(kind, value) == written


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Primitive("u8"), 256),
        (Primitive("u8"), True),
        (Primitive("u8"), "1"),
        (Primitive("s8"), -129),
        (Primitive("s32"), 0.5),
        (Primitive("u64"), ""),
        (Primitive("u64"), "0" * 21),
        (Primitive("u64"), 1 << 64),
        (Primitive("bool"), 1),
        (Primitive("f64"), True),
        (Primitive("f64"), "nan"),
        (Primitive("char"), ""),
        (Primitive("char"), "ab"),
        (TEXT, None),
        (BYTES, [1, 2]),
        (ListType(TEXT), "a"),
        (TupleType((TEXT,)), []),
        (TupleType((TEXT,)), ["a", "b"]),
        (RecordType((("a", TEXT),)), {}),
        (RecordType((("a", TEXT),)), {"a": "x", "b": 1}),
        (RecordType((("a", TEXT),)), ["x"]),
        (EnumType(("a",)), "b"),
        (EnumType(("a",)), ["a"]),
        (FlagsType(("a",)), "a"),
        (FlagsType(("a",)), ["b"]),
        (FlagsType(("a",)), [["a"]]),
        (FlagsType(("a", "b")), ["a", "a", "b"]),
        (OptionType(OptionType(TEXT)), "x"),
        (OptionType(OptionType(TEXT)), {}),
        (OptionType(OptionType(TEXT)), {"some": "x", "more": 1}),
        (VariantType((("a", None),)), "a"),
        (VariantType((("a", None),)), {}),
        (VariantType((("a", None),)), {"tag": 5}),
        (VariantType((("a", None),)), {"tag": "b"}),
        (VariantType((("a", None),)), {"tag": "a", "value": None}),
        (VariantType((("a", TEXT),)), {"tag": "a"}),
        (ResultType(ok=TEXT, err=None), {}),
        (ResultType(ok=TEXT, err=None), {"ok": "x", "err": None}),
        (ResultType(ok=TEXT, err=None), {"err": "x"}),
        (ResultType(ok=TEXT, err=None), {"other": "x"}),
        (ResultType(ok=TEXT, err=None), "x"),
    ],
)
def test_schema_and_values_refuse_the_same(kind: WitType, value: Any) -> None:
    assert not fits(kind, value)
    assert not lowers(kind, value)


def test_a_value_that_does_not_fit_is_refused_with_its_place() -> None:
    kind = RecordType((("rows", ListType(TupleType((TEXT, Primitive("u8"))))),))

    with (
        pytest.raises(InvalidArgumentsError) as raised,
        lowered(kind, {"rows": [["a", 1], ["b", 256]]}),
    ):
        pass

    assert raised.value.details == {"path": "x.rows[1][1]"}
    assert raised.value.message == ("x.rows[1][1] must be an integer from 0 to 255, got 256")


def test_a_type_without_a_json_form_has_no_schema_and_no_values() -> None:
    stream = UnsupportedType("stream<u8>")

    with pytest.raises(TypeError, match="stream<u8> has no JSON form"):
        schema_of(stream)
    assert not lowers(stream, None)


# Memory

DEEP = RecordType(
    (
        ("name", TEXT),
        ("data", BYTES),
        ("choice", VariantType((("a", ListType(OptionType(TEXT))), ("b", None)))),
        ("outcome", ResultType(ok=TupleType((TEXT, EnumType(("x", "y")))), err=None)),
        ("marks", FlagsType(("p", "q"))),
    )
)
FITTING: dict[str, Any] = {
    "name": "n" * 200,
    "data": base64.b64encode(bytes(300)).decode(),
    "choice": {"tag": "a", "value": ["x" * 100, None, "y" * 100]},
    "outcome": {"ok": ["z" * 100, "y"]},
    "marks": ["p", "q"],
}
MISFITTING = {**FITTING, "marks": ["r"]}


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize("value", [FITTING, MISFITTING], ids=["fitting", "misfitting"])
def test_values_that_come_and_go_leave_nothing_behind(value: Any) -> None:
    def round_trip() -> None:
        with contextlib.suppress(InvalidArgumentsError):
            there_and_back(DEEP, value)

    for _ in range(500):
        round_trip()
    before = resident_bytes()

    for _ in range(often(20_000, gate=4000)):
        round_trip()

    # Each round holds more than a kilobyte; losing it would show as 4 MB and more.
    assert resident_bytes() - before < 2 << 20


# Functions


def function(*parameters: tuple[str, WitType], result: WitType | None = None) -> WitFunction:
    return WitFunction(name="f", interface=None, parameters=parameters, result=result)


def test_the_arguments_of_a_function_are_a_closed_object() -> None:
    schema = input_schema(function(("text", TEXT), ("limit", OptionType(Primitive("u8")))))

    assert schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "limit": {
                "anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "null"}]
            },
        },
        "additionalProperties": False,
        "required": ["text"],
    }


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    schema = input_schema(function())

    assert schema == {"type": "object", "properties": {}, "additionalProperties": False}


def test_a_function_without_a_result_promises_nothing() -> None:
    assert output_schema(function()) is None
    assert output_schema(function(result=ResultType(ok=None, err=TEXT))) is None


def test_a_record_is_the_result_itself_and_anything_else_is_wrapped() -> None:
    record = RecordType((("a", TEXT),))

    assert output_schema(function(result=record)) == schema_of(record)
    assert output_schema(function(result=TEXT)) == {
        "type": "object",
        "properties": {"result": {"type": "string"}},
        "required": ["result"],
        "additionalProperties": False,
    }


def test_an_error_becomes_no_part_of_what_is_promised() -> None:
    record = RecordType((("a", TEXT),))

    assert output_schema(function(result=ResultType(ok=record, err=TEXT))) == schema_of(record)


@patient
@given(wit_types())
def test_the_root_of_every_schema_of_a_function_is_an_object(kind: WitType) -> None:
    taking, giving = function(("a", kind)), function(result=kind)

    assert input_schema(taking)["type"] == "object"
    promised = output_schema(giving)
    assert promised is None or promised["type"] == "object"


def test_only_a_record_is_an_object_by_itself() -> None:
    assert is_object(RecordType((("a", TEXT),)))
    assert not is_object(VariantType((("a", None),)))


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (Primitive("bool"), {"type": "boolean"}),
        (Primitive("s16"), {"type": "integer", "minimum": -32768, "maximum": 32767}),
        (
            Primitive("u64"),
            {
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": (1 << 64) - 1},
                    {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 20,
                        "description": "the integer in decimal digits",
                    },
                ]
            },
        ),
        (
            Primitive("f32"),
            {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
        ),
        (Primitive("char"), {"type": "string", "minLength": 1, "maxLength": 1}),
        (BYTES, {"type": "string", "contentEncoding": "base64"}),
        (ListType(TEXT), {"type": "array", "items": {"type": "string"}}),
        (
            TupleType((TEXT, Primitive("bool"))),
            {
                "type": "array",
                "prefixItems": [{"type": "string"}, {"type": "boolean"}],
                "items": False,
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (EnumType(("a", "b")), {"type": "string", "enum": ["a", "b"]}),
        (
            FlagsType(("a", "b")),
            {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "maxItems": 2},
        ),
        (
            VariantType((("a", None), ("b", TEXT))),
            {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {"tag": {"const": "a"}},
                        "additionalProperties": False,
                        "required": ["tag"],
                    },
                    {
                        "type": "object",
                        "properties": {"tag": {"const": "b"}, "value": {"type": "string"}},
                        "additionalProperties": False,
                        "required": ["tag", "value"],
                    },
                ]
            },
        ),
        (
            ResultType(ok=None, err=TEXT),
            {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {"ok": {"type": "null"}},
                        "additionalProperties": False,
                        "required": ["ok"],
                    },
                    {
                        "type": "object",
                        "properties": {"err": {"type": "string"}},
                        "additionalProperties": False,
                        "required": ["err"],
                    },
                ]
            },
        ),
        (
            OptionType(OptionType(TEXT)),
            {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"some": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
                        "additionalProperties": False,
                        "required": ["some"],
                    },
                    {"type": "null"},
                ]
            },
        ),
    ],
)
def test_every_kind_of_type_has_this_schema(kind: WitType, schema: dict[str, Any]) -> None:
    assert schema_of(kind) == schema
