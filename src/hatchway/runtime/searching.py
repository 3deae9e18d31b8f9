"""Finding tools by words: names first, then the best fit of names, parameters and descriptions.

The ranking is BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over
one text for each tool, in which a word of the name counts for more than one of the description.
The same query over the same tools always gives the same answer.
"""

from __future__ import annotations

import math
import re
import threading
from bisect import bisect_left
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from hatchway.core.tool import Tool

_SATURATION, _BY_LENGTH = 1.2, 0.75
"""`k1` and `b`, at the values that everybody uses."""
_OF_NAME, _OF_PARAMETER, _OF_DESCRIPTION = 4, 2, 1
_OF_BEGINNING = 0.5
"""What a word counts for that only begins like the one asked for."""
_MIN_BEGINNING = 3
_MOST_ALIKE = 32
"""Words that one beginning may stand for."""
_MAX_DESCRIPTION = 300
_MOST_WORDS = 32
"""Of a query; of a tool's text a hundred times as many."""

_WORD = re.compile(r"[a-z]+|[0-9]+|[^\W\d_a-z]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Findable(NamedTuple):
    """One tool, as far as it can be searched for."""

    name: str
    description: str
    parameters: tuple[str, ...] = ()


class Found(NamedTuple):
    """One tool that fits a query."""

    name: str
    description: str


def findable(tool: Tool) -> Findable:
    """`tool` as it can be searched for."""
    parameters = tuple(tool.input_schema.get("properties", ()))
    return Findable(tool.name, tool.manifest.description or "", parameters)


def shortened(description: str) -> str:
    """A description as a list of many shows it."""
    is_short = len(description) <= _MAX_DESCRIPTION
    return description if is_short else description[: _MAX_DESCRIPTION - 1] + "…"


class Index:
    """Tools, prepared for being searched. It never changes."""

    def __init__(self, tools: Iterable[Findable]) -> None:
        ordered = sorted(tools)
        self._tools = tuple(Found(tool.name, tool.description) for tool in ordered)
        self._names = tuple(tool.name.lower() for tool in ordered)
        counts = [_counted(tool) for tool in ordered]
        lengths = [sum(count.values()) for count in counts]
        average = sum(lengths) / len(lengths) if lengths else 1.0
        self._weights: dict[str, list[tuple[int, float]]] = {}
        for position, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            flat = _SATURATION * (1 - _BY_LENGTH + _BY_LENGTH * length / average)
            for word, times in count.items():
                weight = times * (_SATURATION + 1) / (times + flat)
                self._weights.setdefault(word, []).append((position, weight))
        self._words = sorted(self._weights)

    def __len__(self) -> int:
        return len(self._tools)

    def find(self, query: str, most: int) -> tuple[Found, ...]:
        """The tools that fit `query` best, `most` at most; for an empty one, the first by name."""
        asked = " ".join(query.lower().split())
        if not asked:
            return self._tools[:most]
        scores = self._scores(list(islice(_words(query), _MOST_WORDS)))
        ranked = sorted(
            (_closeness(name, asked), -scores.get(position, 0.0), position)
            for position, name in enumerate(self._names)
            if position in scores or asked in name
        )
        return tuple(self._tools[position] for _, _, position in ranked[:most])

    def _scores(self, words: list[str]) -> dict[int, float]:
        scores: dict[int, float] = {}
        for word in dict.fromkeys(words):
            for known, share in self._alike(word):
                holders = self._weights[known]
                rarity = math.log(
                    1 + (len(self._tools) - len(holders) + 0.5) / (len(holders) + 0.5)
                )
                for position, weight in holders:
                    scores[position] = scores.get(position, 0.0) + share * rarity * weight
        return scores

    def _alike(self, word: str) -> Iterator[tuple[str, float]]:
        """The known words that `word` stands for, and what each counts for."""
        if word in self._weights:
            yield word, 1.0
        if len(word) < _MIN_BEGINNING:
            return
        first = bisect_left(self._words, word)
        for known in self._words[first : first + _MOST_ALIKE]:
            if known != word and known.startswith(word):
                yield known, _OF_BEGINNING


class Indexes:
    """The indexes of one catalog, each made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[Hashable, Index] = {}

    def get(self, key: Hashable, tools: Callable[[], Iterable[Findable]]) -> Index:
        """The index of `tools`, which are always the same for one key."""
        with self._lock:
            made = self._made.get(key)
            if made is None:
                made = self._made[key] = Index(tools())
            return made


def _closeness(name: str, asked: str) -> int:
    """How like a name the query is: itself, its last part, its beginning, or none of these."""
    if asked == name:
        return 0
    if asked == name.rpartition(".")[2]:
        return 1
    return 2 if name.startswith(asked) else 3


def _counted(tool: Findable) -> Counter[str]:
    count: Counter[str] = Counter()
    parts = ((tool.name, _OF_NAME), (tool.description, _OF_DESCRIPTION))
    parameters = ((name, _OF_PARAMETER) for name in tool.parameters)
    for text, worth in (*parts, *parameters):
        for word in islice(_words(text), 100 * _MOST_WORDS):
            count[word] += worth
    return count


def _words(text: str) -> Iterator[str]:
    """The words of a text or a name: `toUpperCase`, `to_upper` and `to-upper` have several."""
    spread = _HUMP.sub(" ", text) if not text.islower() else text
    return (found[0] for found in _WORD.finditer(spread.lower()))
