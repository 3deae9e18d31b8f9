"""JSON is read strictly, and spelled as the standard library would spell it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.core import json_text
from hatchway.core.json_text import MAX_DEPTH, decode, encoder, require_shallow


@patient
@given(json_values(), st.booleans(), st.booleans(), st.booleans())
def test_an_encoder_agrees_with_the_standard_library(
    value: Any, sort_keys: bool, ascii_only: bool, compact: bool
) -> None:
    encode = encoder(sort_keys=sort_keys, ascii_only=ascii_only, compact=compact)
    separators = (",", ":") if compact else None

    assert encode(value) == json.dumps(
        value, sort_keys=sort_keys, ensure_ascii=ascii_only, separators=separators
    )


def test_a_python_without_that_encoder_is_served_by_the_standard_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)

    assert encoder(compact=True)({"a": [1, "é"]}) == '{"a":[1,"é"]}'


def test_an_encoder_that_spells_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    make: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]

    made: list[Any] = []

    def misunderstanding(*options: Any) -> Any:
        # As if it took the two separators in another order from us than from the library.
        order = (0, 1, 2, 3, *((4, 5) if made else (5, 4)), 6, 7, 8)
        made.append(options)
        return make(*(options[at] for at in order))

    monkeypatch.setattr(json.encoder, "c_make_encoder", misunderstanding)
    encode = encoder(compact=True)
    monkeypatch.undo()

    assert encode({"a": [1, "é"]}) == '{"a":[1,"é"]}'


@patient
@given(json_values())
def test_what_was_spelled_is_read_as_it_was(value: Any) -> None:
    assert decode(encoder(compact=True)(value)) == value


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[1e999]", '{"a": -1e999}'])
def test_what_is_no_json_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a JSON number"):
        decode(text)


def test_finite_numbers_are_read() -> None:
    assert decode("[1.5, -2e3, 0]") == [1.5, -2000.0, 0]


def nested(levels: int, *, is_list: bool) -> Any:
    value: Any = None
    for _ in range(levels):
        value = [value] if is_list else {"a": value}
    return value


@pytest.mark.parametrize("is_list", [True, False])
def test_a_value_nests_so_deep_and_no_deeper(is_list: bool) -> None:
    require_shallow(nested(MAX_DEPTH - 1, is_list=is_list))

    with pytest.raises(ValueError, match="nests deeper than 64"):
        require_shallow(nested(MAX_DEPTH, is_list=is_list))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300 + "]" * 300,
        '{"a":' * 300 + "1" + "}" * 300,
        "[{}," * 300 + "1" + "]" * 300,
        "[" * 4_000_000,
        "]" * 300 + "[" * 300,
        '"' + '\\"' * 2_000_000 + "[" * 300,
        '["[[[[", ' * 300 + "1" + "]" * 300,
    ],
    ids=["lists", "objects", "both", "no end", "wrong order", "a string without end", "strings"],
)
def test_what_nests_too_deeply_is_refused_before_anything_follows_it(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = sys.getrecursionlimit()
    monkeypatch.setattr(json_text, "_read", json.loads)
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(ValueError, match=r"nests deeper|Expecting|Unterminated|Invalid"):
            decode(text)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    "value",
    [
        [[] for _ in range(100_000)],
        [{"a": ["]]]]", '\\"[[[', {}]} for _ in range(1000)],
        "[" * 100_000,
        {"{" * 500: "}" * 500},
    ],
    ids=["wide", "brackets in strings", "one string", "a key"],
)
def test_what_is_wide_or_only_speaks_of_brackets_is_read(value: Any) -> None:
    assert decode(json.dumps(value)) == value
