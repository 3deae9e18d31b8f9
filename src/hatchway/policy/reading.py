"""Reading a TOML document strictly: every key is known, every value has its type.

A `Table` is one table of a document together with where it stands, so that each complaint
names file, line and the nearest key that would have been right.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable, shown
from hatchway.policy.positions import KeyPath, key_lines, line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 1 << 20
"""A policy or manifest larger than this is a mistake or an attack on its reader."""

_AT_LINE = re.compile(r"at line ([0-9]+)")
_MOST_PARTS = 20
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(
    rf"(?:^|[\[{{,])[ \t]*+(?:{_PART}){{{_MOST_PARTS}}}", re.ASCII | re.MULTILINE
)
"""A dotted key of very many parts. Time and memory of `tomllib` grow with the square of them:
16 KB of one key take half a gigabyte."""


class Table:
    """One table of a document, and how to complain about it."""

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        file: str,
        lines: dict[KeyPath, int] | None = None,
        path: KeyPath = (),
    ) -> None:
        self._values = values
        self._file = file
        self._lines = lines if lines is not None else {}
        self._path = path

    @property
    def values(self) -> Mapping[str, Any]:
        """The values as parsed."""
        return self._values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def only(self, *known: str) -> None:
        """Refuse any key that is not in `known`."""
        for key in self._values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                nearest = (
                    f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
                )
                raise self.error(
                    f"unknown key {printable(key)!r}{self._where()}",
                    key,
                    code="config.unknown_key",
                    hint=nearest,
                )

    def error(
        self,
        message: str,
        *keys: str | int,
        code: str = "config.invalid",
        hint: str | None = None,
    ) -> ConfigError:
        """A complaint about the value under `keys`, with file and line."""
        line = self.line(*keys)
        place = self._file if line is None else f"{self._file}:{line}"
        return ConfigError(f"{place}: {message}", code=code, hint=hint)

    def line(self, *keys: str | int) -> int | None:
        """The line of the value under `keys`, where the document's text is known."""
        return line_of(self._lines, (*self._path, *keys))

    def table(self, key: str) -> Table:
        """The table under `key`; an empty one when it is absent."""
        return self._child(self._typed(key, dict, "a table", {}), key)

    def tables(self, key: str) -> list[Table]:
        """The tables of the array under `key`."""
        items = self._typed(key, list, "an array of tables", [])
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                raise self.error(f"expected a table, got {shown(item)}", key, index)
        return [self._child(item, key, index) for index, item in enumerate(items)]

    def text(self, key: str, *, limit: int, default: str | None = None) -> str | None:
        """The string under `key`, at most `limit` characters long."""
        value = self._typed(key, str, "a string", default)
        if value is not None and len(value) > limit:
            message = f"{key!r} may have {limit} characters, got {len(value)}"
            raise self.error(message, key)
        return cast("str | None", value)

    def texts(self, key: str) -> list[str]:
        """The strings of the array under `key`."""
        items = self._typed(key, list, "an array of strings", [])
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise self.error(f"expected a string, got {shown(item)}", key, index)
        return cast("list[str]", items)

    def items(self, key: str) -> list[Any]:
        """The values of the array under `key`, whatever their types."""
        return cast("list[Any]", self._typed(key, list, "an array", []))

    def flag(self, key: str) -> bool | None:
        """The boolean under `key`, or None when it is absent."""
        return cast("bool | None", self._typed(key, bool, "true or false", None))

    def choice(self, key: str, choices: Iterable[str], default: str | None = None) -> str | None:
        """The string under `key`, which must be one of `choices`."""
        value = self.text(key, limit=64, default=default)
        known = tuple(choices)
        if value is not None and value not in known:
            raise self.error(f"{key!r} is one of {', '.join(known)}; got {shown(value)}", key)
        return value

    def parsed(self, key: str, parse: Callable[[object], T], default: T) -> T:
        """The value under `key` as `parse` reads it; its ValueError becomes a complaint."""
        if key not in self._values:
            return default
        try:
            return parse(self._values[key])
        except ValueError as error:
            raise self.error(f"{key!r}: {error}", key) from error

    def _typed(self, key: str, kind: type, expected: str, default: Any) -> Any:
        if key not in self._values:
            return default
        value = self._values[key]
        if type(value) is not kind:
            raise self.error(f"{key!r} must be {expected}, got {shown(value)}", key)
        return value

    def _child(self, values: Mapping[str, Any], *keys: str | int) -> Table:
        return Table(values, file=self._file, lines=self._lines, path=(*self._path, *keys))

    def _where(self) -> str:
        if not self._path:
            return ""
        return f" in [{'.'.join(str(part) for part in self._path)}]"


def read_toml(text: str, *, file: str) -> Table:
    """The root table of a TOML document.

    Raises:
        ConfigError: `config.syntax`, with file and line.
    """
    if len(text) > MAX_DOCUMENT_BYTES:
        message = f"{file}: larger than {MAX_DOCUMENT_BYTES} bytes"
        raise ConfigError(message, code="config.too_large")
    if long_key := _LONG_KEY.search(text):
        line = text.count("\n", 0, long_key.start()) + 1
        message = f"{file}:{line}: a key has more than {_MOST_PARTS} parts"
        raise ConfigError(message, code="config.syntax")
    try:
        values = tomllib.loads(text)
        lines = key_lines(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        found = _AT_LINE.search(str(error))
        place = f"{file}:{found[1]}" if found else file
        message = f"{place}: not valid TOML: {printable(str(error))}"
        raise ConfigError(message, code="config.syntax") from error
    return Table(values, file=file, lines=lines)
