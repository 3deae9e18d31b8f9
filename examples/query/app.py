"""query: SQL over CSV and JSON that is passed along, with the SQLite inside of CPython."""

import csv
import io
import json
import re
import sqlite3
from typing import Any, Literal

from hatchway.sdk import ToolError, tool

MAX_COLUMNS = 500
MAX_ROWS = 1000
MAX_TABLES = 8
MAX_VALUE_BYTES = 4 << 20
LARGEST = 1 << 63

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# What is written otherwise, such as 007 or +49, is a text and stays one.
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?")

DENIED = {
    sqlite3.SQLITE_ATTACH: "attach a database",
    sqlite3.SQLITE_DETACH: "detach a database",
    sqlite3.SQLITE_PRAGMA: "use a pragma",
}
# A sandbox without grants has neither time nor chance.
ABSENT = {
    "random",
    "randomblob",
    "current_date",
    "current_time",
    "current_timestamp",
    "load_extension",
}
NOW = re.compile(r"'now'|\b(?:date|time|datetime|julianday|unixepoch)\s*\(\s*\)", re.IGNORECASE)

MAX_NESTING = 100
NO_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)


@tool(
    purpose="Query CSV and JSON data with SQL",
    title="Query data",
    read_only=True,
    idempotent=True,
)
def query(sql: str, tables: dict[str, str], answer: Literal["csv", "json"] = "csv") -> str:
    """Answer one SQL query (in SQLite's dialect) over tables that are passed along as text.

    A table is CSV with a line of column names, a JSON array of objects, or JSON Lines. What is
    nested in JSON is kept as JSON: ask for it with json_extract or ->>. At most 1000 rows are
    given.

    Args:
        sql: One statement, for example SELECT name, sum(amount) FROM sales GROUP BY name.
        tables: The text of each table, by its name.
        answer: What the rows are given as.
    """
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA temp_store = MEMORY")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    if len(tables) > MAX_TABLES:
        raise ToolError(f"at most {MAX_TABLES} tables are taken, got {len(tables)}")
    for name, text in tables.items():
        load(database, name, text)
    names, rows = rows_of(database, sql)
    return as_csv(names, rows) if answer == "csv" else as_json(names, rows)


def rows_of(database: sqlite3.Connection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """What one statement answers."""
    tried: list[str] = []
    if NOW.search(sql):
        raise ToolError("there is no clock: write the time that is meant, instead of asking for it")

    def judge(action: int, _: str | None, name: str | None, *_more: str | None) -> int:
        is_absent = action == sqlite3.SQLITE_FUNCTION and (name or "").lower() in ABSENT
        if action not in DENIED and not is_absent:
            return sqlite3.SQLITE_OK
        tried.append(f"use {name}" if is_absent else DENIED[action])
        return sqlite3.SQLITE_DENY

    database.set_authorizer(judge)
    try:
        cursor = database.execute(sql)
        rows = cursor.fetchmany(MAX_ROWS + 1)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
        why = f"it may not {tried[0]}" if tried else str(error) or "it needs too much memory"
        raise ToolError(f"the query failed: {why}") from error
    if cursor.description is None:
        raise ToolError("the statement answers nothing: only queries are useful here")
    return [column[0] for column in cursor.description], rows


# Reading


def load(database: sqlite3.Connection, name: str, text: str) -> None:
    """Make a table of a text."""
    if not NAME.fullmatch(name):
        raise ToolError(f"{name!r} cannot be the name of a table: use letters, digits and _")
    is_json = text.lstrip()[:1] in ("[", "{")
    columns, rows = read_json(name, text) if is_json else read_csv(name, text)
    if not 0 < len(columns) <= MAX_COLUMNS:
        raise ToolError(f"table {name}: expected 1 to {MAX_COLUMNS} columns, got {len(columns)}")
    spelled = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
    marks = ", ".join("?" * len(columns))
    try:
        database.execute(f'CREATE TABLE "{name}" ({spelled})')
        database.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)  # noqa: S608 - checked
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
        raise ToolError(f"table {name}: {error}") from error


def read_csv(name: str, text: str) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows; a column in which all is a number has numbers."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        lines = [(reader.line_num, line) for line in reader if line]
    except csv.Error as error:
        raise ToolError(f"table {name}, line {reader.line_num}: {error}") from error
    if not lines:
        raise ToolError(f"table {name} is empty")
    columns = different([cell.strip() for cell in lines.pop(0)[1]])
    for number, line in lines:
        if len(line) != len(columns):
            raise ToolError(
                f"table {name}, line {number}: expected {len(columns)} cells, got {len(line)}"
            )
    rows: list[list[Any]] = [line for _, line in lines]
    for place in range(len(columns)):
        if all(not row[place] or NUMBER.fullmatch(row[place]) for row in rows):
            for row in rows:
                row[place] = number_of(row[place])
    return columns, rows


def number_of(cell: str) -> int | float | None:
    """The number in a cell that has one; nothing for an empty cell."""
    if not cell:
        return None
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)


def read_json(name: str, text: str) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows of an array of objects, or of an object a line."""
    if is_too_deep(text):
        raise ToolError(f"table {name} is nested deeper than {MAX_NESTING}")
    try:
        if text.lstrip().startswith("["):
            items = json.loads(text)
        else:
            items = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise ToolError(f"table {name} is not JSON: {error}") from error
    if not items or not all(isinstance(item, dict) for item in items):
        raise ToolError(f"table {name} must hold objects, and at least one")
    columns = list(dict.fromkeys(key for item in items for key in item))
    rows = [[value_of(item.get(column)) for column in columns] for item in items]
    return different(columns), rows


def is_too_deep(text: str) -> bool:
    """Whether brackets are nested too deeply, before a parser finds out by falling.

    Pairs with nothing between them are taken away, layer by layer.
    """
    brackets = NO_BRACKETS.sub("", text)
    for _ in range(MAX_NESTING):
        inner = brackets.replace("[]", "").replace("{}", "")
        if len(inner) == len(brackets):
            break
        brackets = inner
    return len(brackets) > MAX_NESTING


def value_of(value: Any) -> Any:
    """A value that SQLite has: what is nested becomes JSON, what is too large a text."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        return str(value)
    return value


def different(names: list[str]) -> list[str]:
    """The names, none of them empty and none there twice, whatever their case."""
    found: dict[str, str] = {}
    for place, name in enumerate(names, 1):
        spelled = name or f"column_{place}"
        while spelled.lower() in found:
            spelled += "_"
        found[spelled.lower()] = spelled
    return list(found.values())


# Writing


def as_csv(names: list[str], rows: list[tuple[Any, ...]]) -> str:
    """A line of names, and a line for each row."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[shown(value) for value in row] for row in rows[:MAX_ROWS]])
    if len(rows) > MAX_ROWS:
        file.write(f"# only the first {MAX_ROWS} rows\n")
    return file.getvalue()


def as_json(names: list[str], rows: list[tuple[Any, ...]]) -> str:
    """`{"columns", "rows", "is_cut"}`: two columns may have one name, so rows are lists."""
    return json.dumps(
        {
            "columns": names,
            "rows": [[shown(value) for value in row] for row in rows[:MAX_ROWS]],
            "is_cut": len(rows) > MAX_ROWS,
        },
        ensure_ascii=False,
    )


def shown(value: Any) -> Any:
    """A value as text or JSON can show it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return str(value)
    return value
