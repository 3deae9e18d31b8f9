"""Where in a TOML text each key stands, so that an error can name the line.

`tomllib` gives values without positions. This scanner runs after it, on text that is known
to be valid, and therefore only has to follow structure, not to check it.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}\n#]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line number, from 1, of every key and array element in valid TOML `text`.

    Elements are addressed by index: the second `allow` of a tool is
    ``("tools", "render", "allow", 1)``.
    """
    return _Scanner(text).scan()


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of `path`, or of its nearest parent that has one."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._tables_in: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip_space()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip_space()
        return self._lines

    def _header(self) -> KeyPath:
        line = self._line()
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        path = self._resolved(self._key())
        self._at = self._text.index("]", self._at) + (2 if is_array else 1)
        if is_array:
            self._tables_in[path] = self._tables_in.get(path, -1) + 1
            path = (*path, self._tables_in[path])
        self._note(path, line)
        return path

    def _resolved(self, parts: list[str]) -> KeyPath:
        """`parts` with the index of the current element after every array of tables."""
        path: KeyPath = ()
        for number, part in enumerate(parts):
            path = (*path, part)
            if path in self._tables_in and number < len(parts) - 1:
                path = (*path, self._tables_in[path])
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = (*table, *self._key())
        self._note(path, line)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip_space()
            if self._text[self._at] in "\"'":
                parts.append(self._quoted_key())
            else:
                match = _BARE_KEY.match(self._text, self._at)
                assert match is not None, "tomllib has read it"
                parts.append(match[0])
                self._at = match.end()
            self._skip_space()
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _quoted_key(self) -> str:
        start = self._at
        self._string()
        key: str = tomllib.loads(f"k = {self._text[start : self._at]}")["k"]
        return key

    def _value(self, path: KeyPath) -> None:
        self._skip_space()
        opening = self._text[self._at]
        if opening in "\"'":
            self._string()
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            match = _BARE_VALUE.match(self._text, self._at)
            assert match is not None, "tomllib has read it"
            self._at = match.end()

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while not self._closes("]"):
            self._lines.setdefault((*path, index), self._line())
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Step over separators; whether the collection ends here, which steps over its end."""
        self._skip_space()
        while self._text.startswith(",", self._at):
            self._at += 1
            self._skip_space()
        if self._text.startswith(bracket, self._at):
            self._at += 1
            return True
        return False

    def _string(self) -> None:
        quote = self._text[self._at]
        delimiter = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(delimiter)
        while not self._text.startswith(delimiter, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(delimiter)
        # A multi-line string may end in up to two quotes of its own.
        while len(delimiter) > 1 and self._text.startswith(quote, self._at):
            self._at += 1

    def _skip_space(self) -> None:
        if match := _SPACE.match(self._text, self._at):
            self._at = match.end()

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1

    def _note(self, path: KeyPath, line: int) -> None:
        """The line of `path`, and of the tables that only its dots make."""
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)
