"""The query tool of the gallery: its functions as they are, outside of any sandbox."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import often

from hatchway.sdk import ToolError

if TYPE_CHECKING:
    from types import ModuleType

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "query" / "app.py"
SALES = "name,amount\nada,3\nbob,4\nada,5"


def _loaded() -> ModuleType:
    described = importlib.util.spec_from_file_location("gallery_query", SOURCE)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


APP = _loaded()


def rows(sql: str, **tables: str) -> Any:
    return json.loads(APP.query(sql, tables, "json"))["rows"]


def complaint(sql: str, **tables: str) -> str:
    with pytest.raises(ToolError) as raised:
        APP.query(sql, tables)
    return str(raised.value)


def test_csv_is_asked_and_answered() -> None:
    answer = APP.query("SELECT name, sum(amount) s FROM sales GROUP BY 1", {"sales": SALES})

    assert answer == "name,s\nada,8\nbob,4\n"


def test_tables_are_joined_whatever_they_are_written_in() -> None:
    found = rows(
        "SELECT name, city FROM sales JOIN people USING (name) WHERE amount > 4",
        sales=SALES,
        people='{"name": "ada", "city": "London"}\n{"name": "bob", "city": "Paris"}\n',
    )

    assert found == [["ada", "London"]]


def test_a_column_has_numbers_only_where_nothing_is_lost() -> None:
    text = "code,n,big\n007,1,99999999999999999999\n010,,2.5\n"

    found = rows("SELECT typeof(code), typeof(n), typeof(big) FROM t", t=text)

    assert found == [["text", "integer", "text"], ["text", "null", "text"]]


def test_what_is_nested_in_json_can_be_asked_for() -> None:
    text = '[{"a": {"b": [1, 2]}, "big": 99999999999999999999}, {"a": null, "c": true}]'

    found = rows("SELECT json_extract(a, '$.b[1]'), big, c FROM t", t=text)

    assert found == [[2, "99999999999999999999", None], [None, None, 1]]


def test_names_that_are_missing_or_there_twice_are_made_different() -> None:
    answer = APP.query("SELECT * FROM t", {"t": '\ufeffa,A,,"x""y"\n1,2,3,4'})

    assert answer == 'a,A_,column_3,"x""y"\n1,2,3,4\n'


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2))
)
@settings(deadline=None, max_examples=often(60))
def test_every_text_in_a_csv_comes_back_as_it_was(lines: list[list[str]]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([["a", "b"], *([f"x{cell}" for cell in line] for line in lines)])

    found = rows("SELECT * FROM t", t=file.getvalue())

    assert found == [[f"x{cell}" for cell in line] for line in lines]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("ATTACH DATABASE '/etc/passwd' AS x", "may not attach a database"),
        ("PRAGMA temp_store_directory = '/tmp'", "may not use a pragma"),
        ("SELECT load_extension('x')", "load_extension"),
        ("SELECT random()", "may not use random"),
        ("SELECT current_timestamp", "may not use current_timestamp"),
        ("SELECT date('now')", "there is no clock"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("CREATE TABLE x (y)", "answers nothing"),
        ("", "answers nothing"),
        ("SELEC 1", "syntax error"),
        ("SELECT zeroblob(9000000)", "too big"),
        ("SELECT '\ud800'", "the query failed"),
    ],
)
def test_a_statement_that_is_no_query_is_refused(sql: str, why: str) -> None:
    assert why in complaint(sql)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("a,b\n1", "line 2: expected 2 cells, got 1"),
        ("a,b\n1,2,3", "line 2: expected 2 cells, got 3"),
        ('a,b\n"1,2', "unexpected end of data"),
        ("[1, 2]", "must hold objects"),
        ("[]", "must hold objects"),
        ('[{"a": 1}', "is not JSON"),
        ("[" * 100_000, "nested deeper than 100"),
        ('[{"a": ' * 200, "nested deeper than 100"),
        ('[{"a": "\ud800"}]', "table t"),
        (",".join(f"c{number}" for number in range(501)), "1 to 500 columns, got 501"),
    ],
)
def test_a_table_that_is_none_is_refused_in_words(text: str, why: str) -> None:
    assert why in complaint("SELECT 1", t=text)


def test_names_of_tables_are_plain_and_few() -> None:
    assert "cannot be the name" in complaint("SELECT 1", **{'x"; DROP': SALES})
    assert "at most 8 tables" in complaint("SELECT 1", **{f"t{n}": SALES for n in range(9)})


def test_more_than_a_thousand_rows_are_cut() -> None:
    text = "n\n" + "1\n" * 1001

    found = json.loads(APP.query("SELECT * FROM t", {"t": text}, "json"))

    assert len(found["rows"]) == 1000
    assert found["is_cut"] is True
    assert APP.query("SELECT * FROM t", {"t": text}).endswith("# only the first 1000 rows\n")
