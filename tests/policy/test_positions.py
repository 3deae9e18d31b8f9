"""The line of every key, compared with documents whose author knows the lines.

`Document` writes TOML and notes, while it writes, where each key and element stands. It
counts the line feeds it has written and knows nothing of the scanner under test.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.policy.positions import KeyPath, key_lines, line_of

SCALARS = (
    "1", "-1_000", "0xff", "1.5e3", "inf", "true", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00",
    '"text"', '""', "''", "'C:\\'", '"a \\" b"', '"a # b"', '"[x]"', "'''x'''", '"""a"""',
    '"""\nseveral\nlines # [no] comment\n"""', "'''\nraw \\\n'''", '"""a\\\n   b"""',
    '"""ends in quotes"""""', '"""\\"""\n"""', "''''quoted''''",
)  # fmt: skip
SPACES = ("", " ", "\t")
GAPS = ("\n", "\n\n", "# [a] comment = 1\n", '   # "another\n\n', " \t\n")
KEYS = ("a", "b", "c-1", "D_2", "3", "limits")


@dataclass
class Document:
    """TOML text under construction, and the line of everything in it."""

    draw: st.DrawFn
    text: str = ""
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def note(self, path: KeyPath) -> None:
        self.lines[path] = self.text.count("\n") + 1

    def gap(self, *others: str) -> None:
        """Any comments, blank lines and spaces."""
        self.text += self.draw(st.sampled_from(GAPS + others))

    def space(self) -> str:
        return self.draw(st.sampled_from(SPACES))

    def key(self, *parts: str) -> str:
        """A dotted key, each part quoted in its own way."""
        ways = [self.draw(st.sampled_from(("{}", '"{}"', "'{}'"))).format(part) for part in parts]
        return f"{self.space()}.{self.space()}".join(ways)

    def value(self, path: KeyPath, depth: int) -> None:
        shape = self.draw(st.sampled_from(("scalar", "array", "inline"))) if depth < 3 else "scalar"
        if shape == "array":
            self.array(path, depth)
        elif shape == "inline":
            self.inline(path, depth)
        else:
            self.text += self.draw(st.sampled_from(SCALARS))

    def array(self, path: KeyPath, depth: int) -> None:
        self.text += "["
        count = self.draw(st.integers(0, 3))
        for index in range(count):
            self.gap(*SPACES)
            self.note((*path, index))
            self.value((*path, index), depth + 1)
            self.text += self.space()
            if index < count - 1 or self.draw(st.booleans()):
                self.text += ","
        self.gap(*SPACES)
        self.text += "]"

    def inline(self, path: KeyPath, depth: int) -> None:
        self.text += "{"
        names = self.draw(st.lists(st.sampled_from(KEYS), max_size=3, unique=True))
        for number, name in enumerate(names):
            self.text += ", " if number else " "
            self.pair(path, (name,), depth + 1)
        self.text += " }"

    def pair(self, path: KeyPath, written: tuple[str, ...], depth: int) -> None:
        self.note((*path, *written))
        self.text += f"{self.key(*written)}{self.space()}={self.space()}"
        self.value((*path, *written), depth)

    def body(self, path: KeyPath) -> None:
        for name in self.draw(st.lists(st.sampled_from(KEYS), max_size=3, unique=True)):
            self.gap(*SPACES)
            self.pair(path, (name, "x", "y") if self.draw(st.booleans()) else (name,), 0)
            self.text += "\n"

    def table(self, path: KeyPath, *written: str) -> None:
        self.gap()
        self.note(path)
        self.text += f"[{self.key(*written)}]"
        self.text += self.draw(st.sampled_from((" # [comment]\n", "\n")))
        self.body(path)

    def element(self, index: int) -> None:
        self.gap()
        if index == 0:
            self.note(("many",))
        self.note(("many", index))
        self.text += f"[[ {self.key('many')} ]]\n"
        self.body(("many", index))
        self.table(("many", index, "sub"), "many", "sub")


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A valid document of pairs, tables, arrays of tables, and values of every shape."""
    document = Document(draw)
    document.body(())
    for name in draw(st.lists(st.sampled_from(("t", "u", "v")), max_size=3, unique=True)):
        document.table((name, "inner"), name, "inner")
    for index in range(draw(st.integers(0, 3))):
        document.element(index)
    return document


@patient
@given(documents())
def test_every_key_and_element_stands_on_the_line_where_it_was_written(
    document: Document,
) -> None:
    tomllib.loads(document.text)

    lines = key_lines(document.text)

    assert {path: lines.get(path) for path in document.lines} == document.lines


@patient
@given(documents())
def test_nothing_has_a_line_that_was_not_written_or_leads_to_what_was(
    document: Document,
) -> None:
    written = {path[:length] for path in document.lines for length in range(1, len(path) + 1)}

    assert key_lines(document.text).keys() <= written


@patient
@given(documents())
def test_windows_line_ends_change_no_line(document: Document) -> None:
    text = document.text.replace("\n", "\r\n")

    assert key_lines(text) == key_lines(document.text)


@patient
@given(documents())
def test_what_has_no_line_of_its_own_stands_on_its_parents(document: Document) -> None:
    for path, line in document.lines.items():
        assert line_of(document.lines, (*path, "no-such-key", 7)) == line


def test_a_path_without_any_known_parent_has_no_line() -> None:
    assert line_of({("a",): 1}, ("b", 0)) is None
    assert line_of({("a",): 1}, ()) is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("# only a comment", {}),
        ("\n\n  \n", {}),
        ("a = 1", {("a",): 1}),
        ("a = 1 # last line without an end", {("a",): 1}),
        ("[a]\n[a.b]\n[a.b.c]", {("a",): 1, ("a", "b"): 2, ("a", "b", "c"): 3}),
        ('["a.b"."]"]\nc = 1', {("a.b", "]"): 1, ("a.b", "]", "c"): 2}),
        ("a = [\n1,\n[2,\n3]]", {("a", 0): 2, ("a", 1): 3, ("a", 1, 0): 3, ("a", 1, 1): 4}),
        ("a = { b = { c = 1 } }", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1}),
        (
            "[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\nc = 1",
            {
                ("a",): 1,
                ("a", 0): 1,
                ("a", 0, "b"): 2,
                ("a", 0, "b", 0): 2,
                ("a", 1): 3,
                ("a", 1, "b"): 4,
                ("a", 1, "b", 0): 4,
                ("a", 1, "b", 0, "c"): 5,
            },
        ),
        ("'' = 1\n\"b\" .a = 2", {("",): 1, ("b", "a"): 2}),
    ],
)  # fmt: skip
def test_small_documents_have_these_lines(text: str, lines: dict[KeyPath, int]) -> None:
    found = key_lines(text)

    assert {path: found.get(path) for path in lines} == lines


def paths_of(values: Any, path: KeyPath = ()) -> set[KeyPath]:
    """The path of every leaf."""
    if isinstance(values, dict) and values:
        return set().union(*(paths_of(item, (*path, key)) for key, item in values.items()))
    if isinstance(values, list) and values:
        return set().union(*(paths_of(item, (*path, n)) for n, item in enumerate(values)))
    return {path}


@patient
@given(documents())
def test_every_value_that_tomllib_finds_has_a_line(document: Document) -> None:
    lines = key_lines(document.text)

    assert paths_of(tomllib.loads(document.text)) - {()} <= lines.keys()


def test_a_quoted_key_with_an_escape_has_a_line_too() -> None:
    text = '\n"gr\\u0065p" = 1\n'

    assert key_lines(text).get(("grep",)) == 2


def test_a_table_that_only_dotted_keys_make_stands_where_the_first_of_them_does() -> None:
    text = "\n\ntools.grep.allow = []\ntools.grep.limits.fuel = 1\n"

    lines = key_lines(text)

    assert line_of(lines, ("tools", "grep", "source")) == 3


class Watched(str):
    """A text that adds up how many of its characters were searched for line feeds."""

    searched: int

    def __new__(cls, text: str) -> Watched:
        watched = super().__new__(cls, text)
        watched.searched = 0
        return watched

    def count(self, sub: str, start: Any = 0, end: Any = None, /) -> int:
        stop = len(self) if end is None else end
        self.searched += stop - start
        return super().count(sub, start, stop)


def test_finding_the_lines_of_many_keys_does_not_reread_the_text_for_each() -> None:
    text = Watched("".join(f"key{number} = [1, 2]\n" for number in range(500)))

    lines = key_lines(text)

    assert len(lines) == 1500
    assert text.searched <= 2 * len(text)
