"""Tools are found by name first, and then by what fits best."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.runtime.searching import Findable, Index, Indexes, shortened

TOOLS = (
    Findable("math.add", "Add two numbers.", ("a", "b")),
    Findable("math.addAll", "Add many numbers.", ("numbers",)),
    Findable("calendar.add-event", "Put a meeting into a calendar.", ("title", "startTime")),
    Findable("weather", "Forecast of rain and wind for a place.", ("city",)),
    Findable("add", "Not what you think.", ()),
    Findable("units.convert", "Convert metres to feet, and the other way round.", ("value",)),
)
INDEX = Index(TOOLS)


def found(query: str, most: int = 10) -> list[str]:
    return [tool.name for tool in INDEX.find(query, most)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("math.add", "math.add"),
        ("MATH.ADD", "math.add"),
        ("add", "add"),
        ("addall", "math.addAll"),
        ("convert", "units.convert"),
        ("  weather  ", "weather"),
        ("rain", "weather"),
        ("forecast rain", "weather"),
        ("meeting", "calendar.add-event"),
        ("start time", "calendar.add-event"),
        ("city", "weather"),
        ("metre", "units.convert"),
        ("math", "math.add"),
        ("two numbers", "math.add"),
    ],
)
def test_what_fits_best_comes_first(query: str, first: str) -> None:
    assert found(query)[0] == first


def test_a_name_comes_before_its_last_part_and_that_before_its_beginning() -> None:
    assert found("add")[:2] == ["add", "math.add"]


def test_what_fits_nothing_finds_nothing() -> None:
    assert found("zebra") == []
    assert found("((((") == []


def test_an_empty_query_finds_the_first_by_name() -> None:
    assert found("", 2) == found(" \n", 2) == ["add", "calendar.add-event"]


def test_no_more_are_found_than_were_asked_for() -> None:
    assert len(found("add", 2)) == 2
    assert found("add", 0) == []


def test_words_outside_ascii_are_words() -> None:
    index = Index([Findable("météo", "Прогноз погоды", ()), Findable("x", "y", ())])

    assert [tool.name for tool in index.find("погоды", 5)] == ["météo"]


def test_there_may_be_nothing_to_find() -> None:
    assert Index([]).find("anything", 5) == ()
    assert len(Index([])) == 0


@given(st.permutations(TOOLS), st.text(max_size=40), st.integers(0, 9))
def test_the_order_of_the_tools_makes_no_difference(
    tools: list[Findable], query: str, most: int
) -> None:
    assert Index(tools).find(query, most) == INDEX.find(query, most)


def test_an_index_is_made_once_for_each_question() -> None:
    indexes = Indexes()

    first = indexes.get("key", lambda: TOOLS)

    assert indexes.get("key", lambda: ()) is first
    assert indexes.get("other", lambda: ()) is not first


def test_a_long_description_is_cut_for_a_list() -> None:
    assert shortened("x" * 300) == "x" * 300
    assert shortened("x" * 301) == "x" * 299 + "…"
